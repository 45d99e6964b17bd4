use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use insula_ambient::Monotonic;
use insula_model::TokenHash;

/// So many names are remembered; beyond it the one goes that is remembered shortest. The cache, which
/// counts for all processes, says how long it rests as soon as it fails again.
const MOST: usize = 1_024;

/// Which names rest after failures, as this process heard it from the cache: asking costs no round
/// trip, so that those who make no mistakes pay nothing for those who do.
#[derive(Debug, Default)]
pub struct Rests(OnceLock<Box<Mutex<HashMap<TokenHash, Rest>>>>);

#[derive(Debug, Clone, Copy)]
struct Rest {
    until: Monotonic,
    remembered_until: Monotonic,
    /// The hash of what failed last.
    last: TokenHash,
}

impl Rests {
    /// What is remembered, where anything ever was.
    fn known(&self) -> Option<MutexGuard<'_, HashMap<TokenHash, Rest>>> {
        let rests = self.0.get()?;
        Some(rests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long a name still rests, if it does.
    pub fn rest(&self, name: &TokenHash, now: Monotonic) -> Option<Duration> {
        let rests = self.known()?;
        let rest = rests.get(name).filter(|rest| now < rest.until)?;
        Some(rest.until.since(now))
    }

    /// Whether this is what failed last under a name: the same mistake again is no further guess.
    pub fn is_repeated(&self, name: &TokenHash, what: &TokenHash, now: Monotonic) -> bool {
        let Some(rests) = self.known() else {
            return false;
        };
        let known = rests.get(name);
        known.is_some_and(|rest| now < rest.remembered_until && rest.last == *what)
    }

    /// Remembers what failed last under a name, how long the name rests for it, and both for how long.
    pub fn note(
        &self,
        name: TokenHash,
        what: TokenHash,
        (rest, remembered): (Duration, Duration),
        now: Monotonic,
    ) {
        let rests = self.0.get_or_init(Box::default);
        let mut rests = rests.lock().unwrap_or_else(PoisonError::into_inner);
        if rests.len() >= MOST && !rests.contains_key(&name) {
            rests.retain(|_, rest| now < rest.remembered_until);
        }
        if rests.len() >= MOST && !rests.contains_key(&name) {
            let first = rests.iter().min_by_key(|(_, rest)| rest.remembered_until);
            if let Some(first) = first.map(|(name, _)| *name) {
                rests.remove(&first);
            }
        }
        rests.insert(
            name,
            Rest {
                until: now + rest,
                remembered_until: now + rest.max(remembered),
                last: what,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Monotonic = Monotonic::from_start(Duration::from_secs(1_000));
    const MINUTE: Duration = Duration::from_mins(1);

    fn hash(number: usize) -> TokenHash {
        TokenHash::of(&number.to_string())
    }

    #[test]
    fn a_name_rests_as_long_as_noted_and_its_last_failure_is_known_longer() {
        let rests = Rests::default();
        rests.note(hash(1), hash(7), (MINUTE, 2 * MINUTE), START);
        assert_eq!(rests.rest(&hash(1), START + MINUTE / 2), Some(MINUTE / 2));
        assert_eq!(rests.rest(&hash(1), START + MINUTE), None);
        assert_eq!(rests.rest(&hash(2), START), None);
        let later = START + MINUTE * 3 / 2;
        assert!(rests.is_repeated(&hash(1), &hash(7), later));
        assert!(!rests.is_repeated(&hash(1), &hash(8), later));
        assert!(!rests.is_repeated(&hash(2), &hash(7), later));
        assert!(!rests.is_repeated(&hash(1), &hash(7), START + 2 * MINUTE));
    }

    #[test]
    fn a_flood_of_names_takes_bounded_memory_and_leaves_those_that_rest_longest() {
        let rests = Rests::default();
        rests.note(hash(0), hash(0), (60 * MINUTE, MINUTE), START);
        for number in 1..5_000 {
            rests.note(hash(number), hash(0), (MINUTE, MINUTE), START);
        }
        assert_eq!(rests.known().unwrap().len(), MOST);
        assert!(rests.rest(&hash(0), START).is_some());
        let later = START + 2 * MINUTE;
        rests.note(hash(9_999), hash(0), (MINUTE, MINUTE), later);
        assert_eq!(rests.known().unwrap().len(), 2, "what ended makes room");
    }
}
