mod activity;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::{Arbiter, ArbiterHandle};
use insula_ambient::Monotonic;
use insula_model::TenantId;

pub(crate) use self::activity::{Activity, Running};

/// When an arbiter counts as blocked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HangPolicy {
    /// How often every arbiter gets a heartbeat to answer.
    pub(crate) every: Duration,
    /// How many rounds a heartbeat may go unanswered.
    pub(crate) tolerated: u32,
}

impl HangPolicy {
    fn limit(self) -> Duration {
        self.every * self.tolerated
    }
}

/// The threads that tenants' actors run on, each with a heartbeat.
///
/// One whose heartbeat stays unanswered is given up: a thread cannot be ended from outside. Another
/// one takes its place.
pub(crate) struct ArbiterPool {
    policy: HangPolicy,
    size: usize,
    arbiters: Vec<PooledArbiter>,
    threads: Threads,
    last_id: u64,
    given_up: Vec<GivenUp>,
}

struct PooledArbiter {
    id: u64,
    handle: ArbiterHandle,
    activity: Arc<Activity>,
    /// Actors that were placed on it and have not ended.
    actors: usize,
    beat: Beat,
}

/// The heartbeat sent last.
#[derive(Debug, Clone, Copy)]
struct Beat {
    number: u64,
    at: Monotonic,
    /// Rounds in which it was not answered and nothing new was begun.
    missed: u32,
    /// How much work the arbiter had begun by the last round.
    begun: u64,
}

/// An arbiter that was replaced while a piece of work blocked it.
struct GivenUp {
    by: Option<TenantId>,
    handle: ArbiterHandle,
}

/// Where an actor runs.
pub(crate) struct Place {
    pub(crate) arbiter: u64,
    pub(crate) handle: ArbiterHandle,
    pub(crate) activity: Arc<Activity>,
}

/// An arbiter that was found blocked and is no longer part of the pool.
#[derive(Debug)]
pub(crate) struct BlockedArbiter {
    pub(crate) id: u64,
    /// What blocks it; `None` if it is no tenant's work.
    pub(crate) running: Option<Running>,
    pub(crate) silent_for: Duration,
}

/// The threads themselves, to be stopped and joined at shutdown.
#[derive(Clone, Default)]
pub(crate) struct Threads(Arc<Mutex<HashMap<u64, Arbiter>>>);

impl ArbiterPool {
    /// A pool of `size` threads. Called within an actix `System`.
    pub(crate) fn start(size: usize, policy: HangPolicy, threads: Threads, now: Monotonic) -> Self {
        let mut pool = Self {
            policy,
            size,
            arbiters: Vec::new(),
            threads,
            last_id: 0,
            given_up: Vec::new(),
        };
        pool.fill(now);
        pool
    }

    /// The arbiter with the fewest actors among those that seem to be well. If none does, one more is
    /// started. `None` if the system gives out no thread.
    pub(crate) fn place(&mut self, now: Monotonic) -> Option<Place> {
        if self.least_used(now).is_none() {
            self.add(now);
        }
        let policy = self.policy;
        let fit = self
            .arbiters
            .iter_mut()
            .filter(|arbiter| !arbiter.is_suspect(policy, now));
        let arbiter = fit.min_by_key(|arbiter| arbiter.actors)?;
        arbiter.actors += 1;
        Some(Place {
            arbiter: arbiter.id,
            handle: arbiter.handle.clone(),
            activity: Arc::clone(&arbiter.activity),
        })
    }

    fn least_used(&self, now: Monotonic) -> Option<&PooledArbiter> {
        let mut arbiters = self.arbiters.iter();
        arbiters.find(|arbiter| !arbiter.is_suspect(self.policy, now))
    }

    /// Notes that an actor has ended.
    pub(crate) fn ended(&mut self, arbiter: u64) {
        if let Some(arbiter) = self.arbiters.iter_mut().find(|one| one.id == arbiter) {
            arbiter.actors = arbiter.actors.saturating_sub(1);
        }
    }

    /// Actors that have not ended, but for those on arbiters that were given up.
    pub(crate) fn actors(&self) -> usize {
        self.arbiters.iter().map(|arbiter| arbiter.actors).sum()
    }

