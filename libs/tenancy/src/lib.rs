//! The actors: router, supervisor, tenant; and the directory of snapshots they publish.
//!
//! Owns what happens to a tenant: it is found, woken and loaded, its keys are rotated, it is
//! reloaded, passivated, and restarted when it fails. Every change has one writer, the tenant's
//! actor, and is published as an immutable [`TenantSnapshot`]; a request pins one through the
//! [`Directory`] and asks no actor.
//! Owns no protocol rule (`engine`), no list of tenants (an `insula_store::TenantRegistry` is handed
//! in), no format of documents (a [`SpecSource`] is handed in) and no HTTP.
//!
//! actix is named in this crate and in none below it.

mod arbiters;
mod background;
mod death_watch;
mod delta;
mod directory;
mod discovery;
mod facts;
#[cfg(any(test, feature = "fault-injection"))]
mod fault;
mod handle;
mod key_versions;
mod last_good;
mod limits;
mod logout_delivery;
mod messages;
mod metrics;
mod restart;
mod router;
mod routes;
mod runtime;
mod snapshot;
mod snapshot_cell;
mod source;
mod spare_keys;
mod status;
mod supervisor;
mod tenancy;
mod tenant;

pub use directory::{Directory, Lookup};
pub use discovery::DiscoveryDocument;
#[cfg(any(test, feature = "fault-injection"))]
pub use fault::Fault;
pub use handle::TenantHandle;
pub use limits::TenantLimits;
pub use logout_delivery::LogoutDelivery;
pub use metrics::Metrics;
pub use restart::{CrashWindow, Failure, RestartPolicy, Verdict};
pub use router::{RescanError, RescanReport};
pub use snapshot::TenantSnapshot;
pub use source::{LoadedSpec, SpecError, SpecSource};
pub use status::{ConnectorHealth, KeyStatus, RememberedStatus, TenantPhase, TenantStatus};
pub use tenancy::{HashingShare, Tenancy, TenancyDeps, TenancyOptions, Unavailable};
#[cfg(feature = "simulation")]
pub use tenant::{MakeKey, SteppedProcess, SteppedServices, SteppedTenant};
pub use tenant::{another_owner, rotation_policy};

#[cfg(test)]
mod tests;
