use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use insula_model::{
    AuthRequest, AuthRequestId, CacheEpoch, CodeGrant, DeviceRequest, GrantId, Login, TenantId,
    TokenHash,
};

use crate::{DeviceLife, DevicePace, DevicePoll, Failures, FoundDevice, Pace, StoreError};

/// The short-lived half: what lives minutes. Losing it makes logins under way start again; it logs
/// nobody out and revives nothing revoked.
///
/// How long is counted by the cache, and by nobody's wall clock: a node whose clock is set while
/// somebody logs in, or differs from its neighbour's, neither ends nor prolongs anything here.
#[async_trait]
pub trait Cache: Send + Sync + 'static {
    /// The cache of one tenant. Cheap: shares the connection of the whole.
    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantCache>;

    /// Whether the backend answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Whether the backend takes the writes that logins make, by making one.
    async fn probe(&self) -> Result<(), StoreError>;
}

/// What claiming a code came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimedCode {
    /// It is the presenter's, for as long as nobody answered for it.
    Claimed {
        /// What it stands for.
        grant: Box<CodeGrant>,
        /// How often its presenter claimed it: 1, and more where an earlier try was not answered.
        claim: u32,
        /// The epoch of the cache in which it was claimed.
        epoch: Option<CacheEpoch>,
    },
    /// It was redeemed before, or claimed by another; this is the family it began
    /// (RFC 6749 §4.1.2).
    Replayed(GrantId),
    /// Nobody knows it, or it expired.
    Unknown,
}

/// What asking leave to answer a claim came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaveToAnswer {
    /// The claim may be answered, and no other may in this epoch of the cache.
    Given(Option<CacheEpoch>),
    /// Another claim took over or was answered.
    Refused,
    /// The code is gone: it ended, or the cache lost it.
    Gone,
}

/// What came of asking for the turn to ask an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefreshTurn {
    /// It is the caller's.
    Taken,
    /// Somebody else has it.
    Busy,
    /// The upstream was asked; this is the login with what it said.
    Kept(Box<Login>),
}

/// What finishing a login came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The login is over and its code stands.
    Finished,
    /// It was finished or advanced by another request, or expired.
    Lost,
}

/// How much room a tenant has for logins under way. Anybody may begin one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginRoom {
    /// How many.
    pub entries: u32,
    /// How many bytes they take together.
    pub bytes: u64,
}

impl LoginRoom {
    /// What one login takes at most before anybody is known in it.
    pub const BYTES_EACH: u64 = 2_048;

    /// Room for so many.
    pub const fn of(entries: u32) -> Self {
        Self {
            entries,
            bytes: Self::BYTES_EACH * entries as u64,
        }
    }
}

