use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Bound;
use std::sync::Arc;

use insula_model::TenantId;

use crate::{TenantChange, TenantChanges, TenantEntry};

/// How many tenants that are gone are remembered. Whoever asks from before the oldest of them is
/// told to begin anew.
const MOST_REMOVED: usize = if cfg!(test) { 8 } else { 10_000 };

/// The tenants of a registry, the order they changed in and their hosts, in memory. One change costs
/// no look at the other tenants, and an entry is shared with those who are told of it.
#[derive(Debug, Default)]
pub struct TenantIndex {
    /// The number given out last.
    newest: u64,
    /// Removals up to this number are forgotten.
    forgotten: u64,
    tenants: HashMap<TenantId, (u64, Arc<TenantEntry>)>,
    /// The last change of each tenant.
    by_number: BTreeMap<u64, TenantId>,
    removed: BTreeMap<u64, TenantId>,
    removed_ids: HashMap<TenantId, u64>,
    /// A hash of each host, and the last change of a tenant that has it: a second copy of all names
    /// would take several times the room.
    by_host: BTreeSet<(u64, u64)>,
    hasher: RandomState,
}

impl TenantIndex {
    /// Takes over a tenant as it is now. Answers the number of its last change: a new one only if
    /// anything differs from before.
    pub fn put(&mut self, entry: TenantEntry) -> u64 {
        if let Some((number, known)) = self.tenants.get(&entry.id) {
            if **known == entry {
                return *number;
            }
            let (number, known) = (*number, Arc::clone(known));
            self.by_number.remove(&number);
            self.forget_hosts(number, &known);
        }
        if let Some(number) = self.removed_ids.remove(&entry.id) {
            self.removed.remove(&number);
        }
        self.newest += 1;
        for host in &entry.hosts {
            let hash = self.hash_of(host);
            self.by_host.insert((hash, self.newest));
        }
        self.by_number.insert(self.newest, entry.id.clone());
        let id = entry.id.clone();
        self.tenants.insert(id, (self.newest, Arc::new(entry)));
        self.newest
    }

    /// A tenant is gone; `false` if there was none.
    pub fn remove(&mut self, id: &TenantId) -> bool {
        let Some((number, entry)) = self.tenants.remove(id) else {
            return false;
        };
        self.by_number.remove(&number);
        self.forget_hosts(number, &entry);
        self.newest += 1;
        self.removed.insert(self.newest, id.clone());
        self.removed_ids.insert(id.clone(), self.newest);
        while self.removed.len() > MOST_REMOVED {
            let Some((number, id)) = self.removed.pop_first() else {
                break;
            };
            self.removed_ids.remove(&id);
            self.forgotten = number;
        }
        true
    }

    /// A tenant and the number of its last change.
    pub fn get(&self, id: &TenantId) -> Option<(u64, &TenantEntry)> {
        let (number, entry) = self.tenants.get(id)?;
        Some((*number, entry))
    }

    /// The names of all tenants.
    pub fn ids(&self) -> impl Iterator<Item = &TenantId> {
        self.tenants.keys()
    }

    /// See [`TenantRegistry::changes_since`](crate::TenantRegistry::changes_since).
    pub fn changes_since(&self, since: u64, most: u32) -> TenantChanges {
        let begins_anew = since > self.newest || (since > 0 && since < self.forgotten);
        let since = if begins_anew { 0 } else { since };
        let most = usize::try_from(most.max(1)).unwrap_or(usize::MAX);
        let behind = (Bound::Excluded(since), Bound::Unbounded);
        // From the beginning, who is gone was never there.
        let removed = (since > 0).then(|| self.removed.range(behind));
        let mut removed = removed.into_iter().flatten().peekable();
        let mut there = self.by_number.range(behind).peekable();
        let mut answer = TenantChanges {
            changes: Vec::new(),
            upto: since,
            has_more: false,
            begins_anew,
        };
        loop {
            let removal_is_next = match (removed.peek(), there.peek()) {
                (None, None) => break,
                (Some((gone, _)), Some((put, _))) => gone < put,
                (gone, _) => gone.is_some(),
            };
            if answer.changes.len() == most {
                answer.has_more = true;
                return answer;
            }
            if removal_is_next {
                if let Some((number, id)) = removed.next() {
                    answer.upto = *number;
                    answer.changes.push(TenantChange::Removed(id.clone()));
                }
            } else if let Some((number, id)) = there.next() {
                answer.upto = *number;
                if let Some((_, entry)) = self.tenants.get(id) {
                    answer.changes.push(TenantChange::Put(Arc::clone(entry)));
                }
            }
        }
        answer.upto = self.newest;
        answer
    }

    /// See [`TenantRegistry::by_host`](crate::TenantRegistry::by_host).
    pub fn by_host(&self, host: &str) -> Vec<TenantEntry> {
        let hash = self.hash_of(host);
        let has_it = |entry: &TenantEntry| entry.hosts.iter().any(|h| h.eq_ignore_ascii_case(host));
        let numbers = self.by_host.range((hash, 0)..=(hash, u64::MAX));
        let mut found: Vec<TenantEntry> = numbers
            .filter_map(|(_, number)| {
                let (_, entry) = self.tenants.get(self.by_number.get(number)?)?;
                has_it(entry).then(|| TenantEntry::clone(entry))
            })
            .collect();
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found
    }

    fn forget_hosts(&mut self, number: u64, entry: &TenantEntry) {
        for host in &entry.hosts {
            let hash = self.hash_of(host);
            self.by_host.remove(&(hash, number));
        }
    }

    fn hash_of(&self, host: &str) -> u64 {
        self.hasher.hash_one(host.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: usize) -> TenantEntry {
        TenantEntry {
            id: id(number),
            hosts: vec![format!("t{number}.test")],
            path: String::new(),
            is_default: false,
            fingerprint: "1".to_owned(),
            is_good: true,
        }
    }

    fn id(number: usize) -> TenantId {
        TenantId::parse(format!("t{number}")).unwrap()
    }

    #[test]
    fn removals_that_were_forgotten_are_told_by_beginning_anew() {
        let mut index = TenantIndex::default();
        index.put(entry(0));
        let known = index.changes_since(0, 10).upto;
        for number in 1..=MOST_REMOVED {
            index.put(entry(number));
            index.remove(&id(number));
        }
        let told = index.changes_since(known, 100);
        assert_eq!(
            (told.changes.len(), told.begins_anew),
            (MOST_REMOVED, false)
        );
        index.put(entry(99));
        index.remove(&id(99));
        let told = index.changes_since(known, 100);
        assert!(told.begins_anew);
        assert_eq!(told.changes, [TenantChange::Put(Arc::new(entry(0)))]);
        assert!(!index.changes_since(told.upto, 100).begins_anew);
    }

    #[test]
    fn tenants_that_are_gone_leave_nothing_behind_but_the_last_of_them() {
        let mut index = TenantIndex::default();
        for number in 0..100 {
            index.put(entry(number));
            index.remove(&id(number));
        }
        assert_eq!(index.removed.len(), MOST_REMOVED);
        assert_eq!(index.removed_ids.len(), MOST_REMOVED);
        assert!(index.by_host.is_empty() && index.by_number.is_empty());
    }
}
