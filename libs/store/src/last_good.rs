use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::TenantId;

use crate::StoreError;

/// What was written of each tenant when it was last served as it stood, so that a process that
/// starts over a broken file can go on with it. Sealed by who keeps it; the store cannot read it.
#[async_trait]
pub trait LastGoodDocuments: Send + Sync + 'static {
    /// The last good document of a tenant, if one was kept.
    async fn last_good(&self, tenant: &TenantId) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keeps a document in the place of the one before.
    async fn keep_good(
        &self,
        tenant: &TenantId,
        sealed: &[u8],
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Forgets the document of a tenant that is gone.
    async fn forget_good(&self, tenant: &TenantId) -> Result<(), StoreError>;
}
