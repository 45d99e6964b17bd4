//! The memory form: one process, nothing outlives it. For tests, and for trying Insula out.

mod bus;
mod cache;
mod clients;
mod key_versions;
mod registry;
mod store;

pub use bus::MemoryBus;
pub use cache::{CacheLimits, MemoryCache};
pub use registry::MemoryRegistry;
pub use store::MemoryStore;
