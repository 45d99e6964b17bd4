use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{Client, ClientId};
use insula_store::{ClientPut, Clients, StoredClient};

use super::{Answer, NodeStore};

#[async_trait]
impl Clients for NodeStore {
    async fn find_client(&self, id: &ClientId) -> Answer<Option<StoredClient>> {
        let call = self.store.find_client(id);
        self.link.wire.carry("find_client", call).await
    }

    async fn stored_among(&self, ids: &[ClientId]) -> Answer<Vec<ClientId>> {
        let call = self.store.stored_among(ids);
        self.link.wire.carry("stored_among", call).await
    }

    async fn clients_after(
        &self,
        after: Option<&ClientId>,
        most: u32,
    ) -> Answer<Vec<StoredClient>> {
        let call = self.store.clients_after(after, most);
        self.link.wire.carry("clients_after", call).await
    }

    async fn put_client(
        &self,
        client: &Client,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Answer<ClientPut> {
        let call = self.store.put_client(client, expected, at);
        self.link.wire.carry("put_client", call).await
    }

    async fn delete_client(&self, id: &ClientId) -> Answer<bool> {
        let call = self.store.delete_client(id);
        self.link.wire.carry("delete_client", call).await
    }
}
