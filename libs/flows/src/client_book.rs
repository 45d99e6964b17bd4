use std::collections::BTreeSet;
use std::sync::Arc;

use insula_engine::{MOST_AUDIENCES, Peers};
use insula_model::{Client, ClientId};
use insula_oauth::Scopes;
use insula_store::{ClientFact, StoreError};
use tracing::warn;

use crate::TenantView;
use crate::clients::problems;

/// Where a tenant's clients are looked up. Nobody else knows where they are kept.
#[derive(Clone, Copy)]
pub struct ClientBook<'v> {
    view: &'v TenantView,
}

impl<'v> ClientBook<'v> {
    pub(crate) fn of(view: &'v TenantView) -> Self {
        Self { view }
    }

    /// A client by id: one of the configuration, or else a stored one.
    ///
    /// A row that cannot be read is an error. One that can, and says what may not be registered, is
    /// told of and is nobody's: it must not be served, and mending it is up to whoever wrote it.
    pub async fn find(self, id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        if let Some(configured) = self.view.spec.clients.get(id) {
            return Ok(Some(Arc::clone(configured)));
        }
        let Ok(id) = ClientId::parse(id) else {
            return Ok(None);
        };
        let effects = &self.view.effects;
        let reading = async {
            let stored = effects.store.find_client(&id).await?;
            Ok(stored.map_or(ClientFact::Nobody, |stored| self.judged(stored.client)))
        };
        let known = effects.facts.clients.recall(&id, &*effects.clock, reading);
        Ok(known.await?.served())
    }

    /// The clients that scopes name as audiences, as far as they exist. No more are looked up than a
    /// request may name.
    pub(crate) async fn peers(self, scopes: &Scopes) -> Result<Peers, StoreError> {
        let named: BTreeSet<&str> = scopes.audiences().collect();
        let mut peers = Vec::new();
        for id in named.into_iter().take(MOST_AUDIENCES) {
            peers.extend(self.find(id).await?);
        }
        Ok(peers.into_iter().collect())
    }

    fn judged(self, client: Client) -> ClientFact {
        let problems = problems(&client, self.view);
        if problems.is_empty() {
            return ClientFact::Good(Arc::new(client));
        }
        let (tenant, problems) = (&self.view.spec.id, problems.join("; "));
        warn!(tenant.id = %tenant, client_id = %client.id,
            "client {} of tenant {tenant} is stored but not served: {problems}", client.id);
        ClientFact::Refused
    }
}

#[cfg(test)]
mod tests;
