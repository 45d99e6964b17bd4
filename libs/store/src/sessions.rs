use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{BrowserSession, SessionId, TokenHash};

use crate::StoreError;

/// The browser sessions of a tenant.
#[async_trait]
pub trait Sessions: Send + Sync + 'static {
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
}
