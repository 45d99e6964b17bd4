use async_trait::async_trait;
use insula_ambient::{Monotonic, Timestamp};
use insula_model::{ClientId, ConnectorId, GrantId, RefreshGrant, RefreshId, UserId};
use insula_store::{Grants, RevocationFact};

use super::{Answer, NodeStore, Note, lock};
use crate::Defect;

#[async_trait]
impl Grants for NodeStore {
    async fn take_refresh_answer(&self, id: &RefreshId, at: Timestamp) -> Answer<bool> {
        let call = self.store.take_refresh_answer(id, at);
        self.link.wire.carry("take_refresh_answer", call).await
    }

    async fn take_answer(&self, grant: &GrantId, at: Timestamp) -> Answer<bool> {
        let call = self.store.take_answer(grant, at);
        self.link.wire.carry("take_answer", call).await
    }

    async fn find_refresh(&self, id: &RefreshId) -> Answer<Option<RefreshGrant>> {
        let call = async {
            let found = self.store.find_refresh(id).await?;
            Ok(found.map(|grant| self.seen(&grant)))
        };
        self.link.wire.carry("find_refresh", call).await
    }

    async fn note_answered(&self, id: &RefreshId, generation: u32, at: Timestamp) -> Answer<()> {
        // No stop: the note is made in the memory of the node.
        lock(&self.link.notes).push(Note {
            tenant: self.tenant.clone(),
            id: id.clone(),
            generation,
            at,
        });
        Ok(())
    }

    async fn is_revoked(&self, grant: &GrantId) -> Answer<bool> {
        let call = async {
            if self.link.has(Defect::RevocationInCacheAlone) {
                let tenant = self.tenant.as_str();
                let cache = &self.link.cache;
                return Ok(cache.on(tenant, |entries, _| entries.revoked.contains(grant)));
            }
            self.store.is_revoked(grant).await
        };
        let own = self.link.facts_of(&self.tenant);
        let began = own
            .as_ref()
            .map_or(Monotonic::START, |own| own.clock.monotonic());
        let reading = own
            .as_ref()
            .map(|own| own.facts.revocations.begin(Monotonic::NEVER));
        let is_revoked = self.link.wire.carry("is_revoked", call).await?;
        if let (Some(own), Some(reading)) = (own, reading) {
            let families = &own.facts.revocations;
            let reading = if self.link.has(Defect::RememberedUntilTold) {
                reading
            } else {
                // As if nothing had been forgotten since the statement began.
                families.begin(began)
            };
            families.keep(reading, grant, &RevocationFact(is_revoked), began);
        }
        Ok(is_revoked)
    }

    async fn refresh_grants_of(
        &self,
        connector: &ConnectorId,
        user: &UserId,
        client: Option<&ClientId>,
    ) -> Answer<Vec<RefreshGrant>> {
        let call = self.store.refresh_grants_of(connector, user, client);
        self.link.wire.carry("refresh_grants_of", call).await
    }
}
