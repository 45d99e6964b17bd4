use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{
    Actor, Addr, ArbiterHandle, AsyncContext as _, Context, Handler, Message, MessageResult,
    Recipient, ResponseFuture, SpawnHandle,
};
use insula_ambient::Timestamp;
use insula_model::TenantId;
use tokio::sync::oneshot;

use crate::cell::Cell;
use crate::death_watch::Terminated;
use crate::house::House;
use crate::router::Tidings;
use crate::tenant::{Asked, Instruction, Ping, TenantActor, WhatChanged};
use crate::{CrashWindow, Downfall, TenantHandle, TenantPhase, TenantStatus, Verdict};

/// In how many portions a round of pings goes out, so that ten thousand of them do not hold up one
/// who wants a tenant woken.
const PORTIONS: u64 = 16;

/// Makes tenants' actors, hears when they are gone, and decides what then.
pub(crate) struct SupervisorActor {
    house: Arc<House>,
    arbiters: Vec<ArbiterHandle>,
    router: Recipient<Tidings>,
    charges: HashMap<TenantId, Charge>,
    /// Raised by every actor that is made, of whatever tenant.
    generations: u64,
    hasher: RandomState,
    portion: u64,
    /// Actors that were told to stop and have not yet.
    leaving: usize,
    closing: Option<oneshot::Sender<()>>,
}

/// One tenant that is not asleep.
struct Charge {
    cell: Arc<Cell>,
    generation: u64,
    stand: Stand,
    crashes: CrashWindow,
    /// How often it was moved to another arbiter.
    moves: usize,
    restarts: u32,
    /// Why it was last restarted or could not be loaded.
    trouble: Option<String>,
    waking_since: Instant,
    awake_since: Option<Timestamp>,
    /// Pings sent since the last answer.
    unanswered: u32,
}

/// How it stands with a charge.
enum Stand {
    /// Its actor loads.
    Waking(Addr<TenantActor>),
    /// Its actor serves.
    Awake(Addr<TenantActor>),
    /// Its actor could not load, and is told to try again later.
    Failing(Addr<TenantActor>, SpawnHandle),
    /// It has no actor; a new one is made later.
    Fallen(SpawnHandle),
    /// It has no actor, and gets none before then.
    Resting(Timestamp, SpawnHandle),
}

/// What the router asks for.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum Order {
    Wake(TenantId),
    Reload {
        which: Option<TenantId>,
        what: WhatChanged,
    },
    Remove(TenantId),
    Revive(TenantId),
}

/// What an actor tells.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct News {
    pub(crate) tenant: TenantId,
    pub(crate) generation: u64,
    pub(crate) what: What,
}

pub(crate) enum What {
    /// It serves.
    Ready(TenantHandle),
    /// It could not be loaded.
    CannotLoad { how: Downfall, why: String },
    /// Nobody has come for long.
    Idle,
    /// It is there.
    Here,
}

/// How do these fare?
#[derive(Message)]
#[rtype(result = "Vec<Asked>")]
pub(crate) struct Describe(pub(crate) Vec<TenantId>);

/// Let everybody finish and stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct DrainAll;

impl SupervisorActor {
    pub(crate) fn new(
        house: Arc<House>,
        arbiters: Vec<ArbiterHandle>,
        router: Recipient<Tidings>,
    ) -> Self {
        Self {
            house,
            arbiters,
            router,
            charges: HashMap::new(),
            generations: 0,
            hasher: RandomState::new(),
            portion: 0,
            leaving: 0,
            closing: None,
        }
    }

    /// Makes a tenant's next actor. Whatever the one before still says is not heard any more.
    fn begin(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        if self.closing.is_some() {
            return;
        }
        self.generations += 1;
        let generation = self.generations;
        let charge = self.charges.entry(id.clone()).or_insert_with(|| Charge {
            cell: Arc::default(),
            generation,
            stand: Stand::Fallen(SpawnHandle::default()),
            crashes: CrashWindow::default(),
            moves: 0,
            restarts: 0,
            trouble: None,
            waking_since: Instant::now(),
            awake_since: None,
            unanswered: 0,
        });
        charge.generation = generation;
        charge.waking_since = Instant::now();
        charge.unanswered = 0;
        charge.cell.pass_to(generation);
        let home = usize::try_from(self.hasher.hash_one(id)).unwrap_or(0);
        let index = home.wrapping_add(charge.moves) % self.arbiters.len().max(1);
        let Some(arbiter) = self.arbiters.get(index) else {
            return;
        };
        let (house, cell) = (Arc::clone(&self.house), Arc::clone(&charge.cell));
        let (news, watch) = (ctx.address().recipient(), ctx.address().recipient());
        let tenant = id.clone();
        let addr = TenantActor::start_in_arbiter(arbiter, move |_| {
            TenantActor::new(house, tenant, generation, cell, news, watch)
        });
        self.leave(id);
        if let Some(charge) = self.charges.get_mut(id) {
            charge.stand = Stand::Waking(addr);
        }
        self.count();
    }

