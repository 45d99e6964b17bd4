use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_store::{Owner, Owners};

use super::{Answer, NodeStore};
use crate::Defect;

#[async_trait]
impl Owners for NodeStore {
    async fn claim(&self, issuer: &str) -> Answer<Owner> {
        let call = async {
            let owner = self.store.claim(issuer).await?;
            Ok(if self.link.has(Defect::OwnerUnasked) {
                Owner {
                    issuer: issuer.to_owned(),
                    ..owner
                }
            } else {
                owner
            })
        };
        self.link.wire.carry("claim", call).await
    }

    async fn adopt(&self, issuer: &str) -> Answer<()> {
        let call = self.store.adopt(issuer);
        self.link.wire.carry("adopt", call).await
    }

    async fn note_left(&self, at: Timestamp) -> Answer<()> {
        let call = self.store.note_left(at);
        self.link.wire.carry("note_left", call).await
    }
}
