use std::collections::{BTreeMap, HashMap};

use insula_model::TenantId;

use crate::TenantRoute;
use crate::directory::RouteKey;

/// All tenants there are, and which of them each key of the directory leads to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes {
    pub(crate) tenants: BTreeMap<TenantId, TenantRoute>,
    keys: HashMap<RouteKey, TenantId>,
    /// Who answers for hosts that nobody has, and below which path.
    pub(crate) fallback: Option<(TenantId, String)>,
}

/// What a new list of tenants changes.
#[derive(Debug, Default)]
pub(crate) struct RouteChanges {
    /// Tenants that are new.
    pub(crate) arrived: Vec<TenantId>,
    /// Tenants that are gone.
    pub(crate) left: Vec<TenantId>,
    /// Tenants whose configuration is another.
    pub(crate) changed: Vec<TenantId>,
    /// Keys of the directory that lead to another tenant now, or to none.
    pub(crate) keys: Vec<(RouteKey, Option<TenantId>)>,
    /// Whether others answer for hosts that nobody has, or below another path.
    pub(crate) has_new_fallback: bool,
    /// Tenants that want a key that another one has, in words.
    pub(crate) problems: Vec<String>,
}

impl Routes {
    /// What `listed` changes, and how things stand then. Pure, so that it can be worked out beside
    /// the router.
    pub(crate) fn diff(&self, listed: Vec<TenantRoute>) -> (Self, RouteChanges) {
        let mut changes = RouteChanges::default();
        let mut tenants = BTreeMap::new();
        let is_whole_server = listed.len() == 1;
        for mut route in listed {
            let before = self.tenants.get(&route.id);
            if route.hosts.is_empty() {
                let Some(before) = before else {
                    changes.problems.push(format!(
                        "tenant {} cannot be routed to: its configuration cannot be read; \
                         `insula check` says why",
                        route.id
                    ));
                    continue;
                };
                route.hosts.clone_from(&before.hosts);
                route.path.clone_from(&before.path);
                route.is_default = before.is_default;
            }
            match before {
                None => changes.arrived.push(route.id.clone()),
                Some(before) if before.fingerprint != route.fingerprint => {
                    changes.changed.push(route.id.clone());
                }
                Some(_) => {}
            }
            tenants.insert(route.id.clone(), route);
        }
        let gone = |id: &&TenantId| !tenants.contains_key(*id);
        changes.left = self.tenants.keys().filter(gone).cloned().collect();
        let keys = self.assigned(&tenants, &mut changes.problems);
        for (key, id) in &keys {
            if self.keys.get(key) != Some(id) {
                changes.keys.push((key.clone(), Some(id.clone())));
            }
        }
        for key in self.keys.keys() {
            if !keys.contains_key(key) {
                changes.keys.push((key.clone(), None));
            }
        }
        let fallback = self.default_of(&tenants, is_whole_server, &mut changes.problems);
        let fallback = fallback.map(|route| (route.id.clone(), route.path.clone()));
        changes.has_new_fallback = fallback != self.fallback;
        let routes = Self {
            tenants,
            keys,
            fallback,
        };
        (routes, changes)
    }

    /// Who answers for hosts that nobody has: the tenant that is marked, or the one that is the
    /// whole server. Of two that are marked, who has it keeps it; else the first by name gets it.
    fn default_of<'t>(
        &self,
        tenants: &'t BTreeMap<TenantId, TenantRoute>,
        is_whole_server: bool,
        problems: &mut Vec<String>,
    ) -> Option<&'t TenantRoute> {
        if is_whole_server {
            return tenants.values().next();
        }
        let marked = || tenants.values().filter(|route| route.is_default);
        let has_it = |route: &&TenantRoute| {
            let before = self.fallback.as_ref();
            before.is_some_and(|(id, _)| *id == route.id)
        };
        let chosen = marked().find(has_it).or_else(|| marked().next())?;
        for other in marked().filter(|route| route.id != chosen.id) {
            problems.push(format!(
                "tenants {} and {} both say `default: true`; hosts that nobody has lead to {}; \
                 remove it from one of them (`insula check` names the lines)",
                chosen.id, other.id, chosen.id
            ));
        }
        Some(chosen)
    }

    /// Which tenant each key leads to. One that has a key keeps it; else the first by name gets it.
    fn assigned(
        &self,
        tenants: &BTreeMap<TenantId, TenantRoute>,
        problems: &mut Vec<String>,
    ) -> HashMap<RouteKey, TenantId> {
        let wanted = tenants.values().flat_map(|route| {
            let places = RouteKey::of(route).into_iter();
            places.map(|key| (key, &route.id))
        });
        let mut keys: HashMap<RouteKey, TenantId> = HashMap::new();
        for (key, id) in wanted.clone() {
            if self.keys.get(&key) == Some(id) {
                keys.insert(key, id.clone());
            }
        }
        for (key, id) in wanted {
            let has = keys.entry(key.clone()).or_insert_with(|| id.clone());
            if has != id {
                problems.push(format!(
                    "{key} leads to tenant {has}, so it cannot lead to tenant {id}; give one of \
                     them another host or path"
                ));
            }
        }
        keys
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
