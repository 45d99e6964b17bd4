use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use insula_ambient::Monotonic;
use insula_model::TenantId;

use insula_store::TenantEntry;

use crate::TenantHandle;

/// How many parts the map has: a tenant that comes or goes costs a copy of its part only, which of
/// 100,000 tenants is a hundred entries.
const SHARDS: usize = 1024;
/// The longest host name there can be (RFC 1035 §2.3.4).
const LONGEST_HOST: usize = 253;

/// Which tenant a request is for: leads from host and path to a tenant. Read without a lock or a
/// message; written by the router alone.
///
/// What a tenant *is* (awake, asleep, quarantined) is swapped in place, in an entry that all
/// of its hosts share; only a tenant that comes, goes or moves changes the map.
#[derive(Clone)]
pub struct Directory(Arc<Routing>);

struct Routing {
    hasher: RandomState,
    shards: Vec<ArcSwap<Shard>>,
    /// Who answers for hosts that are in no shard; empty for nobody.
    fallback: ArcSwap<Host>,
}

type Shard = HashMap<Arc<str>, Host>;

/// The tenants of one host.
#[derive(Clone)]
struct Host {
    /// By path prefix, in its order. Nearly every host has one, for which a map takes more room and
    /// more time.
    paths: Arc<[(Box<str>, Arc<DirectoryEntry>)]>,
    /// The longest prefix, in bytes: nothing beyond it is worth a look.
    longest: usize,
}

/// The tenants of a host that is about to change, by path prefix.
type HostPaths = BTreeMap<Box<str>, Arc<DirectoryEntry>>;

/// Where a tenant is found by readers.
pub(crate) struct DirectoryEntry {
    id: TenantId,
    state: ArcSwap<EntryState>,
}

/// What all tenants that sleep share, as most do.
static ASLEEP: LazyLock<Arc<EntryState>> = LazyLock::new(|| Arc::new(EntryState::Asleep));

/// What a [`DirectoryEntry`] leads to.
#[derive(Debug, Clone)]
pub(crate) enum EntryState {
    Awake(TenantHandle),
    Asleep,
    Quarantined {
        until: Monotonic,
        last: Option<TenantHandle>,
    },
}

/// What a host and a path lead to.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// A tenant that can be served at once.
    Awake(TenantHandle),
    /// A tenant that must be woken first.
    Asleep(TenantId),
    /// A tenant that failed too often.
    Quarantined {
        /// The tenant.
        id: TenantId,
        /// When it is tried again.
        until: Monotonic,
        /// What it last published, to be served meanwhile.
        last: Option<TenantHandle>,
    },
    /// No tenant.
    Unknown,
}

impl Directory {
    pub(crate) fn empty() -> Self {
        let shards = (0..SHARDS).map(|_| ArcSwap::from_pointee(Shard::new()));
        Self(Arc::new(Routing {
            hasher: RandomState::new(),
            shards: shards.collect(),
            fallback: ArcSwap::from_pointee(Host::of(HostPaths::new())),
        }))
    }

    /// Who answers for `path` at `host`, the value of a `Host` header or `:authority`: case and port
    /// do not matter, and an empty one is a host that nobody has. The longest prefix wins, at the
    /// borders of segments.
    pub fn lookup(&self, host: &str, path: &str) -> Lookup {
        let mut lower = [0_u8; LONGEST_HOST];
        let named =
            canonical(host, &mut lower).and_then(|host| Some((host, self.shard(host)?.load())));
        if let Some((host, shard)) = &named
            && let Some(host) = shard.get(*host)
        {
            return host
                .entry(path)
                .map_or(Lookup::Unknown, |entry| entry.lookup());
        }
        let fallback = self.0.fallback.load();
        fallback
            .entry(path)
            .map_or(Lookup::Unknown, |entry| entry.lookup())
    }

    /// From now on hosts that nobody has lead to this entry, below this path.
    pub(crate) fn set_fallback(&self, to: Option<(&str, Arc<DirectoryEntry>)>) {
        let to = to.map(|(path, entry)| (path.trim_end_matches('/').into(), entry));
        let host = Host::of(to.into_iter().collect());
        self.0.fallback.store(Arc::new(host));
    }

    fn shard(&self, host: &str) -> Option<&ArcSwap<Shard>> {
        let index = usize::try_from(self.0.hasher.hash_one(host) % SHARDS as u64).ok()?;
        self.0.shards.get(index)
    }

