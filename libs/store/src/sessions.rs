use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{BrowserSession, SessionId, TokenHash};

use crate::{Changes, EndedSession, Outbox, StoreError};

/// The browser sessions of a tenant.
#[async_trait]
pub trait Sessions: Outbox {
    /// The session of a cookie, if it has not ended by `now`.
    async fn find_session(
        &self,
        cookie: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<BrowserSession>, StoreError>;

    /// Commits alone that a session begins.
    async fn save_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<(), StoreError> {
        let changes = Changes {
            begun: Some((*cookie, session.clone())),
            ..Changes::default()
        };
        self.commit(&changes).await.map(drop)
    }

    /// Commits alone what a session became; `false`, and nothing is stored, if it was ended meanwhile.
    async fn prolong_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<bool, StoreError> {
        let changes = Changes {
            prolonged: Some((*cookie, session.clone())),
            ..Changes::default()
        };
        let committed = self.commit(&changes).await?;
        Ok(committed.was_prolonged)
    }

    /// Commits alone that a session ends, and tells nobody; answers it if it was there.
    async fn end_session(&self, cookie: &TokenHash) -> Result<Option<BrowserSession>, StoreError> {
        let ended = EndedSession {
            cookie: *cookie,
            event: None,
        };
        let changes = Changes {
            ended: vec![ended],
            ..Changes::default()
        };
        let mut committed = self.commit(&changes).await?;
        Ok(committed.ended.pop())
    }

    /// Whether a session with this id (`sid`) has not ended.
    async fn session_exists(&self, id: &SessionId, now: Timestamp) -> Result<bool, StoreError>;
}
