use async_trait::async_trait;
use insula_store::{Changes, Committed, Outbox, PlacedEvent};

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
            "commit"
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
            self.store.commit(changes).await
        };
        self.link.wire.carry(name, call).await
    }

    async fn events_after(&self, position: u64, most: u32) -> Answer<Vec<PlacedEvent>> {
        let call = self.store.events_after(position, most);
        self.link.wire.carry("events_after", call).await
    }
}
