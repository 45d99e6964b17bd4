use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use insula_ambient::{Clock, Timestamp};
use insula_connector_kit::ConnectorError;
use tokio::sync::Semaphore;

/// How long a document is believed without asking again.
const FRESH: Duration = Duration::from_hours(1);
/// How long an old document serves on while the upstream cannot give a new one.
const USABLE: Duration = Duration::from_hours(24);
/// How long after an attempt no other one is made.
const PAUSE: Duration = Duration::from_secs(10);

/// A public document of an upstream, fetched when it is first needed and kept for an hour.
///
/// One fetch at a time: who comes meanwhile waits for its result. A fetch that fails is not
/// repeated for ten seconds, and what was fetched before serves on for a day.
pub(crate) struct Remembered<T> {
    clock: Arc<dyn Clock>,
    state: Mutex<State<T>>,
    turn: Semaphore,
}

struct State<T> {
    value: Option<(Arc<T>, Timestamp)>,
    failure: Option<(ConnectorError, Timestamp)>,
}

impl<T> Remembered<T> {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::new(State {
                value: None,
                failure: None,
            }),
            turn: Semaphore::new(1),
        }
    }

    /// The document, fetched by `fetch` if there is no fresh one.
    pub(crate) async fn get(
        &self,
        fetch: impl Future<Output = Result<T, ConnectorError>>,
    ) -> Result<Arc<T>, ConnectorError> {
        if let Some(known) = self.settled() {
            return known;
        }
        let _turn = self.turn.acquire().await;
        match self.settled() {
            Some(known) => known,
            None => self.keep(fetch.await),
        }
    }

    /// A document newer than `seen`, if there may be one: somebody fetched it meanwhile, or the
    /// last attempt was long enough ago to make another.
    pub(crate) async fn newer_than(
        &self,
        seen: &Arc<T>,
        fetch: impl Future<Output = Result<T, ConnectorError>>,
    ) -> Result<Option<Arc<T>>, ConnectorError> {
        let _turn = self.turn.acquire().await;
        let now = self.clock.now();
        let (current, last_attempt) = {
            let state = self.state();
            let fetched = state.value.as_ref().map(|(_, at)| *at);
            let failed = state.failure.as_ref().map(|(_, at)| *at);
            (state.value.clone(), fetched.max(failed))
        };
        if let Some((current, _)) = current
            && !Arc::ptr_eq(&current, seen)
        {
            return Ok(Some(current));
        }
        if last_attempt.is_some_and(|at| now.since(at) < PAUSE) {
            return Ok(None);
        }
        self.keep(fetch.await).map(Some)
    }

    /// What can be answered without fetching.
    fn settled(&self) -> Option<Result<Arc<T>, ConnectorError>> {
        let now = self.clock.now();
        let state = self.state();
        let failed_lately = state
            .failure
            .as_ref()
            .filter(|(_, at)| now.since(*at) < PAUSE)
            .map(|(cause, _)| cause);
        let age = |at: &Timestamp| now.since(*at);
        match (&state.value, failed_lately) {
            (Some((value, at)), _) if age(at) < FRESH => Some(Ok(Arc::clone(value))),
            (Some((value, at)), Some(_)) if age(at) < USABLE => Some(Ok(Arc::clone(value))),
            (_, Some(cause)) => Some(Err(cause.clone())),
            (_, None) => None,
        }
    }

    fn keep(&self, fetched: Result<T, ConnectorError>) -> Result<Arc<T>, ConnectorError> {
        let now = self.clock.now();
        let mut state = self.state();
        match fetched {
            Ok(value) => {
                let value = Arc::new(value);
                state.value = Some((Arc::clone(&value), now));
                state.failure = None;
                Ok(value)
            }
            Err(cause) => {
                state.failure = Some((cause.clone(), now));
                match &state.value {
                    Some((old, at)) if now.since(*at) < USABLE => Ok(Arc::clone(old)),
                    _ => Err(cause),
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_ambient::ManualClock;

    fn a_memory() -> (ManualClock, Remembered<u32>) {
        let clock = ManualClock::at(Timestamp::from_secs(1_000_000));
        (clock.clone(), Remembered::new(Arc::new(clock)))
    }

    fn down() -> ConnectorError {
        ConnectorError::Upstream("down".to_owned())
    }

    async fn get(
        memory: &Remembered<u32>,
        fetched: Result<u32, ConnectorError>,
    ) -> Result<u32, ConnectorError> {
        memory.get(async { fetched }).await.map(|value| *value)
    }

    #[tokio::test]
    async fn a_document_is_fetched_once_an_hour() {
        let (clock, memory) = a_memory();
        assert_eq!(get(&memory, Ok(1)).await, Ok(1));
        clock.advance(Duration::from_mins(59));
        assert_eq!(get(&memory, Ok(2)).await, Ok(1));
        clock.advance(Duration::from_mins(1));
        assert_eq!(get(&memory, Ok(3)).await, Ok(3));
    }

    #[tokio::test]
    async fn a_failure_is_not_repeated_for_ten_seconds() {
        let (clock, memory) = a_memory();
        assert_eq!(get(&memory, Err(down())).await, Err(down()));
        assert_eq!(get(&memory, Ok(1)).await, Err(down()));
        clock.advance(PAUSE);
        assert_eq!(get(&memory, Ok(2)).await, Ok(2));
    }

    #[tokio::test]
    async fn an_old_document_serves_on_for_a_day() {
        let (clock, memory) = a_memory();
        assert_eq!(get(&memory, Ok(1)).await, Ok(1));
        clock.advance(Duration::from_hours(23));
        assert_eq!(get(&memory, Err(down())).await, Ok(1));
        assert_eq!(get(&memory, Ok(2)).await, Ok(1));
        clock.advance(Duration::from_hours(1));
        assert_eq!(get(&memory, Err(down())).await, Err(down()));
    }

    #[tokio::test]
    async fn who_comes_while_it_is_fetched_waits_for_the_result() {
        let (_clock, memory) = a_memory();
        let (tell, told) = tokio::sync::oneshot::channel::<u32>();
        let first = memory.get(async { told.await.map_err(|_| down()) });
        let second = memory.get(async { Ok(2) });
        tokio::pin!(first, second);
        assert!(futures_util::poll!(first.as_mut()).is_pending());
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        tell.send(1).unwrap();
        assert_eq!(first.await.map(|value| *value), Ok(1));
        assert_eq!(second.await.map(|value| *value), Ok(1));
    }

    #[tokio::test]
    async fn a_newer_one_is_asked_for_once_in_ten_seconds() {
        let (clock, memory) = a_memory();
        let seen = memory.get(async { Ok(1) }).await.unwrap();
        assert_eq!(memory.newer_than(&seen, async { Ok(2) }).await, Ok(None));
        clock.advance(PAUSE);
        let newer = memory.newer_than(&seen, async { Ok(2) }).await;
        assert_eq!(newer, Ok(Some(Arc::new(2))));
        // Who still holds the old one is given what was fetched meanwhile.
        let known = memory.newer_than(&seen, async { Ok(3) }).await;
        assert_eq!(known, Ok(Some(Arc::new(2))));
    }
}
