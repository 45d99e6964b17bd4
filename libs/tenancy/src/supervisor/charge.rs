use std::sync::Arc;
use std::time::Instant;

use actix::{Addr, SpawnHandle};
use insula_ambient::{Monotonic, Timestamp};
use insula_model::TenantId;

use crate::cell::Cell;
use crate::tenant::TenantActor;
use crate::{CrashWindow, TenantPhase, TenantStatus};

/// One tenant that is not asleep.
pub(super) struct Charge {
    pub(super) cell: Arc<Cell>,
    pub(super) generation: u64,
    pub(super) stand: Stand,
    pub(super) crashes: CrashWindow,
    /// How often it was moved to another arbiter.
    pub(super) moves: usize,
    pub(super) restarts: u32,
    /// Why it was last restarted or could not be loaded.
    pub(super) trouble: Option<String>,
    pub(super) waking_since: Instant,
    pub(super) awake_since: Option<Timestamp>,
    /// Pings sent since the last answer.
    pub(super) unanswered: u32,
}

/// How it stands with a charge.
pub(super) enum Stand {
    /// Its actor loads.
    Waking(Addr<TenantActor>),
    /// Its actor serves.
    Awake(Addr<TenantActor>),
    /// Its actor could not load, and is told to try again later.
    Failing(Addr<TenantActor>, SpawnHandle),
    /// It has no actor; a new one is made later.
    Fallen(SpawnHandle),
    /// It has no actor, and gets none before then.
    Resting(Rest, SpawnHandle),
}

/// Until when a tenant rests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest {
    pub(super) until: Monotonic,
    /// The same, as people are told.
    pub(super) told: Timestamp,
}

impl Charge {
    /// A tenant about to get its first actor.
    pub(super) fn begun() -> Self {
        Self {
            cell: Arc::default(),
            generation: 0,
            stand: Stand::Fallen(SpawnHandle::default()),
            crashes: CrashWindow::default(),
            moves: 0,
            restarts: 0,
            trouble: None,
            waking_since: Instant::now(),
            awake_since: None,
            unanswered: 0,
        }
    }

    pub(super) fn addr(&self) -> Option<&Addr<TenantActor>> {
        match &self.stand {
            Stand::Waking(addr) | Stand::Awake(addr) | Stand::Failing(addr, _) => Some(addr),
            Stand::Fallen(_) | Stand::Resting(..) => None,
        }
    }

    /// What is known of it without asking its actor.
    pub(super) fn status(&self, id: TenantId) -> TenantStatus {
        let (phase, resting_until) = match self.stand {
            Stand::Waking(_) => (TenantPhase::Loading, None),
            Stand::Awake(_) => (TenantPhase::Serving, None),
            Stand::Failing(..) | Stand::Fallen(_) => (TenantPhase::Failing, None),
            Stand::Resting(rest, _) => (TenantPhase::Resting, Some(rest.told)),
        };
        let served = self.cell.handle();
        let mut status = TenantStatus {
            phase,
            generation: self.generation,
            last_error: self.trouble.clone(),
            restarts: self.restarts,
            awake_since: self.awake_since,
            resting_until,
            is_served: served.is_some(),
            ..TenantStatus::asleep(id)
        };
        if let Some(handle) = served {
            status.tell(&handle.snapshot());
        }
        status
    }
}
