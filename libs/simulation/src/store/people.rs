use async_trait::async_trait;
use insula_model::{ConnectorId, Identity, UserId};
use insula_store::{People, UpgradedPassword};

use super::{Answer, NodeStore};

#[async_trait]
impl People for NodeStore {
    async fn find_identity(
        &self,
        connector: &ConnectorId,
        user: &UserId,
    ) -> Answer<Option<Identity>> {
        let call = self.store.find_identity(connector, user);
        self.link.wire.carry("find_identity", call).await
    }

    async fn find_upgraded_password(&self, email: &str) -> Answer<Option<UpgradedPassword>> {
        let call = self.store.find_upgraded_password(email);
        self.link.wire.carry("find_upgraded_password", call).await
    }
}
