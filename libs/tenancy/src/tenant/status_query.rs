use std::time::Duration;

use actix::Addr;

use crate::TenantStatus;
use crate::tenant::actor::{Observe, TenantActor};

/// A tenant's status as the supervisor knows it, and its actor, to be asked for the rest.
pub(crate) struct StatusQuery {
    known: TenantStatus,
    actor: Option<Addr<TenantActor>>,
}

impl StatusQuery {
    pub(crate) fn new(known: TenantStatus, actor: Option<Addr<TenantActor>>) -> Self {
        Self { known, actor }
    }

    /// The same of a tenant whose present configuration cannot be served, if so.
    pub(crate) fn on_last_good(mut self, is_so: bool) -> Self {
        self.known.on_last_good = is_so;
        self.known = self.known.with_next_step();
        self
    }

    /// Asks the actor, for so long. One that does not answer in time is described by what is known.
    pub(crate) async fn answer(self, patience: Duration) -> TenantStatus {
        let Some(actor) = self.actor else {
            return self.known;
        };
        let mut status = self.known;
        let observed = tokio::time::timeout(patience, actor.send(Observe)).await;
        if let Ok(Ok(own)) = observed {
            status.phase = own.phase;
            status.epoch = own.epoch;
            status.remembered = own.remembered;
            status.last_error = own.last_error.or(status.last_error);
        }
        status.with_next_step()
    }
}
