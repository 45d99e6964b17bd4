use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{BrowserSession, ConnectorId, SessionId, TokenHash, UserId};

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
            audience: None,
        };
        let changes = Changes {
            ended: vec![ended],
            ..Changes::default()
        };
        let mut committed = self.commit(&changes).await?;
        Ok(committed.ended.pop())
    }

    /// The sessions of a person that have not ended by `now`, with the hash of their cookie, those
    /// that end last first, at most `most`.
    async fn sessions_of(
        &self,
        connector: &ConnectorId,
        user: &UserId,
        now: Timestamp,
        most: u32,
    ) -> Result<Vec<(TokenHash, BrowserSession)>, StoreError>;

    /// Whether a session with this id (`sid`) has not ended.
    async fn session_exists(&self, id: &SessionId, now: Timestamp) -> Result<bool, StoreError>;
}
