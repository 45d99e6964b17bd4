//! What a process remembers of rows it read, for a moment and within bounds.

use std::fmt;
use std::hash::{Hash, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashlink::LinkedHashMap;
use insula_ambient::{Clock, Monotonic};
use serde::Serialize;

/// How many of the longest unused entries a new one looks at, to remove those that have ended.
const IN_PASSING: usize = 4;
/// What an entry takes beside its key and its value: links, a slot of the table, an allocation.
const ENTRY_BYTES: usize = 64;

/// Something that was read of a row.
pub trait Fact: Clone + Send + 'static {
    /// What it is found by.
    type Key: Clone + Eq + Hash + Send + 'static;

    /// How long it may be used, counted from when the statement that read it began; zero for what
    /// is not remembered.
    fn good_for(&self) -> Duration;

    /// Whether it cannot change any more. What was read before it was known is not remembered after
    /// it.
    fn is_final(&self) -> bool {
        false
    }

    /// How many bytes it and its key take beyond their own size.
    fn bytes_beside(&self, key: &Self::Key) -> usize;
}

/// How much a tenant may have remembered of one kind. Beyond it what was unused for longest goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RememberedBound {
    /// How many; zero for none at all.
    pub entries: u32,
    /// How many bytes they take together.
    pub bytes: u64,
}

impl RememberedBound {
    /// What an entry takes on average at most.
    pub const BYTES_EACH: u64 = 1_024;

    /// Room for so many.
    pub const fn of(entries: u32) -> Self {
        Self {
            entries,
            bytes: Self::BYTES_EACH * entries as u64,
        }
    }

    fn has_room(self, entries: usize, bytes: usize) -> bool {
        let most = usize::try_from(self.entries).unwrap_or(usize::MAX);
        let most_bytes = usize::try_from(self.bytes).unwrap_or(usize::MAX);
        entries <= most && bytes <= most_bytes
    }
}

/// How much is remembered, and how often that was of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RememberedUse {
    /// Questions that were answered from memory.
    pub hits: u64,
    /// Questions that were not.
    pub misses: u64,
    /// Entries that went before their time, to make room.
    pub evicted: u64,
    /// Entries there are, ended ones included until they are removed.
    pub entries: usize,
    /// How many bytes they take, as far as is known.
    pub bytes: usize,
}

/// What all tenants of a process remember of one kind together.
#[derive(Debug)]
pub struct RememberedTotals {
    /// How many bytes there may be. Where they are taken a tenant makes room among its own entries
    /// or goes without; none makes room among another's.
    most_bytes: usize,
    entries: AtomicUsize,
    bytes: AtomicUsize,
    hits: AtomicU64,
    misses: AtomicU64,
    evicted: AtomicU64,
}

/// What one tenant remembers of one kind of fact.
///
/// A fact may be used for a short time, counted from when the statement that read it *began*: what
/// changed it is therefore seen everywhere within that time, whatever word of it is lost. Where word
/// comes the fact is forgotten at once ([`forget`](Self::forget)), and a statement that began before
/// is not remembered after it.
///
/// An empty one takes less than a hundred bytes. No lock is held while anything is waited for.
pub struct Remembered<F: Fact> {
    totals: Arc<RememberedTotals>,
    memory: Mutex<Memory<F>>,
}

struct Memory<F: Fact> {
    bound: RememberedBound,
    /// How often something was forgotten.
    forgotten: u64,
    hits: u64,
    misses: u64,
    evicted: u64,
    is_closed: bool,
    /// There where anything is.
    entries: Option<Box<Entries<F>>>,
}

/// In the order in which they were used, the longest unused first.
struct Entries<F: Fact> {
    by_key: LinkedHashMap<F::Key, Entry<F>, RandomState>,
    bytes: usize,
}

struct Entry<F> {
    fact: F,
    ends: Monotonic,
    bytes: usize,
}

/// A statement that reads a fact: when it began, and what had been forgotten by then.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    began: Monotonic,
    forgotten: u64,
}

