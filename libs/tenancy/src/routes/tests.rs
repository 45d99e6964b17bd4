use super::*;

fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn route(name: &str, hosts: &[&str], path: &str, fingerprint: &str) -> TenantEntry {
    TenantEntry {
        id: id(name),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        path: path.to_owned(),
        is_default: false,
        fingerprint: fingerprint.to_owned(),
        is_good: !hosts.is_empty(),
    }
}

fn after(listed: Vec<TenantEntry>) -> Routes {
    Routes::default().diff(listed).0
}

fn put(entry: TenantEntry) -> TenantChange {
    TenantChange::Put(Arc::new(entry))
}

/// A registry that tells all tenants there are.
fn whole(listed: Vec<TenantEntry>) -> Delta {
    Delta {
        is_whole: true,
        changes: listed.into_iter().map(put).collect(),
        upto: 1,
    }
}

/// A registry that tells what changed.
fn changed(changes: Vec<TenantChange>) -> Delta {
    Delta {
        is_whole: false,
        changes,
        upto: 2,
    }
}

impl Routes {
    /// How things are after all tenants were told, and what that changed.
    fn diff(&self, listed: Vec<TenantEntry>) -> (Self, RouteChanges) {
        let mut after = self.clone();
        let changes = after.update(whole(listed));
        (after, changes)
    }
}

#[test]
fn a_change_of_one_tenant_leaves_the_others_alone() {
    let mut routes = after(vec![
        route("acme", &["acme.test"], "", "1"),
        route("globex", &["globex.test"], "", "1"),
        route("hooli", &["hooli.test"], "", "1"),
    ]);
    let moved = route("acme", &["elsewhere.test"], "", "2");
    let changes = routes.update(changed(vec![
        put(moved),
        TenantChange::Removed(id("globex")),
        TenantChange::Removed(id("nobody")),
    ]));
    assert_eq!(changes.changed, [id("acme")]);
    assert_eq!(changes.left, [id("globex")]);
    assert_eq!(
        (changes.keys.len(), changes.tenants, changes.upto),
        (3, 2, 2)
    );
    let nothing = routes.update(changed(vec![]));
    assert!(nothing.left.is_empty() && nothing.keys.is_empty());
    assert_eq!(nothing.tenants, 2);
}

#[test]
fn who_was_never_good_is_told_at_every_look_until_it_is_good_or_gone() {
    let mut routes = after(vec![route("acme", &["acme.test"], "", "1")]);
    let spoilt = route("globex", &[], "", "1");
    let changes = routes.update(changed(vec![put(spoilt.clone())]));
    assert_eq!(changes.problems.len(), 1);
    assert_eq!(routes.update(changed(vec![])).problems.len(), 1);
    assert_eq!(routes.fallback, None, "there are two");
    let mended = route("globex", &["globex.test"], "", "2");
    let changes = routes.clone().update(changed(vec![put(mended)]));
    assert_eq!((changes.problems.len(), changes.arrived.len()), (0, 1));
    let changes = routes.update(changed(vec![TenantChange::Removed(id("globex"))]));
    assert!(changes.problems.is_empty());
    assert_eq!(changes.left, [id("globex")], "what it said is forgotten");
    assert_eq!(routes.fallback, Some(below("acme", "")));
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
        let changes = routes.update(whole(listed.clone()));
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

fn default(name: &str) -> TenantEntry {
    TenantEntry {
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
