use async_trait::async_trait;

use crate::StoreError;

/// A sealed key ring, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKeys {
    /// Raised by every swap.
    pub version: u64,
    /// Sealed under the master key; the store cannot read it.
    pub sealed: Vec<u8>,
}

/// What came of a key swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySwap {
    /// The new ring is stored.
    Swapped,
    /// Another process swapped first; load again.
    Lost,
}

/// The signing keys of a tenant, sealed.
#[async_trait]
pub trait Keys: Send + Sync + 'static {
    /// The sealed key ring, if there ever was one.
    async fn load_keys(&self) -> Result<Option<SealedKeys>, StoreError>;

    /// Stores `new` if the stored version is still `expected` (`None`: if there is none).
    async fn swap_keys(
        &self,
        expected: Option<u64>,
        new: &SealedKeys,
    ) -> Result<KeySwap, StoreError>;
}
