use actix::{AsyncContext as _, Handler, MessageResult, ResponseFuture, SpawnHandle};
use insula_model::TenantId;
use tokio::sync::oneshot;

use super::charge::Stand;
use super::{Describe, DrainAll, News, Order, SupervisorActor, What};
use crate::death_watch::Terminated;
use crate::messages::Tidings;
use crate::tenant::{Asked, Instruction, WhatChanged, note_leaving};
use crate::{CrashWindow, Downfall, TenantStatus};

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
                        (Stand::Resting(rest, _), last) => {
                            let until = rest.until;
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
            Order::Remove(id) => {
                note_leaving(&self.house, &id);
                self.dismiss(&id, ctx);
            }
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
                let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                let id = &news.tenant;
                tracing::info!(tenant.id = %id, generation = news.generation, duration_ms,
                    "tenant {id} is awake");
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
impl Handler<crate::messages::Inject> for SupervisorActor {
    type Result = bool;

    fn handle(&mut self, inject: crate::messages::Inject, _: &mut Self::Context) -> bool {
        let crate::messages::Inject(id, fault) = inject;
        let addr = self.charges.get(&id).and_then(|charge| charge.addr());
        if let Some(addr) = addr {
            addr.do_send(crate::tenant::Suffer(fault));
        }
        addr.is_some()
    }
}
