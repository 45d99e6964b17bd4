//! All open connections by the address they come from, and who makes room for whom.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::connection::Connection;
use crate::limits::Limits;
use crate::metrics::Refused;

/// What all connections of one peer share.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    pub(crate) is_exempt: bool,
    held: AtomicUsize,
}

impl Peer {
    /// Answers how many bytes were held for it before.
    pub(crate) fn hold(&self, bytes: usize) -> usize {
        self.held.fetch_add(bytes, Ordering::Relaxed)
    }

    pub(crate) fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Who makes room is found without a look at every connection: a newcomer costs as much beside a
/// crowd as beside nobody.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    open: usize,
    next_number: u64,
    by_key: HashMap<IpAddr, Entry>,
    /// Peers by how many of their connections never asked anything, then by the oldest of those;
    /// without the exempt ones.
    by_silence: BTreeSet<(usize, Reverse<u64>, IpAddr)>,
    /// Peers by how many of their connections asked something; without the exempt ones.
    by_use: BTreeSet<(usize, IpAddr)>,
}

#[derive(Debug)]
struct Entry {
    peer: Arc<Peer>,
    /// Those that never asked anything, in the order they were opened.
    silent: BTreeMap<u64, Arc<Connection>>,
    /// Those that did.
    asked: BTreeMap<u64, Arc<Connection>>,
}

/// Where a connection stands among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    key: IpAddr,
    number: u64,
}

/// Of how many peers, those with the most connections first, it is tried whether one rests.
const TRIED: usize = 8;

/// The address that counts: an IPv6 client is given a /64 and may use any address of it.
pub(crate) fn key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let network = u128::from(v6) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Peers {
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// Makes a place for one more connection of `address`; also says which connection has to go
    /// for it.
    pub(crate) fn make_room(
        &mut self,
        address: IpAddr,
        limits: &Limits,
    ) -> Result<Option<Arc<Connection>>, Refused> {
        let key = key(address);
        let own = self.by_key.get(&key);
        let is_full = own.is_some_and(|own| !own.peer.is_exempt && own.count() >= limits.per_peer);
        if is_full {
            let gone = self.take_silent(key).or_else(|| self.take_resting(key));
            return gone.map(Some).ok_or(Refused::Peer);
        }
        if self.open < limits.total {
            return Ok(None);
        }
        // Whoever holds the most gives, so that many connections of few cannot keep out the rest;
        // those that never asked anything before those that did.
        while let Some((_, _, most)) = self.by_silence.last().copied() {
            let gone = self.take_silent(most);
            if gone.is_some() {
                return Ok(gone);
            }
        }
        let most: Vec<_> = self.by_use.iter().rev().take(TRIED).copied().collect();
        let gone = most.iter().find_map(|(_, key)| self.take_resting(*key));
        gone.map(Some).ok_or(Refused::Total)
    }

    /// A place for a connection of `address`, and what it shares with the others of its peer.
    pub(crate) fn place(&mut self, address: IpAddr, limits: &Limits) -> (Place, Arc<Peer>) {
        let key = key(address);
        let number = self.next_number;
        self.next_number += 1;
        let entry = self.by_key.entry(key).or_insert_with(|| {
            let address = address.to_canonical();
            let peer = Peer {
                is_exempt: limits.exempt.iter().any(|net| net.contains(&address)),
                held: AtomicUsize::new(0),
            };
            Entry {
                peer: Arc::new(peer),
                silent: BTreeMap::new(),
                asked: BTreeMap::new(),
            }
        });
        (Place { key, number }, Arc::clone(&entry.peer))
    }

    pub(crate) fn add(&mut self, connection: &Arc<Connection>) {
        let Place { key, number } = connection.place();
        let added = self.change(key, |entry| {
            entry.silent.insert(number, Arc::clone(connection));
        });
        self.open += usize::from(added.is_some());
    }

    /// A connection asked something for the first time.
    pub(crate) fn asked(&mut self, Place { key, number }: Place) {
        self.change(key, |entry| {
            if let Some(connection) = entry.silent.remove(&number) {
                entry.asked.insert(number, connection);
            }
        });
    }

    pub(crate) fn remove(&mut self, Place { key, number }: Place) {
        let removed = self.change(key, |entry| {
            let silent = entry.silent.remove(&number);
            silent.or_else(|| entry.asked.remove(&number))
        });
        self.open -= usize::from(removed.flatten().is_some());
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Connection>> {
        let entries = self.by_key.values();
        entries.flat_map(|entry| entry.silent.values().chain(entry.asked.values()))
    }

    /// Takes out the oldest of a peer's connections that never asked anything.
    fn take_silent(&mut self, key: IpAddr) -> Option<Arc<Connection>> {
        let taken = self.change(key, |entry| {
            while let Some((number, oldest)) = entry.silent.pop_first() {
                if !oldest.has_asked() {
                    return Some(oldest);
                }
                // It is about to say so itself.
                entry.asked.insert(number, oldest);
            }
            None
        });
        let taken = taken.flatten()?;
        self.open -= 1;
        Some(taken)
    }

    /// Takes out the one of a peer's connections that rests the longest. Never one with a request
    /// under way.
    fn take_resting(&mut self, key: IpAddr) -> Option<Arc<Connection>> {
        let taken = self.change(key, |entry| {
            let resting = entry.asked.iter();
            let resting = resting.filter_map(|(number, one)| Some((one.resting()?, *number)));
            let (_, longest) = resting.min()?;
            entry.asked.remove(&longest)
        });
        let taken = taken.flatten()?;
        self.open -= 1;
        Some(taken)
    }

    /// Changes what is known of a peer, and its ranks with it.
    fn change<T>(&mut self, key: IpAddr, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let entry = self.by_key.get_mut(&key)?;
        let before = entry.ranks(key);
        let changed = change(entry);
        let after = entry.ranks(key);
        let is_gone = entry.count() == 0;
        if is_gone {
            self.by_key.remove(&key);
        }
        if before != after {
            let (silence, used) = before;
            silence.map(|rank| self.by_silence.remove(&rank));
            used.map(|rank| self.by_use.remove(&rank));
            let (silence, used) = after;
            self.by_silence.extend(silence);
            self.by_use.extend(used);
        }
        Some(changed)
    }
}

type Ranks = (
    Option<(usize, Reverse<u64>, IpAddr)>,
    Option<(usize, IpAddr)>,
);

impl Entry {
    fn count(&self) -> usize {
        self.silent.len() + self.asked.len()
    }

    fn ranks(&self, key: IpAddr) -> Ranks {
        if self.peer.is_exempt {
            return (None, None);
        }
        let oldest = self.silent.first_key_value();
        let silence = oldest.map(|(number, _)| (self.silent.len(), Reverse(*number), key));
        let used = self.asked.len();
        (silence, (used > 0).then_some((used, key)))
    }
}