    /// A round of heartbeats: answers which arbiters are blocked, and replaces them.
    pub(crate) fn check(&mut self, now: Monotonic) -> Vec<BlockedArbiter> {
        self.given_up.retain(|arbiter| arbiter.handle.alive());
        let policy = self.policy;
        let mut blocked = Vec::new();
        self.arbiters.retain_mut(|arbiter| {
            let Some(found) = arbiter.check(policy, now) else {
                return true;
            };
            self.given_up.push(GivenUp {
                by: found.running.as_ref().map(|running| running.tenant.clone()),
                handle: arbiter.handle.clone(),
            });
            // Should its work ever end, so does the thread.
            arbiter.handle.stop();
            drop(self.threads.held().remove(&arbiter.id));
            blocked.push(found);
            false
        });
        self.fill(now);
        blocked
    }

    /// How many threads that were given up have not ended yet.
    pub(crate) fn given_up(&self) -> usize {
        self.given_up.len()
    }

    /// Whether a thread is still blocked by this tenant.
    pub(crate) fn is_blocked_by(&self, tenant: &TenantId) -> bool {
        let mut given_up = self.given_up.iter();
        given_up.any(|arbiter| arbiter.by.as_ref() == Some(tenant) && arbiter.handle.alive())
    }

    /// How many arbiters have not answered the last heartbeat yet.
    #[cfg(any(test, feature = "fault-injection"))]
    pub(crate) fn unanswered(&self) -> usize {
        let silent = |arbiter: &&PooledArbiter| !arbiter.has_answered();
        self.arbiters.iter().filter(silent).count()
    }

    fn fill(&mut self, now: Monotonic) {
        while self.arbiters.len() < self.size {
            if !self.add(now) {
                return;
            }
        }
    }

    fn add(&mut self, now: Monotonic) -> bool {
        let arbiter = match Arbiter::try_new() {
            Ok(arbiter) => arbiter,
            Err(error) => {
                tracing::error!(%error, "no thread for tenants' actors can be started: {error}");
                return false;
            }
        };
        self.last_id += 1;
        self.arbiters.push(PooledArbiter {
            id: self.last_id,
            handle: arbiter.handle(),
            activity: Arc::default(),
            actors: 0,
            beat: Beat {
                number: 0,
                at: now,
                missed: 0,
                begun: 0,
            },
        });
        self.threads.held().insert(self.last_id, arbiter);
        true
    }
}

impl PooledArbiter {
    fn has_answered(&self) -> bool {
        self.activity.answered() >= self.beat.number
    }

    /// Sends the next heartbeat, or judges that the last one stayed unanswered for too long. An
    /// arbiter that began other work meanwhile is busy, not blocked.
    fn check(&mut self, policy: HangPolicy, now: Monotonic) -> Option<BlockedArbiter> {
        let begun = self.activity.begun();
        if self.has_answered() || begun != self.beat.begun {
            let is_due = self.has_answered();
            self.beat = Beat {
                number: self.beat.number + u64::from(is_due),
                at: now,
                missed: 0,
                begun,
            };
            if !is_due {
                return None;
            }
            let (activity, number) = (Arc::clone(&self.activity), self.beat.number);
            if self.handle.spawn_fn(move || activity.answer(number)) {
                return None;
            }
        } else {
            self.beat.missed = self.beat.missed.saturating_add(1);
            let silent_for = now.since(self.beat.at);
            if self.beat.missed < policy.tolerated || silent_for < policy.limit() {
                return None;
            }
        }
        Some(BlockedArbiter {
            id: self.id,
            running: self.activity.running(),
            silent_for: now.since(self.beat.at),
        })
    }

    /// Whether something runs on it for so long that nothing should be placed there.
    fn is_suspect(&self, policy: HangPolicy, now: Monotonic) -> bool {
        let is_silent = !self.has_answered() && now.since(self.beat.at) >= policy.every;
        let running = self.activity.running();
        is_silent || running.is_some_and(|running| now.since(running.since) >= policy.every)
    }
}

impl Threads {
    /// All threads that were not given up, for whoever stops and joins them.
    pub(crate) fn take(&self) -> Vec<Arbiter> {
        self.held().drain().map(|(_, arbiter)| arbiter).collect()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, Arbiter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
