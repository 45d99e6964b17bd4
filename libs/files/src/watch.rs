use std::time::{Duration, Instant};

use crate::Seen;

/// The coarsest clock of a file system in use: two writes within one of its ticks look the same.
const COARSEST_TICK: Duration = Duration::from_secs(2);

/// Files that were read, and whether they have to be read again.
///
/// Asking the system about a file is cheap and nearly always enough, but a write in the same tick
/// as the one that was read leaves every time as it was. So what was read is read a second time once
/// that tick is over, and believed only then.
#[derive(Debug)]
pub struct Watch {
    seen: Seen,
    since: Instant,
    is_settled: bool,
}

/// What a look at watched files says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Nothing was written since.
    Same,
    /// Nothing looks written, but what was read may have been written again in the same moment:
    /// read once more.
    Unsettled,
    /// Something was written, came, went or leads elsewhere: read again.
    Changed,
}

impl Watch {
    /// Watches what was read just before `now`.
    pub fn new(seen: Seen, now: Instant) -> Self {
        Self {
            seen,
            since: now,
            is_settled: false,
        }
    }

    /// Whether the files have to be read again.
    pub fn look(&self, now: Instant) -> Look {
        if !self.seen.looks_the_same() {
            return Look::Changed;
        }
        if self.is_settled || now.saturating_duration_since(self.since) < COARSEST_TICK {
            return Look::Same;
        }
        Look::Unsettled
    }

    /// Takes what was read again just before `now`.
    pub fn renew(&mut self, seen: Seen, now: Instant) {
        if !seen.has_the_stamps_of(&self.seen) {
            *self = Self::new(seen, now);
            return;
        }
        self.is_settled |= now.saturating_duration_since(self.since) >= COARSEST_TICK;
        self.seen = seen;
    }

    /// What was read last.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }
}

#[cfg(test)]
mod tests;
