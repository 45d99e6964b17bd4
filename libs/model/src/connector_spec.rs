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
    /// How far the upstream's clock may differ from ours.
    pub clock_skew: ClockSkew,
}

/// How far two clocks may differ, by what is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSkew {
    /// How long after its end something is still taken.
    pub after_end: Duration,
    /// How long before its beginning it is taken already.
    pub before_begin: Duration,
    /// How far ahead the time of its making may lie; `None` where nobody looks.
    pub issued_ahead: Option<Duration>,
}

impl ClockSkew {
    /// The same measure for everything.
    pub const fn of(most: Duration) -> Self {
        Self {
            after_end: most,
            before_begin: most,
            issued_ahead: Some(most),
        }
    }

    /// What dex's library for upstreams allows: nothing after the end, five minutes before the
    /// beginning, and no look at when it was issued.
    pub const fn of_dex() -> Self {
        Self {
            after_end: Duration::ZERO,
            before_begin: Duration::from_mins(5),
            issued_ahead: None,
        }
    }

    /// How much older than demanded a fresh proof may look.
    pub const fn of_proofs(self) -> Duration {
        match self.issued_ahead {
            Some(most) => most,
            None => Duration::from_mins(1),
        }
    }
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
