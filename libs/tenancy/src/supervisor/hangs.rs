use actix::{AsyncContext as _, Context, SpawnHandle};
use insula_model::TenantId;

use super::SupervisorActor;
use super::supervised::{ActorState, SupervisedTenant};
use crate::Failure;
use crate::arbiters::BlockedArbiter;

impl SupervisorActor {
    /// A round of heartbeats. Of a blocked arbiter only the tenant whose work blocks it has failed;
    /// its neighbours get their next actor on another arbiter at once.
    pub(super) fn check_arbiters(&mut self, ctx: &mut Context<Self>) {
        let blocked = self.pool.check(self.runtime.monotonic());
        let given_up = i64::try_from(self.pool.given_up()).unwrap_or(i64::MAX);
        self.runtime.metrics.threads_given_up.set(given_up);
        for arbiter in blocked {
            self.replace(&arbiter, ctx);
        }
        self.close_if_empty();
    }

    fn replace(&mut self, arbiter: &BlockedArbiter, ctx: &mut Context<Self>) {
        self.runtime.metrics.threads_replaced.inc();
        let seconds = arbiter.silent_for.as_secs();
        let tenants = self.tenants.running_on(arbiter.id);
        let culprit = arbiter.running.as_ref().map(|running| &running.tenant);
        let others = tenants.iter().filter(|id| Some(*id) != culprit).count();
        match culprit {
            Some(id) => tracing::error!(tenant.id = %id, moved = others,
                "tenant {id} blocks a thread for {seconds} s; the thread is given up, another one \
                 takes its place, and the {others} other tenants on it are moved"),
            None => tracing::error!(
                moved = others,
                "a thread of tenants' actors did not answer for {seconds} s; it is given up, \
                 another one takes its place, and the {others} tenants on it are moved"
            ),
        }
        for id in tenants {
            let is_current = |entry: &SupervisedTenant| {
                let running = arbiter.running.as_ref();
                running.is_some_and(|running| {
                    running.tenant == id && running.generation == entry.generation
                })
            };
            if self.tenants.get(&id).is_some_and(is_current) {
                self.abandon_actor(&id, ctx);
                let why = format!("its actor blocked a thread for {seconds} s");
                self.actor_failed(&id, Failure::Hung, why, ctx);
            } else {
                self.move_tenant(&id, ctx);
            }
        }
    }

    /// Gives a tenant another actor elsewhere, without a failure on its account.
    fn move_tenant(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        self.runtime.metrics.moves.inc();
        let waits = match self.tenants.get(id).map(SupervisedTenant::state) {
            Some(ActorState::AwaitingRetry(_, timer)) => Some(*timer),
            _ => None,
        };
        if let Some(timer) = waits {
            // The time it was told to wait still counts.
            self.leave_actor(id);
            self.tenants
                .set_state(id, ActorState::AwaitingRestart(timer));
        } else {
            self.start_actor(id, ctx);
        }
    }

    fn abandon_actor(&mut self, id: &TenantId, ctx: &mut Context<Self>) {
        self.leave_actor(id);
        if let Some(entry) = self.tenants.get(id)
            && let Some(timer) = entry.state().timer()
        {
            ctx.cancel_future(timer);
        }
        let state = ActorState::AwaitingRestart(SpawnHandle::default());
        self.tenants.set_state(id, state);
    }

    /// Lets nothing that the present actor still reports or publishes count.
    fn leave_actor(&mut self, id: &TenantId) {
        self.stop_actor(id);
        let generation = self.next_generation();
        if let Some(entry) = self.tenants.get_mut(id) {
            entry.generation = generation;
            entry.cell.pass_to(generation);
        }
    }
}
