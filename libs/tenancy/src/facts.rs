//! What the process remembers of the rows of all awake tenants, and the way of word to it.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use insula_ambient::Monotonic;
use insula_model::TenantId;
use insula_store::{
    Change, ChangeBus, ChangeKind, ChangedFact, FactsTotals, RememberedBound, TellFacts,
    TenantFacts,
};
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// How many locks the tenants are spread over.
const SHARDS: usize = 64;
/// How many bytes all tenants together may have remembered of each kind.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// The facts of every awake tenant, each opened by its actor. Word of a change goes there directly: it
/// waits for no mailbox and wakes nobody.
pub(crate) struct OpenFacts {
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<TenantId, Arc<TenantFacts>>>>,
    totals: FactsTotals,
}

/// A tenant's facts in the hands of its actor: closed when it is dropped, however the actor ends.
pub(crate) struct OwnFacts {
    facts: Arc<TenantFacts>,
    open: Arc<OpenFacts>,
    id: TenantId,
}

impl OpenFacts {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            hasher: RandomState::new(),
            shards: std::iter::repeat_with(Mutex::default)
                .take(SHARDS)
                .collect(),
            totals: FactsTotals::new(MOST_BYTES),
        })
    }

    /// What all tenants remember together.
    pub(crate) const fn totals(&self) -> &FactsTotals {
        &self.totals
    }

    /// Opens those of a tenant, empty. Those of an actor before it, which may hang, are closed.
    pub(crate) fn open(self: &Arc<Self>, id: &TenantId, told: &Arc<dyn TellFacts>) -> OwnFacts {
        // There is room for some once the tenant's limits are known.
        let bound = RememberedBound::of(0);
        let facts = TenantFacts::open(id.clone(), bound, &self.totals, Arc::clone(told));
        let facts = Arc::new(facts);
        let before = self
            .shard(id)
            .and_then(|mut shard| shard.insert(id.clone(), Arc::clone(&facts)));
        if let Some(before) = before {
            before.close();
        }
        OwnFacts {
            facts,
            open: Arc::clone(self),
            id: id.clone(),
        }
    }

    /// Forgets what changed of a tenant, if it is awake.
    pub(crate) fn forget(&self, id: &TenantId, changed: &[ChangedFact]) {
        let facts = self.shard(id).and_then(|shard| shard.get(id).cloned());
        if let Some(facts) = facts {
            facts.forget(changed);
        }
    }

    /// Gives back the memory of what has ended.
    pub(crate) fn sweep(&self, now: Monotonic) {
        for shard in &self.shards {
            let all: Vec<_> = lock(shard).values().cloned().collect();
            for facts in all {
                facts.sweep(now);
            }
        }
    }

    fn shard(&self, id: &TenantId) -> Option<MutexGuard<'_, HashMap<TenantId, Arc<TenantFacts>>>> {
        let spread = self.hasher.hash_one(id) % (SHARDS as u64);
        let shard = usize::try_from(spread).ok();
        shard.and_then(|at| self.shards.get(at)).map(lock)
    }
}

impl OwnFacts {
    /// To be lent to a snapshot.
    pub(crate) const fn facts(&self) -> &Arc<TenantFacts> {
        &self.facts
    }
}

impl Drop for OwnFacts {
    fn drop(&mut self) {
        self.facts.close();
        // Those of a next actor stay.
        if let Some(mut shard) = self.open.shard(&self.id)
            && shard
                .get(&self.id)
                .is_some_and(|open| Arc::ptr_eq(open, &self.facts))
        {
            shard.remove(&self.id);
        }
    }
}

/// A thread that panicked under one of these locks left a whole map behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells this process at once, and the others over the bus.
pub(crate) struct TellAll {
    /// Rung when sessions end.
    pub(crate) sessions_ended: Arc<Notify>,
    pub(crate) open: Arc<OpenFacts>,
    pub(crate) bus: Arc<dyn ChangeBus>,
    pub(crate) io: Handle,
    pub(crate) process_id: String,
}

impl TellFacts for TellAll {
    fn tell(&self, tenant: &TenantId, changed: &[ChangedFact]) {
        // The request may have pinned the snapshot of an actor before the present one.
        self.open.forget(tenant, changed);
        let is_end = |fact: &ChangedFact| matches!(fact, ChangedFact::Session(_));
        if changed.iter().any(is_end) {
            self.sessions_ended.notify_one();
        }
        let change = Change {
            tenant: tenant.clone(),
            kind: ChangeKind::Facts(changed.to_vec()),
            origin: self.process_id.clone(),
        };
        let bus = Arc::clone(&self.bus);
        self.io.spawn(async move {
            if let Err(error) = bus.publish(&change).await {
                let id = &change.tenant;
                tracing::debug!(tenant.id = %id, %error,
                    "other processes learn a moment later what ended at tenant {id}");
            }
        });
    }
}
