mod handlers;
mod hangs;
mod key_poll;
mod supervised;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, AsyncContext as _, Context, Message, Recipient};
use insula_model::TenantId;
use tokio::sync::oneshot;

use self::supervised::{ActorState, Quarantine, SupervisedTenant, SupervisedTenants};
use crate::arbiters::{ArbiterPool, HangPolicy};
use crate::death_watch::Terminated;
use crate::messages::SupervisorEvent;
use crate::runtime::Runtime;
use crate::tenant::{ActorCommand, ReloadScope, StatusQuery, TenantActor};
use crate::{CrashWindow, Failure, TenantHandle, Verdict};

/// When an actor is tried to be started again after the system gave out no thread for it.
const THREAD_RETRY: Duration = Duration::from_secs(1);

/// Starts the actors of tenants, learns when one is gone, and decides what then.
pub(crate) struct SupervisorActor {
    runtime: Arc<Runtime>,
    pool: ArbiterPool,
    router: Recipient<SupervisorEvent>,
    /// Known once it has started.
    reports_to: Option<ReportsTo>,
    tenants: SupervisedTenants,
    /// The generation given out last; raised for every actor of every tenant.
    generations: u64,
    eviction: Eviction,
    /// Whether the versions of key rings are being asked for.
    is_polling_keys: bool,
    closing: Option<oneshot::Sender<()>>,
}

/// Whether it is worth a look which tenants could be put to sleep.
#[derive(Debug, Default)]
struct Eviction {
    /// How many tenants were woken or began to serve since the last look.
    since: usize,
    /// Whether the last look found too few that could be.
    fell_short: bool,
}

/// Where the actors of tenants report to. All of them share one address: each copy of an address has
/// parts of its own.
#[derive(Clone)]
pub(crate) struct ReportsTo {
    pub(crate) events: Arc<Recipient<ActorEvent>>,
    pub(crate) ended: Arc<Recipient<Terminated>>,
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
    pub(crate) fn new(runtime: Arc<Runtime>, router: Recipient<SupervisorEvent>) -> Self {
        let options = &runtime.options;
        let policy = HangPolicy {
            every: options.heartbeat_every,
            tolerated: options.hang_after_misses,
        };
        let threads = runtime.threads.clone();
        // At least two, so that a tenant can be moved off a blocked one at once.
        let size = options.arbiters.max(2);
        Self {
            pool: ArbiterPool::start(size, policy, threads, runtime.monotonic()),
            tenants: SupervisedTenants::new(runtime.metrics.clone()),
            runtime,
            router,
            reports_to: None,
            generations: 0,
            eviction: Eviction::default(),
            is_polling_keys: false,
            closing: None,
        }
    }

    fn next_generation(&mut self) -> u64 {
        self.generations += 1;
        self.generations
    }

    /// Starts a tenant's next actor. What the one before still reports is ignored.
    fn start_actor(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        if self.closing.is_some() {
            return;
        }
        let generation = self.next_generation();
        let place = self.pool.place(self.runtime.monotonic());
        self.stop_actor(id);
        let entry = self.tenants.get_or_insert(id);
        entry.generation = generation;
        entry.loading_since = Instant::now();
        entry.cell.pass_to(generation);
        let tenant = id.clone();
        let Some(place) = place else {
            let timer = ctx.run_later(THREAD_RETRY, move |supervisor, ctx| {
                supervisor.try_again(&tenant, ctx);
            });
            self.tenants
                .set_state(id, ActorState::AwaitingRestart(timer));
            return;
        };
        let (runtime, cell) = (Arc::clone(&self.runtime), Arc::clone(&entry.cell));
        let supervisor = self.reports_to.get_or_insert_with(|| ReportsTo {
            events: Arc::new(ctx.address().recipient()),
            ended: Arc::new(ctx.address().recipient()),
        });
        let supervisor = supervisor.clone();
        self.tenants.placed(id, place.arbiter);
        let arbiter = place.handle.clone();
        let addr = TenantActor::start_in_arbiter(&arbiter, move |_| {
            TenantActor::new(runtime, tenant, generation, cell, place, supervisor)
        });
        self.tenants.set_state(id, ActorState::Loading(addr));
    }

    /// Tells the actor of a tenant to stop, if it has one, without waiting for it.
    fn stop_actor(&self, id: &TenantId) {
        if let Some(addr) = self.tenants.get(id).and_then(|entry| entry.addr()) {
            addr.do_send(ActorCommand::Drain);
        }
    }

    /// Stops a tenant's actor and forgets the tenant.
    fn remove(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        self.stop_actor(id);
        if let Some(entry) = self.tenants.remove(id) {
            // The actor that stops must not publish any more.
            entry.cell.pass_to(0);
            if let Some(timer) = entry.state().timer() {
                ctx.cancel_future(timer);
            }
        }
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
        self.runtime.metrics.failed(how);
        let reason = how.as_str();
        match verdict {
            Verdict::Retry(wait) => {
                let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(tenant.id = %id, reason, wait_ms,
                    "tenant {id} {reason}: {why}; tried again in {wait_ms} ms");
                let tenant = id.clone();
                let timer = ctx.run_later(wait, move |supervisor, ctx| {
                    supervisor.try_again(&tenant, ctx);
                });
                // A tenant that could not load keeps its actor; one that died or hangs gets another.
                let keeps_actor = matches!(how, Failure::Unloadable | Failure::OutOfReach);
                let state = match entry.addr().filter(|_| keeps_actor) {
                    Some(addr) => ActorState::AwaitingRetry(addr.clone(), timer),
                    None => ActorState::AwaitingRestart(timer),
                };
                self.tenants.set_state(id, state);
            }
            Verdict::Quarantine(wait) => {
                tracing::error!(tenant.id = %id, reason,
                    "tenant {id} {reason}: {why}; it failed too often and is left alone for {} s; \
                     `insula tenant revive {id}` tries it at once", wait.as_secs());
                self.stop_actor(id);
                self.quarantine(id, wait, ctx);
            }
        }
        if let Some(entry) = self.tenants.get_mut(id) {
            entry.last_error = Some(why);
        }
    }

