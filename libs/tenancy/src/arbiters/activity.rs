use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use insula_ambient::Monotonic;
use insula_model::TenantId;

/// What runs on an arbiter, written by the arbiter itself and read by the supervisor. The lock is
/// held for a copy, and contended by a heartbeat only.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    work: Mutex<Work>,
    /// The last heartbeat that was answered.
    answered: AtomicU64,
}

#[derive(Debug, Default)]
struct Work {
    running: Option<Running>,
    begun: u64,
}

/// The tenant whose actor an arbiter is executing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) tenant: TenantId,
    pub(crate) generation: u64,
    pub(crate) since: Monotonic,
}

/// Lasts as long as a piece of work; ends it however that comes about.
#[must_use]
pub(crate) struct Entered<'a> {
    activity: &'a Activity,
    outer: Option<Running>,
}

impl Activity {
    /// Records that `running` begins, until what is answered is dropped.
    pub(crate) fn enter(&self, running: Running) -> Entered<'_> {
        let mut work = self.work();
        work.begun += 1;
        let outer = work.running.replace(running);
        drop(work);
        Entered {
            activity: self,
            outer,
        }
    }

    pub(crate) fn running(&self) -> Option<Running> {
        self.work().running.clone()
    }

    /// How many pieces of work were begun.
    pub(super) fn begun(&self) -> u64 {
        self.work().begun
    }

    pub(super) fn answer(&self, heartbeat: u64) {
        self.answered.store(heartbeat, Ordering::Release);
    }

    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Acquire)
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.activity.work().running = self.outer.take();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn running(name: &str) -> Running {
        Running {
            tenant: TenantId::parse(name).unwrap(),
            generation: 1,
            since: Monotonic::from_start(Duration::ZERO),
        }
    }

    #[test]
    fn what_runs_is_recorded_until_it_ends_even_by_a_panic() {
        let activity = Activity::default();
        let outer = activity.enter(running("acme"));
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _inner = activity.enter(running("globex"));
            assert_eq!(activity.running(), Some(running("globex")));
            panic!("as a handler does");
        }));
        assert!(ended.is_err());
        assert_eq!(activity.running(), Some(running("acme")));
        drop(outer);
        assert_eq!((activity.running(), activity.begun()), (None, 2));
    }
}
