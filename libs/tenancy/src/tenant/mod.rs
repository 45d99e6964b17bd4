//! One tenant's actor: `life` decides, `actor` does, the rest says how.

mod actor;
mod build;
mod changes;
mod connectors;
mod hidden_clients;
mod key_orders;
mod life;
mod owner;
pub(crate) mod rotation;
mod status_query;
#[cfg(feature = "simulation")]
mod stepped;
mod stores;
#[cfg(feature = "simulation")]
pub use stepped::{MakeKey, SteppedProcess, SteppedServices, SteppedTenant};

#[cfg(any(test, feature = "fault-injection"))]
pub(crate) use actor::InjectFault;
pub(crate) use actor::{ActorCommand, TenantActor};
pub(crate) use life::ReloadScope;
pub use owner::another_owner;
pub(crate) use owner::note_leaving;
pub use rotation::rotation_policy;
pub(crate) use status_query::StatusQuery;
