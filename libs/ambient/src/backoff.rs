use std::time::Duration;

/// Pauses between tries that fail: each twice as long as the one before, up to a longest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after so many earlier ones. Chance, where tries are to be spread, is the caller's.
    pub fn pause(self, earlier: u32) -> Duration {
        let factor = 2_u32.saturating_pow(earlier);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff {
            first: Duration::from_millis(50),
            longest: Duration::from_secs(1),
        };
        let pauses = [0, 1, 2, 4, 5, 1000, u32::MAX].map(|n| backoff.pause(n).as_millis());
        assert_eq!(pauses, [50, 100, 200, 800, 1000, 1000, 1000]);
        let unbounded = Backoff {
            longest: Duration::MAX,
            ..backoff
        };
        assert!(unbounded.pause(u32::MAX) > Duration::from_hours(24));
    }
}
