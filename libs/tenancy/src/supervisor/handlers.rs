use actix::{AsyncContext as _, Handler, MessageResult, ResponseFuture, SpawnHandle};
use insula_model::TenantId;
use tokio::sync::oneshot;

use super::supervised::ActorState;
use super::{ActorEvent, ActorEventKind, Describe, DrainAll, SupervisorActor, SupervisorCommand};
use crate::death_watch::Terminated;
use crate::messages::SupervisorEvent;
use crate::tenant::{ActorCommand, ReloadScope, StatusQuery, note_leaving};
use crate::{CrashWindow, Failure, TenantStatus};

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
                    match (&entry.state, last) {
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
                match &entry.state {
                    ActorState::Loading(addr) | ActorState::Serving(addr) => {
                        addr.do_send(ActorCommand::Reload(what));
                    }
                    // What was wrong with it may have been corrected.
                    ActorState::AwaitingRetry(addr, timer) => {
                        ctx.cancel_future(*timer);
                        addr.do_send(ActorCommand::Retry);
                        let addr = addr.clone();
                        if let Some(entry) = self.tenants.get_mut(&id) {
                            entry.state = ActorState::Loading(addr);
                        }
                    }
                    ActorState::Quarantined(..) if what == ReloadScope::Spec => {
                        self.end_quarantine(&id, ctx);
                    }
                    ActorState::Quarantined(..) | ActorState::AwaitingRestart(_) => {}
                }
            }
            SupervisorCommand::Reload { which: None, what } => {
                for entry in self.tenants.values() {
                    if let Some(addr) = entry.addr() {
                        addr.do_send(ActorCommand::Reload(what));
                    }
                }
            }
            SupervisorCommand::Remove(id) => {
                note_leaving(&self.runtime, &id);
                self.remove(&id, ctx);
            }
            SupervisorCommand::Revive(id) => {
                if let Some(entry) = self.tenants.get_mut(&id) {
                    entry.crashes = CrashWindow::default();
                    self.end_quarantine(&id, ctx);
                }
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
        entry.unanswered = 0;
        match event.what {
            ActorEventKind::Ready(handle) => {
                if let Some(addr) = entry.addr() {
                    entry.state = ActorState::Serving(addr.clone());
                }
                entry.last_error = None;
                entry.awake_since.get_or_insert(self.runtime.now());
                let took = entry.loading_since.elapsed();
                let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                let id = &event.tenant;
                tracing::info!(tenant.id = %id, generation = event.generation, duration_ms,
                    "tenant {id} is awake");
                self.runtime.metrics.activated(took);
                self.router.do_send(SupervisorEvent::Woke(handle));
                self.count();
            }
            ActorEventKind::LoadFailed { how, why } => {
                self.actor_failed(&event.tenant, how, why, ctx);
            }
            ActorEventKind::Idle => self.passivate(&event.tenant, ctx),
            ActorEventKind::Alive => {}
        }
    }
}

impl Handler<Terminated> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, dead: Terminated, ctx: &mut Self::Context) {
        let entry = self.tenants.get_mut(&dead.tenant);
        let current =
            entry.filter(|entry| entry.generation == dead.generation && entry.addr().is_some());
        let Some(entry) = current else {
            // It had been told to stop.
            self.leaving = self.leaving.saturating_sub(1);
            self.close_if_empty();
            return;
        };
        if let ActorState::AwaitingRetry(_, timer) = entry.state {
            ctx.cancel_future(timer);
        }
        entry.state = ActorState::AwaitingRestart(SpawnHandle::default());
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
        let all: Vec<_> = self.tenants.keys().cloned().collect();
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
