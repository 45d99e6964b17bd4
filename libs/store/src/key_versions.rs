use std::collections::HashMap;

use async_trait::async_trait;
use insula_model::TenantId;

use crate::StoreError;

/// How many tenants one statement asks about.
pub const KEY_VERSIONS_AT_ONCE: usize = 1_000;

/// In which versions key rings are stored: what a process that keeps the rings of many tenants in
/// memory asks for all of them at once.
#[async_trait]
pub trait KeyVersions: Send + Sync + 'static {
    /// The versions of the rings of these tenants; one without a ring is left out. It costs one
    /// statement for every [`KEY_VERSIONS_AT_ONCE`] of them, and reads no ring.
    async fn key_versions(
        &self,
        tenants: &[TenantId],
    ) -> Result<HashMap<TenantId, u64>, StoreError>;
}
