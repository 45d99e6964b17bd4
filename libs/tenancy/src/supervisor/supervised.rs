use std::sync::Arc;
use std::time::Instant;

use actix::{Addr, SpawnHandle};
use insula_ambient::{Monotonic, Timestamp};
use insula_model::TenantId;

use crate::snapshot_cell::SnapshotCell;
use crate::tenant::TenantActor;
use crate::{CrashWindow, TenantPhase, TenantStatus};

/// One tenant that is not asleep.
pub(super) struct SupervisedTenant {
    pub(super) cell: Arc<SnapshotCell>,
    pub(super) generation: u64,
    pub(super) state: ActorState,
    pub(super) crashes: CrashWindow,
    /// How often it was moved to another arbiter.
    pub(super) changes: usize,
    pub(super) restarts: u32,
    /// Why it was last restarted or could not be loaded.
    pub(super) last_error: Option<String>,
    pub(super) loading_since: Instant,
    pub(super) awake_since: Option<Timestamp>,
    /// Pings sent since the last answer.
    pub(super) unanswered: u32,
}

/// Whether a tenant has an actor, and what that one does.
pub(super) enum ActorState {
    /// Its actor loads.
    Loading(Addr<TenantActor>),
    /// Its actor serves.
    Serving(Addr<TenantActor>),
    /// Its actor could not load, and is told to try again later.
    AwaitingRetry(Addr<TenantActor>, SpawnHandle),
    /// It has no actor; a new one is made later.
    AwaitingRestart(SpawnHandle),
    /// It has no actor, and gets none before then.
    Quarantined(Quarantine, SpawnHandle),
}

/// Until when a tenant is quarantined.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quarantine {
    pub(super) until: Monotonic,
    /// The same, as people are told.
    pub(super) told: Timestamp,
}

impl SupervisedTenant {
    /// A tenant about to get its first actor.
    pub(super) fn new() -> Self {
        Self {
            cell: Arc::default(),
            generation: 0,
            state: ActorState::AwaitingRestart(SpawnHandle::default()),
            crashes: CrashWindow::default(),
            changes: 0,
            restarts: 0,
            last_error: None,
            loading_since: Instant::now(),
            awake_since: None,
            unanswered: 0,
        }
    }

    pub(super) fn addr(&self) -> Option<&Addr<TenantActor>> {
        match &self.state {
            ActorState::Loading(addr)
            | ActorState::Serving(addr)
            | ActorState::AwaitingRetry(addr, _) => Some(addr),
            ActorState::AwaitingRestart(_) | ActorState::Quarantined(..) => None,
        }
    }

    /// What is known of it without asking its actor.
    pub(super) fn status(&self, id: TenantId) -> TenantStatus {
        let (phase, quarantined_until) = match self.state {
            ActorState::Loading(_) => (TenantPhase::Loading, None),
            ActorState::Serving(_) => (TenantPhase::Serving, None),
            ActorState::AwaitingRetry(..) | ActorState::AwaitingRestart(_) => {
                (TenantPhase::Failing, None)
            }
            ActorState::Quarantined(quarantine, _) => {
                (TenantPhase::Quarantined, Some(quarantine.told))
            }
        };
        let served = self.cell.handle();
        let mut status = TenantStatus {
            phase,
            generation: self.generation,
            last_error: self.last_error.clone(),
            restarts: self.restarts,
            awake_since: self.awake_since,
            quarantined_until,
            is_served: served.is_some(),
            ..TenantStatus::asleep(id)
        };
        if let Some(handle) = served {
            status.tell(&handle.snapshot());
        }
        status
    }
}
