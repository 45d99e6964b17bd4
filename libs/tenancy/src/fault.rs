use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// What a test may do to a tenant's actor. No shipped build has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It panics while it handles a message.
    Panic,
    /// It blocks its arbiter, until the test releases it or a minute passes.
    Hang,
    /// Its timer goes off now, whatever it was set to; for tests whose clock is moved by hand.
    Tick,
}

/// What hanging actors wait for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hangs(Arc<(Mutex<u64>, Condvar)>);

impl Hangs {
    pub(crate) fn hang(&self) {
        let (releases, released) = &*self.0;
        let before = releases.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = *before;
        let _woken =
            released.wait_timeout_while(before, Duration::from_mins(1), |now| *now == seen);
    }

    pub(crate) fn release(&self) {
        let (releases, released) = &*self.0;
        *releases.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        released.notify_all();
    }
}
