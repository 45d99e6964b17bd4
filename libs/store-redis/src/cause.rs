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

/// Why a server that answers takes no writes, by the code of its error.
fn refused_write(code: &str) -> Option<&'static str> {
    Some(match code {
        "OOM" => "it takes no writes, for its memory is full; raise its maxmemory",
        "READONLY" => "it takes no writes, for it is a replica; name the primary or its sentinels",
        "MISCONF" => "it takes no writes, for it cannot save to its disk; its log says why",
        "NOREPLICAS" => "it takes no writes, for too few of its replicas are there",
        "NOPERM" => "its access list does not allow us this command",
        _ => return None,
    })
}

/// What went wrong, in words that carry no argument of a command: a server may repeat arguments in
/// its errors, so of those only the code is told.
pub(crate) fn of(error: &RedisError) -> StoreError {
    let refuses_writes = error.code().and_then(refused_write);
    let said = match (error.kind(), error.code()) {
        (_, Some(code)) if refuses_writes.is_some() => {
            format!("{} ({code})", refuses_writes.unwrap_or_default())
        }
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
