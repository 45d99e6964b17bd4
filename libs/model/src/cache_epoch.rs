/// A stretch of a cache's life in which it brings nothing back that it let go or changed. Each time
/// it may have been set back another begins.
///
/// Where a cache cannot tell, there is none, and nothing is in the same stretch as anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheEpoch(String);

impl CacheEpoch {
    /// The longest one; stores have so much room.
    pub const MOST_BYTES: usize = 128;

    /// An epoch as a cache or a store tells it; none where it is empty or too long to be stored.
    pub fn parse(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let is_it = !text.is_empty() && text.len() <= Self::MOST_BYTES;
        is_it.then_some(Self(text))
    }

    /// As it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A claim of a code that can be placed among the others of its epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeClaim {
    /// In which epoch of the cache it was made.
    pub epoch: CacheEpoch,
    /// The how manyth of its code; each number is given once in an epoch.
    pub number: u32,
}
