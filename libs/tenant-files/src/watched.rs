use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use insula_config::TenantSource;
use insula_files::{Look, Seen, Watch};
use insula_model::TenantId;

/// How long a tenant's files are believed to be unchanged because nothing looks changed about them:
/// not every file system tells of every change.
pub(crate) const BELIEVED_FOR: Duration = Duration::from_mins(10);
/// The most tenants that are read again in one look although nothing looks changed about them.
pub(crate) const READ_AGAIN: usize = 64;

/// A tenant's files, as they were read last.
pub(crate) struct Watched {
    watch: Watch,
    pub(crate) read_at: Instant,
    /// The issuer of the file as it is, if it is good.
    pub(crate) issuer: Option<Box<str>>,
}

/// All files of tenants that are looked at.
#[derive(Default)]
pub(crate) struct WatchedTenants(pub(crate) BTreeMap<TenantId, Box<Watched>>);

impl WatchedTenants {
    /// Names known tenants by the ids that are kept, so that none is kept twice.
    pub(crate) fn share_ids(&self, sources: &mut [TenantSource]) {
        for source in sources {
            if let Some((known, _)) = self.0.get_key_value(&source.id) {
                source.id = known.clone();
            }
        }
    }

    /// Which tenants are to be read: those that nobody knows or that look changed, and a few of the
    /// others, those first that were not read for longest.
    pub(crate) fn to_read(&self, sources: &[TenantSource], now: Instant) -> BTreeSet<TenantId> {
        let mut to_read = BTreeSet::new();
        let mut doubtful = Vec::new();
        for source in sources {
            let Some(known) = self.0.get(&source.id) else {
                to_read.insert(source.id.clone());
                continue;
            };
            let is_old = now.saturating_duration_since(known.read_at) >= BELIEVED_FOR;
            match known.watch.look(now) {
                Look::Changed => {
                    to_read.insert(source.id.clone());
                }
                Look::Same if !is_old => {}
                Look::Same | Look::Unsettled => doubtful.push((known.read_at, &source.id)),
            }
        }
        doubtful.sort();
        let doubtful = doubtful.into_iter().take(READ_AGAIN);
        to_read.extend(doubtful.map(|(_, id)| id.clone()));
        to_read
    }

    /// Takes what was read of a tenant just before `now`; answers whether it is news.
    pub(crate) fn renew(
        &mut self,
        id: &TenantId,
        seen: &Seen,
        issuer: Option<Box<str>>,
        now: Instant,
    ) -> bool {
        let Some(known) = self.0.get_mut(id) else {
            let known = Watched {
                watch: Watch::new(seen, now),
                read_at: now,
                issuer,
            };
            self.0.insert(id.clone(), Box::new(known));
            return true;
        };
        let before = known.watch.fingerprint();
        known.watch.renew(seen, now);
        known.read_at = now;
        known.issuer = issuer;
        known.watch.fingerprint() != before
    }

    /// Forgets who has no files any more; answers who that is.
    pub(crate) fn retain(&mut self, sources: &[TenantSource]) -> Vec<TenantId> {
        let there: BTreeSet<&TenantId> = sources.iter().map(|source| &source.id).collect();
        let gone = self.0.keys().filter(|id| !there.contains(id));
        let gone: Vec<TenantId> = gone.cloned().collect();
        for id in &gone {
            self.0.remove(id);
        }
        gone
    }
}
