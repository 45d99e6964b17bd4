use std::collections::BTreeMap;
use std::sync::Arc;

use insula_model::{Client, ClientId};

/// The clients that the scopes of a request name beside the one that asks, as far as they exist.
/// Loaded by the caller, so that no rule depends on where clients are kept.
#[derive(Debug, Clone, Default)]
pub struct Peers(BTreeMap<ClientId, Arc<Client>>);

impl Peers {
    /// A peer by id.
    pub fn get(&self, id: &str) -> Option<&Client> {
        self.0.get(id).map(Arc::as_ref)
    }
}

impl FromIterator<Arc<Client>> for Peers {
    fn from_iter<I: IntoIterator<Item = Arc<Client>>>(clients: I) -> Self {
        Self(clients.into_iter().map(|c| (c.id.clone(), c)).collect())
    }
}
