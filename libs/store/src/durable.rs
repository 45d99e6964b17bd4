use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{
    BrowserSession, ClientId, CodeClaim, ConnectorId, GrantId, Identity, IdentityClaims, Login,
    RefreshGrant, RefreshId, SessionId, TenantId, TokenHash, UserId,
};
use insula_oauth::Scopes;

use crate::{Clients, KeyVersions, StoreError};

/// The fact that says which master key an installation is sealed under.
pub const MASTER_KEY_FACT: &str = "master-key";

/// How long a row stays after its end. The clock of the process that collects may be ahead of the
/// others', and tokens are taken for some seconds after theirs: a revocation that went with them
/// would bring them back.
pub const COLLECTED_AFTER: Duration = Duration::from_hours(24);

/// The durable half: what must survive every process.
#[async_trait]
pub trait Durable: KeyVersions + Send + Sync + 'static {
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

    /// Takes or renews a named lease for `holder`, so that a chore is done by one process at a time.
    /// `true` if `holder` has it until `now + ttl`.
    async fn lease(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError>;

    /// Deletes up to `batch` expired rows of each kind, of all tenants; answers how many went.
    /// A row that expires after `now` stays; who asks leaves rows [`COLLECTED_AFTER`] their end.
    async fn collect_expired(&self, now: Timestamp, batch: u32) -> Result<u64, StoreError>;
}

/// A sealed key ring, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKeys {
    /// Raised by every swap.
    pub version: u64,
    /// Sealed under the master key; the store cannot read it.
    pub sealed: Vec<u8>,
}

/// Whose the rows of a tenant are: ids of tenants are names of folders, which may be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The issuer that keys, sessions and grants were made for.
    pub issuer: String,
    /// Since when there is no such tenant, if it was seen to go.
    pub left_at: Option<Timestamp>,
}

/// What came of a key swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySwap {
    /// The new ring is stored.
    Swapped,
    /// Another process swapped first; load again.
    Lost,
}

/// What came of a refresh rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshRotation {
    /// The grant is at its new generation.
    Rotated,
    /// It was no longer at the generation expected, or is gone; load again.
    Lost,
}

/// What came of noting durably that a code was redeemed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redemption {
    /// It is noted, for the first time.
    First,
    /// It had been noted before.
    Repeated(NotedRedemption),
}

/// A redemption as it was noted, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedRedemption {
    /// The claim that noted it, if it could be placed.
    pub claim: Option<CodeClaim>,
    /// Whether its answer was taken, or its refresh token was used, or it was noted by a version
    /// that told no claims and took no answers.
    pub answered: bool,
    /// The refresh grant it began, as it stands; none if it began none, or if the family was
    /// revoked.
    pub refresh: Option<Box<RefreshGrant>>,
}

/// A password hash made here that stands for an older one in a file.
#[derive(Clone, PartialEq, Eq)]
pub struct UpgradedPassword {
    /// Lower-cased login name.
    pub email: String,
    /// The hash of the configured hash text this one replaces; if the file changes, it is void.
    pub replaces: TokenHash,
    /// The new PHC string.
    pub hash: String,
}

impl std::fmt::Debug for UpgradedPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UpgradedPassword")
    }
}

