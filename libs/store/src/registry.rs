use std::sync::Arc;

use async_trait::async_trait;
use insula_model::{TenantDocument, TenantId, TenantSpec};

use crate::StoreError;

/// Where a tenant is found, without its document having been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantEntry {
    /// The tenant.
    pub id: TenantId,
    /// Host names that lead to it, in any case, without port. Empty if its document was never good.
    pub hosts: Vec<String>,
    /// The path its routes are mounted under on those hosts: empty, or beginning with `/`.
    pub path: String,
    /// Whether hosts that nobody has lead to it. A tenant that is the only one there is, needs no
    /// mark.
    pub is_default: bool,
    /// Changes whenever anything of the tenant's configuration changed.
    pub fingerprint: String,
    /// Whether its present document can be served. If not, `hosts` and `path` are those of its last
    /// good one, as far as the registry knows it.
    pub is_good: bool,
}

impl TenantEntry {
    /// Where a tenant of this configuration is found.
    pub fn of(spec: &TenantSpec, fingerprint: String) -> Self {
        let own = std::iter::once(spec.issuer.host().to_owned());
        Self {
            id: spec.id.clone(),
            hosts: own.chain(spec.hosts.iter().cloned()).collect(),
            path: spec.issuer.path().to_owned(),
            is_default: spec.is_default,
            fingerprint,
            is_good: true,
        }
    }
}

/// What became of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantChange {
    /// It is there, new or with another configuration than before. Shared between those who keep it:
    /// there are many of them, and most sleep.
    Put(Arc<TenantEntry>),
    /// It is gone.
    Removed(TenantId),
}

impl TenantChange {
    /// Whose change it is.
    pub fn id(&self) -> &TenantId {
        match self {
            Self::Put(entry) => &entry.id,
            Self::Removed(id) => id,
        }
    }
}

/// What changed in a registry since a change number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantChanges {
    /// The last change of each tenant that changed, oldest first.
    pub changes: Vec<TenantChange>,
    /// The number of the last of them: where the next question begins.
    pub upto: u64,
    /// Whether there are more than were answered at once.
    pub has_more: bool,
    /// Whether the registry cannot tell what changed since that number, because it is another
    /// registry or forgot that long ago: the answer begins at 0, and whoever is in none of its pages
    /// is gone.
    pub begins_anew: bool,
}

/// A document as a registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredDocument {
    /// The number of the tenant's last change.
    pub number: u64,
    /// What is written.
    pub document: TenantDocument,
}

/// All tenants there are, and what changes about them. Every change has a number, larger than all
/// before it: who knows all changes up to one number asks for those behind it, so that one change
/// costs the same among ten tenants and among a hundred thousand. Whoever sees a change sees all
/// changes of lower numbers.
#[async_trait]
pub trait TenantRegistry: Send + Sync + 'static {
    /// The changes behind `since` (0: all tenants there are), `most` at most.
    async fn changes_since(&self, since: u64, most: u32) -> Result<TenantChanges, StoreError>;

    /// The tenants that a host leads to, by name: one for each path, or more if they are in each
    /// other's way. The host is compared without regard to case, and has no port.
    async fn by_host(&self, host: &str) -> Result<Vec<TenantEntry>, StoreError>;

    /// What is written of a tenant; `None` if there is no such tenant.
    async fn document(&self, id: &TenantId) -> Result<Option<RegisteredDocument>, StoreError>;
}

/// What came of storing a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantPut {
    /// It is stored under this change number; under the one it had, if it was stored like that
    /// already.
    Stored(u64),
    /// Its last change was not the one expected; read again.
    Lost,
}

/// A registry that is written through its own verbs, and not by people with editors.
#[async_trait]
pub trait EditTenants: TenantRegistry {
    /// Stores a tenant if its last change is still `expected` (`None`: if there is none of that
    /// name), in one atomic step.
    async fn put_tenant(
        &self,
        entry: &TenantEntry,
        document: &TenantDocument,
        expected: Option<u64>,
    ) -> Result<TenantPut, StoreError>;

    /// Removes a tenant; `false` if there was none.
    async fn remove_tenant(&self, id: &TenantId) -> Result<bool, StoreError>;
}

/// Seals what is written of a tenant before it leaves the process.
pub trait SealDocuments: Send + Sync + 'static {
    /// Seals it so that it opens as this tenant's only.
    fn seal(&self, tenant: &TenantId, text: &[u8]) -> Vec<u8>;

    /// Opens what was sealed for this tenant. `Err` says why it does not open.
    fn open(&self, tenant: &TenantId, sealed: &[u8]) -> Result<Vec<u8>, String>;
}
