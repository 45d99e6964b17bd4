use async_trait::async_trait;

use super::store::TenantMemory;
use crate::{KeySwap, Keys, SealedKeys, StoreError};

#[async_trait]
impl Keys for TenantMemory {
    async fn load_keys(&self) -> Result<Option<SealedKeys>, StoreError> {
        Ok(self.rows().keys.clone())
    }

    async fn swap_keys(
        &self,
        expected: Option<u64>,
        new: &SealedKeys,
    ) -> Result<KeySwap, StoreError> {
        let mut rows = self.rows();
        if rows.keys.as_ref().map(|keys| keys.version) != expected {
            return Ok(KeySwap::Lost);
        }
        rows.keys = Some(new.clone());
        Ok(KeySwap::Swapped)
    }
}
