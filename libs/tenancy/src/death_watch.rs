use std::sync::Arc;

use actix::{Message, Recipient};
use insula_model::TenantId;

/// An actor is no more.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub(crate) struct Terminated {
    pub(crate) tenant: TenantId,
    pub(crate) generation: u64,
    /// Which arbiter it ran on.
    pub(crate) arbiter: u64,
    pub(crate) panicked: bool,
}

/// Kept by an actor for as long as it lives; tells the supervisor when it is dropped, however that
/// comes about. actix restarts no actor that panicked, and tells nobody.
pub(crate) struct DeathWatch {
    tenant: TenantId,
    generation: u64,
    arbiter: u64,
    supervisor: Arc<Recipient<Terminated>>,
}

impl DeathWatch {
    pub(crate) fn new(
        tenant: TenantId,
        generation: u64,
        arbiter: u64,
        supervisor: Arc<Recipient<Terminated>>,
    ) -> Self {
        Self {
            tenant,
            generation,
            arbiter,
            supervisor,
        }
    }
}

impl Drop for DeathWatch {
    fn drop(&mut self) {
        self.supervisor.do_send(Terminated {
            tenant: self.tenant.clone(),
            generation: self.generation,
            arbiter: self.arbiter,
            // A task that panics is dropped while its stack unwinds.
            panicked: std::thread::panicking(),
        });
    }
}