impl RememberedTotals {
    /// Nothing yet, and room for so many bytes.
    pub fn new(most_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            most_bytes,
            entries: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        })
    }

    /// How much there is now.
    pub fn usage(&self) -> RememberedUse {
        RememberedUse {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            evicted: self.evicted.load(Ordering::Relaxed),
            entries: self.entries.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    fn has_room(&self, bytes: usize) -> bool {
        let taken = self.bytes.load(Ordering::Relaxed);
        taken.saturating_add(bytes) <= self.most_bytes
    }
}

impl<F: Fact> Remembered<F> {
    /// Nothing yet.
    pub fn new(bound: RememberedBound, totals: Arc<RememberedTotals>) -> Self {
        let memory = Memory {
            bound,
            forgotten: 0,
            hits: 0,
            misses: 0,
            evicted: 0,
            is_closed: false,
            entries: None,
        };
        Self {
            totals,
            memory: Mutex::new(memory),
        }
    }

    /// The fact, remembered or read. `read` begins when it is first polled.
    pub async fn recall<E>(
        &self,
        key: &F::Key,
        clock: &dyn Clock,
        read: impl Future<Output = Result<F, E>>,
    ) -> Result<F, E> {
        match self.get(key, clock.monotonic()) {
            Some(fact) => Ok(fact),
            None => self.read(key, clock, read).await,
        }
    }

    /// The fact as it is read now; it is remembered from then on.
    pub async fn read<E>(
        &self,
        key: &F::Key,
        clock: &dyn Clock,
        read: impl Future<Output = Result<F, E>>,
    ) -> Result<F, E> {
        let reading = self.begin(clock.monotonic());
        let fact = read.await?;
        self.keep(reading, key, &fact, clock.monotonic());
        Ok(fact)
    }

    /// The fact, where it is remembered and may still be used.
    pub fn get(&self, key: &F::Key, now: Monotonic) -> Option<F> {
        let mut memory = self.memory();
        let found = memory.entries.as_mut().and_then(|entries| {
            let entry = entries.by_key.to_back(key)?;
            (now < entry.ends).then(|| entry.fact.clone())
        });
        if found.is_some() {
            memory.hits += 1;
            self.totals.hits.fetch_add(1, Ordering::Relaxed);
        } else {
            memory.misses += 1;
            self.totals.misses.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    /// Notes that a statement begins now which reads a fact.
    pub fn begin(&self, now: Monotonic) -> Reading {
        Reading {
            began: now,
            forgotten: self.memory().forgotten,
        }
    }

    /// Remembers what a statement read, unless something was forgotten since it began: it may have
    /// read what was there before.
    pub fn keep(&self, reading: Reading, key: &F::Key, fact: &F, now: Monotonic) {
        let mut memory = self.memory();
        if memory.is_closed || memory.forgotten != reading.forgotten {
            return;
        }
        let ends = reading.began + fact.good_for();
        let before = memory.entries.as_ref().and_then(|e| e.by_key.get(key));
        let before = before.map(|entry| entry.ends);
        if fact.good_for().is_zero() {
            // It contradicts what is remembered, and what others read meanwhile.
            if before.is_some() {
                memory.forgotten += 1;
                self.remove(&mut memory, key);
            }
            return;
        }
        if before.is_some_and(|before| ends <= before) {
            return;
        }
        if fact.is_final() {
            memory.forgotten += 1;
        }
        self.remove(&mut memory, key);
        let bytes = ENTRY_BYTES + size_of::<(F::Key, Entry<F>)>() + fact.bytes_beside(key);
        if self.make_room(&mut memory, bytes, now) {
            let entry = Entry {
                fact: fact.clone(),
                ends,
                bytes,
            };
            let entries = memory.entries.get_or_insert_with(Box::default);
            entries.bytes += bytes;
            entries.by_key.insert(key.clone(), entry);
            self.totals.entries.fetch_add(1, Ordering::Relaxed);
            self.totals.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Forgets a fact that changed. What reads it now is not remembered either.
    pub fn forget(&self, key: &F::Key) {
        let mut memory = self.memory();
        memory.forgotten += 1;
        self.remove(&mut memory, key);
    }

    /// Forgets everything, and goes on.
    pub fn clear(&self) {
        let mut memory = self.memory();
        memory.forgotten += 1;
        self.drop_all(&mut memory);
    }

    /// Forgets everything, and remembers nothing any more.
    pub fn close(&self) {
        let mut memory = self.memory();
        memory.is_closed = true;
        self.drop_all(&mut memory);
    }

    /// From now on there is so much room.
    pub fn set_bound(&self, bound: RememberedBound) {
        let mut memory = self.memory();
        memory.bound = bound;
        while memory.is_over(0, 0) && self.evict_one(&mut memory) {}
    }

    /// Removes what has ended; answers how many entries went.
    pub fn sweep(&self, now: Monotonic) -> usize {
        let mut memory = self.memory();
        let ended = memory.ended(now, usize::MAX);
        for key in &ended {
            self.remove(&mut memory, key);
        }
        ended.len()
    }

    /// How much there is now.
    pub fn usage(&self) -> RememberedUse {
        let memory = self.memory();
        let entries = memory.entries.as_ref();
        RememberedUse {
            hits: memory.hits,
            misses: memory.misses,
            evicted: memory.evicted,
            entries: entries.map_or(0, |entries| entries.by_key.len()),
            bytes: entries.map_or(0, |entries| entries.bytes),
        }
    }

    /// Removes what has ended, then what was unused for longest, until there is room.
    fn make_room(&self, memory: &mut Memory<F>, bytes: usize, now: Monotonic) -> bool {
        if !memory.bound.has_room(1, bytes) {
            return false;
        }
        for key in memory.ended(now, IN_PASSING) {
            self.remove(memory, &key);
        }
        while memory.is_over(1, bytes) || !self.totals.has_room(bytes) {
            if !self.evict_one(memory) {
                return false;
            }
        }
        true
    }

    fn evict_one(&self, memory: &mut Memory<F>) -> bool {
        let entries = memory.entries.as_mut();
        let Some((_, entry)) = entries.and_then(|entries| entries.by_key.pop_front()) else {
            return false;
        };
        self.removed(memory, entry.bytes);
        memory.evicted += 1;
        self.totals.evicted.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn remove(&self, memory: &mut Memory<F>, key: &F::Key) {
        let entries = memory.entries.as_mut();
        if let Some(entry) = entries.and_then(|entries| entries.by_key.remove(key)) {
            self.removed(memory, entry.bytes);
        }
    }

    fn removed(&self, memory: &mut Memory<F>, bytes: usize) {
        self.totals.entries.fetch_sub(1, Ordering::Relaxed);
        self.totals.bytes.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(entries) = &mut memory.entries {
            entries.bytes -= bytes;
            if entries.by_key.is_empty() {
                memory.entries = None;
            }
        }
    }

    fn drop_all(&self, memory: &mut Memory<F>) {
        if let Some(entries) = memory.entries.take() {
            let gone = entries.by_key.len();
            self.totals.entries.fetch_sub(gone, Ordering::Relaxed);
            self.totals
                .bytes
                .fetch_sub(entries.bytes, Ordering::Relaxed);
        }
    }

    /// A thread that panicked under this lock left whole entries behind; they serve on.
    fn memory(&self) -> MutexGuard<'_, Memory<F>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Fact> Memory<F> {
    /// Whether there are too many entries, with so many more of so many bytes.
    fn is_over(&self, more: usize, bytes: usize) -> bool {
        let entries = self.entries.as_ref();
        let (count, taken) = entries.map_or((0, 0), |e| (e.by_key.len(), e.bytes));
        !self.bound.has_room(count + more, taken + bytes)
    }

    /// Those of the `at_most` longest unused that have ended.
    fn ended(&self, now: Monotonic, at_most: usize) -> Vec<F::Key> {
        let entries = self.entries.iter();
        let all = entries
            .flat_map(|entries| entries.by_key.iter())
            .take(at_most);
        all.filter(|(_, entry)| entry.ends <= now)
            .map(|(key, _)| key.clone())
            .collect()
    }
}

impl<F: Fact> Default for Entries<F> {
    fn default() -> Self {
        Self {
            by_key: LinkedHashMap::with_hasher(RandomState::new()),
            bytes: 0,
        }
    }
}

impl<F: Fact> fmt::Debug for Remembered<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Remembered").field(&self.usage()).finish()
    }
}

impl<F: Fact> Drop for Remembered<F> {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests;
