use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use insula_model::TenantId;
use insula_store::{TenantChange, TenantEntry};

use crate::delta::Delta;
use crate::directory::RouteKey;

/// All tenants there are, and which of them each key of the directory leads to. Updated in place: a
/// change of one tenant costs a look at its keys, and at no other tenant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes {
    tenants: BTreeMap<TenantId, Arc<TenantEntry>>,
    /// Tenants that are there and were never good: nothing leads to them.
    unroutable: BTreeSet<TenantId>,
    keys: HashMap<RouteKey, Claims>,
    /// The keys that more than one tenant wants.
    contested: HashSet<RouteKey>,
    /// Tenants that are routed to although their present document cannot be served.
    on_last_good: BTreeSet<TenantId>,
    /// The tenants marked as the default.
    defaults: BTreeSet<TenantId>,
    /// Which tenant answers for hosts that no tenant has, and below which path.
    fallback: Option<(TenantId, String)>,
}

/// Which tenants want a key, and which one has it.
#[derive(Debug, Clone, Default)]
struct Claims {
    owner: Option<TenantId>,
    others: BTreeSet<TenantId>,
}

/// What follows from changes of tenants.
#[derive(Debug, Default)]
pub(crate) struct RouteChanges {
    /// How many tenants there are.
    pub(crate) tenants: usize,
    /// Tenants that are new.
    pub(crate) arrived: Vec<TenantId>,
    /// Tenants that are gone.
    pub(crate) left: Vec<TenantId>,
    /// Tenants whose configuration is another.
    pub(crate) changed: Vec<TenantId>,
    /// Keys of the directory that lead to another tenant now, or to none.
    pub(crate) keys: Vec<(RouteKey, Option<TenantId>)>,
    /// Which tenant answers for hosts that no tenant has, and below which path.
    pub(crate) fallback: Option<(TenantId, String)>,
    /// Whether that changed.
    pub(crate) has_new_fallback: bool,
    /// Tenants whose present document cannot be served, and that something leads to.
    pub(crate) on_last_good: Vec<TenantId>,
    /// Up to which change all is known.
    pub(crate) upto: u64,
    /// Tenants that want a key that another one has, in words.
    pub(crate) problems: Vec<String>,
}

impl Routes {
    /// Takes over what changed, and answers what follows. Pure, so that it can be worked out beside
    /// the router.
    pub(crate) fn update(&mut self, delta: Delta) -> RouteChanges {
        let mut changes = RouteChanges {
            upto: delta.upto,
            ..RouteChanges::default()
        };
        // Owners before, of the keys that anything happened to.
        let mut touched: BTreeMap<RouteKey, Option<TenantId>> = BTreeMap::new();
        let mut claims = Vec::new();
        let mut gone = if delta.is_whole {
            self.missing_in(&delta.changes)
        } else {
            Vec::new()
        };
        let mut entries = Vec::new();
        for change in delta.changes {
            match change {
                TenantChange::Removed(id) => gone.push(id),
                TenantChange::Put(entry) => entries.push(entry),
            }
        }
        for id in gone {
            self.on_last_good.remove(&id);
            if self.unroutable.remove(&id) {
                changes.left.push(id);
                continue;
            }
            let Some(entry) = self.tenants.remove(&id) else {
                continue;
            };
            self.defaults.remove(&id);
            for key in RouteKey::of(&entry) {
                self.release(key, &id, &mut touched);
            }
            changes.left.push(id);
        }
        for entry in entries {
            self.put(entry, &mut changes, &mut claims, &mut touched);
        }
        for (key, id) in claims {
            let claims = self.keys.entry(key.clone()).or_default();
            touched.entry(key).or_insert_with(|| claims.owner.clone());
            claims.others.insert(id);
        }
        for (key, before) in touched {
            let owner = self.assign(&key);
            if owner != before {
                changes.keys.push((key, owner));
            }
        }
        for id in &self.unroutable {
            changes.problems.push(format!(
                "tenant {id} cannot be routed to: its configuration cannot be read; `insula check` \
                 says why"
            ));
        }
        self.name_conflicts(&mut changes.problems);
        let is_whole_server = self.tenants.len() + self.unroutable.len() == 1;
        let fallback = self.default_of(is_whole_server, &mut changes.problems);
        changes.has_new_fallback = fallback != self.fallback;
        self.fallback.clone_from(&fallback);
        changes.fallback = fallback;
        changes.tenants = self.tenants.len();
        changes.on_last_good = self.on_last_good.iter().cloned().collect();
        changes
    }

