use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{ClientId, TenantId};

use crate::{
    Clients, Grants, KeyVersions, Keys, LastGoodDocuments, LogoutNotices, Outbox, Owner, Owners,
    People, SealedKeys, Sessions, StoreError,
};

/// The fact that says which master key an installation is sealed under.
pub const MASTER_KEY_FACT: &str = "master-key";

/// How long a row stays after its end. The clock of the process that collects may be ahead of the
/// others', and tokens are taken for some seconds after theirs: a revocation that went with them
/// would bring them back.
pub const COLLECTED_AFTER: Duration = Duration::from_hours(24);

/// The durable half: what must survive every process.
#[async_trait]
pub trait Durable: KeyVersions + LastGoodDocuments + Send + Sync + 'static {
    /// The store of one tenant. Cheap: shares the connections of the whole.
    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantStore>;

    /// Whether the backend answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Whether the backend takes the writes that logins make: makes one of its own, dated `now`, and
    /// asks for the right to make the others.
    async fn probe(&self, now: Timestamp) -> Result<(), StoreError>;

    /// What stands under `name` of the installation as a whole, such as which master key it is
    /// sealed under.
    async fn fact(&self, name: &str) -> Result<Option<String>, StoreError>;

    /// Stores a fact unless one of that name stands, in one atomic step; answers what stands.
    async fn settle_fact(&self, name: &str, value: &str) -> Result<String, StoreError>;

    /// Key rings of any tenants, `most` at most: they tell whether anything is sealed yet, and under
    /// which master key.
    async fn some_key_rings(&self, most: u32) -> Result<Vec<(TenantId, SealedKeys)>, StoreError>;

    /// Whose the rows of every tenant are that was ever claimed.
    async fn owners(&self) -> Result<Vec<(TenantId, Owner)>, StoreError>;

    /// Takes or renews a named lease for `holder`, so that one process at a time does what
    /// the name stands for. `true` if `holder` has it until `now + ttl`.
    async fn lease(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError>;

    /// Clients of all tenants that are to be told of a logout at `now`, those that wait for longest
    /// first, `most` at most.
    async fn clients_due_logouts(
        &self,
        now: Timestamp,
        most: u32,
    ) -> Result<Vec<(TenantId, ClientId)>, StoreError>;

    /// Deletes up to `batch` expired rows of each kind, of all tenants; answers how many went.
    /// A row that expires after `now` stays; who asks leaves rows [`COLLECTED_AFTER`] their end.
    async fn collect_expired(&self, now: Timestamp, batch: u32) -> Result<u64, StoreError>;
}

/// The durable state of one tenant: all its records.
pub trait TenantStore:
    Clients + Grants + Keys + LogoutNotices + Outbox + Owners + People + Sessions
{
}

impl<T> TenantStore for T where
    T: Clients + Grants + Keys + LogoutNotices + Outbox + Owners + People + Sessions
{
}
