use insula_store::StoreError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The backend's name in errors.
pub(crate) const REDIS: &str = "redis";

/// Redis cannot be reached, or did not answer in time.
pub(crate) fn unavailable(cause: impl Into<String>) -> StoreError {
    StoreError::Unavailable {
        backend: REDIS,
        cause: cause.into(),
    }
}

/// Redis answered, but not what it was asked.
pub(crate) fn failed(cause: impl Into<String>) -> StoreError {
    StoreError::Failed {
        backend: REDIS,
        cause: cause.into(),
    }
}

/// Whether the error says that the server is away, loading, or no longer the one that takes
/// writes: what may be well again at the next attempt.
pub(crate) fn is_away(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly, TryAgain};
    let passing = [BusyLoading, ClusterDown, MasterDown, ReadOnly, TryAgain];
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_connection_refusal()
        || matches!(error.kind(), ErrorKind::Server(kind) if passing.contains(&kind))
        || matches!(
            error.kind(),
            ErrorKind::MasterNameNotFoundBySentinel | ErrorKind::ClusterConnectionNotFound
        )
}

/// What went wrong, in words that carry no argument of a command: a server may repeat arguments in
/// its errors, so of those only the code is told.
pub(crate) fn of(error: &RedisError) -> StoreError {
    let said = match (error.kind(), error.code()) {
        (ErrorKind::Io | ErrorKind::InvalidClientConfig, _) => error.to_string(),
        (_, Some(code)) => format!("{} ({code})", error.category()),
        (_, None) => error.category().to_owned(),
    };
    if is_away(error) {
        unavailable(said)
    } else {
        failed(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_words_stay_behind() {
        let code = String::from("WRONGTYPE");
        let error = redis::make_extension_error(code, Some("value s3cret".into()));
        let said = of(&error).to_string();
        assert!(
            said.contains("WRONGTYPE") && !said.contains("s3cret"),
            "{said}"
        );
    }

    #[test]
    fn a_broken_connection_is_unavailable() {
        let error = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert!(matches!(of(&error), StoreError::Unavailable { .. }));
    }
}
