use async_trait::async_trait;
use insula_store::{Keys, SealedKeys};

use super::{Answer, NodeStore};

#[async_trait]
impl Keys for NodeStore {
    async fn load_keys(&self) -> Answer<Option<SealedKeys>> {
        let call = self.store.load_keys();
        self.link.wire.carry("load_keys", call).await
    }
}
