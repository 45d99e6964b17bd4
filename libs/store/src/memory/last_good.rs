use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::TenantId;

use crate::{LastGoodDocuments, MemoryStore, StoreError};

#[async_trait]
impl LastGoodDocuments for MemoryStore {
    async fn last_good(&self, tenant: &TenantId) -> Result<Option<Vec<u8>>, StoreError> {
        let known = self.known(tenant);
        Ok(known.and_then(|tenant| tenant.rows().last_good.clone()))
    }

    async fn keep_good(
        &self,
        tenant: &TenantId,
        sealed: &[u8],
        _: Timestamp,
    ) -> Result<(), StoreError> {
        self.made(tenant).rows().last_good = Some(sealed.to_vec());
        Ok(())
    }

    async fn forget_good(&self, tenant: &TenantId) -> Result<(), StoreError> {
        if let Some(tenant) = self.known(tenant) {
            tenant.rows().last_good = None;
        }
        Ok(())
    }
}
