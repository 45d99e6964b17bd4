/// See the trait it implements.
pub struct MemoryStore;
/// See the trait it implements.
pub struct MemoryCache;
/// See the trait it implements.
pub struct MemoryBus;
