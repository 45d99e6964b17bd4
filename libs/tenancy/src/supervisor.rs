mod handlers;
mod supervised;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ArbiterHandle, AsyncContext as _, Context, Message, Recipient, SpawnHandle};
use insula_model::TenantId;
use tokio::sync::oneshot;

use self::supervised::{ActorState, Quarantine, SupervisedTenant};
use crate::messages::SupervisorEvent;
use crate::runtime::Runtime;
use crate::tenant::{ActorCommand, Ping, ReloadScope, StatusQuery, TenantActor};
use crate::{Failure, TenantHandle, Verdict};

/// In how many portions a round of pings goes out, so that ten thousand of them do not delay the
/// waking of a tenant.
const PORTIONS: u64 = 16;

/// Starts the actors of tenants, learns when one is gone, and decides what then.
pub(crate) struct SupervisorActor {
    runtime: Arc<Runtime>,
    arbiters: Vec<ArbiterHandle>,
    router: Recipient<SupervisorEvent>,
    tenants: HashMap<TenantId, SupervisedTenant>,
    /// The generation given out last; raised for every actor of every tenant.
    generations: u64,
    hasher: RandomState,
    portion: u64,
    /// Actors that were told to stop and have not yet.
    leaving: usize,
    closing: Option<oneshot::Sender<()>>,
}

/// What the router has it do.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum SupervisorCommand {
    Wake(TenantId),
    Reload {
        which: Option<TenantId>,
        what: ReloadScope,
    },
    Remove(TenantId),
    Revive(TenantId),
}

/// What the actor of a tenant reports.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ActorEvent {
    pub(crate) tenant: TenantId,
    pub(crate) generation: u64,
    pub(crate) what: ActorEventKind,
}

pub(crate) enum ActorEventKind {
    /// It serves.
    Ready(TenantHandle),
    /// It could not be loaded.
    LoadFailed { how: Failure, why: String },
    /// No request came for long.
    Idle,
    /// It answers a ping.
    Alive,
}

/// Describe these tenants.
#[derive(Message)]
#[rtype(result = "Vec<StatusQuery>")]
pub(crate) struct Describe(pub(crate) Vec<TenantId>);

/// Have all actors finish and stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct DrainAll;

impl SupervisorActor {
    pub(crate) fn new(
        runtime: Arc<Runtime>,
        arbiters: Vec<ArbiterHandle>,
        router: Recipient<SupervisorEvent>,
    ) -> Self {
        Self {
            runtime,
            arbiters,
            router,
            tenants: HashMap::new(),
            generations: 0,
            hasher: RandomState::new(),
            portion: 0,
            leaving: 0,
            closing: None,
        }
    }

    /// Starts a tenant's next actor. What the one before still reports is ignored.
    fn start_actor(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        if self.closing.is_some() {
            return;
        }
        self.generations += 1;
        let generation = self.generations;
        let entry = self
            .tenants
            .entry(id.clone())
            .or_insert_with(SupervisedTenant::new);
        entry.generation = generation;
        entry.loading_since = Instant::now();
        entry.unanswered = 0;
        entry.cell.pass_to(generation);
        let home = usize::try_from(self.hasher.hash_one(id)).unwrap_or(0);
        let index = home.wrapping_add(entry.changes) % self.arbiters.len().max(1);
        let Some(arbiter) = self.arbiters.get(index) else {
            return;
        };
        let (runtime, cell) = (Arc::clone(&self.runtime), Arc::clone(&entry.cell));
        let (news, watch) = (ctx.address().recipient(), ctx.address().recipient());
        let tenant = id.clone();
        let addr = TenantActor::start_in_arbiter(arbiter, move |_| {
            TenantActor::new(runtime, tenant, generation, cell, news, watch)
        });
        self.drain_actor(id);
        if let Some(entry) = self.tenants.get_mut(id) {
            entry.state = ActorState::Loading(addr);
        }
        self.count();
    }