    /// Has the actor of a charge stop, if it has one, without waiting for it.
    fn leave(&mut self, id: &TenantId) {
        let Some(charge) = self.charges.get(id) else {
            return;
        };
        if let Stand::Waking(addr) | Stand::Awake(addr) | Stand::Failing(addr, _) = &charge.stand {
            self.leaving += 1;
            addr.do_send(Instruction::Drain);
        }
    }

    /// Lets a tenant go: no actor, no memory of it.
    fn dismiss(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        self.leave(id);
        if let Some(charge) = self.charges.remove(id) {
            // A late snapshot of the actor that leaves would be seen by nobody; refuse it anyway.
            charge.cell.pass_to(0);
            if let Stand::Fallen(timer) | Stand::Resting(_, timer) | Stand::Failing(_, timer) =
                charge.stand
            {
                ctx.cancel_future(timer);
            }
        }
        self.count();
    }

    /// Judges a downfall: another try after a while, or rest.
    fn fell(&mut self, id: &TenantId, how: Downfall, why: String, ctx: &mut Context<Self>) {
        let now = self.house.now();
        let Some(charge) = self.charges.get_mut(id) else {
            return;
        };
        let policy = &self.house.options.restart;
        let verdict = policy.judge(&mut charge.crashes, how, now, &*self.house.deps.entropy);
        charge.restarts = charge.restarts.saturating_add(1);
        charge.unanswered = 0;
        self.house.metrics.fell(how);
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
                // Who could not load keeps its actor; who died or hangs gets a new one.
                let kept = match (how, &charge.stand) {
                    (
                        Downfall::Unloadable | Downfall::OutOfReach,
                        Stand::Waking(addr) | Stand::Awake(addr) | Stand::Failing(addr, _),
                    ) => Some(addr.clone()),
                    _ => None,
                };
                charge.stand = match kept {
                    Some(addr) => Stand::Failing(addr, timer),
                    None => Stand::Fallen(timer),
                };
            }
            Verdict::Rest(until) => {
                tracing::error!(tenant.id = %id, reason,
                    "tenant {id} {reason}: {why}; it failed too often and is left alone until the \
                     quarantine ends or it is revived");
                self.leave(id);
                let quarantine = self.house.options.restart.quarantine;
                let timer = ctx.run_later(quarantine, move |supervisor, ctx| {
                    supervisor.end_rest(&tenant, ctx);
                });
                if let Some(charge) = self.charges.get_mut(id) {
                    charge.stand = Stand::Resting(until, timer);
                    let last = charge.cell.handle();
                    self.router.do_send(Tidings::WentToRest {
                        id: id.clone(),
                        until,
                        last,
                    });
                }
            }
        }
        if let Some(charge) = self.charges.get_mut(id) {
            charge.trouble = Some(why);
        }
        self.count();
    }

    fn try_again(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        let Some(charge) = self.charges.get_mut(id) else {
            return;
        };
        if let Stand::Failing(addr, _) = &charge.stand {
            let addr = addr.clone();
            addr.do_send(Instruction::Retry);
            charge.stand = Stand::Waking(addr);
        } else if let Stand::Fallen(_) = &charge.stand {
            self.begin(id, ctx);
        }
    }

    /// The quarantine is over: who was served gets an actor again, others wait to be asked for.
    fn end_rest(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        let Some(charge) = self.charges.get(id) else {
            return;
        };
        let Stand::Resting(_, timer) = charge.stand else {
            return;
        };
        ctx.cancel_future(timer);
        if charge.cell.handle().is_some() {
            self.begin(id, ctx);
        } else {
            self.charges.remove(id);
            self.router.do_send(Tidings::FellAsleep(id.clone()));
            self.count();
        }
    }

    /// Puts those unused for longest to sleep, if too many are awake: a sixteenth more than needed,
    /// so that the next ones to wake find room.
    fn make_room(&mut self, ctx: &mut Context<Self>) {
        let limit = self.house.options.max_awake.max(1);
        if self.charges.len() <= limit {
            return;
        }
        let awake = self.charges.iter().filter_map(|(id, charge)| {
            let Stand::Awake(_) = charge.stand else {
                return None;
            };
            Some((charge.cell.handle()?.last_used(), id.clone()))
        });
        let mut awake: Vec<_> = awake.collect();
        let surplus = (self.charges.len() - limit + limit / 16).min(awake.len());
        if surplus == 0 {
            return;
        }
        if surplus < awake.len() {
            awake.select_nth_unstable(surplus);
        }
        for (_, id) in awake.into_iter().take(surplus) {
            self.put_to_sleep(&id, ctx);
        }
    }

    fn put_to_sleep(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        self.house.metrics.passivations.inc();
        self.router.do_send(Tidings::FellAsleep(id.clone()));
        self.dismiss(id, ctx);
        tracing::debug!(tenant.id = %id, "tenant {id} fell asleep");
    }

    /// Pings a portion of all actors, and replaces those that did not answer the last ones.
    fn ping(&mut self, ctx: &mut Context<Self>) {
        self.portion = (self.portion + 1) % PORTIONS;
        let tolerated = self.house.options.hang_after_misses;
        let mut hung = Vec::new();
        for (id, charge) in &mut self.charges {
            if self.hasher.hash_one(id) % PORTIONS != self.portion {
                continue;
            }
            let (Stand::Waking(addr) | Stand::Awake(addr) | Stand::Failing(addr, _)) =
                &charge.stand
            else {
                continue;
            };
            if charge.unanswered >= tolerated {
                hung.push(id.clone());
                continue;
            }
            charge.unanswered += 1;
            addr.do_send(Ping);
        }
        for id in hung {
            self.leave(&id);
            if let Some(charge) = self.charges.get_mut(&id) {
                charge.moves += 1;
                // What the sleeper says when it wakes is the past.
                self.generations += 1;
                charge.generation = self.generations;
                charge.cell.pass_to(charge.generation);
                if let Stand::Failing(_, timer) = charge.stand {
                    ctx.cancel_future(timer);
                }
                charge.stand = Stand::Fallen(SpawnHandle::default());
            }
            let why = format!("its actor did not answer {tolerated} pings");
            self.fell(&id, Downfall::Hung, why, ctx);
        }
    }

    fn count(&self) {
        let resting = |charge: &&Charge| matches!(charge.stand, Stand::Resting(..));
        let resting = self.charges.values().filter(resting).count();
        let gauge = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.house.metrics.resting.set(gauge(resting));
        let awake = self.charges.len() - resting;
        self.house.metrics.awake.set(gauge(awake));
    }

    fn close_if_empty(&mut self) {
        if self.leaving == 0
            && let Some(closing) = self.closing.take()
        {
            let _gave_up = closing.send(());
        }
    }
}

