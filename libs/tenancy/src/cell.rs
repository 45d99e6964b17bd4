use std::sync::{Arc, Mutex, PoisonError};

use insula_ambient::Timestamp;

use crate::{TenantHandle, TenantSnapshot};

/// Where the actors of one tenant publish, one generation after the other.
///
/// Knows which generation may: an actor that slept through its own replacement is refused, so that
/// it cannot publish the past. The lock is held for a comparison and a store, by writers only.
#[derive(Debug, Default)]
pub(crate) struct Cell(Mutex<Place>);

#[derive(Debug, Default)]
struct Place {
    generation: u64,
    handle: Option<TenantHandle>,
}

/// The publisher is not the tenant's actor any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Superseded;

impl Cell {
    /// From now on only `generation` may publish.
    pub(crate) fn pass_to(&self, generation: u64) {
        self.place().generation = generation;
    }

    /// What was published last.
    pub(crate) fn handle(&self) -> Option<TenantHandle> {
        self.place().handle.clone()
    }

    pub(crate) fn publish(
        &self,
        snapshot: Arc<TenantSnapshot>,
        now: Timestamp,
    ) -> Result<TenantHandle, Superseded> {
        let mut place = self.place();
        if place.generation != snapshot.generation {
            return Err(Superseded);
        }
        if let Some(handle) = &place.handle {
            handle.replace(snapshot);
            return Ok(handle.clone());
        }
        let handle = TenantHandle::new(snapshot, now);
        place.handle = Some(handle.clone());
        Ok(handle)
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
