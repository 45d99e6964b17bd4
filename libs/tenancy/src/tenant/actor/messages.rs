use actix::{Handler, Message, MessageResult};

use super::TenantActor;
use crate::tenant::life::{Event, ReloadScope};
use crate::{RememberedStatus, TenantPhase};

/// What the supervisor has an actor do.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) enum ActorCommand {
    /// Load something anew.
    Reload(ReloadScope),
    /// Try again what could not be loaded.
    Retry,
    /// Finish what was begun, and stop.
    Drain,
}

/// Describe yourself.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "OwnStatus")]
pub(crate) struct Observe;

/// What only the actor knows of itself.
pub(crate) struct OwnStatus {
    pub(crate) phase: TenantPhase,
    pub(crate) epoch: u64,
    pub(crate) last_error: Option<String>,
    pub(crate) remembered: RememberedStatus,
}

/// Inject this fault.
#[cfg(any(test, feature = "fault-injection"))]
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct InjectFault(pub(crate) crate::Fault);

impl Handler<ActorCommand> for TenantActor {
    type Result = ();

    fn handle(&mut self, instruction: ActorCommand, ctx: &mut Self::Context) {
        let event = match instruction {
            ActorCommand::Reload(what) => Event::ReloadAsked(what),
            ActorCommand::Retry => Event::RetryAsked,
            ActorCommand::Drain => Event::DrainAsked,
        };
        self.live(event, ctx);
    }
}

impl Handler<Observe> for TenantActor {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        MessageResult(OwnStatus {
            phase: self.life.phase(),
            epoch: self.epoch,
            last_error: self.spec_error.clone().or(self.keys_error.clone()),
            remembered: self.stores.remembered(),
        })
    }
}

#[cfg(any(test, feature = "fault-injection"))]
impl Handler<InjectFault> for TenantActor {
    type Result = ();

    #[expect(clippy::panic, reason = "this is the panic that tests ask for")]
    fn handle(&mut self, InjectFault(fault): InjectFault, ctx: &mut Self::Context) {
        let activity = std::sync::Arc::clone(&self.activity);
        let _entered = activity.enter(self.running());
        match fault {
            crate::Fault::Panic => panic!("tenant {} was asked to panic", self.id),
            crate::Fault::Hang => self.runtime.hangs.hang(),
            crate::Fault::Tick => self.tick(ctx),
        }
    }
}
