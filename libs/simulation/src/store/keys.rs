use async_trait::async_trait;
use insula_store::{KeySwap, Keys, SealedKeys};

use super::{Answer, NodeStore};
use crate::Defect;

#[async_trait]
impl Keys for NodeStore {
    async fn load_keys(&self) -> Answer<Option<SealedKeys>> {
        let call = self.store.load_keys();
        self.link.wire.carry("load_keys", call).await
    }

    async fn swap_keys(&self, expected: Option<u64>, new: &SealedKeys) -> Answer<KeySwap> {
        let call = async {
            if !self.link.has(Defect::RotationWithoutSwap) || expected.is_none() {
                return self.store.swap_keys(expected, new).await;
            }
            let stands = self.store.load_keys().await?.map(|keys| keys.version);
            self.store.swap_keys(stands, new).await
        };
        self.link.wire.carry("swap_keys", call).await
    }
}
