mod charge;
mod orders;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ArbiterHandle, AsyncContext as _, Context, Message, Recipient, SpawnHandle};
use insula_model::TenantId;
use tokio::sync::oneshot;

use self::charge::{Charge, Rest, Stand};
use crate::house::House;
use crate::messages::Tidings;
use crate::tenant::{Asked, Instruction, Ping, TenantActor, WhatChanged};
use crate::{Downfall, TenantHandle, Verdict};

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
        let charge = self.charges.entry(id.clone()).or_insert_with(Charge::begun);
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
        let now = self.house.monotonic();
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
            Verdict::Rest(wait) => {
                let rest = Rest {
                    until: now + wait,
                    told: self.house.now() + wait,
                };
                tracing::error!(tenant.id = %id, reason,
                    "tenant {id} {reason}: {why}; it failed too often and is left alone until the \
                     quarantine ends or it is revived");
                self.leave(id);
                let timer = ctx.run_later(wait, move |supervisor, ctx| {
                    supervisor.end_rest(&tenant, ctx);
                });
                if let Some(charge) = self.charges.get_mut(id) {
                    charge.stand = Stand::Resting(rest, timer);
                    let last = charge.cell.handle();
                    self.router.do_send(Tidings::WentToRest {
                        id: id.clone(),
                        until: rest.until,
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

impl Actor for SupervisorActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let every = self.house.options.ping_every / u32::try_from(PORTIONS).unwrap_or(1);
        ctx.run_interval(every.max(Duration::from_millis(1)), Self::ping);
    }
}
