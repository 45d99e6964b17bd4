use std::sync::Arc;

use insula_engine::Peers;
use insula_model::Client;
use insula_oauth::Scopes;

use crate::TenantView;

/// Where a tenant's clients are looked up. Nobody else knows where they are kept.
#[derive(Clone, Copy)]
pub struct ClientBook<'v> {
    view: &'v TenantView,
}

impl<'v> ClientBook<'v> {
    pub(crate) fn of(view: &'v TenantView) -> Self {
        Self { view }
    }

    /// A client by id.
    pub fn find(self, id: &str) -> Option<Arc<Client>> {
        self.view.spec.clients.get(id).cloned()
    }

    /// The clients that scopes name as audiences, as far as they exist.
    pub(crate) fn peers(self, scopes: &Scopes) -> Peers {
        scopes.audiences().filter_map(|id| self.find(id)).collect()
    }
}
