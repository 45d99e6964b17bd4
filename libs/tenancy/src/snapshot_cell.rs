use std::sync::{Arc, Mutex, PoisonError};

use insula_ambient::Monotonic;

use crate::{TenantHandle, TenantSnapshot};

/// Where the actors of one tenant publish, one generation after the other.
///
/// Knows which generation may: an actor that slept through its own replacement is refused, so that
/// it cannot publish the past. The lock is held for a comparison and a store, by writers only.
#[derive(Debug, Default)]
pub(crate) struct SnapshotCell(Mutex<Published>);

#[derive(Debug, Default)]
struct Published {
    generation: u64,
    handle: Option<TenantHandle>,
}

/// The publisher is not the tenant's actor any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Superseded;

impl SnapshotCell {
    /// From now on only `generation` may publish.
    pub(crate) fn pass_to(&self, generation: u64) {
        self.published().generation = generation;
    }

    /// What was published last.
    pub(crate) fn handle(&self) -> Option<TenantHandle> {
        self.published().handle.clone()
    }

    pub(crate) fn publish(
        &self,
        snapshot: Arc<TenantSnapshot>,
        now: Monotonic,
    ) -> Result<TenantHandle, Superseded> {
        let mut published = self.published();
        if published.generation != snapshot.generation {
            return Err(Superseded);
        }
        if let Some(handle) = &published.handle {
            handle.replace(snapshot);
            return Ok(handle.clone());
        }
        let handle = TenantHandle::new(snapshot, now);
        published.handle = Some(handle.clone());
        Ok(handle)
    }

    fn published(&self) -> std::sync::MutexGuard<'_, Published> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
