use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{
    AuthRequest, AuthRequestId, BrowserSession, CodeGrant, GrantId, TenantId, TokenHash,
};

use crate::StoreError;

/// The short-lived half: what lives minutes, and the cache in front of sessions. Losing it makes
/// logins under way start again; it logs nobody out and revives nothing revoked.
#[async_trait]
pub trait Cache: Send + Sync + 'static {
    /// The cache of one tenant. Cheap: shares the connection of the whole.
    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantCache>;

    /// Whether the backend answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Whether the backend takes the writes that logins make, by making one.
    async fn probe(&self) -> Result<(), StoreError>;
}

/// What redeeming a code came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedeemedCode {
    /// It was good, and is used up now.
    Fresh(Box<CodeGrant>),
    /// It was redeemed before; this is the family it began (RFC 6749 §4.1.2).
    Replayed(GrantId),
    /// Nobody knows it, or it expired.
    Unknown,
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

    /// Stores a new login until its `expires_at`. Where the tenant's room is taken the oldest logins
    /// go: whoever begins very many, most of them abandoned, must not lock out the next person. One
    /// that is larger than the whole room is [`StoreError::Full`].
    async fn put_auth_request(
        &self,
        request: &AuthRequest,
        room: LoginRoom,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// A login under way, as it stands.
    async fn get_auth_request(&self, id: &AuthRequestId)
    -> Result<Option<AuthRequest>, StoreError>;

    /// Replaces a login by its next version if the stored version is still `next.version - 1`;
    /// `false` if it is not, or the login is gone. One that grew counts as it is now.
    async fn advance_auth_request(
        &self,
        next: &AuthRequest,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Ends a login and stores its code in one atomic step, if it is still at `version`.
    async fn finish_auth_request(
        &self,
        id: &AuthRequestId,
        version: u32,
        code: &TokenHash,
        grant: &CodeGrant,
        now: Timestamp,
    ) -> Result<Finish, StoreError>;

    /// Ends a login without a code; `false` if it was not there.
    async fn drop_auth_request(&self, id: &AuthRequestId) -> Result<bool, StoreError>;

    // --- codes ---

    /// Stores a code until its `expires_at`.
    async fn put_code(
        &self,
        code: &TokenHash,
        grant: &CodeGrant,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// A code's grant, without using it up. For checks that must not consume (dex keeps a code
    /// whose verifier was wrong).
    async fn peek_code(&self, code: &TokenHash) -> Result<Option<CodeGrant>, StoreError>;

    /// Redeems a code: the first caller gets the grant, all others hear that it is used, for
    /// `remember` longer. One atomic step.
    async fn take_code(
        &self,
        code: &TokenHash,
        now: Timestamp,
        remember: Duration,
    ) -> Result<RedeemedCode, StoreError>;

    // --- the cache in front of browser sessions ---

    /// A cached session.
    async fn get_session(&self, cookie: &TokenHash) -> Result<Option<BrowserSession>, StoreError>;

    /// Caches a session for at most `ttl`.
    async fn put_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
        ttl: Duration,
    ) -> Result<(), StoreError>;

    /// Forgets a session.
    async fn drop_session(&self, cookie: &TokenHash) -> Result<(), StoreError>;

    // --- counters ---

    /// Counts one more event under `key` and answers how many there were in the window that began
    /// with the first of them. The count is gone `window` after that first event.
    async fn count(&self, key: &str, window: Duration, now: Timestamp) -> Result<u64, StoreError>;

    /// How many events stand under `key`, without counting one.
    async fn counted(&self, key: &str, now: Timestamp) -> Result<u64, StoreError>;
}
