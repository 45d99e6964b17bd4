use std::time::Duration;

/// How failures under one name are slowed down.
///
/// So many are free within a while that begins with the first of them. From then on the name rests
/// after each: at first for as long as the while has room for one, twice as long after every `step`
/// more, and never longer than `longest`. What was counted is forgotten once the name has rested and
/// the while has passed without another failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many are free.
    pub free: u32,
    /// Within which time.
    pub within: Duration,
    /// How many more double the rest.
    pub step: u32,
    /// The longest rest.
    pub longest: Duration,
}

/// What stands against a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failures {
    /// How many failed.
    pub count: u64,
    /// How long the name still rests; zero where it does not.
    pub rest: Duration,
}

impl Pace {
    /// More doublings say nothing: whatever was first is past every `longest` by then.
    pub const DOUBLINGS: u32 = 40;

    /// The first rest, in whole milliseconds.
    pub fn first(&self) -> Duration {
        let first = self.within.as_millis().div_ceil(self.free.max(1).into());
        let first = Duration::from_millis(u64::try_from(first).unwrap_or(u64::MAX));
        first.clamp(Duration::from_millis(1), self.longest())
    }

    /// The longest rest: one millisecond at least, so that there is one.
    pub fn longest(&self) -> Duration {
        self.longest.max(Duration::from_millis(1))
    }

    /// For how long the name rests after so many failures.
    pub fn rest_after(&self, count: u64) -> Duration {
        let Some(over) = count.checked_sub(self.free.into()) else {
            return Duration::ZERO;
        };
        let doublings = over / u64::from(self.step.max(1));
        let doublings = doublings.min(Self::DOUBLINGS.into());
        let rest = self.first().as_millis() << doublings;
        let rest = u64::try_from(rest).map_or(Duration::MAX, Duration::from_millis);
        rest.min(self.longest())
    }

    /// What stands against a name under which `count` failures are remembered for `remembered` more:
    /// a name that rests is remembered for the while beyond its rest.
    pub fn standing(&self, count: u64, remembered: Duration) -> Failures {
        let rests = count >= u64::from(self.free);
        let rest = if rests {
            remembered.saturating_sub(self.within)
        } else {
            Duration::ZERO
        };
        Failures { count, rest }
    }

    /// For how long `count` failures are remembered, of which the last was just now, where they were
    /// to be remembered for `remembered` before it.
    pub fn remembered(&self, count: u64, remembered: Duration) -> Duration {
        if count < u64::from(self.free) {
            return remembered;
        }
        self.rest_after(count) + self.within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        free: 10,
        within: Duration::from_mins(10),
        step: 1,
        longest: Duration::from_mins(15),
    };

    #[test]
    fn rests_begin_with_the_last_free_failure_and_double_up_to_the_longest() {
        let minutes = |count| PACE.rest_after(count).as_secs() / 60;
        let rests: Vec<_> = (9..=16).map(minutes).collect();
        assert_eq!(rests, [0, 1, 2, 4, 8, 15, 15, 15]);
        assert_eq!(PACE.rest_after(u64::MAX), PACE.longest);
    }

    #[test]
    fn a_wider_pace_doubles_after_as_many_as_it_says() {
        let wide = Pace {
            free: 100,
            step: 10,
            ..PACE
        };
        for (count, seconds) in [
            (99, 0),
            (100, 6),
            (109, 6),
            (110, 12),
            (120, 24),
            (500, 900),
        ] {
            assert_eq!(
                wide.rest_after(count),
                Duration::from_secs(seconds),
                "{count}"
            );
        }
    }

    #[test]
    fn no_pace_is_without_a_rest() {
        for (free, within, longest) in [(0, 0, 0), (1, 0, 0), (u32::MAX, 1, 0), (0, 1, u64::MAX)] {
            let pace = Pace {
                free,
                within: Duration::from_millis(within),
                step: 0,
                longest: Duration::from_millis(longest),
            };
            for count in [u64::from(free), u64::MAX] {
                assert!(
                    pace.rest_after(count) >= Duration::from_millis(1),
                    "{pace:?}"
                );
            }
        }
    }

    #[test]
    fn a_constant_attack_gets_about_a_hundred_tries_a_day_at_one_name() {
        let (mut tries, mut passed) = (0, Duration::ZERO);
        while passed < Duration::from_hours(24) {
            tries += 1;
            passed += PACE.rest_after(tries);
        }
        assert!((95..=115).contains(&tries), "{tries}");
    }
}
