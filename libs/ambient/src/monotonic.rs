use std::ops::Add;
use std::time::Duration;

/// A reading of a clock that nobody sets: it only counts how long the process has run.
///
/// What takes a while (a limit's window, a pause, the age of something kept in memory) is measured
/// with it, so that a wall clock that is set back or forward lengthens and shortens nothing. It
/// means nothing to another process and is never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Monotonic(Duration);

impl Monotonic {
    /// The beginning of the count.
    pub const START: Self = Self(Duration::ZERO);

    /// A reading that no clock tells.
    pub const NEVER: Self = Self(Duration::MAX);

    /// A reading this long after the beginning of the count.
    pub const fn from_start(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// How long the count has gone on.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_since_a_later_reading_is_zero() {
        let early = Monotonic::from_start(Duration::from_secs(5));
        let late = early + Duration::from_secs(2);
        assert_eq!(late.since(early), Duration::from_secs(2));
        assert_eq!(early.since(late), Duration::ZERO);
    }

    #[test]
    fn adding_the_longest_span_does_not_overflow() {
        let late = Monotonic::from_start(Duration::from_secs(5)) + Duration::MAX;
        assert_eq!(late.since_start(), Duration::MAX);
    }
}
