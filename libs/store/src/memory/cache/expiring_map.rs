use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use insula_ambient::Monotonic;

/// Entries that each end at a moment of the process's own count, in the order they end.
///
/// What has ended is not seen any more, whether or not it was removed yet.
pub(super) struct ExpiringMap<K, V> {
    slots: HashMap<K, Slot<V>>,
    by_end: BTreeMap<(Monotonic, u64), K>,
    ticks: u64,
    /// How much the slots weigh together.
    weight: usize,
    /// How much all entries of the process hold.
    total: Arc<AtomicUsize>,
}

struct Slot<V> {
    value: V,
    ends: Monotonic,
    stored: u64,
    weight: usize,
}

impl<K: Clone + Eq + Hash, V> ExpiringMap<K, V> {
    pub(super) fn new(total: Arc<AtomicUsize>) -> Self {
        Self {
            slots: HashMap::new(),
            by_end: BTreeMap::new(),
            ticks: 0,
            weight: 0,
            total,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// What the entries weigh together; one that was put without a weight counts once.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn get(&self, key: &K, now: Monotonic) -> Option<&V> {
        let slot = self.slots.get(key)?;
        (now < slot.ends).then_some(&slot.value)
    }

    /// An entry, and when it ends.
    pub(super) fn get_with_end(&self, key: &K, now: Monotonic) -> Option<(&V, Monotonic)> {
        let slot = self.slots.get(key)?;
        (now < slot.ends).then_some((&slot.value, slot.ends))
    }

    pub(super) fn get_mut(&mut self, key: &K, now: Monotonic) -> Option<&mut V> {
        let slot = self.slots.get_mut(key)?;
        (now < slot.ends).then_some(&mut slot.value)
    }

    /// Stores an entry in place of any that had its key.
    pub(super) fn put(&mut self, key: K, value: V, ends: Monotonic) {
        self.put_weighing(key, value, ends, 1);
    }

    /// As [`ExpiringMap::put`], an entry that counts as several.
    pub(super) fn put_weighing(&mut self, key: K, value: V, ends: Monotonic, weight: usize) {
        self.take(&key);
        let tick = self.tick();
        self.by_end.insert((ends, tick), key.clone());
        let slot = Slot {
            value,
            ends,
            stored: tick,
            weight,
        };
        self.slots.insert(key, slot);
        self.weight += weight;
        self.total.fetch_add(weight, Ordering::Relaxed);
    }

    /// Removes an entry, ended or not, and answers when it ends.
    pub(super) fn take(&mut self, key: &K) -> Option<(V, Monotonic)> {
        let slot = self.slots.remove(key)?;
        self.by_end.remove(&(slot.ends, slot.stored));
        self.weight -= slot.weight;
        self.total.fetch_sub(slot.weight, Ordering::Relaxed);
        Some((slot.value, slot.ends))
    }

    /// Removes what has ended, the longest ended first and no more than `at_most`; answers how
    /// many went.
    pub(super) fn expire(&mut self, now: Monotonic, at_most: usize) -> usize {
        let mut gone = 0;
        while gone < at_most {
            let Some(((ends, _), key)) = self.by_end.first_key_value() else {
                break;
            };
            if now < *ends {
                break;
            }
            let key = key.clone();
            self.take(&key);
            gone += 1;
        }
        gone
    }

    /// Removes the entry that would end first, and answers it.
    pub(super) fn drop_first_to_end(&mut self) -> Option<V> {
        let (_, key) = self.by_end.first_key_value()?;
        let key = key.clone();
        self.take(&key).map(|(value, _)| value)
    }

    fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }
}

impl<K, V> Drop for ExpiringMap<K, V> {
    fn drop(&mut self) {
        self.total.fetch_sub(self.weight, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(secs: u64) -> Monotonic {
        Monotonic::from_start(Duration::from_secs(secs))
    }

    fn map() -> (ExpiringMap<&'static str, u32>, Arc<AtomicUsize>) {
        let total = Arc::new(AtomicUsize::new(0));
        (ExpiringMap::new(total.clone()), total)
    }

    #[test]
    fn what_has_ended_is_not_seen_even_before_it_is_removed() {
        let (mut map, _) = map();
        map.put("a", 1, at(10));
        assert_eq!(map.get(&"a", at(9)), Some(&1));
        assert_eq!(map.get(&"a", at(10)), None);
        assert_eq!(map.len(), 1);
    }

    #[test]
    fn the_longest_ended_goes_first_and_in_portions() {
        let (mut map, _) = map();
        map.put("late", 1, at(30));
        map.put("early", 2, at(10));
        map.put("middle", 3, at(20));
        assert_eq!(map.expire(at(25), 1), 1);
        assert_eq!(map.get(&"middle", at(0)), Some(&3));
        assert_eq!(map.expire(at(25), 10), 1);
        assert_eq!(map.get(&"late", at(0)), Some(&1));
    }

    #[test]
    fn a_heavy_entry_counts_as_several_until_it_goes() {
        let (mut map, total) = map();
        map.put_weighing("heavy", 1, at(10), 5);
        map.put("light", 2, at(20));
        assert_eq!((map.len(), map.weight()), (2, 6));
        map.put_weighing("heavy", 1, at(10), 3);
        assert_eq!(map.weight(), 4);
        assert_eq!(map.expire(at(10), 1), 1);
        assert_eq!((map.weight(), total.load(Ordering::Relaxed)), (1, 1));
    }

    #[test]
    fn the_total_follows_every_change_and_the_end_of_the_map() {
        let (mut map, total) = map();
        map.put("a", 1, at(10));
        map.put("a", 2, at(20));
        map.put("b", 3, at(30));
        assert_eq!(total.load(Ordering::Relaxed), 2);
        map.drop_first_to_end();
        assert_eq!(total.load(Ordering::Relaxed), 1);
        drop(map);
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }
}