    /// Tells the actor of a tenant to stop, if it has one, without waiting for it.
    fn drain_actor(&mut self, id: &TenantId) {
        let Some(entry) = self.tenants.get(id) else {
            return;
        };
        if let ActorState::Loading(addr)
        | ActorState::Serving(addr)
        | ActorState::AwaitingRetry(addr, _) = &entry.state
        {
            self.leaving += 1;
            addr.do_send(ActorCommand::Drain);
        }
    }

    /// Stops a tenant's actor and forgets the tenant.
    fn remove(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        self.drain_actor(id);
        if let Some(entry) = self.tenants.remove(id) {
            // The actor that stops must not publish any more.
            entry.cell.pass_to(0);
            if let ActorState::AwaitingRestart(timer)
            | ActorState::Quarantined(_, timer)
            | ActorState::AwaitingRetry(_, timer) = entry.state
            {
                ctx.cancel_future(timer);
            }
        }
        self.count();
    }

    /// Decides about a failure: another try after a while, or quarantine.
    fn actor_failed(&mut self, id: &TenantId, how: Failure, why: String, ctx: &mut Context<Self>) {
        let now = self.runtime.monotonic();
        let Some(entry) = self.tenants.get_mut(id) else {
            return;
        };
        let policy = &self.runtime.options.restart;
        let verdict = policy.judge(&mut entry.crashes, how, now, &*self.runtime.deps.entropy);
        entry.restarts = entry.restarts.saturating_add(1);
        entry.unanswered = 0;
        self.runtime.metrics.failed(how);
        let reason = how.as_str();
        let tenant = id.clone();
        match verdict {
            Verdict::Retry(wait) => {
                let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(tenant.id = %id, reason, wait_ms,
                    "tenant {id} {reason}: {why}; tried again in {wait_ms} ms");
                let timer = ctx.run_later(wait, move |supervisor, ctx| {
                    supervisor.try_again(&tenant, ctx);
                });
                // A tenant that could not load keeps its actor; one that died or hangs gets another.
                let kept = match (how, &entry.state) {
                    (
                        Failure::Unloadable | Failure::OutOfReach,
                        ActorState::Loading(addr)
                        | ActorState::Serving(addr)
                        | ActorState::AwaitingRetry(addr, _),
                    ) => Some(addr.clone()),
                    _ => None,
                };
                entry.state = match kept {
                    Some(addr) => ActorState::AwaitingRetry(addr, timer),
                    None => ActorState::AwaitingRestart(timer),
                };
            }
            Verdict::Quarantine(wait) => {
                let quarantine = Quarantine {
                    until: now + wait,
                    told: self.runtime.now() + wait,
                };
                tracing::error!(tenant.id = %id, reason,
                    "tenant {id} {reason}: {why}; it failed too often and is left alone until the \
                     quarantine ends or it is revived");
                self.drain_actor(id);
                let timer = ctx.run_later(wait, move |supervisor, ctx| {
                    supervisor.end_quarantine(&tenant, ctx);
                });
                if let Some(entry) = self.tenants.get_mut(id) {
                    entry.state = ActorState::Quarantined(quarantine, timer);
                    let last = entry.cell.handle();
                    self.router.do_send(SupervisorEvent::Quarantined {
                        id: id.clone(),
                        until: quarantine.until,
                        last,
                    });
                }
            }
        }
        if let Some(entry) = self.tenants.get_mut(id) {
            entry.last_error = Some(why);
        }
        self.count();
    }

    fn try_again(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        let Some(entry) = self.tenants.get_mut(id) else {
            return;
        };
        if let ActorState::AwaitingRetry(addr, _) = &entry.state {
            let addr = addr.clone();
            addr.do_send(ActorCommand::Retry);
            entry.state = ActorState::Loading(addr);
        } else if let ActorState::AwaitingRestart(_) = &entry.state {
            self.start_actor(id, ctx);
        }
    }

