use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use actix::{Addr, SpawnHandle};
use insula_ambient::{Monotonic, Timestamp};
use insula_model::TenantId;

use crate::snapshot_cell::SnapshotCell;
use crate::tenant::TenantActor;
use crate::{CrashWindow, Metrics, TenantPhase, TenantStatus};

/// All tenants that are not asleep. Counts them as they change, so that no change costs a look at
/// all of them.
pub(super) struct SupervisedTenants {
    /// Boxed: a map keeps room for many more than it holds.
    tenants: HashMap<TenantId, Box<SupervisedTenant>>,
    /// Who was placed on each arbiter last.
    by_arbiter: HashMap<u64, HashSet<TenantId>>,
    quarantined: usize,
    metrics: Metrics,
    #[cfg(any(test, feature = "fault-injection"))]
    scans: std::cell::Cell<usize>,
}

/// One tenant that is not asleep.
pub(super) struct SupervisedTenant {
    pub(super) cell: Arc<SnapshotCell>,
    pub(super) generation: u64,
    /// Which arbiter its actor was placed on last. Changed by [`SupervisedTenants::placed`] alone.
    arbiter: u64,
    /// Changed by [`SupervisedTenants::set_state`] alone, which counts.
    state: ActorState,
    pub(super) crashes: CrashWindow,
    pub(super) restarts: u32,
    /// Why it was last restarted or could not be loaded.
    pub(super) last_error: Option<String>,
    pub(super) loading_since: Instant,
    pub(super) awake_since: Option<Timestamp>,
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

impl SupervisedTenants {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self {
            tenants: HashMap::new(),
            by_arbiter: HashMap::new(),
            quarantined: 0,
            metrics,
            #[cfg(any(test, feature = "fault-injection"))]
            scans: std::cell::Cell::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.tenants.len()
    }

    pub(super) fn get(&self, id: &TenantId) -> Option<&SupervisedTenant> {
        self.tenants.get(id).map(AsRef::as_ref)
    }

    pub(super) fn get_mut(&mut self, id: &TenantId) -> Option<&mut SupervisedTenant> {
        self.tenants.get_mut(id).map(AsMut::as_mut)
    }

    /// Every tenant: for what happens to all of them, and for nothing that happens to one.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&TenantId, &SupervisedTenant)> {
        #[cfg(any(test, feature = "fault-injection"))]
        self.scans.set(self.scans.get() + 1);
        self.tenants
            .iter()
            .map(|(id, tenant)| (id, tenant.as_ref()))
    }

    /// How often all tenants were looked at.
    #[cfg(any(test, feature = "fault-injection"))]
    pub(super) fn scans(&self) -> usize {
        self.scans.get()
    }

    /// The tenant, which is not asleep from now on.
    pub(super) fn get_or_insert(&mut self, id: &TenantId) -> &mut SupervisedTenant {
        if !self.tenants.contains_key(id) {
            self.tenants.insert(id.clone(), Box::default());
            self.tell();
        }
        self.tenants.entry(id.clone()).or_default()
    }

    pub(super) fn set_state(&mut self, id: &TenantId, state: ActorState) {
        let Some(tenant) = self.tenants.get_mut(id) else {
            return;
        };
        self.quarantined += usize::from(state.is_quarantined());
        let before = std::mem::replace(&mut tenant.state, state);
        self.quarantined -= usize::from(before.is_quarantined());
        self.tell();
    }

    /// Notes which arbiter the actor of a tenant runs on.
    pub(super) fn placed(&mut self, id: &TenantId, arbiter: u64) {
        let Some(tenant) = self.tenants.get_mut(id) else {
            return;
        };
        let before = std::mem::replace(&mut tenant.arbiter, arbiter);
        self.left(id, before);
        let tenants = self.by_arbiter.entry(arbiter).or_default();
        tenants.insert(id.clone());
    }

    /// The tenants whose actor runs on an arbiter.
    pub(super) fn running_on(&self, arbiter: u64) -> Vec<TenantId> {
        let placed = self.by_arbiter.get(&arbiter).into_iter().flatten();
        let running = placed.filter(|id| self.get(id).is_some_and(|one| one.addr().is_some()));
        running.cloned().collect()
    }

    fn left(&mut self, id: &TenantId, arbiter: u64) {
        if let Some(tenants) = self.by_arbiter.get_mut(&arbiter) {
            tenants.remove(id);
            if tenants.is_empty() {
                self.by_arbiter.remove(&arbiter);
            }
        }
    }

    pub(super) fn remove(&mut self, id: &TenantId) -> Option<Box<SupervisedTenant>> {
        let tenant = self.tenants.remove(id)?;
        self.left(id, tenant.arbiter);
        self.quarantined -= usize::from(tenant.state.is_quarantined());
        self.tell();
        Some(tenant)
    }

    fn tell(&self) {
        let gauge = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.metrics.quarantined.set(gauge(self.quarantined));
        let awake = self.tenants.len() - self.quarantined;
        self.metrics.awake.set(gauge(awake));
    }
}

impl ActorState {
    const fn is_quarantined(&self) -> bool {
        matches!(self, Self::Quarantined(..))
    }

    /// The timer that was set for what comes next.
    pub(super) const fn timer(&self) -> Option<SpawnHandle> {
        match self {
            Self::AwaitingRetry(_, timer)
            | Self::AwaitingRestart(timer)
            | Self::Quarantined(_, timer) => Some(*timer),
            Self::Loading(_) | Self::Serving(_) => None,
        }
    }
}

impl Default for SupervisedTenant {
    /// A tenant about to get its first actor.
    fn default() -> Self {
        Self {
            cell: Arc::default(),
            generation: 0,
            arbiter: 0,
            state: ActorState::AwaitingRestart(SpawnHandle::default()),
            crashes: CrashWindow::default(),
            restarts: 0,
            last_error: None,
            loading_since: Instant::now(),
            awake_since: None,
        }
    }
}

impl SupervisedTenant {
    pub(super) const fn state(&self) -> &ActorState {
        &self.state
    }

    pub(super) const fn addr(&self) -> Option<&Addr<TenantActor>> {
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
        status.with_next_step()
    }
}
