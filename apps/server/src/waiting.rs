//! Waiting at start for services that start beside us.

use std::fmt::Display;
use std::time::{Duration, Instant};

use insula_ambient::Backoff;
use insula_store::StoreError;
use tokio::time::sleep;
use tracing::warn;

const PAUSES: Backoff = Backoff {
    first: Duration::from_millis(500),
    longest: Duration::from_secs(5),
};

/// Tries until it works, for `patience` at most, with a line for every try that failed.
///
/// Only what cannot be reached is waited for: a wrong password is wrong in a minute, too.
pub(crate) async fn until_there<T, F>(
    what: impl Display,
    patience: Duration,
    mut attempt: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let began = Instant::now();
    let mut tried = 0;
    loop {
        let error = match attempt().await {
            Err(error @ StoreError::Unavailable { .. }) => error,
            done => return done,
        };
        let left = patience.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Err(error);
        }
        let shown = left.as_secs_f32();
        warn!("{what}: {error}; trying again, for {shown:.0} s more");
        sleep(PAUSES.pause(tried).min(left)).await;
        tried = tried.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn unavailable() -> StoreError {
        StoreError::Unavailable {
            backend: "postgres",
            cause: "connection refused".to_owned(),
        }
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(work)
    }

    #[test]
    fn a_database_that_comes_up_late_is_waited_for() {
        let tries = Cell::new(0);
        let reached = run(until_there("database", Duration::from_mins(1), || {
            tries.set(tries.get() + 1);
            std::future::ready(if tries.get() < 2 {
                Err(unavailable())
            } else {
                Ok(tries.get())
            })
        }));
        assert_eq!(reached.unwrap(), 2);
    }

    #[test]
    fn a_wrong_password_is_not_waited_for() {
        let tries = Cell::new(0);
        let refused = run(until_there("database", Duration::from_mins(1), || {
            tries.set(tries.get() + 1);
            std::future::ready(Err::<(), _>(StoreError::Failed {
                backend: "postgres",
                cause: "password authentication failed".to_owned(),
            }))
        }));
        assert!(refused.is_err());
        assert_eq!(tries.get(), 1);
    }

    #[test]
    fn nothing_is_waited_for_where_the_setting_says_so() {
        let tries = Cell::new(0);
        let gone = run(until_there("cache", Duration::ZERO, || {
            tries.set(tries.get() + 1);
            std::future::ready(Err::<(), _>(unavailable()))
        }));
        assert!(gone.is_err());
        assert_eq!(tries.get(), 1);
    }
}
