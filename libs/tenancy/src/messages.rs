//! What router and supervisor both know: tidings travel up, faults of tests down.

use actix::Message;
use insula_ambient::Monotonic;
use insula_model::TenantId;

use crate::TenantHandle;

/// Do something bad to a tenant.
#[cfg(any(test, feature = "fault-injection"))]
#[derive(Message)]
#[rtype(result = "bool")]
pub(crate) struct Inject(pub(crate) TenantId, pub(crate) crate::Fault);

/// What the supervisor tells of tenants.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum Tidings {
    /// It can be served.
    Woke(TenantHandle),
    /// It must be woken again before it is served.
    FellAsleep(TenantId),
    /// It failed too often.
    WentToRest {
        id: TenantId,
        until: Monotonic,
        last: Option<TenantHandle>,
    },
}
