use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use insula_ambient::{Clock, Monotonic};
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
/// repeated for ten seconds, and what was fetched before serves on for a day. Who looks for a newer
/// one makes it look once in ten seconds, and once more within them where the first look found news.
pub(crate) struct Remembered<T> {
    clock: Arc<dyn Clock>,
    state: Mutex<State<T>>,
    turn: Semaphore,
}

struct State<T> {
    value: Option<(Arc<T>, Monotonic)>,
    failure: Option<(ConnectorError, Monotonic)>,
    /// Whether one more look for a newer one may be had before the pause is over.
    one_more: bool,
}

impl<T> Remembered<T> {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::new(State {
                value: None,
                failure: None,
                one_more: false,
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

    /// A document newer than `seen`, if there may be one: somebody fetched it meanwhile, the last
    /// attempt was long enough ago to make another, or it brought news, as `is_news` judges the new
    /// one beside the old: then an upstream is changing what it says, and may again.
    pub(crate) async fn newer_than(
        &self,
        seen: &Arc<T>,
        fetch: impl Future<Output = Result<T, ConnectorError>>,
        is_news: impl Fn(&T, &T) -> bool,
    ) -> Result<Option<Arc<T>>, ConnectorError> {
        let _turn = self.turn.acquire().await;
        let now = self.clock.monotonic();
        let (current, last_attempt, one_more) = {
            let state = self.state();
            let fetched = state.value.as_ref().map(|(_, at)| *at);
            let failed = state.failure.as_ref().map(|(_, at)| *at);
            (state.value.clone(), fetched.max(failed), state.one_more)
        };
        if let Some((current, _)) = current
            && !Arc::ptr_eq(&current, seen)
        {
            return Ok(Some(current));
        }
        let is_early = last_attempt.is_some_and(|at| now.since(at) < PAUSE);
        if is_early && !one_more {
            return Ok(None);
        }
        let fetched = self.keep(fetch.await)?;
        self.state().one_more = !is_early && is_news(&fetched, seen);
        Ok(Some(fetched))
    }

    /// What can be answered without fetching.
    fn settled(&self) -> Option<Result<Arc<T>, ConnectorError>> {
        let now = self.clock.monotonic();
        let state = self.state();
        let failed_lately = state
            .failure
            .as_ref()
            .filter(|(_, at)| now.since(*at) < PAUSE)
            .map(|(cause, _)| cause);
        let age = |at: &Monotonic| now.since(*at);
        match (&state.value, failed_lately) {
            (Some((value, at)), _) if age(at) < FRESH => Some(Ok(Arc::clone(value))),
            (Some((value, at)), Some(_)) if age(at) < USABLE => Some(Ok(Arc::clone(value))),
            (_, Some(cause)) => Some(Err(cause.clone())),
            (_, None) => None,
        }
    }

    fn keep(&self, fetched: Result<T, ConnectorError>) -> Result<Arc<T>, ConnectorError> {
        let now = self.clock.monotonic();
        let mut state = self.state();
        state.one_more = false;
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
    use insula_ambient::{ManualClock, Timestamp};

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

    async fn newer(memory: &Remembered<u32>, seen: &Arc<u32>, fetched: u32) -> Option<u32> {
        let fetch = async { Ok(fetched) };
        let newer = memory.newer_than(seen, fetch, |new, old| new != old);
        newer.await.unwrap().map(|value| *value)
    }

    #[tokio::test]
    async fn a_newer_one_is_asked_for_once_in_ten_seconds() {
        let (clock, memory) = a_memory();
        let seen = memory.get(async { Ok(1) }).await.unwrap();
        assert_eq!(newer(&memory, &seen, 2).await, None);
        clock.advance(PAUSE);
        assert_eq!(newer(&memory, &seen, 1).await, Some(1));
        let seen = memory.get(async { Ok(9) }).await.unwrap();
        assert_eq!(
            newer(&memory, &seen, 2).await,
            None,
            "the look found no news"
        );
    }

    #[tokio::test]
    async fn who_still_holds_the_old_one_is_given_what_was_fetched_meanwhile() {
        let (clock, memory) = a_memory();
        let seen = memory.get(async { Ok(1) }).await.unwrap();
        clock.advance(PAUSE);
        assert_eq!(newer(&memory, &seen, 2).await, Some(2));
        assert_eq!(newer(&memory, &seen, 3).await, Some(2));
    }

    #[tokio::test]
    async fn a_look_that_found_news_may_be_followed_by_one_more_and_no_third() {
        let (clock, memory) = a_memory();
        let first = memory.get(async { Ok(1) }).await.unwrap();
        clock.advance(PAUSE);
        assert_eq!(newer(&memory, &first, 2).await, Some(2));
        let second = memory.get(async { Ok(9) }).await.unwrap();
        assert_eq!(newer(&memory, &second, 3).await, Some(3));
        let third = memory.get(async { Ok(9) }).await.unwrap();
        assert_eq!(newer(&memory, &third, 4).await, None);
        clock.advance(PAUSE);
        assert_eq!(newer(&memory, &third, 4).await, Some(4));
    }
}
