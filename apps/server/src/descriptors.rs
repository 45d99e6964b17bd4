//! How many files the process may open, and how many of them may be strangers' connections.

use insula_config::ServerConfig;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::{debug, warn};

/// Files, upstream calls, the runtimes, and the telemetry listener with its own connections.
const RESERVE: u64 = 256;
/// Where the system sets no limit worth the name.
const MOST: u64 = 16_384;
/// Some systems refuse to be asked for all they name.
const WANTED: u64 = 1 << 20;

/// Raises the limit of open files as far as the process may, and answers it.
pub(crate) fn raise() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return 1024;
    };
    let wanted = hard.min(WANTED);
    if wanted <= soft {
        return soft;
    }
    match setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) {
        Ok(()) => wanted,
        Err(error) => {
            debug!("the limit of open files stays at {soft}: {error}");
            soft
        }
    }
}

/// How many connections the tenants' listeners may hold, of `files` that may be open.
pub(crate) fn connections(config: &ServerConfig, files: u64) -> usize {
    let reserve = RESERVE + u64::from(config.database_pool.max_connections);
    // Where that leaves next to nothing, half is better than none.
    let room = files.saturating_sub(reserve).max(files / 2).max(1);
    let most = match config.connections.max {
        Some(max) if u64::from(max) > room => {
            warn!(
                "connections.max = {max} is more than {files} open files allow; {room} will be \
                 served at once, raise the limit of open files (ulimit -n, LimitNOFILE) for more"
            );
            room
        }
        Some(max) => u64::from(max),
        None => room.min(MOST),
    };
    usize::try_from(most).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn most(max: Option<&str>, files: u64) -> usize {
        let flags: BTreeMap<String, String> = max
            .map(|max| ("connections.max".to_owned(), max.to_owned()))
            .into_iter()
            .collect();
        connections(&ServerConfig::load(None, |_| None, &flags).unwrap(), files)
    }

    #[test]
    fn connections_leave_files_for_the_database_and_for_health() {
        assert_eq!(most(None, 1024), 1024 - 256 - 10);
        assert_eq!(most(None, 1 << 20), 16_384);
        assert_eq!(most(None, 300), 150);
        assert_eq!(most(Some("20000"), 1 << 20), 20_000);
        assert_eq!(most(Some("20000"), 1024), 1024 - 256 - 10);
        assert_eq!(most(Some("5"), 1024), 5);
    }
}
