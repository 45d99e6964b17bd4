/// See the trait it implements.
pub struct MemoryStore;
