use std::collections::{BTreeMap, HashMap};

use insula_model::TenantId;

use crate::TenantRoute;
use crate::directory::Place;

/// All tenants there are, and which line of the directory leads to whom.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes {
    pub(crate) tenants: BTreeMap<TenantId, TenantRoute>,
    lines: HashMap<Place, TenantId>,
    /// Who answers for hosts that nobody has, and below which path.
    pub(crate) fallback: Option<(TenantId, String)>,
}

/// What a new list of tenants changes.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    /// Tenants nobody knew.
    pub(crate) arrived: Vec<TenantId>,
    /// Tenants that are gone.
    pub(crate) left: Vec<TenantId>,
    /// Tenants whose configuration is another.
    pub(crate) changed: Vec<TenantId>,
    /// Lines of the directory that lead elsewhere now, or nowhere.
    pub(crate) lines: Vec<(Place, Option<TenantId>)>,
    /// Whether others answer for hosts that nobody has, or below another path.
    pub(crate) is_fallback_new: bool,
    /// Who wanted a line that another has, in words.
    pub(crate) problems: Vec<String>,
}

impl Routes {
    /// What `listed` changes, and how things stand then. Pure, so that it can be worked out beside
    /// the router.
    pub(crate) fn moved(&self, listed: Vec<TenantRoute>) -> (Self, Moves) {
        let mut moves = Moves::default();
        let mut tenants = BTreeMap::new();
        let is_whole_server = listed.len() == 1;
        for mut route in listed {
            let before = self.tenants.get(&route.id);
            if route.hosts.is_empty() {
                let Some(before) = before else {
                    moves.problems.push(format!(
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
                None => moves.arrived.push(route.id.clone()),
                Some(before) if before.fingerprint != route.fingerprint => {
                    moves.changed.push(route.id.clone());
                }
                Some(_) => {}
            }
            tenants.insert(route.id.clone(), route);
        }
        let gone = |id: &&TenantId| !tenants.contains_key(*id);
        moves.left = self.tenants.keys().filter(gone).cloned().collect();
        let lines = self.drawn(&tenants, &mut moves.problems);
        for (place, id) in &lines {
            if self.lines.get(place) != Some(id) {
                moves.lines.push((place.clone(), Some(id.clone())));
            }
        }
        for place in self.lines.keys() {
            if !lines.contains_key(place) {
                moves.lines.push((place.clone(), None));
            }
        }
        let fallback = self.default_of(&tenants, is_whole_server, &mut moves.problems);
        let fallback = fallback.map(|route| (route.id.clone(), route.path.clone()));
        moves.is_fallback_new = fallback != self.fallback;
        let routes = Self {
            tenants,
            lines,
            fallback,
        };
        (routes, moves)
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

    /// Which line leads to whom. Who has a line keeps it; else the first by name gets it.
    fn drawn(
        &self,
        tenants: &BTreeMap<TenantId, TenantRoute>,
        problems: &mut Vec<String>,
    ) -> HashMap<Place, TenantId> {
        let wanted = tenants.values().flat_map(|route| {
            let places = Place::of(route).into_iter();
            places.map(|place| (place, &route.id))
        });
        let mut lines: HashMap<Place, TenantId> = HashMap::new();
        for (place, id) in wanted.clone() {
            if self.lines.get(&place) == Some(id) {
                lines.insert(place, id.clone());
            }
        }
        for (place, id) in wanted {
            let has = lines.entry(place.clone()).or_insert_with(|| id.clone());
            if has != id {
                problems.push(format!(
                    "{place} leads to tenant {has}, so it cannot lead to tenant {id}; give one of \
                     them another host or path"
                ));
            }
        }
        lines
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
        Routes::default().moved(listed).0
    }

    #[test]
    fn a_new_folder_arrives_and_a_removed_one_leaves() {
        let before = after(vec![route("acme", &["acme.test"], "", "1")]);
        let (_, moves) = before.moved(vec![route("globex", &["globex.test"], "", "1")]);
        assert_eq!(moves.arrived, [id("globex")]);
        assert_eq!(moves.left, [id("acme")]);
        assert_eq!(moves.lines.len(), 2);
    }

    #[test]
    fn an_unchanged_list_moves_nothing() {
        let listed = vec![route("acme", &["acme.test", "a.test"], "/x", "1")];
        let (_, moves) = after(listed.clone()).moved(listed);
        assert!(moves.arrived.is_empty() && moves.left.is_empty());
        assert!(moves.changed.is_empty() && moves.lines.is_empty());
    }

    #[test]
    fn a_new_fingerprint_is_a_change() {
        let before = after(vec![route("acme", &["acme.test"], "", "1")]);
        let (_, moves) = before.moved(vec![route("acme", &["acme.test"], "", "2")]);
        assert_eq!(moves.changed, [id("acme")]);
        assert!(moves.lines.is_empty());
    }

    #[test]
    fn a_tenant_that_cannot_be_read_keeps_its_routes_and_is_looked_at() {
        let before = after(vec![route("acme", &["acme.test"], "", "1")]);
        let (now, moves) = before.moved(vec![route("acme", &[], "", "2")]);
        assert_eq!(moves.changed, [id("acme")]);
        assert!(moves.lines.is_empty() && moves.left.is_empty());
        let unknown = Routes::default().moved(vec![route("acme", &[], "", "2")]).1;
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
        let (before, moves) = Routes::default().moved(alone.clone());
        assert_eq!(before.fallback, Some(below("acme", "/dex")));
        assert!(moves.is_fallback_new);
        assert!(!before.moved(alone.clone()).1.is_fallback_new);
        for second in [
            route("globex", &["globex.test"], "", "1"),
            // One that was never good is there too: it must not be answered for.
            route("globex", &[], "", "1"),
        ] {
            let (both, moves) = before.moved([alone.clone(), vec![second]].concat());
            assert_eq!((&both.fallback, moves.is_fallback_new), (&None, true));
            let again = both.moved(alone.clone()).0;
            assert_eq!(again.fallback, Some(below("acme", "/dex")));
        }
    }

    #[test]
    fn a_marked_tenant_answers_for_hosts_nobody_has_and_keeps_it() {
        let plain = route("aaa", &["aaa.test"], "", "1");
        let before = after(vec![plain.clone(), default("mmm")]);
        assert_eq!(before.fallback, Some(below("mmm", "")));
        let two = vec![plain, default("bbb"), default("mmm")];
        let (both, moves) = before.moved(two.clone());
        assert_eq!(both.fallback, Some(below("mmm", "")));
        assert_eq!(moves.problems.len(), 1, "{:?}", moves.problems);
        assert_eq!(after(two).fallback, Some(below("bbb", "")));
    }

    #[test]
    fn a_default_tenant_that_cannot_be_read_stays_the_default() {
        let listed = vec![route("aaa", &["aaa.test"], "", "1"), default("mmm")];
        let spoilt = vec![listed[0].clone(), route("mmm", &[], "", "2")];
        assert!(!after(listed).moved(spoilt).1.is_fallback_new);
    }

    #[test]
    fn who_has_a_host_keeps_it() {
        let before = after(vec![route("globex", &["shared.test"], "", "1")]);
        let both = vec![
            route("acme", &["Shared.test:80"], "", "1"),
            route("globex", &["shared.test"], "", "1"),
        ];
        let (_, moves) = before.moved(both.clone());
        assert!(moves.lines.is_empty());
        assert_eq!(moves.problems.len(), 1, "{:?}", moves.problems);
        let (_, fresh) = Routes::default().moved(both);
        let [(place, to)] = fresh.lines.as_slice() else {
            panic!("{:?}", fresh.lines)
        };
        assert_eq!(
            (place.to_string().as_str(), to),
            ("shared.test", &Some(id("acme")))
        );
    }
}
