use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{Backoff, Monotonic};

/// Stops asking whoever does not answer, so that callers fail at once instead of piling up behind a
/// time-out.
///
/// ```text
/// closed ── so many failures in a row ──► open ──► closed, once the other side was seen to answer
/// ```
///
/// Who has nobody else to try it in the background lets a caller try: [`admit`](Self::admit) lets
/// one through after a pause, and the pause grows with every trial that fails.
#[derive(Debug)]
pub struct Breaker {
    limit: u32,
    pauses: Backoff,
    failures: AtomicU32,
    /// Whether `open` holds something, to be asked without a lock.
    is_open: AtomicBool,
    open: Mutex<Option<Open>>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    until: Monotonic,
    trials: u32,
    trying: bool,
}

impl Breaker {
    /// Closed; opens after `limit` failures in a row.
    pub fn new(limit: u32, pauses: Backoff) -> Self {
        Self {
            limit: limit.max(1),
            pauses,
            failures: AtomicU32::new(0),
            is_open: AtomicBool::new(false),
            open: Mutex::new(None),
        }
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// Whether a call may be made now; if not, for how long not.
    ///
    /// When the pause has passed, one call is let through to try, and the next only a pause later:
    /// a trial that never reports holds nobody up for ever.
    pub fn admit(&self, now: Monotonic) -> Result<(), Duration> {
        if !self.is_open() {
            return Ok(());
        }
        let mut state = self.state();
        let Some(open) = state.as_mut() else {
            return Ok(());
        };
        if now < open.until {
            return Err(open.until.since(now));
        }
        open.until = now + self.pauses.pause(open.trials);
        open.trying = true;
        Ok(())
    }

    /// A call was answered: the count of failures begins anew. That closes nothing, for the call may
    /// be older than the failures.
    pub fn answered(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// The other side was seen to answer.
    pub fn close(&self) {
        let mut state = self.state();
        *state = None;
        self.failures.store(0, Ordering::Relaxed);
        self.is_open.store(false, Ordering::Release);
    }

    /// A call failed; `true` to the one caller whose failure opened it.
    pub fn failed(&self, now: Monotonic) -> bool {
        let counted = self.failures.fetch_add(1, Ordering::Relaxed);
        if counted.saturating_add(1) < self.limit && !self.is_open() {
            return false;
        }
        let mut state = self.state();
        let trials = match &*state {
            None => 0,
            Some(open) if open.trying => open.trials.saturating_add(1),
            // A straggler, sent before it opened, tells nothing new.
            Some(_) => return false,
        };
        let opened = state.is_none();
        *state = Some(Open {
            until: now + self.pauses.pause(trials),
            trials,
            trying: false,
        });
        self.is_open.store(true, Ordering::Release);
        opened
    }

    fn state(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
