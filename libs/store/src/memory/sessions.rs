use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{BrowserSession, SessionId, TokenHash};

use super::store::{TenantMemory, room};
use crate::{Sessions, StoreError};

#[async_trait]
impl Sessions for TenantMemory {
    async fn find_session(
        &self,
        cookie: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<BrowserSession>, StoreError> {
        let stored = self.rows().sessions.get(cookie).cloned();
        Ok(stored.filter(|session| now < session.expires_at))
    }

    async fn save_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<(), StoreError> {
        let mut rows = self.rows();
        let known = rows.sessions.contains_key(cookie);
        room(known, rows.sessions.len(), "sessions")?;
        rows.sessions.insert(*cookie, session.clone());
        Ok(())
    }

    async fn prolong_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<bool, StoreError> {
        let mut rows = self.rows();
        let Some(stored) = rows.sessions.get_mut(cookie) else {
            return Ok(false);
        };
        *stored = session.clone();
        Ok(true)
    }

    async fn end_session(&self, cookie: &TokenHash) -> Result<Option<BrowserSession>, StoreError> {
        Ok(self.rows().sessions.remove(cookie))
    }

    async fn session_exists(&self, id: &SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let rows = self.rows();
        let mut lasting = rows.sessions.values().filter(|s| now < s.expires_at);
        Ok(lasting.any(|session| session.id == *id))
    }
}
