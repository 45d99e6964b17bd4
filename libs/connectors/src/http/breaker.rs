use std::time::Duration;

use insula_ambient::Monotonic;

/// So many failures in a row open the circuit.
const FAILURES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Stops asking an upstream that does not answer, so that logins fail at once instead of piling up
/// behind its time-out.
///
/// ```text
/// closed ── 5 failures in a row ──► open for 10 s ── then one call tries ──► closed, or open for
///                                                                            twice as long
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Breaker {
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    until: Monotonic,
    pause: Duration,
    trying: bool,
}

impl Breaker {
    /// Whether a call may be made now; if not, for how long not.
    ///
    /// When the pause has passed, one call is let through to try, and the next only a pause later:
    /// a trial that never reports holds nobody up for ever.
    pub(super) fn admit(&mut self, now: Monotonic) -> Result<(), Duration> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        if now < open.until {
            return Err(open.until.since(now));
        }
        open.until = now + open.pause;
        open.trying = true;
        Ok(())
    }

    /// The upstream answered.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// The upstream did not answer, or failed. True if the circuit opened by it.
    pub(super) fn failed(&mut self, now: Monotonic) -> bool {
        self.failures = self.failures.saturating_add(1);
        let pause = match self.open {
            None if self.failures < FAILURES => return false,
            None => FIRST_PAUSE,
            Some(open) if open.trying => (open.pause * 2).min(LONGEST_PAUSE),
            // A straggler, sent before the circuit opened, tells nothing new.
            Some(_) => return false,
        };
        let opened = self.open.is_none();
        self.open = Some(Open {
            until: now + pause,
            pause,
            trying: false,
        });
        opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_ambient::{Clock, ManualClock, Timestamp};

    fn a_broken(clock: &ManualClock) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert_eq!(breaker.admit(clock.monotonic()), Ok(()));
            breaker.failed(clock.monotonic());
        }
        breaker
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn five_failures_in_a_row_open_it_for_ten_seconds() {
        let clock = ManualClock::at(Timestamp::from_secs(1000));
        let mut breaker = a_broken(&clock);
        assert_eq!(breaker.admit(clock.monotonic()), Err(secs(10)));
        clock.advance(secs(9));
        assert_eq!(breaker.admit(clock.monotonic()), Err(secs(1)));
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed() {
        let now = Monotonic::from_start(Duration::from_secs(1000));
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            for _ in 0..FAILURES - 1 {
                assert!(!breaker.failed(now));
            }
            breaker.succeeded();
        }
        assert_eq!(breaker.admit(now), Ok(()));
    }

    #[test]
    fn after_the_pause_one_call_tries_and_the_others_wait_for_it() {
        let clock = ManualClock::at(Timestamp::from_secs(1000));
        let mut breaker = a_broken(&clock);
        clock.advance(secs(10));
        assert_eq!(breaker.admit(clock.monotonic()), Ok(()));
        assert_eq!(breaker.admit(clock.monotonic()), Err(secs(10)));
        breaker.succeeded();
        assert_eq!(breaker.admit(clock.monotonic()), Ok(()));
        assert_eq!(breaker.admit(clock.monotonic()), Ok(()));
    }

    #[test]
    fn stragglers_do_not_lengthen_the_pause() {
        let clock = ManualClock::at(Timestamp::from_secs(1000));
        let mut breaker = a_broken(&clock);
        for _ in 0..9 {
            assert!(!breaker.failed(clock.monotonic()));
        }
        assert_eq!(breaker.admit(clock.monotonic()), Err(secs(10)));
    }

    #[test]
    fn every_failed_trial_doubles_the_pause_up_to_five_minutes() {
        let clock = ManualClock::at(Timestamp::from_secs(1000));
        let mut breaker = a_broken(&clock);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let pause = breaker.admit(clock.monotonic()).unwrap_err();
            pauses.push(pause.as_secs());
            clock.advance(pause);
            assert_eq!(breaker.admit(clock.monotonic()), Ok(()));
            breaker.failed(clock.monotonic());
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn a_wall_clock_that_is_set_neither_opens_nor_closes_the_circuit() {
        let step = Duration::from_hours(24);
        let clock = ManualClock::at(Timestamp::from_secs(1_000_000));
        let mut breaker = a_broken(&clock);
        clock.step_back(step);
        assert_eq!(breaker.admit(clock.monotonic()), Err(secs(10)));
        clock.step_forward(step * 2);
        assert_eq!(breaker.admit(clock.monotonic()), Err(secs(10)));
        clock.advance(secs(10));
        assert_eq!(breaker.admit(clock.monotonic()), Ok(()));
    }
}
