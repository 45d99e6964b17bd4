//! What router and supervisor both know.

use actix::Message;
use insula_ambient::Monotonic;
use insula_model::TenantId;

use crate::TenantHandle;

/// Inject a fault into the actor of a tenant.
#[cfg(any(test, feature = "fault-injection"))]
#[derive(Message)]
#[rtype(result = "bool")]
pub(crate) struct Inject(pub(crate) TenantId, pub(crate) crate::Fault);

/// Do with the arbiters what the timer does, or only look at them: answers how many have not answered
/// their heartbeat. Or tell how often something looked at all tenants, or ask for the versions of keys
/// as the timer does.
#[cfg(any(test, feature = "fault-injection"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "usize")]
pub(crate) enum Probe {
    Check,
    Look,
    Scans,
    PollKeys,
}

/// What the supervisor reports of tenants.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum SupervisorEvent {
    /// It can be served.
    Woke(TenantHandle),
    /// It must be woken again before it is served.
    FellAsleep(TenantId),
    /// It failed too often.
    Quarantined {
        id: TenantId,
        until: Monotonic,
        last: Option<TenantHandle>,
    },
}