impl Charge {
    fn addr(&self) -> Option<&Addr<TenantActor>> {
        match &self.stand {
            Stand::Waking(addr) | Stand::Awake(addr) | Stand::Failing(addr, _) => Some(addr),
            Stand::Fallen(_) | Stand::Resting(..) => None,
        }
    }

    /// What is known of it without asking its actor.
    fn status(&self, id: TenantId) -> TenantStatus {
        let (phase, resting_until) = match self.stand {
            Stand::Waking(_) => (TenantPhase::Loading, None),
            Stand::Awake(_) => (TenantPhase::Serving, None),
            Stand::Failing(..) | Stand::Fallen(_) => (TenantPhase::Failing, None),
            Stand::Resting(until, _) => (TenantPhase::Resting, Some(until)),
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

impl Actor for SupervisorActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let every = self.house.options.ping_every / u32::try_from(PORTIONS).unwrap_or(1);
        ctx.run_interval(every.max(Duration::from_millis(1)), Self::ping);
    }
}

impl Handler<Order> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, order: Order, ctx: &mut Self::Context) {
        match order {
            Order::Wake(id) => match self.charges.get(&id) {
                None => {
                    self.begin(&id, ctx);
                    self.make_room(ctx);
                }
                // Its tidings crossed the order.
                Some(charge) => {
                    let last = charge.cell.handle();
                    match (&charge.stand, last) {
                        (Stand::Awake(_), Some(handle)) => {
                            self.router.do_send(Tidings::Woke(handle));
                        }
                        (Stand::Resting(until, _), last) => {
                            let until = *until;
                            self.router.do_send(Tidings::WentToRest { id, until, last });
                        }
                        _ => {}
                    }
                }
            },
            Order::Reload {
                which: Some(id),
                what,
            } => {
                let Some(charge) = self.charges.get(&id) else {
                    return;
                };
                match &charge.stand {
                    Stand::Waking(addr) | Stand::Awake(addr) => {
                        addr.do_send(Instruction::Reload(what));
                    }
                    // What was wrong with it may be put right now.
                    Stand::Failing(addr, timer) => {
                        ctx.cancel_future(*timer);
                        addr.do_send(Instruction::Retry);
                        let addr = addr.clone();
                        if let Some(charge) = self.charges.get_mut(&id) {
                            charge.stand = Stand::Waking(addr);
                        }
                    }
                    Stand::Resting(..) if what == WhatChanged::Spec => self.end_rest(&id, ctx),
                    Stand::Resting(..) | Stand::Fallen(_) => {}
                }
            }
            Order::Reload { which: None, what } => {
                for charge in self.charges.values() {
                    if let Some(addr) = charge.addr() {
                        addr.do_send(Instruction::Reload(what));
                    }
                }
            }
            Order::Remove(id) => self.dismiss(&id, ctx),
            Order::Revive(id) => {
                if let Some(charge) = self.charges.get_mut(&id) {
                    charge.crashes = CrashWindow::default();
                    self.end_rest(&id, ctx);
                }
            }
        }
    }
}

