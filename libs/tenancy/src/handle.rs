use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use insula_ambient::Monotonic;
use insula_model::TenantId;

use crate::{TenantLimits, TenantSnapshot};

/// An awake tenant, as requests hold it. Outlives its actor: while one is dead or loading, the last
/// snapshot is served.
#[derive(Clone)]
pub struct TenantHandle(Arc<Shared>);

struct Shared {
    id: TenantId,
    snapshot: ArcSwap<TenantSnapshot>,
    limits: TenantLimits,
    /// Milliseconds since the process began.
    last_used: AtomicU64,
}

impl TenantHandle {
    pub(crate) fn new(snapshot: Arc<TenantSnapshot>, now: Monotonic) -> Self {
        let spec = &snapshot.view.spec;
        Self(Arc::new(Shared {
            id: spec.id.clone(),
            limits: TenantLimits::new(spec.limits.requests),
            last_used: AtomicU64::new(millis(now)),
            snapshot: ArcSwap::new(snapshot),
        }))
    }

    /// Whose it is.
    pub fn id(&self) -> &TenantId {
        &self.0.id
    }

    /// The tenant as it is now. Take it once per request.
    pub fn snapshot(&self) -> Arc<TenantSnapshot> {
        self.0.snapshot.load_full()
    }

    /// Says that somebody came, so that the tenant is not taken for idle.
    pub fn touch(&self, now: Monotonic) {
        self.0.last_used.store(millis(now), Ordering::Relaxed);
    }

    /// The tenant's request budget.
    pub fn limits(&self) -> &TenantLimits {
        &self.0.limits
    }

    pub(crate) fn last_used(&self) -> Monotonic {
        let millis = self.0.last_used.load(Ordering::Relaxed);
        Monotonic::from_start(Duration::from_millis(millis))
    }

    /// Only the [`SnapshotCell`](crate::snapshot_cell::SnapshotCell) calls this: it knows who may.
    pub(crate) fn replace(&self, snapshot: Arc<TenantSnapshot>) {
        self.0.limits.set(snapshot.view.spec.limits.requests);
        self.0.snapshot.store(snapshot);
    }
}

fn millis(now: Monotonic) -> u64 {
    u64::try_from(now.since_start().as_millis()).unwrap_or(u64::MAX)
}

impl std::fmt::Debug for TenantHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TenantHandle({})", self.0.id)
    }
}
