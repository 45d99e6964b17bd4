use async_trait::async_trait;

use super::store::TenantMemory;
use crate::{Keys, SealedKeys, StoreError};

#[async_trait]
impl Keys for TenantMemory {
    async fn load_keys(&self) -> Result<Option<SealedKeys>, StoreError> {
        Ok(self.rows().keys.clone())
    }
}
