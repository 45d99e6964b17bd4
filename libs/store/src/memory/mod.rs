//! The memory form: one process, nothing outlives it. For tests, and for trying Insula out.

mod bus;
mod cache;
mod clients;
mod grants;
mod key_versions;
mod keys;
mod last_good;
mod logouts;
mod outbox;
mod owners;
mod people;
mod registry;
mod sessions;
mod store;

pub use bus::MemoryBus;
pub use cache::{CacheLimits, MemoryCache};
pub use registry::MemoryRegistry;
pub use store::MemoryStore;
