use std::collections::HashMap;

use async_trait::async_trait;
use insula_model::TenantId;

use crate::{KeyVersions, MemoryStore, StoreError};

#[async_trait]
impl KeyVersions for MemoryStore {
    async fn key_versions(
        &self,
        tenants: &[TenantId],
    ) -> Result<HashMap<TenantId, u64>, StoreError> {
        let version = |id: &TenantId| Some((id.clone(), self.known(id)?.keys_version()?));
        Ok(tenants.iter().filter_map(version).collect())
    }
}
