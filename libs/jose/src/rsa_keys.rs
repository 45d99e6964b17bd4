use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use aws_lc_rs::signature::RsaKeyPair;
use insula_secret::Secret;

/// The parsed RSA keys of all tenants of a process, so many at most.
///
/// A parsed RSA key is some kilobytes, and very many tenants are awake that hardly ever sign. So a
/// ring holds its RSA keys as PKCS#8, and what is parsed of it when it signs is kept here as long as
/// there is room; the keys that were used longest ago make room. A key that leaves its ring takes its
/// parsed form along at once.
pub struct RsaKeys {
    most: usize,
    /// The filled slots, each once.
    filled: Mutex<VecDeque<Weak<Slot>>>,
}

/// Room for the parsed form of one key.
#[derive(Default)]
struct Slot {
    pair: RwLock<Option<Arc<RsaKeyPair>>>,
    /// Whether it was used since the last look at it.
    used: AtomicBool,
}

/// An RSA key at rest: its PKCS#8, and where it is parsed.
pub(crate) struct ParkedRsa {
    der: Secret<[u8]>,
    slot: Arc<Slot>,
    parsed: Arc<RsaKeys>,
}

impl RsaKeys {
    /// Room for `most` parsed keys.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most: most.max(1),
            filled: Mutex::default(),
        })
    }

    /// How many are parsed.
    pub fn len(&self) -> usize {
        let filled = self.filled.lock().unwrap_or_else(PoisonError::into_inner);
        let held = filled.iter().filter(|slot| slot.strong_count() > 0);
        held.count()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Notes a slot that was filled; those make room that were not used since they were last looked at.
    fn note(&self, slot: &Arc<Slot>) {
        let mut emptied = Vec::new();
        let mut filled = self.filled.lock().unwrap_or_else(PoisonError::into_inner);
        // Who looked at all of them twice has found each unused.
        let mut looks = filled.len() * 2;
        while filled.len() >= self.most
            && let Some(oldest) = filled.pop_front()
        {
            looks = looks.saturating_sub(1);
            let Some(found) = oldest.upgrade() else {
                continue;
            };
            if found.used.swap(false, Ordering::Relaxed) && looks > 0 {
                filled.push_back(oldest);
            } else {
                emptied.push(found);
            }
        }
        filled.push_back(Arc::downgrade(slot));
        drop(filled);
        for slot in emptied {
            *slot.pair.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

impl ParkedRsa {
    pub(crate) fn new(der: Secret<[u8]>, parsed: &Arc<RsaKeys>) -> Self {
        Self {
            der,
            slot: Arc::default(),
            parsed: Arc::clone(parsed),
        }
    }

    pub(crate) fn der(&self) -> &Secret<[u8]> {
        &self.der
    }

    /// The parsed key. `None` if it is none, which whoever parked it has looked at.
    pub(crate) fn pair(&self) -> Option<Arc<RsaKeyPair>> {
        self.slot.used.store(true, Ordering::Relaxed);
        let parsed = self.slot.pair.read();
        if let Some(pair) = &*parsed.unwrap_or_else(PoisonError::into_inner) {
            return Some(Arc::clone(pair));
        }
        let filling = self.slot.pair.write();
        let mut filling = filling.unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have been faster.
        if let Some(pair) = &*filling {
            return Some(Arc::clone(pair));
        }
        let pair = Arc::new(RsaKeyPair::from_pkcs8(self.der.reveal()).ok()?);
        *filling = Some(Arc::clone(&pair));
        drop(filling);
        self.parsed.note(&self.slot);
        Some(pair)
    }
}

impl fmt::Debug for RsaKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKeys")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Alg, test_keys};

    fn parked(keys: &Arc<RsaKeys>) -> ParkedRsa {
        ParkedRsa::new(test_keys::pkcs8(Alg::RS256).into(), keys)
    }

    fn is_parsed(key: &ParkedRsa) -> bool {
        key.slot.pair.read().unwrap().is_some()
    }

    #[test]
    fn a_key_is_parsed_when_it_signs_and_not_again() {
        let keys = RsaKeys::new(2);
        let key = parked(&keys);
        assert!(!is_parsed(&key) && keys.is_empty());
        let first = key.pair().unwrap();
        assert!(Arc::ptr_eq(&first, &key.pair().unwrap()));
        assert_eq!(keys.len(), 1);
    }

    #[test]
    fn no_more_are_parsed_than_there_is_room_for_and_one_in_use_stays() {
        let keys = RsaKeys::new(3);
        let busy = parked(&keys);
        let others: Vec<ParkedRsa> = (0..20).map(|_| parked(&keys)).collect();
        busy.pair().unwrap();
        for other in &others {
            other.pair().unwrap();
            busy.pair().unwrap();
            assert!(keys.len() <= 3, "{}", keys.len());
        }
        assert!(is_parsed(&busy), "it signed all the time");
        assert!(others.iter().filter(|key| is_parsed(key)).count() <= 3);
        assert!(!is_parsed(&others[0]));
        // What made room signs again.
        assert!(others[0].pair().is_some());
    }

    #[test]
    fn a_key_that_is_dropped_is_parsed_nowhere_any_more() {
        let keys = RsaKeys::new(3);
        let key = parked(&keys);
        let parsed = Arc::downgrade(&key.pair().unwrap());
        drop(key);
        assert_eq!(parsed.strong_count(), 0);
        assert!(keys.is_empty());
    }
}