    /// The quarantine is over: a tenant that was served gets an actor again, others sleep.
    fn end_quarantine(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        let Some(entry) = self.tenants.get(id) else {
            return;
        };
        let ActorState::Quarantined(_, timer) = entry.state else {
            return;
        };
        ctx.cancel_future(timer);
        if entry.cell.handle().is_some() {
            self.start_actor(id, ctx);
        } else {
            self.tenants.remove(id);
            self.router.do_send(SupervisorEvent::FellAsleep(id.clone()));
            self.count();
        }
    }

    /// Puts the tenants unused for longest to sleep, if too many are awake: a sixteenth more than
    /// needed, so that the next ones to wake find room.
    fn evict_unused(&mut self, ctx: &mut Context<Self>) {
        let limit = self.runtime.options.max_awake.max(1);
        if self.tenants.len() <= limit {
            return;
        }
        let awake = self.tenants.iter().filter_map(|(id, entry)| {
            let ActorState::Serving(_) = entry.state else {
                return None;
            };
            Some((entry.cell.handle()?.last_used(), id.clone()))
        });
        let mut awake: Vec<_> = awake.collect();
        let surplus = (self.tenants.len() - limit + limit / 16).min(awake.len());
        if surplus == 0 {
            return;
        }
        if surplus < awake.len() {
            awake.select_nth_unstable(surplus);
        }
        for (_, id) in awake.into_iter().take(surplus) {
            self.passivate(&id, ctx);
        }
    }

    fn passivate(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        self.runtime.metrics.passivations.inc();
        self.router.do_send(SupervisorEvent::FellAsleep(id.clone()));
        self.remove(id, ctx);
        tracing::debug!(tenant.id = %id, "tenant {id} fell asleep");
    }

    /// Pings a portion of all actors, and replaces those that did not answer the last ones.
    fn ping(&mut self, ctx: &mut Context<Self>) {
        self.portion = (self.portion + 1) % PORTIONS;
        let tolerated = self.runtime.options.hang_after_misses;
        let mut hung = Vec::new();
        for (id, entry) in &mut self.tenants {
            if self.hasher.hash_one(id) % PORTIONS != self.portion {
                continue;
            }
            let (ActorState::Loading(addr)
            | ActorState::Serving(addr)
            | ActorState::AwaitingRetry(addr, _)) = &entry.state
            else {
                continue;
            };
            if entry.unanswered >= tolerated {
                hung.push(id.clone());
                continue;
            }
            entry.unanswered += 1;
            addr.do_send(Ping);
        }
        for id in hung {
            self.drain_actor(&id);
            if let Some(entry) = self.tenants.get_mut(&id) {
                entry.changes += 1;
                // What the hung actor reports later is out of date.
                self.generations += 1;
                entry.generation = self.generations;
                entry.cell.pass_to(entry.generation);
                if let ActorState::AwaitingRetry(_, timer) = entry.state {
                    ctx.cancel_future(timer);
                }
                entry.state = ActorState::AwaitingRestart(SpawnHandle::default());
            }
            let why = format!("its actor did not answer {tolerated} pings");
            self.actor_failed(&id, Failure::Hung, why, ctx);
        }
    }

    fn count(&self) {
        let quarantined =
            |entry: &&SupervisedTenant| matches!(entry.state, ActorState::Quarantined(..));
        let quarantined = self.tenants.values().filter(quarantined).count();
        let gauge = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.runtime.metrics.quarantined.set(gauge(quarantined));
        let awake = self.tenants.len() - quarantined;
        self.runtime.metrics.awake.set(gauge(awake));
    }

    fn close_if_empty(&mut self) {
        if self.leaving == 0
            && let Some(closing) = self.closing.take()
        {
            let _gave_up = closing.send(());
        }
    }
}

impl Actor for SupervisorActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let every = self.runtime.options.ping_every / u32::try_from(PORTIONS).unwrap_or(1);
        ctx.run_interval(every.max(Duration::from_millis(1)), Self::ping);
    }
}
