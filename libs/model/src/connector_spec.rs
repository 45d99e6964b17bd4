use std::time::Duration;

use insula_oauth::GrantType;

use crate::ConnectorId;

/// A connector as configured. What `config` means is the connector's own business; secrets in it
/// are resolved already, so it is never printed.
#[derive(Clone, PartialEq)]
pub struct ConnectorSpec {
    /// Part of every `sub` it brings, and of `/auth/{id}`.
    pub id: ConnectorId,
    /// Which connector: `oidc`, `mockCallback`, …
    pub kind: String,
    /// What its button says.
    pub name: String,
    /// Its own settings.
    pub config: serde_json::Value,
    /// Grants it serves; empty for all.
    pub grant_types: Vec<GrantType>,
    /// Mail domains whose people are sent here.
    pub domains: Vec<String>,
    /// How long one call to the upstream may take.
    pub timeout: Duration,
}

impl ConnectorSpec {
    /// Whether it serves a grant.
    pub fn serves(&self, grant: GrantType) -> bool {
        self.grant_types.is_empty() || self.grant_types.contains(&grant)
    }
}

impl std::fmt::Debug for ConnectorSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectorSpec")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