    /// Replaces the hosts that any of `changes` names by what the changes say. Each part of the map
    /// is copied once, however many changes it sees.
    pub(crate) fn publish(&self, changes: &[Change]) {
        let mut by_shard: Vec<Vec<&Change>> = vec![Vec::new(); SHARDS];
        for change in changes {
            let index = self.0.hasher.hash_one(&*change.key.host) % SHARDS as u64;
            let bucket = usize::try_from(index)
                .ok()
                .and_then(|i| by_shard.get_mut(i));
            if let Some(bucket) = bucket {
                bucket.push(change);
            }
        }
        for (shard, changes) in self.0.shards.iter().zip(by_shard) {
            if changes.is_empty() {
                continue;
            }
            let mut next = Shard::clone(&shard.load());
            // Hosts are taken out before they are changed, so that one with ten thousand paths is
            // copied once.
            let mut touched: HashMap<Arc<str>, HostPaths> = HashMap::new();
            for change in changes {
                let paths = touched
                    .entry(Arc::clone(&change.key.host))
                    .or_insert_with(|| {
                        let there = next.get(&change.key.host);
                        let there = there.map(|host| host.paths.iter().cloned());
                        there.into_iter().flatten().collect()
                    });
                match &change.entry {
                    Some(entry) => paths.insert(change.key.path.clone(), Arc::clone(entry)),
                    None => paths.remove(&change.key.path),
                };
            }
            for (name, paths) in touched {
                if paths.is_empty() {
                    next.remove(&name);
                } else {
                    next.insert(name, Host::of(paths));
                }
            }
            next.shrink_to_fit();
            shard.store(Arc::new(next));
        }
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hosts: usize = self.0.shards.iter().map(|shard| shard.load().len()).sum();
        f.debug_struct("Directory").field("hosts", &hosts).finish()
    }
}

impl Host {
    fn of(paths: HostPaths) -> Self {
        Self {
            longest: paths.keys().map(|path| path.len()).max().unwrap_or(0),
            paths: paths.into_iter().collect(),
        }
    }

    fn at(&self, prefix: &str) -> Option<&Arc<DirectoryEntry>> {
        let found = self
            .paths
            .binary_search_by(|(path, _)| (**path).cmp(prefix));
        let (_, entry) = self.paths.get(found.ok()?)?;
        Some(entry)
    }

    /// The entry of the longest prefix of `path`. Prefixes longer than any there is are not tried, so
    /// that a path of a thousand slashes costs no more than a short one.
    fn entry(&self, path: &str) -> Option<&Arc<DirectoryEntry>> {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let mut end = path.len();
        loop {
            let prefix = path.get(..end)?;
            if end <= self.longest
                && let Some(entry) = self.at(prefix)
            {
                return Some(entry);
            }
            if end == 0 {
                return None;
            }
            // Cuts at the last border that can still lead to a prefix that exists.
            let window = path.as_bytes().get(..end.min(self.longest + 1))?;
            end = window.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        }
    }
}

impl DirectoryEntry {
    pub(crate) fn asleep(id: TenantId) -> Arc<Self> {
        Arc::new(Self {
            id,
            state: ArcSwap::new(Arc::clone(&ASLEEP)),
        })
    }

    pub(crate) fn put(&self, state: EntryState) {
        self.state.store(match state {
            EntryState::Asleep => Arc::clone(&ASLEEP),
            state => Arc::new(state),
        });
    }

    fn lookup(&self) -> Lookup {
        match &**self.state.load() {
            EntryState::Awake(handle) => Lookup::Awake(handle.clone()),
            EntryState::Asleep => Lookup::Asleep(self.id.clone()),
            EntryState::Quarantined { until, last } => Lookup::Quarantined {
                id: self.id.clone(),
                until: *until,
                last: last.clone(),
            },
        }
    }

    pub(crate) fn state(&self) -> Arc<EntryState> {
        self.state.load_full()
    }
}

/// A host and a path prefix: where a tenant is found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RouteKey {
    host: Arc<str>,
    path: Box<str>,
}

/// A change of one key: which tenant is found there from now on, if any.
pub(crate) struct Change {
    pub(crate) key: RouteKey,
    pub(crate) entry: Option<Arc<DirectoryEntry>>,
}

impl RouteKey {
    /// The keys of a tenant. What can be no host name is left out.
    pub(crate) fn of(entry: &TenantEntry) -> Vec<Self> {
        let key = |host: &String| {
            let mut lower = [0_u8; LONGEST_HOST];
            let host = canonical(host, &mut lower)?;
            Some(Self {
                host: host.into(),
                path: entry.path.trim_end_matches('/').into(),
            })
        };
        entry.hosts.iter().filter_map(key).collect()
    }
}

impl std::fmt::Display for RouteKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.host, self.path)
    }
}

/// A host name as the map keeps it: lower-case, without port and without the dot of the root.
/// Borrows, or writes into `lower`; allocates nothing.
fn canonical<'a>(host: &'a str, lower: &'a mut [u8; LONGEST_HOST]) -> Option<&'a str> {
    let name = if host.starts_with('[') {
        // An IPv6 address in brackets (RFC 3986 §3.2.2).
        host.get(..=host.find(']')?)?
    } else {
        host.split(':').next().unwrap_or_default()
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > LONGEST_HOST {
        return None;
    }
    if !name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some(name);
    }
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).ok()
}

#[cfg(test)]
mod tests;