    fn quarantine(&mut self, id: &TenantId, wait: Duration, ctx: &mut Context<Self>) {
        let until = self.runtime.monotonic() + wait;
        let told = self.runtime.now() + wait;
        let tenant = id.clone();
        let timer = ctx.run_later(wait, move |supervisor, ctx| {
            supervisor.quarantine_is_over(&tenant, ctx);
        });
        let state = ActorState::Quarantined(Quarantine { until, told }, timer);
        self.tenants.set_state(id, state);
        self.router.do_send(SupervisorEvent::Quarantined {
            id: id.clone(),
            until,
            last: self.tenants.get(id).and_then(|entry| entry.cell.handle()),
        });
    }

    fn try_again(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        match self.tenants.get(id).map(SupervisedTenant::state) {
            Some(ActorState::AwaitingRetry(addr, _)) => {
                let addr = addr.clone();
                addr.do_send(ActorCommand::Retry);
                self.tenants.set_state(id, ActorState::Loading(addr));
            }
            Some(ActorState::AwaitingRestart(_)) => self.start_actor(id, ctx),
            _ => {}
        }
    }

    /// A quarantine has lasted its time. It goes on while a thread that the tenant blocked is still
    /// blocked, so that no tenant takes thread after thread.
    fn quarantine_is_over(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        if self.pool.is_blocked_by(id) {
            let wait = self.runtime.options.restart.quarantine;
            tracing::warn!(tenant.id = %id,
                "tenant {id} stays in quarantine: it still blocks a thread that was given up");
            self.quarantine(id, wait, ctx);
        } else {
            self.end_quarantine(id, ctx);
        }
    }

    /// Ends a quarantine: a tenant that was served gets an actor again, others sleep.
    fn end_quarantine(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        let Some(entry) = self.tenants.get(id) else {
            return;
        };
        let ActorState::Quarantined(_, timer) = entry.state() else {
            return;
        };
        ctx.cancel_future(*timer);
        if entry.cell.handle().is_some() {
            self.start_actor(id, ctx);
        } else {
            self.tenants.remove(id);
            self.router.do_send(SupervisorEvent::FellAsleep(id.clone()));
        }
    }

    /// Tries a tenant now that failed, and forgets how often it failed.
    fn revive(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        let Some(entry) = self.tenants.get_mut(id) else {
            return;
        };
        entry.crashes = CrashWindow::default();
        let Some(timer) = entry.state().timer() else {
            return;
        };
        ctx.cancel_future(timer);
        if let ActorState::Quarantined(..) = entry.state() {
            if entry.cell.handle().is_none() {
                // Whoever asks for it from now on waits until it is awake.
                self.router.do_send(SupervisorEvent::FellAsleep(id.clone()));
            }
            self.start_actor(id, ctx);
        } else {
            self.try_again(id, ctx);
        }
    }

    /// Puts the tenants unused for longest to sleep, if too many are awake: a sixteenth more than
    /// needed, so that the next ones to wake find room. All tenants are looked at for it, so that this
    /// happens once for a sixteenth of them at most.
    fn evict_unused(&mut self, ctx: &mut Context<Self>) {
        let limit = self.runtime.options.max_awake.max(1);
        if self.tenants.len() <= limit {
            return;
        }
        self.eviction.since += 1;
        if self.eviction.fell_short && self.eviction.since <= limit / 16 {
            return;
        }
        let awake = self.tenants.iter().filter_map(|(id, entry)| {
            let ActorState::Serving(_) = entry.state() else {
                return None;
            };
            Some((entry.cell.handle()?.last_used(), id.clone()))
        });
        let mut awake: Vec<_> = awake.collect();
        let needed = self.tenants.len() - limit;
        let surplus = (needed + limit / 16).min(awake.len());
        self.eviction = Eviction {
            since: 0,
            fell_short: surplus < needed,
        };
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

    fn close_if_empty(&mut self) {
        if self.pool.actors() == 0
            && let Some(closing) = self.closing.take()
        {
            let _gave_up = closing.send(());
        }
    }
}

impl Actor for SupervisorActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let options = &self.runtime.options;
        ctx.run_interval(options.heartbeat_every, Self::check_arbiters);
        ctx.run_interval(options.poll_every, Self::poll_keys);
        ctx.run_interval(options.poll_every, |supervisor, _| {
            let runtime = Arc::clone(&supervisor.runtime);
            let sweep = move || runtime.facts.sweep(runtime.monotonic());
            supervisor.runtime.deps.io.spawn_blocking(sweep);
        });
    }
}
