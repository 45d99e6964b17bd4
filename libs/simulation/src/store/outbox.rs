use async_trait::async_trait;
use insula_store::{Changes, Committed, Outbox, Overtaken, PlacedEvent, RedeemedCode};

use super::{Answer, NodeStore};
use crate::Defect;

#[async_trait]
impl Outbox for NodeStore {
    async fn commit(&self, changes: &Changes) -> Answer<Committed> {
        // What the judge must know of a call that nobody heard of.
        let name = if !changes.ended.is_empty() {
            "end_session"
        } else if changes.revoked.is_some() {
            "revoke_grant"
        } else {
            changes.operation()
        };
        let call = async {
            let tenant = self.tenant.as_str();
            if self.link.has(Defect::RevocationInCacheAlone)
                && let Some(revoked) = &changes.revoked
            {
                self.link.cache.on(tenant, |entries, _| {
                    entries.revoked.insert(revoked.grant.clone());
                });
            }
            self.commit_with_defects(changes.clone()).await
        };
        self.link.wire.carry(name, call).await
    }

    async fn events_after(&self, position: u64, most: u32) -> Answer<Vec<PlacedEvent>> {
        let call = self.store.events_after(position, most);
        self.link.wire.carry("events_after", call).await
    }
}

impl NodeStore {
    async fn commit_with_defects(&self, mut changes: Changes) -> Answer<Committed> {
        let forgets = self.link.has(Defect::RedemptionInCacheAlone);
        if forgets && matches!(changes.redeemed, Some(RedeemedCode::Ending { .. })) {
            return Ok(Committed::default());
        }
        if self.link.has(Defect::RotationWithoutSwap)
            && let Some(keys) = &mut changes.keys
            && keys.expected.is_some()
        {
            keys.expected = self.store.load_keys().await?.map(|keys| keys.version);
        }
        let mut committed = self.store.commit(&changes).await?;
        if forgets && matches!(committed.overtaken, Some(Overtaken::Redeemed(_))) {
            committed = Committed::default();
        }
        if self.link.has(Defect::GraceFromRequestStart)
            && let Some(to) = &changes.rotated
        {
            let (id, generation) = (&to.next.id, to.next.generation);
            let began = to.next.last_used_at;
            self.store.note_answered(id, generation, began).await?;
        }
        Ok(committed)
    }
}
