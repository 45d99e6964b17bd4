use insula_ambient::Timestamp;
use insula_flows::OpenedConnector;
use insula_jose::{Alg, KeyId, Phase, RingKey};
use insula_model::{ConnectorId, Dialect, TenantId};
use insula_store::RememberedUse;
use serde::Serialize;

use crate::TenantSnapshot;

/// Where in its life a tenant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantPhase {
    /// Registered, and nothing more: the next request wakes it.
    Asleep,
    /// Its actor gathers configuration, keys, connectors and theme.
    Loading,
    /// All is well.
    Serving,
    /// It serves, and loads what changed.
    Refreshing,
    /// It could not be loaded, or died; it is tried again soon.
    Failing,
    /// It failed too often: nobody tries until the quarantine ends or somebody revives it.
    Quarantined,
    /// Its actor finishes what it began and stops.
    Draining,
}

/// A key as its status tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyStatus {
    /// Its name.
    pub kid: KeyId,
    /// Its algorithm.
    pub alg: Alg,
    /// Where in its life it is.
    pub phase: Phase,
}

/// A connector as its status tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectorHealth {
    /// The connector.
    pub id: ConnectorId,
    /// What kind it is.
    pub kind: String,
    /// Why it could not be opened, or why its upstream was out of reach; absent once it works.
    pub problem: Option<String>,
    /// Whether people are offered it.
    pub available: bool,
    /// In how many seconds people are offered it again, where they are not.
    pub retry_in_s: Option<u64>,
    /// How many calls to its upstream in a row found nobody.
    pub failures_in_a_row: u32,
}

/// What a tenant's actor has remembered of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RememberedStatus {
    /// Of browser sessions.
    pub sessions: RememberedUse,
    /// Of families of tokens, revoked or not.
    pub revocations: RememberedUse,
    /// Of stored clients.
    pub clients: RememberedUse,
    /// Of people that tokens are about.
    pub people: RememberedUse,
}

/// A tenant, as operators ask for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TenantStatus {
    /// The tenant.
    pub id: TenantId,
    /// Where in its life it is.
    pub phase: TenantPhase,
    /// Which actor it has; 0 if none.
    pub generation: u64,
    /// How many snapshots that actor has published.
    pub epoch: u64,
    /// Its issuer, once loaded.
    pub issuer: Option<String>,
    /// Which dialect it follows, once loaded.
    pub dialect: Option<Dialect>,
    /// Which configuration it serves, once loaded.
    pub fingerprint: Option<String>,
    /// Its keys, the signing ones first.
    pub keys: Vec<KeyStatus>,
    /// Its connectors.
    pub connectors: Vec<ConnectorHealth>,
    /// What went wrong when it was last loaded, reloaded or rotated; absent once that succeeded.
    pub last_error: Option<String>,
    /// Whether its present configuration cannot be served, so that it is served by the last good one.
    pub on_last_good: bool,
    /// What its theme could not draw last; the built-in page was shown instead.
    pub page_problem: Option<String>,
    /// What its actor has remembered of its rows, and how often that was of use.
    pub remembered: RememberedStatus,
    /// How often it was restarted since it woke.
    pub restarts: u32,
    /// Since when it serves without having slept.
    pub awake_since: Option<Timestamp>,
    /// Until when it is quarantined.
    pub quarantined_until: Option<Timestamp>,
    /// Whether requests are served, be it with an old snapshot.
    pub is_served: bool,
    /// What an operator can do, in words.
    pub next_step: String,
}

impl TenantStatus {
    /// A tenant nobody has woken.
    pub(crate) fn asleep(id: TenantId) -> Self {
        Self {
            id,
            phase: TenantPhase::Asleep,
            generation: 0,
            epoch: 0,
            issuer: None,
            dialect: None,
            fingerprint: None,
            keys: Vec::new(),
            connectors: Vec::new(),
            last_error: None,
            on_last_good: false,
            page_problem: None,
            remembered: RememberedStatus::default(),
            restarts: 0,
            awake_since: None,
            quarantined_until: None,
            is_served: false,
            next_step: String::new(),
        }
        .with_next_step()
    }

    /// Fills in what an operator can do, once everything else is known.
    #[must_use]
    pub(crate) fn with_next_step(mut self) -> Self {
        self.next_step = match (self.phase, &self.last_error) {
            (TenantPhase::Asleep, _) if self.on_last_good => {
                "correct its configuration (`insula check`); the next request wakes the last good one"
                    .to_owned()
            }
            (TenantPhase::Asleep, _) => "the next request wakes it".to_owned(),
            (TenantPhase::Loading | TenantPhase::Refreshing, _) => "wait: it loads".to_owned(),
            (TenantPhase::Draining, _) => "wait: it stops".to_owned(),
            (TenantPhase::Serving, None) => "nothing to do".to_owned(),
            (TenantPhase::Serving, Some(_)) => {
                "correct what last_error names; it serves on as it was".to_owned()
            }
            (TenantPhase::Failing, _) => {
                "correct what last_error names; it is tried again by itself".to_owned()
            }
            (TenantPhase::Quarantined, _) => format!(
                "correct what last_error names, then `insula tenant revive {}`",
                self.id
            ),
        };
        self
    }

    /// Fills in what its last snapshot says.
    pub(crate) fn tell(&mut self, snapshot: &TenantSnapshot) {
        let view = &snapshot.view;
        self.epoch = snapshot.epoch;
        self.issuer = Some(view.spec.issuer.as_str().to_owned());
        self.dialect = Some(view.spec.dialect);
        self.fingerprint = Some(snapshot.fingerprint.as_ref().to_owned());
        self.page_problem = snapshot.theme.last_failure();
        let key = |key: &RingKey| KeyStatus {
            kid: key.kid().clone(),
            alg: key.alg(),
            phase: key.phase(),
        };
        self.keys = view.keys.keys().iter().map(key).collect();
        let now = view.effects.clock.monotonic();
        let connector = |connector: &OpenedConnector| {
            let report = connector.health.report(now);
            let paused = report.unavailable_for.map(|pause| pause.as_secs().max(1));
            ConnectorHealth {
                id: connector.spec.id.clone(),
                kind: connector.spec.kind.clone(),
                problem: report.problem,
                available: !connector.health.is_unavailable(now),
                retry_in_s: paused,
                failures_in_a_row: report.failures_in_a_row,
            }
        };
        self.connectors = view.connectors.iter().map(connector).collect();
    }
}