/// The durable state of one tenant.
#[async_trait]
pub trait TenantStore: Clients + Send + Sync + 'static {
    // --- the tenant itself ---

    /// Whose the rows are. Where nobody knows yet, they are `issuer`'s from now on.
    async fn claim(&self, issuer: &str) -> Result<Owner, StoreError>;

    /// Says whose the rows are from now on; the tenant is there.
    async fn adopt(&self, issuer: &str) -> Result<(), StoreError>;

    /// Notes that the tenant is gone. Its rows stay; without any, there is nothing to note.
    async fn note_left(&self, at: Timestamp) -> Result<(), StoreError>;

    // --- keys ---

    /// The sealed key ring, if there ever was one.
    async fn load_keys(&self) -> Result<Option<SealedKeys>, StoreError>;

    /// Stores `new` if the stored version is still `expected` (`None`: if there is none).
    async fn swap_keys(
        &self,
        expected: Option<u64>,
        new: &SealedKeys,
    ) -> Result<KeySwap, StoreError>;

    // --- people ---

    /// A person by the connector they came through.
    async fn find_identity(
        &self,
        connector: &ConnectorId,
        user: &UserId,
    ) -> Result<Option<Identity>, StoreError>;

    /// Records that a person logged in, with what the connector says of them, and in the same
    /// statement what they allowed `consent.0`, added to what they had allowed it before.
    /// Where nothing changed but the time, the write may be skipped if `last_login_at` moved by
    /// less than a minute.
    async fn record_login(
        &self,
        connector: &ConnectorId,
        claims: &IdentityClaims,
        consent: Option<(&ClientId, &Scopes)>,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// The upgraded password of a login name.
    async fn find_upgraded_password(
        &self,
        email: &str,
    ) -> Result<Option<UpgradedPassword>, StoreError>;

    /// Stores an upgraded password; a later one replaces an earlier one.
    async fn upgrade_password(&self, upgraded: &UpgradedPassword) -> Result<(), StoreError>;

    // --- browser sessions ---

    /// The session of a cookie, if it has not ended by `now`.
    async fn find_session(
        &self,
        cookie: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<BrowserSession>, StoreError>;

    /// Stores a session under the hash of its cookie; an earlier one of that cookie is replaced.
    async fn save_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<(), StoreError>;

    /// Stores what a session became, if it is still there: `false`, and nothing is stored, if it
    /// was ended meanwhile. A logout must not be undone by a request that was under way.
    async fn prolong_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<bool, StoreError>;

    /// Ends a session; answers it if it was there.
    async fn end_session(&self, cookie: &TokenHash) -> Result<Option<BrowserSession>, StoreError>;

    /// Whether a session with this id (`sid`) has not ended.
    async fn session_exists(&self, id: &SessionId, now: Timestamp) -> Result<bool, StoreError>;

    // --- refresh grants and revocation ---

    /// Stores the refresh grant that a redeemed code begins, which notes the redemption too, and the
    /// claim it was redeemed with: of those with the same id and family only one is stored. One of a family that was revoked already is dead from the start.
    async fn add_refresh(
        &self,
        grant: &RefreshGrant,
        claim: Option<&CodeClaim>,
    ) -> Result<Redemption, StoreError>;

    /// Notes that the code of a family was redeemed that began no refresh grant; stands until
    /// `until`.
    async fn note_redeemed(
        &self,
        grant: &GrantId,
        claim: Option<&CodeClaim>,
        until: Timestamp,
    ) -> Result<Redemption, StoreError>;

    /// Takes the one answer of a redemption that [`add_refresh`](Self::add_refresh) noted, and notes
    /// that it was given at `at`. `true` to one caller, and to none once the refresh token was used
    /// for another.
    async fn take_refresh_answer(&self, id: &RefreshId, at: Timestamp) -> Result<bool, StoreError>;

    /// The same of one that [`note_redeemed`](Self::note_redeemed) noted.
    async fn take_answer(&self, grant: &GrantId, at: Timestamp) -> Result<bool, StoreError>;

    /// A refresh grant by the first half of its token, expired or not.
    async fn find_refresh(&self, id: &RefreshId) -> Result<Option<RefreshGrant>, StoreError>;

    /// Stores `next` if the grant is still at generation `expected` and not revoked, in one atomic
    /// step. `login`, `generation`, `last_used_at` and `expires_at` change; the rest stays. A new
    /// generation is not answered.
    async fn rotate_refresh(
        &self,
        expected: u32,
        next: &RefreshGrant,
    ) -> Result<RefreshRotation, StoreError>;

    /// Notes that the token of a generation was given out at `at`, if the grant still is at that
    /// generation. This store sees it at once; it may be written a moment later, with others, and
    /// be lost with the process.
    async fn note_answered(
        &self,
        id: &RefreshId,
        generation: u32,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Revokes a family: its refresh grants are dead, and [`is_revoked`](Self::is_revoked) answers
    /// yes until `until`, when its last access token is dead anyway. Revoking twice is once.
    async fn revoke_grant(&self, grant: &GrantId, until: Timestamp) -> Result<(), StoreError>;

    /// Whether a family was revoked.
    async fn is_revoked(&self, grant: &GrantId) -> Result<bool, StoreError>;

    /// What a person's login is worth for refreshes: their refresh grants with `client`, newest
    /// first, at most 100. For logout and for the admin API.
    async fn refresh_grants_of(
        &self,
        connector: &ConnectorId,
        user: &UserId,
        client: Option<&ClientId>,
    ) -> Result<Vec<RefreshGrant>, StoreError>;
}

/// The part of a [`Login`] that a rotation may change, named here because every backend needs it.
pub(crate) fn rotated(mut stored: RefreshGrant, next: &RefreshGrant) -> RefreshGrant {
    let Login {
        connector_data,
        claims,
        ..
    } = &next.login;
    stored.login.claims = claims.clone();
    stored.login.connector_data.clone_from(connector_data);
    stored.answered &= stored.generation == next.generation;
    stored.generation = next.generation;
    stored.last_used_at = next.last_used_at;
    stored.expires_at = next.expires_at;
    stored
}
