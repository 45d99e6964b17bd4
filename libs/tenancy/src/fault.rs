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
pub(crate) struct Hangs(Arc<(Mutex<Held>, Condvar)>);

#[derive(Debug, Default)]
struct Held {
    releases: u64,
    hanging: usize,
}

impl Hangs {
    pub(crate) fn hang(&self) {
        let (held, released) = &*self.0;
        let mut before = held.lock().unwrap_or_else(PoisonError::into_inner);
        before.hanging += 1;
        let seen = before.releases;
        let is_held = |now: &mut Held| now.releases == seen;
        let woken = released.wait_timeout_while(before, Duration::from_mins(1), is_held);
        let (mut after, _) = woken.unwrap_or_else(PoisonError::into_inner);
        after.hanging -= 1;
    }

    pub(crate) fn release(&self) {
        let (held, released) = &*self.0;
        held.lock().unwrap_or_else(PoisonError::into_inner).releases += 1;
        released.notify_all();
    }

    /// How many actors hang now.
    pub(crate) fn hanging(&self) -> usize {
        let (held, _) = &*self.0;
        held.lock().unwrap_or_else(PoisonError::into_inner).hanging
    }
}
