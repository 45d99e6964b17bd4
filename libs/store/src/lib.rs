//! What persistence must offer: contracts in verbs of intent, their memory form, and the suites
//! that every form passes.
//!
//! Owns no SQL and no Redis. A [`TenantStore`] or [`TenantCache`] is bound to one tenant before a
//! flow ever holds it, so that no flow can name another's rows.

mod bus;
mod cache;
mod clients;
pub mod conformance;
mod durable;
mod error;
mod key_versions;
mod login;
mod memory;
mod registry;
mod registry_index;

pub use bus::{Change, ChangeBus, ChangeKind, Changes};
pub use cache::{Cache, ClaimedCode, Finish, LeaveToAnswer, LoginRoom, TenantCache};
pub use clients::{ClientPut, Clients, StoredClient};
pub use durable::{
    COLLECTED_AFTER, Durable, KeySwap, MASTER_KEY_FACT, NotedRedemption, Owner, Redemption,
    RefreshRotation, SealedKeys, TenantStore, UpgradedPassword,
};
pub use error::StoreError;
pub use key_versions::{KEY_VERSIONS_AT_ONCE, KeyVersions};
pub use login::recorded_login;
pub use memory::{CacheLimits, MemoryBus, MemoryCache, MemoryRegistry, MemoryStore};
pub use registry::{
    EditTenants, RegisteredDocument, SealDocuments, TenantChange, TenantChanges, TenantEntry,
    TenantPut, TenantRegistry,
};
pub use registry_index::TenantIndex;
