use std::sync::Arc;

use insula_connector_kit::{Connector, UpstreamHealth};
use insula_model::{ConnectorId, ConnectorSpec};

/// A connector as its tenant's actor opened it.
#[derive(Clone)]
pub struct OpenedConnector {
    /// As configured.
    pub spec: Arc<ConnectorSpec>,
    /// The connector, or why it could not be opened; it is marked, not fatal.
    pub opened: Result<Arc<dyn Connector>, String>,
    /// How it stands with its upstream.
    pub health: Arc<UpstreamHealth>,
}

/// A tenant's connectors, in the order of their ids. A list, because nearly every tenant has one or
/// two, and a map keeps room for eleven.
#[derive(Clone, Default)]
pub struct Connectors(Box<[OpenedConnector]>);

impl Connectors {
    /// The connector of an id.
    pub fn get(&self, id: &ConnectorId) -> Option<&OpenedConnector> {
        let at = self.0.binary_search_by(|one| one.spec.id.cmp(id)).ok()?;
        self.0.get(at)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &OpenedConnector> {
        self.0.iter()
    }

    #[cfg(test)]
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut OpenedConnector> {
        self.0.iter_mut()
    }
}

impl FromIterator<OpenedConnector> for Connectors {
    fn from_iter<I: IntoIterator<Item = OpenedConnector>>(all: I) -> Self {
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by(|one, other| one.spec.id.cmp(&other.spec.id));
        Self(all.into_boxed_slice())
    }
}
