use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{ClientId, CodeClaim, ConnectorId, GrantId, RefreshGrant, RefreshId, UserId};
use insula_store::{Grants, Redemption, RefreshRotation};

use super::{Answer, NodeStore, Note, lock};
use crate::Defect;

#[async_trait]
impl Grants for NodeStore {
    async fn add_refresh(
        &self,
        grant: &RefreshGrant,
        claim: Option<&CodeClaim>,
    ) -> Answer<Redemption> {
        let call = async {
            let redemption = self.store.add_refresh(grant, claim).await?;
            let forgets = self.link.has(Defect::RedemptionInCacheAlone);
            Ok(if forgets {
                Redemption::First
            } else {
                redemption
            })
        };
        self.link.wire.carry("add_refresh", call).await
    }

    async fn note_redeemed(
        &self,
        grant: &GrantId,
        claim: Option<&CodeClaim>,
        until: Timestamp,
    ) -> Answer<Redemption> {
        let call = async {
            if self.link.has(Defect::RedemptionInCacheAlone) {
                return Ok(Redemption::First);
            }
            self.store.note_redeemed(grant, claim, until).await
        };
        self.link.wire.carry("note_redeemed", call).await
    }

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

    async fn rotate_refresh(&self, expected: u32, next: &RefreshGrant) -> Answer<RefreshRotation> {
        let call = async {
            let rotation = self.store.rotate_refresh(expected, next).await?;
            if self.link.has(Defect::GraceFromRequestStart) {
                let (id, generation) = (&next.id, next.generation);
                let began = next.last_used_at;
                self.store.note_answered(id, generation, began).await?;
            }
            Ok(rotation)
        };
        self.link.wire.carry("rotate_refresh", call).await
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
        self.link.wire.carry("is_revoked", call).await
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
