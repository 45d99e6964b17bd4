use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use insula_flows::TenantView;
use insula_theming::Theme;

use crate::DiscoveryDocument;

/// A tenant as it was published: immutable and whole. A request pins one as it arrives, and every
/// step of it uses that one.
#[derive(Clone)]
pub struct TenantSnapshot {
    /// What flows act on.
    pub view: TenantView,
    /// What people see.
    pub theme: Arc<Theme>,
    /// The discovery document.
    pub discovery: DiscoveryDocument,
    /// The body of the JWK Set.
    pub jwks_json: Bytes,
    /// How long clients may keep the JWK Set.
    pub jwks_max_age: Duration,
    /// Which actor published it; later actors have higher ones.
    pub generation: u64,
    /// How many snapshots that actor had published, this one included.
    pub epoch: u64,
    /// In which version its keys are stored.
    pub keys_version: u64,
    /// Of which configuration.
    pub fingerprint: Arc<str>,
}

impl TenantSnapshot {
    /// The body of the discovery document.
    pub fn discovery_json(&self) -> Bytes {
        self.discovery.bytes(self.view.spec.issuer.as_str())
    }
}

impl std::fmt::Debug for TenantSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TenantSnapshot")
            .field("tenant", &self.view.spec.id)
            .field("generation", &self.generation)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}
