//! What persistence must offer: contracts in verbs of intent, their memory form, and the suites
//! that every form passes.
//!
//! Owns no SQL and no Redis. A [`TenantStore`] or [`TenantCache`] is bound to one tenant before a
//! flow ever holds it, so that no flow can name another's rows.

mod bus;
mod cache;
mod clients;
pub mod conformance;
mod device;
mod durable;
mod error;
mod facts;
mod grants;
mod key_versions;
mod keys;
mod last_good;
mod login;
mod logouts;
mod memory;
mod outbox;
mod owners;
mod pace;
mod people;
mod registry;
mod registry_index;
mod remembered;
mod rests;
mod sessions;

pub use bus::{Change, ChangeBus, ChangeKind, ChangeStream};
pub use cache::{Cache, ClaimedCode, Finish, LeaveToAnswer, LoginRoom, RefreshTurn, TenantCache};
pub use clients::{ClientPut, Clients, StoredClient};
pub use device::{DeviceLife, DevicePace, DevicePoll, FoundDevice};
pub use durable::{COLLECTED_AFTER, Durable, MASTER_KEY_FACT, TenantStore};
pub use error::StoreError;
pub use facts::{
    ChangedFact, ChangingFacts, ClientFact, FACTS_GOOD_FOR, FactsTotals, FactsUse, NobodyElse,
    PersonFact, RevocationFact, SessionFact, TellFacts, TenantFacts,
};
pub use grants::{Grants, NotedRedemption, Redemption, RefreshRotation};
pub use key_versions::{KEY_VERSIONS_AT_ONCE, KeyVersions};
pub use keys::{KeySwap, Keys, SealedKeys};
pub use last_good::LastGoodDocuments;
pub use login::recorded_login;
pub use logouts::{LOGOUTS_TOLD_FOR, LogoutAudience, LogoutNotice, LogoutNotices};
pub use memory::{CacheLimits, MemoryBus, MemoryCache, MemoryRegistry, MemoryStore};
pub use outbox::{
    Changes, Committed, EVENTS_KEPT_FOR, EndedSession, Outbox, Overtaken, PlacedEvent,
    RecordedLogin, RedeemedCode, RevokedGrant, RotatedGrant, SessionEnding, SwappedKeys,
};
pub use owners::{Owner, Owners};
pub use pace::{Failures, Pace};
pub use people::{People, UpgradedPassword};
pub use registry::{
    EditTenants, RegisteredDocument, SealDocuments, TenantChange, TenantChanges, TenantEntry,
    TenantPut, TenantRegistry,
};
pub use registry_index::TenantIndex;
pub use remembered::{Fact, Reading, Remembered, RememberedBound, RememberedTotals, RememberedUse};
pub use rests::Rests;
pub use sessions::Sessions;