impl Handler<News> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, news: News, ctx: &mut Self::Context) {
        let Some(charge) = self.charges.get_mut(&news.tenant) else {
            return;
        };
        if charge.generation != news.generation {
            return;
        }
        charge.unanswered = 0;
        match news.what {
            What::Ready(handle) => {
                if let Some(addr) = charge.addr() {
                    charge.stand = Stand::Awake(addr.clone());
                }
                charge.trouble = None;
                charge.awake_since.get_or_insert(self.house.now());
                let took = charge.waking_since.elapsed();
                self.house.metrics.activated(took);
                self.router.do_send(Tidings::Woke(handle));
                self.count();
            }
            What::CannotLoad { how, why } => self.fell(&news.tenant, how, why, ctx),
            What::Idle => self.put_to_sleep(&news.tenant, ctx),
            What::Here => {}
        }
    }
}

impl Handler<Terminated> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, dead: Terminated, ctx: &mut Self::Context) {
        let charge = self.charges.get_mut(&dead.tenant);
        let current =
            charge.filter(|charge| charge.generation == dead.generation && charge.addr().is_some());
        let Some(charge) = current else {
            // It had been told to go.
            self.leaving = self.leaving.saturating_sub(1);
            self.close_if_empty();
            return;
        };
        if let Stand::Failing(_, timer) = charge.stand {
            ctx.cancel_future(timer);
        }
        charge.stand = Stand::Fallen(SpawnHandle::default());
        let (how, why) = if dead.panicked {
            (Downfall::Panicked, "its actor panicked")
        } else {
            (Downfall::Ended, "its actor ended unasked")
        };
        if self.closing.is_none() {
            self.fell(&dead.tenant, how, why.to_owned(), ctx);
        }
    }
}

impl Handler<Describe> for SupervisorActor {
    type Result = MessageResult<Describe>;

    fn handle(&mut self, Describe(ids): Describe, _: &mut Self::Context) -> Self::Result {
        let describe = |id: TenantId| match self.charges.get(&id) {
            Some(charge) => Asked::new(charge.status(id), charge.addr().cloned()),
            None => Asked::new(TenantStatus::asleep(id), None),
        };
        MessageResult(ids.into_iter().map(describe).collect())
    }
}

impl Handler<DrainAll> for SupervisorActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: DrainAll, ctx: &mut Self::Context) -> Self::Result {
        let (closed, closing) = oneshot::channel();
        self.closing = Some(closed);
        let all: Vec<_> = self.charges.keys().cloned().collect();
        for id in all {
            self.dismiss(&id, ctx);
        }
        self.close_if_empty();
        Box::pin(async move {
            // Whoever closed in between closed for both.
            let _closed = closing.await;
        })
    }
}

#[cfg(any(test, feature = "fault-injection"))]
impl Handler<crate::router::Inject> for SupervisorActor {
    type Result = bool;

    fn handle(&mut self, inject: crate::router::Inject, _: &mut Self::Context) -> bool {
        let crate::router::Inject(id, fault) = inject;
        let addr = self.charges.get(&id).and_then(Charge::addr);
        if let Some(addr) = addr {
            addr.do_send(crate::tenant::Suffer(fault));
        }
        addr.is_some()
    }
}
