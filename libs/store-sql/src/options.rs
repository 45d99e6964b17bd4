use std::time::Duration;

/// How much a store may ask of its database, and how long it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlOptions {
    /// The most connections of this process. SQLite has one more, which alone writes.
    pub max_connections: u32,
    /// How long an operation waits for a connection.
    pub acquire_timeout: Duration,
    /// How long an operation may then take.
    pub statement_timeout: Duration,
    /// Whether a file of SQLite that is not there is made.
    pub make_missing: bool,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self {
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
            make_missing: true,
        }
    }
}
