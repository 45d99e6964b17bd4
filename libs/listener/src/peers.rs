//! All open connections by the address they come from, and who makes room for whom.

use std::collections::HashMap;
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

#[derive(Debug, Default)]
pub(crate) struct Peers {
    open: usize,
    by_key: HashMap<IpAddr, Entry>,
}

#[derive(Debug)]
struct Entry {
    peer: Arc<Peer>,
    /// In the order they were opened.
    connections: Vec<Arc<Connection>>,
}

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
        let own = self.by_key.get_mut(&key(address));
        let is_full =
            |entry: &Entry| !entry.peer.is_exempt && entry.connections.len() >= limits.per_peer;
        if let Some(entry) = own.filter(|entry| is_full(entry)) {
            let gone = entry.take_waiting().ok_or(Refused::Peer)?;
            self.open -= 1;
            return Ok(Some(gone));
        }
        if self.open < limits.total {
            return Ok(None);
        }
        // Whoever holds the most gives, so that many connections of few cannot keep out the rest.
        let heaviest = self
            .by_key
            .values_mut()
            .filter(|entry| !entry.peer.is_exempt)
            .max_by_key(|entry| entry.connections.len());
        let gone = heaviest.and_then(Entry::take_waiting);
        let gone = gone.ok_or(Refused::Total)?;
        self.open -= 1;
        Ok(Some(gone))
    }

    /// What the connections of `address` share.
    pub(crate) fn peer(&mut self, address: IpAddr, limits: &Limits) -> Arc<Peer> {
        let entry = self.by_key.entry(key(address)).or_insert_with(|| {
            let address = address.to_canonical();
            let peer = Peer {
                is_exempt: limits.exempt.iter().any(|net| net.contains(&address)),
                held: AtomicUsize::new(0),
            };
            Entry {
                peer: Arc::new(peer),
                connections: Vec::new(),
            }
        });
        Arc::clone(&entry.peer)
    }

    pub(crate) fn add(&mut self, address: IpAddr, connection: Arc<Connection>) {
        if let Some(entry) = self.by_key.get_mut(&key(address)) {
            entry.connections.push(connection);
            self.open += 1;
        }
    }

    pub(crate) fn remove(&mut self, address: IpAddr, connection: &Arc<Connection>) {
        let key = key(address);
        let Some(entry) = self.by_key.get_mut(&key) else {
            return;
        };
        let same = |one: &Arc<Connection>| Arc::ptr_eq(one, connection);
        if let Some(at) = entry.connections.iter().position(same) {
            entry.connections.remove(at);
            self.open -= 1;
        }
        if entry.connections.is_empty() {
            self.by_key.remove(&key);
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.by_key.values().flat_map(|entry| &entry.connections)
    }
}

impl Entry {
    /// Takes out the connection that has the least to lose: the oldest of those that never asked
    /// anything, else the one that rests the longest. Never one with a request under way.
    fn take_waiting(&mut self) -> Option<Arc<Connection>> {
        let mut longest = None;
        for (at, connection) in self.connections.iter().enumerate() {
            let Some((has_asked, since)) = connection.waiting() else {
                continue;
            };
            if !has_asked {
                longest = Some((since, at));
                break;
            }
            if longest.is_none_or(|(before, _)| since < before) {
                longest = Some((since, at));
            }
        }
        longest.map(|(_, at)| self.connections.remove(at))
    }
}
