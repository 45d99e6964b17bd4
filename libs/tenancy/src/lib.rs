//! The actors: router, supervisor, tenant; and the directory of snapshots they publish.
//!
//! Owns what happens to a tenant: it is found, woken, loaded, its keys rotate, it is reloaded, let
//! go, dies and returns. Every change has one writer, the tenant's actor, and is published as an
//! immutable [`TenantSnapshot`]; a request pins one through the [`Directory`] and asks no actor.
//! Owns no protocol rule (`engine`), no file format (a [`SpecSource`] is handed in) and no HTTP.
//!
//! actix is named in this crate and in none below it.

mod cell;
mod death_watch;
mod directory;
#[cfg(any(test, feature = "fault-injection"))]
mod fault;
mod handle;
mod house;
mod limits;
mod messages;
mod metrics;
mod restart;
mod router;
mod routes;
mod snapshot;
mod source;
mod status;
mod supervisor;
mod tenancy;
mod tenant;

pub use directory::{Directory, Lookup};
#[cfg(any(test, feature = "fault-injection"))]
pub use fault::Fault;
pub use handle::TenantHandle;
pub use limits::TenantLimits;
pub use metrics::Metrics;
pub use restart::{CrashWindow, Downfall, RestartPolicy, Verdict};
pub use router::{RescanError, RescanReport};
pub use snapshot::TenantSnapshot;
pub use source::{LoadedSpec, SpecError, SpecSource, TenantRoute};
pub use status::{ConnectorHealth, KeyStatus, TenantPhase, TenantStatus};
pub use tenancy::{HashingShare, Tenancy, TenancyDeps, TenancyOptions, Unavailable};
pub use tenant::theme_request;

#[cfg(test)]
mod tests;
