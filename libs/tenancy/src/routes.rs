use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use insula_model::TenantId;

use crate::TenantRoute;
use crate::directory::RouteKey;

/// All tenants there are, and which of them each key of the directory leads to. Updated in place: a
/// list that changed one tenant costs a comparison with the others and a change of its keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes {
    tenants: BTreeMap<TenantId, TenantRoute>,
    keys: HashMap<RouteKey, Claims>,
    /// The keys that more than one tenant wants.
    contested: HashSet<RouteKey>,
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

/// What a new list of tenants changes.
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
    /// Tenants that want a key that another one has, in words.
    pub(crate) problems: Vec<String>,
}

impl Routes {
    /// Takes over `listed`, and answers what that changes. Pure, so that it can be worked out beside
    /// the router.
    pub(crate) fn update(&mut self, listed: Vec<TenantRoute>) -> RouteChanges {
        let mut changes = RouteChanges::default();
        let is_whole_server = listed.len() == 1;
        // Owners before, of the keys that anything happened to.
        let mut touched: BTreeMap<RouteKey, Option<TenantId>> = BTreeMap::new();
        let mut claims = Vec::new();
        for id in self.gone(&listed) {
            if let Some(route) = self.tenants.remove(&id) {
                self.defaults.remove(&id);
                for key in RouteKey::of(&route) {
                    self.release(key, &id, &mut touched);
                }
            }
            changes.left.push(id);
        }
        for route in listed {
            let Some(before) = self.tenants.get_mut(&route.id) else {
                if route.hosts.is_empty() {
                    changes.problems.push(format!(
                        "tenant {} cannot be routed to: its configuration cannot be read; \
                         `insula check` says why",
                        route.id
                    ));
                    continue;
                }
                changes.arrived.push(route.id.clone());
                claims.extend(
                    RouteKey::of(&route)
                        .into_iter()
                        .map(|key| (key, route.id.clone())),
                );
                if route.is_default {
                    self.defaults.insert(route.id.clone());
                }
                self.tenants.insert(route.id.clone(), route);
                continue;
            };
            if *before == route {
                continue;
            }
            if before.fingerprint != route.fingerprint {
                changes.changed.push(route.id.clone());
                before.fingerprint.clone_from(&route.fingerprint);
            }
            // One that cannot be read keeps the routes it had.
            if route.hosts.is_empty() || *before == route {
                continue;
            }
            let before = std::mem::replace(before, route.clone());
            let (old, new) = (RouteKey::of(&before), RouteKey::of(&route));
            let fresh = new.iter().filter(|key| !old.contains(key));
            claims.extend(fresh.map(|key| (key.clone(), route.id.clone())));
            for key in old.into_iter().filter(|key| !new.contains(key)) {
                self.release(key, &route.id, &mut touched);
            }
            if route.is_default {
                self.defaults.insert(route.id);
            } else {
                self.defaults.remove(&route.id);
            }
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
        self.name_conflicts(&mut changes.problems);
        let fallback = self.default_of(is_whole_server, &mut changes.problems);
        changes.has_new_fallback = fallback != self.fallback;
        self.fallback.clone_from(&fallback);
        changes.fallback = fallback;
        changes.tenants = self.tenants.len();
        changes
    }

    /// The tenants that are not listed any more.
    fn gone(&self, listed: &[TenantRoute]) -> Vec<TenantId> {
        let known = |route: &&TenantRoute| self.tenants.contains_key(&route.id);
        if listed.iter().filter(known).count() == self.tenants.len() {
            return Vec::new();
        }
        let listed: HashSet<&TenantId> = listed.iter().map(|route| &route.id).collect();
        let gone = self.tenants.keys().filter(|id| !listed.contains(*id));
        gone.cloned().collect()
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
            let route = self.tenants.get(id)?;
            Some((id.clone(), route.path.clone()))
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
mod tests {
    use super::*;

    fn id(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    fn route(name: &str, hosts: &[&str], path: &str, fingerprint: &str) -> TenantRoute {
        TenantRoute {
            id: id(name),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            path: path.to_owned(),
            is_default: false,
            fingerprint: fingerprint.to_owned(),
        }
    }

    fn after(listed: Vec<TenantRoute>) -> Routes {
        Routes::default().diff(listed).0
    }

    impl Routes {
        /// How things are after an update, and what it changed.
        fn diff(&self, listed: Vec<TenantRoute>) -> (Self, RouteChanges) {
            let mut after = self.clone();
            let changes = after.update(listed);
            (after, changes)
        }
    }

    #[test]
    fn a_key_whose_tenant_leaves_goes_to_the_next_that_wants_it() {
        let shared = |name| route(name, &["shared.test"], "", "1");
        let own = route("acme", &["acme.test"], "", "1");
        let before = after(vec![own.clone(), shared("globex"), shared("hooli")]);
        let (now, changes) = before.diff(vec![own.clone(), shared("hooli")]);
        assert_eq!(changes.left, [id("globex")]);
        let [(_, owner)] = changes.keys.as_slice() else {
            panic!("{:?}", changes.keys)
        };
        assert_eq!((owner, changes.problems.len()), (&Some(id("hooli")), 0));
        let (_, changes) = now.diff(vec![own]);
        assert_eq!(changes.keys.len(), 1);
        assert_eq!(changes.keys[0].1, None);
    }

    #[test]
    fn whatever_the_order_of_lists_the_keys_are_those_of_the_last_one() {
        let hosts = ["a.test", "b.test", "c.test"];
        // Every tenant wants two of three hosts, and every third list leaves one out.
        let list = |n: usize| {
            (0..5)
                .filter(|tenant| !(tenant + n).is_multiple_of(3))
                .map(|tenant| {
                    let wanted = [hosts[(tenant + n) % 3], hosts[(tenant * 2 + n) % 3]];
                    route(&format!("t{tenant}"), &wanted, "", &n.to_string())
                })
                .collect::<Vec<_>>()
        };
        let mut routes = Routes::default();
        let mut found: BTreeMap<RouteKey, TenantId> = BTreeMap::new();
        for n in 0..60 {
            let listed = list(n * 7 % 11);
            let changes = routes.update(listed.clone());
            for (key, owner) in changes.keys {
                match owner {
                    Some(owner) => found.insert(key, owner),
                    None => found.remove(&key),
                };
            }
            let wanted: BTreeSet<_> = listed.iter().flat_map(RouteKey::of).collect();
            assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), wanted);
            for (key, owner) in &found {
                let route = listed.iter().find(|route| route.id == *owner).unwrap();
                assert!(RouteKey::of(route).contains(key), "{owner} wants {key}");
            }
        }
    }

    #[test]
    fn a_new_folder_arrives_and_a_removed_one_leaves() {
        let before = after(vec![route("acme", &["acme.test"], "", "1")]);
        let (_, changes) = before.diff(vec![route("globex", &["globex.test"], "", "1")]);
        assert_eq!(changes.arrived, [id("globex")]);
        assert_eq!(changes.left, [id("acme")]);
        assert_eq!(changes.keys.len(), 2);
    }

    #[test]
    fn an_unchanged_list_moves_nothing() {
        let listed = vec![route("acme", &["acme.test", "a.test"], "/x", "1")];
        let (_, changes) = after(listed.clone()).diff(listed);
        assert!(changes.arrived.is_empty() && changes.left.is_empty());
        assert!(changes.changed.is_empty() && changes.keys.is_empty());
    }

    #[test]
    fn a_new_fingerprint_is_a_change() {
        let before = after(vec![route("acme", &["acme.test"], "", "1")]);
        let (_, changes) = before.diff(vec![route("acme", &["acme.test"], "", "2")]);
        assert_eq!(changes.changed, [id("acme")]);
        assert!(changes.keys.is_empty());
    }

    #[test]
    fn a_tenant_that_cannot_be_read_keeps_its_routes_and_is_looked_at() {
        let before = after(vec![route("acme", &["acme.test"], "", "1")]);
        let (now, changes) = before.diff(vec![route("acme", &[], "", "2")]);
        assert_eq!(changes.changed, [id("acme")]);
        assert!(changes.keys.is_empty() && changes.left.is_empty());
        let unknown = Routes::default().diff(vec![route("acme", &[], "", "2")]).1;
        assert_eq!(unknown.problems.len(), 1);
        assert_eq!(now.tenants[&id("acme")].hosts, ["acme.test"]);
    }

    fn default(name: &str) -> TenantRoute {
        TenantRoute {
            is_default: true,
            ..route(name, &[&format!("{name}.test")], "", "1")
        }
    }

    fn below(name: &str, path: &str) -> (TenantId, String) {
        (id(name), path.to_owned())
    }

    #[test]
    fn the_only_tenant_answers_for_hosts_nobody_has_until_another_comes() {
        let alone = vec![route("acme", &["acme.test"], "/dex", "1")];
        let (before, changes) = Routes::default().diff(alone.clone());
        assert_eq!(before.fallback, Some(below("acme", "/dex")));
        assert!(changes.has_new_fallback);
        assert!(!before.diff(alone.clone()).1.has_new_fallback);
        for second in [
            route("globex", &["globex.test"], "", "1"),
            // One that was never good is there too: it must not be answered for.
            route("globex", &[], "", "1"),
        ] {
            let (both, changes) = before.diff([alone.clone(), vec![second]].concat());
            assert_eq!((&both.fallback, changes.has_new_fallback), (&None, true));
            let again = both.diff(alone.clone()).0;
            assert_eq!(again.fallback, Some(below("acme", "/dex")));
        }
    }

    #[test]
    fn a_marked_tenant_answers_for_hosts_nobody_has_and_keeps_it() {
        let plain = route("aaa", &["aaa.test"], "", "1");
        let before = after(vec![plain.clone(), default("mmm")]);
        assert_eq!(before.fallback, Some(below("mmm", "")));
        let two = vec![plain, default("bbb"), default("mmm")];
        let (both, changes) = before.diff(two.clone());
        assert_eq!(both.fallback, Some(below("mmm", "")));
        assert_eq!(changes.problems.len(), 1, "{:?}", changes.problems);
        assert_eq!(after(two).fallback, Some(below("bbb", "")));
    }

    #[test]
    fn a_default_tenant_that_cannot_be_read_stays_the_default() {
        let listed = vec![route("aaa", &["aaa.test"], "", "1"), default("mmm")];
        let spoilt = vec![listed[0].clone(), route("mmm", &[], "", "2")];
        assert!(!after(listed).diff(spoilt).1.has_new_fallback);
    }

    #[test]
    fn who_has_a_host_keeps_it() {
        let before = after(vec![route("globex", &["shared.test"], "", "1")]);
        let both = vec![
            route("acme", &["Shared.test:80"], "", "1"),
            route("globex", &["shared.test"], "", "1"),
        ];
        let (_, changes) = before.diff(both.clone());
        assert!(changes.keys.is_empty());
        assert_eq!(changes.problems.len(), 1, "{:?}", changes.problems);
        let (_, fresh) = Routes::default().diff(both);
        let [(key, to)] = fresh.keys.as_slice() else {
            panic!("{:?}", fresh.keys)
        };
        assert_eq!(
            (key.to_string().as_str(), to),
            ("shared.test", &Some(id("acme")))
        );
    }
}
