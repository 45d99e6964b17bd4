use std::sync::Arc;

use async_trait::async_trait;
use insula_model::{TenantDocument, TenantId, TenantSpec};
use thiserror::Error;

/// A tenant's configuration, and which one it is.
#[derive(Debug, Clone)]
pub struct LoadedSpec {
    /// The configuration, checked and typed.
    pub spec: Arc<TenantSpec>,
    /// As in [`TenantEntry::fingerprint`](insula_store::TenantEntry::fingerprint).
    pub fingerprint: String,
    /// What it was read from, to be kept as the last good one. `None` where nothing need be kept.
    pub document: Option<TenantDocument>,
}

/// Everything that is wrong with a tenant's configuration, each in words a person can act on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", .0.join("\n"))]
pub struct SpecError(pub Vec<String>);

/// What the documents of tenants mean. Called on the I/O runtime: blocking work belongs on its
/// blocking pool.
#[async_trait]
pub trait SpecSource: Send + Sync + 'static {
    /// The whole configuration of a tenant.
    async fn load(&self, id: &TenantId) -> Result<LoadedSpec, SpecError>;

    /// Reads what was written of a tenant before, as if it were written now.
    async fn read(
        &self,
        _id: &TenantId,
        _earlier: &TenantDocument,
    ) -> Result<LoadedSpec, SpecError> {
        Err(SpecError(vec!["no documents are kept here".to_owned()]))
    }
}
