use std::time::Duration;

use insula_ambient::{Backoff, Monotonic};

/// When connectors that could not be opened are tried again.
const PAUSES: Backoff = Backoff {
    first: Duration::from_secs(10),
    longest: Duration::from_mins(5),
};

/// The tries to open what could not be opened.
#[derive(Debug)]
pub(super) struct Reopening {
    earlier: u32,
    due: Monotonic,
}

impl Reopening {
    /// Nothing is to be opened.
    pub(super) const NONE: Self = Self {
        earlier: 0,
        due: Monotonic::NEVER,
    };

    pub(super) const fn due(&self) -> Monotonic {
        self.due
    }

    /// The try that was due begins.
    pub(super) fn begin(&mut self) {
        self.due = Monotonic::NEVER;
    }

    /// Tries again after a pause, longer each time. By chance it is shorter by up to a half, so that
    /// tenants which came up together do not try together.
    pub(super) fn put_off(&mut self, chance: u16, now: Monotonic) {
        let whole = PAUSES.pause(self.earlier);
        let least = whole / 2;
        self.earlier = self.earlier.saturating_add(1);
        self.due = now + least + (least * u32::from(chance)) / (u32::from(u16::MAX) + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_spread_over_half_a_pause_and_never_further_apart_than_five_minutes() {
        let start = Monotonic::from_start(Duration::from_secs(1_000));
        let pauses = |chance| {
            let mut reopening = Reopening::NONE;
            let mut told = Vec::new();
            for _ in 0..8 {
                reopening.put_off(chance, start);
                told.push(reopening.due().since(start).as_secs());
            }
            told
        };
        assert_eq!(pauses(0), [5, 10, 20, 40, 80, 150, 150, 150]);
        assert_eq!(
            pauses(u16::MAX / 2 + 1),
            [7, 15, 30, 60, 120, 225, 225, 225]
        );
        assert_eq!(pauses(u16::MAX), [9, 19, 39, 79, 159, 299, 299, 299]);
    }
}
