use actix::{Handler, Message, MessageResult};

use super::TenantActor;
use crate::TenantPhase;
use crate::supervisor::What;
use crate::tenant::life::{Event, WhatChanged};

/// What the supervisor tells an actor.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) enum Instruction {
    /// Load something anew.
    Reload(WhatChanged),
    /// Try again what could not be loaded.
    Retry,
    /// Finish what was begun, and stop.
    Drain,
}

/// Are you there?
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct Ping;

/// How are you?
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "OwnStatus")]
pub(crate) struct Observe;

/// What only the actor knows of itself.
pub(crate) struct OwnStatus {
    pub(crate) phase: TenantPhase,
    pub(crate) epoch: u64,
    pub(crate) last_error: Option<String>,
}

/// Something bad happens.
#[cfg(any(test, feature = "fault-injection"))]
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct Suffer(pub(crate) crate::Fault);

impl Handler<Instruction> for TenantActor {
    type Result = ();

    fn handle(&mut self, instruction: Instruction, ctx: &mut Self::Context) {
        let event = match instruction {
            Instruction::Reload(what) => Event::ReloadAsked(what),
            Instruction::Retry => Event::RetryAsked,
            Instruction::Drain => Event::DrainAsked,
        };
        self.live(event, ctx);
    }
}

impl Handler<Ping> for TenantActor {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {
        self.say(What::Here);
    }
}

impl Handler<Observe> for TenantActor {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        MessageResult(OwnStatus {
            phase: self.life.phase(),
            epoch: self.epoch,
            last_error: self.spec_trouble.clone().or(self.keys_trouble.clone()),
        })
    }
}

#[cfg(any(test, feature = "fault-injection"))]
impl Handler<Suffer> for TenantActor {
    type Result = ();

    #[expect(clippy::panic, reason = "this is the panic that tests ask for")]
    fn handle(&mut self, Suffer(fault): Suffer, ctx: &mut Self::Context) {
        match fault {
            crate::Fault::Panic => panic!("tenant {} was asked to panic", self.id),
            crate::Fault::Hang => self.house.hangs.hang(),
            crate::Fault::Tick => self.tick(ctx),
        }
    }
}
