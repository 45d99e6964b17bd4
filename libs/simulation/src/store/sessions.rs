use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{BrowserSession, ConnectorId, SessionId, TokenHash, UserId};
use insula_store::Sessions;

use super::{Answer, NodeStore};

#[async_trait]
impl Sessions for NodeStore {
    async fn find_session(
        &self,
        cookie: &TokenHash,
        now: Timestamp,
    ) -> Answer<Option<BrowserSession>> {
        let call = self.store.find_session(cookie, now);
        self.link.wire.carry("find_session", call).await
    }

    async fn sessions_of(
        &self,
        connector: &ConnectorId,
        user: &UserId,
        now: Timestamp,
        most: u32,
    ) -> Answer<Vec<(TokenHash, BrowserSession)>> {
        let call = self.store.sessions_of(connector, user, now, most);
        self.link.wire.carry("sessions_of", call).await
    }

    async fn session_exists(&self, id: &SessionId, now: Timestamp) -> Answer<bool> {
        let call = self.store.session_exists(id, now);
        self.link.wire.carry("session_exists", call).await
    }
}
