use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::ClientId;
use insula_store::{LogoutNotice, LogoutNotices};

use super::{Answer, NodeStore};
use crate::Defect;

#[async_trait]
impl LogoutNotices for NodeStore {
    async fn due_logout(&self, client: &ClientId, now: Timestamp) -> Answer<Option<LogoutNotice>> {
        let call = self.store.due_logout(client, now);
        self.link.wire.carry("due_logout", call).await
    }

    async fn claim_logout(&self, notice: &LogoutNotice, until: Timestamp) -> Answer<bool> {
        let call = async {
            let is_claimed = self.store.claim_logout(notice, until).await?;
            if is_claimed && self.link.has(Defect::LogoutSettledBeforeSent) {
                self.store.settle_logout(notice).await?;
            }
            Ok(is_claimed)
        };
        self.link.wire.carry("claim_logout", call).await
    }

    async fn postpone_logout(&self, notice: &LogoutNotice, at: Timestamp) -> Answer<()> {
        let call = self.store.postpone_logout(notice, at);
        self.link.wire.carry("postpone_logout", call).await
    }

    async fn settle_logout(&self, notice: &LogoutNotice) -> Answer<()> {
        let call = self.store.settle_logout(notice);
        self.link.wire.carry("settle_logout", call).await
    }
}
