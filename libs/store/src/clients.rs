use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{Client, ClientId};

use crate::StoreError;

/// A client as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredClient {
    /// The client. Of its secrets there are hashes only.
    pub client: Client,
    /// Another one after every change. The first is taken from the clock, so that a client made
    /// again under an id that was deleted is not taken for the one before.
    pub version: u64,
    /// When it was first stored.
    pub created_at: Timestamp,
    /// When it was last stored.
    pub updated_at: Timestamp,
}

impl StoredClient {
    /// What is stored of a new client.
    pub fn first(client: Client, at: Timestamp) -> Self {
        Self {
            client,
            version: u64::try_from(at.as_millis()).unwrap_or_default(),
            created_at: at,
            updated_at: at,
        }
    }
}

/// What came of storing a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientPut {
    /// It is stored, in this version.
    Stored(u64),
    /// It was not at the version expected; load again.
    Lost,
}

/// The clients of one tenant that do not come with its configuration.
#[async_trait]
pub trait Clients: Send + Sync + 'static {
    /// A client by id.
    async fn find_client(&self, id: &ClientId) -> Result<Option<StoredClient>, StoreError>;

    /// Which of `ids` are stored, in one statement for a thousand of them.
    async fn stored_among(&self, ids: &[ClientId]) -> Result<Vec<ClientId>, StoreError>;

    /// The clients behind `after`, or the first ones, at most `most`; in an order of ids that is the
    /// backend's own and stays the same. The id of the last one is where the next page begins.
    async fn clients_after(
        &self,
        after: Option<&ClientId>,
        most: u32,
    ) -> Result<Vec<StoredClient>, StoreError>;

    /// Stores `client` if the stored one is still at version `expected` (`None`: if there is none),
    /// in one atomic step.
    async fn put_client(
        &self,
        client: &Client,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<ClientPut, StoreError>;

    /// Deletes a client; `false` if there was none.
    async fn delete_client(&self, id: &ClientId) -> Result<bool, StoreError>;
}
