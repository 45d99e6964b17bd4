use thiserror::Error;

/// Persistence failed. Never the fault of who asked: a row that is not there is an answer, not an
/// error.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// The backend cannot be reached, or did not answer in time.
    #[error("{backend} cannot be reached: {cause}")]
    Unavailable {
        /// `sqlite`, `postgres`, `mysql`, `redis`, `memory`.
        backend: &'static str,
        /// What it said; carries no value of a row.
        cause: String,
    },
    /// The backend answered, but not what it was asked.
    #[error("{backend} failed: {cause}")]
    Failed {
        /// Which backend.
        backend: &'static str,
        /// What it said; carries no value of a row.
        cause: String,
    },
    /// A row does not mean what it must mean.
    #[error("a stored {what} cannot be read: {cause}")]
    Corrupt {
        /// Which kind of record.
        what: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// The tenant holds as much of this as it may.
    #[error("the tenant holds too many {0}")]
    Full(&'static str),
}
