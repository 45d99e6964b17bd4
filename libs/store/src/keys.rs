use async_trait::async_trait;
use insula_model::Event;

use crate::{Changes, Outbox, StoreError, SwappedKeys};

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
pub trait Keys: Outbox {
    /// The sealed key ring, if there ever was one.
    async fn load_keys(&self) -> Result<Option<SealedKeys>, StoreError>;

    /// Commits that `new` is stored if the stored version is still `expected` (`None`: if there is
    /// none), with the events that tell what became of the keys.
    async fn swap_keys(
        &self,
        expected: Option<u64>,
        new: &SealedKeys,
        events: &[Event],
    ) -> Result<KeySwap, StoreError> {
        let keys = SwappedKeys {
            expected,
            new: new.clone(),
        };
        let changes = Changes {
            keys: Some(keys),
            events: events.to_vec(),
            ..Changes::default()
        };
        Ok(match self.commit(&changes).await?.overtaken {
            None => KeySwap::Swapped,
            Some(_) => KeySwap::Lost,
        })
    }
}