    /// A tenant is there, new or otherwise than before.
    fn put(
        &mut self,
        entry: Arc<TenantEntry>,
        changes: &mut RouteChanges,
        claims: &mut Vec<(RouteKey, TenantId)>,
        touched: &mut BTreeMap<RouteKey, Option<TenantId>>,
    ) {
        if entry.is_good {
            self.on_last_good.remove(&entry.id);
        } else if !entry.hosts.is_empty() || self.tenants.contains_key(&entry.id) {
            self.on_last_good.insert(entry.id.clone());
        }
        let Some(before) = self.tenants.get_mut(&entry.id) else {
            if entry.hosts.is_empty() {
                self.unroutable.insert(entry.id.clone());
                return;
            }
            self.unroutable.remove(&entry.id);
            changes.arrived.push(entry.id.clone());
            let keys = RouteKey::of(&entry).into_iter();
            claims.extend(keys.map(|key| (key, entry.id.clone())));
            if entry.is_default {
                self.defaults.insert(entry.id.clone());
            }
            self.tenants.insert(entry.id.clone(), entry);
            return;
        };
        if before.fingerprint != entry.fingerprint {
            changes.changed.push(entry.id.clone());
        }
        if entry.hosts.is_empty() {
            // One that cannot be read keeps the routes it had.
            let before = Arc::make_mut(before);
            before.fingerprint.clone_from(&entry.fingerprint);
            before.is_good = entry.is_good;
            return;
        }
        let before = std::mem::replace(before, Arc::clone(&entry));
        let (old, new) = (RouteKey::of(&before), RouteKey::of(&entry));
        let fresh = new.iter().filter(|key| !old.contains(key));
        claims.extend(fresh.map(|key| (key.clone(), entry.id.clone())));
        for key in old.into_iter().filter(|key| !new.contains(key)) {
            self.release(key, &entry.id, touched);
        }
        if entry.is_default {
            self.defaults.insert(entry.id.clone());
        } else {
            self.defaults.remove(&entry.id);
        }
    }

    /// Whether something leads to a tenant.
    pub(crate) fn has(&self, id: &TenantId) -> bool {
        self.tenants.contains_key(id)
    }

    /// The tenants that are known and not among all there are.
    fn missing_in(&self, all: &[TenantChange]) -> Vec<TenantId> {
        let there: HashSet<&TenantId> = all.iter().map(TenantChange::id).collect();
        let known = self.tenants.keys().chain(&self.unroutable);
        known.filter(|id| !there.contains(id)).cloned().collect()
    }

    /// A tenant does not want a key any more.
    fn release(
        &mut self,
        key: RouteKey,
        id: &TenantId,
        touched: &mut BTreeMap<RouteKey, Option<TenantId>>,
    ) {
        let Some(claims) = self.keys.get_mut(&key) else {
            return;
        };
        touched.entry(key).or_insert_with(|| claims.owner.clone());
        claims.others.remove(id);
        if claims.owner.as_ref() == Some(id) {
            claims.owner = None;
        }
    }

    /// Gives a key to a tenant: one that has it keeps it; else the first by name gets it.
    fn assign(&mut self, key: &RouteKey) -> Option<TenantId> {
        let claims = self.keys.get_mut(key)?;
        if claims.owner.is_none() {
            claims.owner = claims.others.pop_first();
        }
        let owner = claims.owner.clone();
        if claims.others.is_empty() {
            self.contested.remove(key);
        } else {
            self.contested.insert(key.clone());
        }
        if owner.is_none() {
            self.keys.remove(key);
        }
        owner
    }

    fn name_conflicts(&self, problems: &mut Vec<String>) {
        let mut contested: Vec<_> = self.contested.iter().collect();
        contested.sort();
        for key in contested {
            let Some(Claims {
                owner: Some(has),
                others,
            }) = self.keys.get(key)
            else {
                continue;
            };
            for id in others {
                problems.push(format!(
                    "{key} leads to tenant {has}, so it cannot lead to tenant {id}; give one of \
                     them another host or path"
                ));
            }
        }
    }

    /// Which tenant answers for hosts that no tenant has: the one that is marked, or the one that is
    /// the whole server. Of two that are marked, one that has it keeps it; else the first by name
    /// gets it.
    fn default_of(
        &self,
        is_whole_server: bool,
        problems: &mut Vec<String>,
    ) -> Option<(TenantId, String)> {
        let with_path = |id: &TenantId| {
            let entry = self.tenants.get(id)?;
            Some((id.clone(), entry.path.clone()))
        };
        if is_whole_server {
            return with_path(self.tenants.keys().next()?);
        }
        let has_it = self.fallback.as_ref().map(|(id, _)| id);
        let chosen = has_it
            .filter(|id| self.defaults.contains(*id))
            .or_else(|| self.defaults.first())?;
        for other in self.defaults.iter().filter(|id| *id != chosen) {
            problems.push(format!(
                "tenants {chosen} and {other} both say `default: true`; hosts that nobody has lead \
                 to {chosen}; remove it from one of them (`insula check` names the lines)"
            ));
        }
        with_path(chosen)
    }
}

#[cfg(test)]
mod tests;
