use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::{Clock, Monotonic, Timestamp};

/// A clock whose wall time never runs backwards: the newest moment it told is the floor.
///
/// A record made after another must not look older, or a token that was replaced looks fresh and
/// a session that ended is young again. When the clock under it is set back, this one goes on from
/// where it was at half its pace, so that what was to end soon still ends, until the clock under
/// it has caught up. A clock set forward is followed at once.
#[derive(Debug)]
pub struct ForwardClock<C> {
    clock: C,
    told: Mutex<Option<Told>>,
}

/// A moment that was told, and how long the process had run then.
#[derive(Debug, Clone, Copy)]
struct Told {
    wall: Timestamp,
    at: Monotonic,
}

impl Told {
    /// What must be told at least, `at` a later reading.
    fn floor(self, at: Monotonic) -> Timestamp {
        self.wall + at.since(self.at) / 2
    }
}

impl<C: Clock> ForwardClock<C> {
    /// Over `clock`, which may be set.
    pub const fn new(clock: C) -> Self {
        Self {
            clock,
            told: Mutex::new(None),
        }
    }

    /// By how much the clock under this one was set back and has not caught up yet.
    pub fn ahead(&self) -> Duration {
        let told = self.now();
        told.since(self.clock.now())
    }
}

impl<C: Clock> Clock for ForwardClock<C> {
    fn now(&self) -> Timestamp {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock: a thread that was held up must not compare with a later floor.
        let (wall, at) = (self.clock.now(), self.clock.monotonic());
        match *told {
            Some(told) if wall < told.floor(at) => told.floor(at),
            _ => {
                *told = Some(Told { wall, at });
                wall
            }
        }
    }

    fn monotonic(&self) -> Monotonic {
        self.clock.monotonic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManualClock;

    const START: Timestamp = Timestamp::from_secs(1_000_000);
    const HOUR: Duration = Duration::from_hours(1);

    fn a_clock() -> (ManualClock, ForwardClock<ManualClock>) {
        let under = ManualClock::at(START);
        (under.clone(), ForwardClock::new(under))
    }

    #[test]
    fn a_clock_that_is_not_set_is_told_as_it_is() {
        let (under, clock) = a_clock();
        for _ in 0..100 {
            under.advance(Duration::from_millis(1));
            assert_eq!(clock.now(), under.now());
        }
        assert_eq!(clock.ahead(), Duration::ZERO);
    }

    #[test]
    fn a_clock_set_forward_is_followed_at_once() {
        let (under, clock) = a_clock();
        clock.now();
        under.step_forward(24 * HOUR);
        assert_eq!(clock.now(), START + 24 * HOUR);
    }

    #[test]
    fn a_clock_set_back_never_takes_the_told_time_back() {
        for step in [Duration::from_secs(1), HOUR, 24 * HOUR] {
            let (under, clock) = a_clock();
            let mut told = clock.now();
            under.step_back(step);
            for _ in 0..1_000 {
                under.advance(Duration::from_millis(1));
                let next = clock.now();
                assert!(next >= told, "{next:?} after {told:?}");
                told = next;
            }
            assert_eq!(told, START + Duration::from_millis(500));
        }
    }

    #[test]
    fn time_goes_on_while_the_clock_that_was_set_back_catches_up() {
        let (under, clock) = a_clock();
        clock.now();
        under.step_back(HOUR);
        assert_eq!(clock.ahead(), HOUR);
        under.advance(HOUR);
        assert_eq!(clock.now(), START + HOUR / 2);
        under.advance(HOUR);
        assert_eq!(clock.now(), START + HOUR);
        assert_eq!(clock.now(), under.now());
        under.advance(HOUR);
        assert_eq!(clock.now(), under.now());
    }

    #[test]
    fn a_second_step_back_keeps_the_floor_of_the_first() {
        let (under, clock) = a_clock();
        clock.now();
        under.step_back(HOUR);
        under.advance(Duration::from_secs(10));
        let told = clock.now();
        under.step_back(HOUR);
        assert_eq!(clock.now(), told);
    }
}
