/// See the trait it implements.
pub struct MemoryCache;
