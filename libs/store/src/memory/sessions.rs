use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{BrowserSession, SessionId, TokenHash};

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

    async fn session_exists(&self, id: &SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let rows = self.rows();
        let mut lasting = rows.sessions.values().filter(|s| now < s.expires_at);
        Ok(lasting.any(|session| session.id == *id))
    }
}
