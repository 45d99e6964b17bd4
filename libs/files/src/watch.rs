use std::path::Path;
use std::time::{Duration, Instant};

use crate::seen::{Stamp, Stamps};
use crate::{Fingerprint, Seen};

/// The coarsest clock of a file system in use: two writes within one of its ticks look the same.
const COARSEST_TICK: Duration = Duration::from_secs(2);

/// Files that were read, and whether they have to be read again.
///
/// Asking the system about a file is cheap and nearly always enough, but a write in the same tick
/// as the one that was read leaves every time as it was. So what was read is read a second time once
/// that tick is over, and believed only then.
///
/// There is one for each tenant, awake or not: it keeps no more than that takes.
#[derive(Debug)]
pub struct Watch {
    paths: Box<[Box<Path>]>,
    stamps: Stamps,
    fingerprint: Fingerprint,
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
    pub fn new(seen: &Seen, now: Instant) -> Self {
        Self {
            paths: seen.paths().map(Box::from).collect(),
            stamps: seen.stamps(),
            fingerprint: seen.fingerprint(),
            since: now,
            is_settled: false,
        }
    }

    /// Whether the files have to be read again: one question to the system for each, and nothing
    /// opened.
    pub fn look(&self, now: Instant) -> Look {
        let stamps = self.paths.iter().map(|path| Stamp::of(path));
        if Stamps::of(stamps) != self.stamps {
            return Look::Changed;
        }
        if self.is_settled || now.saturating_duration_since(self.since) < COARSEST_TICK {
            return Look::Same;
        }
        Look::Unsettled
    }

    /// Takes what was read again just before `now`.
    pub fn renew(&mut self, seen: &Seen, now: Instant) {
        let has_these_paths = seen.paths().eq(self.paths.iter().map(AsRef::as_ref));
        if !has_these_paths || seen.stamps() != self.stamps {
            *self = Self::new(seen, now);
            return;
        }
        self.is_settled |= now.saturating_duration_since(self.since) >= COARSEST_TICK;
        self.fingerprint = seen.fingerprint();
    }

    /// The fingerprint of what was read last.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

#[cfg(test)]
mod tests;
