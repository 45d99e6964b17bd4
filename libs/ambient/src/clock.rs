use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::{Monotonic, Timestamp};

/// Tells the time. Held by shells; rules are handed a [`Timestamp`] or a [`Monotonic`].
///
/// Two readings for two questions. *When* something was, as it is stored or signed, is
/// [`now`](Self::now). *How long* something takes is [`monotonic`](Self::monotonic): the
/// difference of two wall-clock readings is wrong by as much as somebody set the clock in between.
pub trait Clock: Send + Sync + 'static {
    /// The present moment, for what is stored or signed and for comparing with it.
    fn now(&self) -> Timestamp;

    /// How long the process has run, for everything that lasts a while in its memory.
    fn monotonic(&self) -> Monotonic;
}

/// The machine's clocks, as the machine tells them: the wall clock may be set back.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the time"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Timestamp::EPOCH + since_epoch
    }

    fn monotonic(&self) -> Monotonic {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        let start = *START;
        Monotonic::from_start(start.elapsed())
    }
}

/// A clock that stands still until a test moves it. Clones share their readings.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Readings>);

#[derive(Debug)]
struct Readings {
    wall_ms: AtomicI64,
    monotonic_ns: AtomicU64,
}

impl ManualClock {
    /// A clock standing at `start`, in a process that has run for a while.
    pub fn at(start: Timestamp) -> Self {
        let readings = Readings {
            wall_ms: AtomicI64::new(start.as_millis()),
            monotonic_ns: AtomicU64::new(nanos(Duration::from_secs(1_000))),
        };
        Self(Arc::new(readings))
    }

    /// Time goes on: both readings move forward.
    pub fn advance(&self, by: Duration) {
        self.step_forward(by);
        self.0.monotonic_ns.fetch_add(nanos(by), Ordering::SeqCst);
    }

    /// Somebody sets the wall clock forward; the time that has passed stays what it is.
    pub fn step_forward(&self, by: Duration) {
        self.set_wall(self.now() + by);
    }

    /// Somebody sets the wall clock back; the time that has passed stays what it is.
    pub fn step_back(&self, by: Duration) {
        self.set_wall(self.now() - by);
    }

    fn set_wall(&self, to: Timestamp) {
        self.0.wall_ms.store(to.as_millis(), Ordering::SeqCst);
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.wall_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Monotonic {
        let since_start = self.0.monotonic_ns.load(Ordering::SeqCst);
        Monotonic::from_start(Duration::from_nanos(since_start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_manual_clock_share_their_readings() {
        let clock = ManualClock::at(Timestamp::from_secs(100));
        let other = clock.clone();
        let before = other.monotonic();
        clock.advance(Duration::from_secs(5));
        assert_eq!(other.now(), Timestamp::from_secs(105));
        assert_eq!(other.monotonic().since(before), Duration::from_secs(5));
    }

    #[test]
    fn setting_a_manual_clock_lets_no_time_pass() {
        let clock = ManualClock::at(Timestamp::from_secs(100));
        let before = clock.monotonic();
        clock.step_back(Duration::from_secs(50));
        assert_eq!(clock.now(), Timestamp::from_secs(50));
        clock.step_forward(Duration::from_secs(70));
        assert_eq!(clock.now(), Timestamp::from_secs(120));
        assert_eq!(clock.monotonic(), before);
    }

    #[test]
    fn the_machine_counts_on() {
        let before = SystemClock.monotonic();
        assert!(SystemClock.monotonic() >= before);
    }
}
