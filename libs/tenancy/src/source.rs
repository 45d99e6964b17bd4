use async_trait::async_trait;
use insula_model::{TenantId, TenantSpec};
use thiserror::Error;

/// Where a tenant is found, without having been loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRoute {
    /// The tenant.
    pub id: TenantId,
    /// Host names that lead to it, in any case, without port. Empty if the tenant is there but
    /// cannot be read just now: it keeps the routes it had.
    pub hosts: Vec<String>,
    /// The path its routes are mounted under on those hosts: empty, or beginning with `/`.
    pub path: String,
    /// Whether hosts that nobody has lead to it. A tenant that is the only one there is, needs no
    /// mark.
    pub is_default: bool,
    /// Changes whenever anything of the tenant's configuration changed.
    pub fingerprint: String,
}

/// A tenant's configuration, and which one it is.
#[derive(Debug, Clone)]
pub struct LoadedSpec {
    /// The configuration, checked and typed.
    pub spec: TenantSpec,
    /// As in [`TenantRoute::fingerprint`].
    pub fingerprint: String,
}

/// Everything that is wrong with a tenant's configuration, each in words a person can act on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", .0.join("\n"))]
pub struct SpecError(pub Vec<String>);

/// Where configurations come from. Called on the I/O runtime: blocking work belongs on its
/// blocking pool.
#[async_trait]
pub trait SpecSource: Send + Sync + 'static {
    /// All tenants there are, read as little as it takes to route to them. A tenant that is not in
    /// the list is gone: it is drained. `Err` changes nothing.
    async fn list(&self) -> Result<Vec<TenantRoute>, String>;

    /// The whole configuration of one.
    async fn load(&self, id: &TenantId) -> Result<LoadedSpec, SpecError>;

    /// The configuration that was loaded before the present one turned bad, for a tenant that has
    /// to wake on it. `None` where nobody kept one.
    async fn last_good(&self, _id: &TenantId) -> Option<LoadedSpec> {
        None
    }
}