/// The short-lived state of one tenant. Every entry has a lifetime. Each method is one round trip.
#[async_trait]
pub trait TenantCache: Send + Sync + 'static {
    // --- logins under way ---

    /// Stores a new login for `ttl`. Where the tenant's room is taken the logins go that would end
    /// first: whoever begins very many, most of them abandoned, must not lock out the next person.
    /// One that is larger than the whole room is [`StoreError::Full`].
    async fn put_auth_request(
        &self,
        request: &AuthRequest,
        room: LoginRoom,
        ttl: Duration,
    ) -> Result<(), StoreError>;

    /// A login under way, as it stands.
    async fn get_auth_request(&self, id: &AuthRequestId)
    -> Result<Option<AuthRequest>, StoreError>;

    /// Replaces a login by its next version if the stored version is still `next.version - 1`;
    /// `false` if it is not, or the login is gone. It ends when it was to end. One that grew counts
    /// as it is now.
    async fn advance_auth_request(&self, next: &AuthRequest) -> Result<bool, StoreError>;

    /// Ends a login and stores its code for `ttl` in one atomic step, if it is still at `version`.
    async fn finish_auth_request(
        &self,
        id: &AuthRequestId,
        version: u32,
        code: &TokenHash,
        grant: &CodeGrant,
        ttl: Duration,
    ) -> Result<Finish, StoreError>;

    /// Ends a login without a code; `false` if it was not there.
    async fn drop_auth_request(&self, id: &AuthRequestId) -> Result<bool, StoreError>;

    // --- codes ---

    /// Stores a code for `ttl`.
    async fn put_code(
        &self,
        code: &TokenHash,
        grant: &CodeGrant,
        ttl: Duration,
    ) -> Result<(), StoreError>;

    /// The grant of a code that was not redeemed, without claiming it. For checks that must not
    /// consume (dex keeps a code whose verifier was wrong).
    async fn peek_code(&self, code: &TokenHash) -> Result<Option<CodeGrant>, StoreError>;

    /// Claims a code for `presenter`, the hash of all that was presented with it. Nobody else can
    /// claim it from then on; the same presenter may again, and takes over from its earlier
    /// claims, until one of them was answered. From its first claim a code lives `at_least` so
    /// long, so that it does not end while its presenter tries again. One atomic step.
    async fn claim_code(
        &self,
        code: &TokenHash,
        presenter: &TokenHash,
        at_least: Duration,
    ) -> Result<ClaimedCode, StoreError>;

    /// Asks leave to answer a claim. It is given to one claim of a code, after which the code is
    /// redeemed and is remembered as such for `remember`, or for as long as it was to live if that
    /// is longer. One atomic step.
    async fn answer_code(
        &self,
        code: &TokenHash,
        claim: u32,
        remember: Duration,
    ) -> Result<LeaveToAnswer, StoreError>;

    // --- devices ---

    /// Stores what a device asked for under the hashes of its two codes; `false` if one of them is
    /// somebody's already, or was a moment ago. Where `room` devices are stored the first to end
    /// goes: anybody may ask.
    async fn put_device(
        &self,
        device: &TokenHash,
        user_code: &TokenHash,
        request: &DeviceRequest,
        room: u32,
        life: DeviceLife,
    ) -> Result<bool, StoreError>;

    /// What a user code leads to.
    async fn find_device(&self, user_code: &TokenHash) -> Result<FoundDevice, StoreError>;

    /// Answers a device that waits: a code for `grant` is stored under the hash of its device code,
    /// which is claimed and answered as any other. It lives as long as the device code was to live,
    /// and `at_least` so long. `false` if the device does not wait any more. One atomic step.
    async fn approve_device(
        &self,
        user_code: &TokenHash,
        grant: &CodeGrant,
        at_least: Duration,
    ) -> Result<bool, StoreError>;

    /// Denies a device that waits; `false` if it does not any more. One atomic step.
    async fn deny_device(&self, user_code: &TokenHash) -> Result<bool, StoreError>;

    /// A device asks what became of its request. How often it asks is counted here, in the same
    /// step.
    async fn poll_device(
        &self,
        device: &TokenHash,
        pace: DevicePace,
    ) -> Result<DevicePoll, StoreError>;

    // --- asking an upstream at a refresh: once at a time, and no answer is lost ---

    /// Takes the turn to ask the upstream of a grant, by the hash of the use of that grant, for `ttl`
    /// at most. `holder` is another at each call.
    async fn begin_refresh(
        &self,
        usage: &TokenHash,
        holder: &str,
        ttl: Duration,
    ) -> Result<RefreshTurn, StoreError>;

    /// Gives back a turn that nothing came of; one that is another's by now stays.
    async fn end_refresh(&self, usage: &TokenHash, holder: &str) -> Result<(), StoreError>;

    /// Keeps a refreshed login for `ttl` until it is stored durably, in place of the turn.
    async fn keep_refreshed(
        &self,
        usage: &TokenHash,
        login: &Login,
        ttl: Duration,
    ) -> Result<(), StoreError>;

    /// Forgets a refreshed login that is stored durably.
    async fn forget_refreshed(&self, usage: &TokenHash) -> Result<(), StoreError>;

    // --- counters ---

    /// Counts one more event under `key` and answers how many there were in the window that began
    /// with the first of them. The count is gone `window` after that first event.
    async fn count(&self, key: &str, window: Duration) -> Result<u64, StoreError>;

    /// How many events stand under `key`, without counting one.
    async fn counted(&self, key: &str) -> Result<u64, StoreError>;

    /// Counts one more failure against each of these names, each by its own pace, and answers what
    /// stands against each then, in their order. One atomic step.
    async fn count_failures(&self, names: &[(String, Pace)]) -> Result<Vec<Failures>, StoreError>;

    /// What stands against each of these names, in their order, without counting one.
    async fn failures(&self, names: &[(String, Pace)]) -> Result<Vec<Failures>, StoreError>;
}
