use actix::{AsyncContext as _, Handler, MessageResult, ResponseFuture, SpawnHandle};
use insula_model::TenantId;
use tokio::sync::oneshot;

use super::supervised::ActorState;
use super::{ActorEvent, ActorEventKind, Describe, DrainAll, SupervisorActor, SupervisorCommand};
use crate::death_watch::Terminated;
use crate::messages::SupervisorEvent;
use crate::tenant::{ActorCommand, ReloadScope, StatusQuery, note_leaving};
use crate::{Failure, TenantStatus};

impl Handler<SupervisorCommand> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, order: SupervisorCommand, ctx: &mut Self::Context) {
        match order {
            SupervisorCommand::Wake(id) => match self.tenants.get(&id) {
                None => {
                    self.start_actor(&id, ctx);
                    self.evict_unused(ctx);
                }
                // The router asked before it learned of the last event.
                Some(entry) => {
                    let last = entry.cell.handle();
                    match (entry.state(), last) {
                        (ActorState::Serving(_), Some(handle)) => {
                            self.router.do_send(SupervisorEvent::Woke(handle));
                        }
                        (ActorState::Quarantined(quarantine, _), last) => {
                            let until = quarantine.until;
                            self.router
                                .do_send(SupervisorEvent::Quarantined { id, until, last });
                        }
                        _ => {}
                    }
                }
            },
            SupervisorCommand::Reload {
                which: Some(id),
                what,
            } => {
                let Some(entry) = self.tenants.get(&id) else {
                    return;
                };
                match entry.state() {
                    ActorState::Loading(addr) | ActorState::Serving(addr) => {
                        addr.do_send(ActorCommand::Reload(what));
                    }
                    // What was wrong with it may have been corrected.
                    ActorState::AwaitingRetry(addr, timer) => {
                        ctx.cancel_future(*timer);
                        addr.do_send(ActorCommand::Retry);
                        let addr = addr.clone();
                        self.tenants.set_state(&id, ActorState::Loading(addr));
                    }
                    ActorState::Quarantined(..) if what == ReloadScope::Spec => {
                        self.end_quarantine(&id, ctx);
                    }
                    ActorState::Quarantined(..) | ActorState::AwaitingRestart(_) => {}
                }
            }
            SupervisorCommand::Reload { which: None, what } => {
                // Each as if it were asked for by name: one in quarantine is tried again too.
                let ids: Vec<_> = self.tenants.iter().map(|(id, _)| id.clone()).collect();
                for id in ids {
                    let which = Some(id);
                    self.handle(SupervisorCommand::Reload { which, what }, ctx);
                }
            }
            SupervisorCommand::Remove(id) => {
                note_leaving(&self.runtime, &id);
                self.remove(&id, ctx);
            }
            SupervisorCommand::Revive(id) => {
                self.revive(&id, ctx);
            }
        }
    }
}

impl Handler<ActorEvent> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, event: ActorEvent, ctx: &mut Self::Context) {
        let Some(entry) = self.tenants.get_mut(&event.tenant) else {
            return;
        };
        if entry.generation != event.generation {
            return;
        }
        match event.what {
            ActorEventKind::Ready(handle) => {
                entry.last_error = None;
                entry.awake_since.get_or_insert(self.runtime.now());
                let took = entry.loading_since.elapsed();
                let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                let id = &event.tenant;
                tracing::info!(tenant.id = %id, generation = event.generation, duration_ms,
                    "tenant {id} is awake");
                self.runtime.metrics.activated(took);
                if let Some(addr) = entry.addr().cloned() {
                    self.tenants.set_state(id, ActorState::Serving(addr));
                }
                self.router.do_send(SupervisorEvent::Woke(handle));
                self.evict_unused(ctx);
            }
            ActorEventKind::LoadFailed { how, why } => {
                self.actor_failed(&event.tenant, how, why, ctx);
            }
            ActorEventKind::Idle => self.passivate(&event.tenant, ctx),
        }
    }
}

impl Handler<Terminated> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, dead: Terminated, ctx: &mut Self::Context) {
        self.pool.ended(dead.arbiter);
        let is_current = self
            .tenants
            .get(&dead.tenant)
            .is_some_and(|entry| entry.generation == dead.generation && entry.addr().is_some());
        if !is_current {
            // It had been told to stop.
            self.close_if_empty();
            return;
        }
        let entry = self.tenants.get(&dead.tenant);
        if let Some(timer) = entry.and_then(|entry| entry.state().timer()) {
            ctx.cancel_future(timer);
        }
        let state = ActorState::AwaitingRestart(SpawnHandle::default());
        self.tenants.set_state(&dead.tenant, state);
        let (how, why) = if dead.panicked {
            (Failure::Panicked, "its actor panicked")
        } else {
            (Failure::Ended, "its actor ended unasked")
        };
        if self.closing.is_none() {
            self.actor_failed(&dead.tenant, how, why.to_owned(), ctx);
        }
    }
}

impl Handler<Describe> for SupervisorActor {
    type Result = MessageResult<Describe>;

    fn handle(&mut self, Describe(ids): Describe, _: &mut Self::Context) -> Self::Result {
        let describe = |id: TenantId| match self.tenants.get(&id) {
            Some(entry) => StatusQuery::new(entry.status(id), entry.addr().cloned()),
            None => StatusQuery::new(TenantStatus::asleep(id), None),
        };
        MessageResult(ids.into_iter().map(describe).collect())
    }
}

impl Handler<DrainAll> for SupervisorActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: DrainAll, ctx: &mut Self::Context) -> Self::Result {
        let (closed, closing) = oneshot::channel();
        self.closing = Some(closed);
        let all: Vec<_> = self.tenants.iter().map(|(id, _)| id.clone()).collect();
        for id in all {
            self.remove(&id, ctx);
        }
        self.close_if_empty();
        Box::pin(async move {
            // A second shutdown replaces the first one's sender: then both are done.
            let _closed = closing.await;
        })
    }
}

#[cfg(any(test, feature = "fault-injection"))]
impl Handler<crate::messages::Inject> for SupervisorActor {
    type Result = bool;

    fn handle(&mut self, inject: crate::messages::Inject, _: &mut Self::Context) -> bool {
        let crate::messages::Inject(id, fault) = inject;
        let addr = self.tenants.get(&id).and_then(|entry| entry.addr());
        if let Some(addr) = addr {
            addr.do_send(crate::tenant::InjectFault(fault));
        }
        addr.is_some()
    }
}

/// Probe the arbiters, as the timer does.
#[cfg(any(test, feature = "fault-injection"))]
impl Handler<crate::messages::Probe> for SupervisorActor {
    type Result = usize;

    fn handle(&mut self, probe: crate::messages::Probe, ctx: &mut Self::Context) -> usize {
        match probe {
            crate::messages::Probe::Check => self.check_arbiters(ctx),
            crate::messages::Probe::Look => {}
            crate::messages::Probe::PollKeys => self.poll_keys(ctx),
            crate::messages::Probe::Scans => return self.tenants.scans(),
        }
        self.pool.unanswered()
    }
}
