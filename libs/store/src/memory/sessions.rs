use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{BrowserSession, ConnectorId, SessionId, TokenHash, UserId};

use super::store::TenantMemory;
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

    async fn sessions_of(
        &self,
        connector: &ConnectorId,
        user: &UserId,
        now: Timestamp,
        most: u32,
    ) -> Result<Vec<(TokenHash, BrowserSession)>, StoreError> {
        let rows = self.rows();
        let own = rows.sessions.iter().filter(|(_, session)| {
            let is_theirs = session.connector_id == *connector && session.claims.user_id == *user;
            is_theirs && now < session.expires_at
        });
        let mut own: Vec<_> = own.map(|(cookie, own)| (*cookie, own.clone())).collect();
        own.sort_by_key(|(_, session)| std::cmp::Reverse(session.expires_at));
        own.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(own)
    }

    async fn session_exists(&self, id: &SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let rows = self.rows();
        let mut lasting = rows.sessions.values().filter(|s| now < s.expires_at);
        Ok(lasting.any(|session| session.id == *id))
    }
}
