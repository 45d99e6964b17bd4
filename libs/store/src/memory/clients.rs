use std::ops::Bound;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{Client, ClientId};

use super::store::{TenantMemory, room};
use crate::{ClientPut, Clients, StoreError, StoredClient};

#[async_trait]
impl Clients for TenantMemory {
    async fn find_client(&self, id: &ClientId) -> Result<Option<StoredClient>, StoreError> {
        Ok(self.rows().clients.get(id).cloned())
    }

    async fn stored_among(&self, ids: &[ClientId]) -> Result<Vec<ClientId>, StoreError> {
        let rows = self.rows();
        let stored = ids.iter().filter(|id| rows.clients.contains_key(*id));
        Ok(stored.cloned().collect())
    }

    async fn clients_after(
        &self,
        after: Option<&ClientId>,
        most: u32,
    ) -> Result<Vec<StoredClient>, StoreError> {
        let from = after.map_or(Bound::Unbounded, |id| Bound::Excluded(id.clone()));
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let rows = self.rows();
        let behind = rows.clients.range((from, Bound::Unbounded)).take(most);
        Ok(behind.map(|(_, stored)| stored.clone()).collect())
    }

    async fn put_client(
        &self,
        client: &Client,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<ClientPut, StoreError> {
        let mut rows = self.rows();
        let known = rows.clients.get(&client.id);
        if known.map(|stored| stored.version) != expected {
            return Ok(ClientPut::Lost);
        }
        let next = match known {
            Some(stored) => StoredClient {
                client: client.clone(),
                version: stored.version.saturating_add(1),
                created_at: stored.created_at,
                updated_at: at,
            },
            None => StoredClient::first(client.clone(), at),
        };
        room(known.is_some(), rows.clients.len(), "clients")?;
        let version = next.version;
        rows.clients.insert(client.id.clone(), next);
        Ok(ClientPut::Stored(version))
    }

    async fn delete_client(&self, id: &ClientId) -> Result<bool, StoreError> {
        Ok(self.rows().clients.remove(id).is_some())
    }
}
