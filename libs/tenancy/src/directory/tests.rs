use insula_ambient::Monotonic;

use super::*;

fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn route(name: &str, hosts: &[&str], path: &str) -> TenantEntry {
    TenantEntry {
        id: id(name),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        path: path.to_owned(),
        is_default: false,
        fingerprint: String::new(),
        is_good: true,
    }
}

fn register(directory: &Directory, routes: &[TenantEntry]) -> Vec<Arc<DirectoryEntry>> {
    let mut changes = Vec::new();
    let mut entries = Vec::new();
    for route in routes {
        let entry = DirectoryEntry::asleep(route.id.clone());
        changes.extend(RouteKey::of(route).into_iter().map(|key| Change {
            key,
            entry: Some(Arc::clone(&entry)),
        }));
        entries.push(entry);
    }
    directory.publish(&changes);
    entries
}

fn found(directory: &Directory, host: &str, path: &str) -> Option<String> {
    match directory.lookup(host, path) {
        Lookup::Asleep(id) | Lookup::Quarantined { id, .. } => Some(id.as_str().to_owned()),
        Lookup::Awake(handle) => Some(handle.id().as_str().to_owned()),
        Lookup::Unknown => None,
    }
}

#[test]
fn hosts_and_paths_lead_to_the_tenant_of_the_longest_prefix() {
    let directory = Directory::empty();
    register(
        &directory,
        &[
            route("acme", &["acme.test", "login.acme.test"], ""),
            route("root", &["Login.Test"], "/"),
            route("initech", &["login.test"], "/initech"),
            route("labs", &["login.test"], "/initech/labs/"),
            route("v6", &["[::1]"], ""),
            route("alone", &["paths.test"], "/alone"),
        ],
    );
    for (host, path, tenant) in [
        ("acme.test", "/", Some("acme")),
        ("ACME.test:8443", "/token", Some("acme")),
        ("login.acme.test.", "/auth?x=/initech", Some("acme")),
        ("login.test", "/", Some("root")),
        ("login.test", "", Some("root")),
        ("login.test", "/initech", Some("initech")),
        ("login.test", "/initech/", Some("initech")),
        ("login.test", "/initech/token", Some("initech")),
        ("login.test", "/initechs/token", Some("root")),
        ("login.test", "/Initech/token", Some("root")),
        ("login.test", "/initech/labs", Some("labs")),
        ("login.test", "/initech/labs/token", Some("labs")),
        ("login.test", "/initech/laboratory", Some("initech")),
        ("[::1]:5556", "/", Some("v6")),
        ("paths.test", "/alone/token", Some("alone")),
        ("paths.test", "/", None),
        ("paths.test", "/alon", None),
        ("other.test", "/", None),
        ("sub.acme.test", "/", None),
        ("", "/", None),
        ("[::1", "/", None),
    ] {
        assert_eq!(
            found(&directory, host, path).as_deref(),
            tenant,
            "{host}{path}"
        );
    }
}

#[test]
fn a_path_of_ten_thousand_slashes_and_a_host_beyond_all_names_are_unknown() {
    let directory = Directory::empty();
    register(&directory, &[route("alone", &["paths.test"], "/alone")]);
    assert_eq!(found(&directory, "paths.test", &"/".repeat(10_000)), None);
    assert_eq!(found(&directory, "paths.test", &"/é".repeat(10_000)), None);
    assert_eq!(found(&directory, &"A".repeat(10_000), "/"), None);
}

#[test]
fn a_line_struck_out_leads_nowhere_and_leaves_its_neighbours() {
    let directory = Directory::empty();
    let gone = route("initech", &["login.test"], "/initech");
    register(
        &directory,
        &[route("root", &["login.test"], ""), gone.clone()],
    );
    let strike = |route: &TenantEntry| {
        let keys = RouteKey::of(route).into_iter();
        let keys: Vec<_> = keys.map(|key| Change { key, entry: None }).collect();
        directory.publish(&keys);
    };
    strike(&gone);
    assert_eq!(
        found(&directory, "login.test", "/initech").as_deref(),
        Some("root")
    );
    strike(&route("root", &["login.test"], ""));
    assert_eq!(found(&directory, "login.test", "/"), None);
}

#[test]
fn hosts_nobody_has_lead_to_the_default_tenant_below_its_path_and_others_do_not() {
    let directory = Directory::empty();
    let entries = register(
        &directory,
        &[
            route("dex", &["dex.test"], "/dex"),
            route("acme", &["acme.test"], ""),
        ],
    );
    assert_eq!(found(&directory, "10.0.0.7:5556", "/dex/keys"), None);
    directory.set_fallback(Some(("/dex", Arc::clone(&entries[0]))));
    let too_long = "a".repeat(10_000);
    for host in ["10.0.0.7:5556", "", "[::1]", "sub.acme.test", &too_long] {
        for path in ["/dex", "/dex/keys"] {
            let to = found(&directory, host, path);
            assert_eq!(to.as_deref(), Some("dex"), "{host}{path}");
        }
        for path in ["/", "/keys", "/dexter"] {
            assert_eq!(found(&directory, host, path), None, "{host}{path}");
        }
    }
    let own = found(&directory, "acme.test", "/dex/keys");
    assert_eq!(own.as_deref(), Some("acme"));
    assert_eq!(found(&directory, "dex.test", "/"), None);
    directory.set_fallback(None);
    assert_eq!(found(&directory, "10.0.0.7:5556", "/dex/keys"), None);
}

#[test]
fn what_becomes_of_a_tenant_is_seen_at_all_of_its_hosts_at_once() {
    let directory = Directory::empty();
    let entries = register(&directory, &[route("acme", &["a.test", "b.test"], "")]);
    entries[0].put(EntryState::Quarantined {
        until: Monotonic::START,
        last: None,
    });
    for host in ["a.test", "b.test"] {
        let looked = directory.lookup(host, "/");
        assert!(
            matches!(
                looked,
                Lookup::Quarantined {
                    until: Monotonic::START,
                    ..
                }
            ),
            "{looked:?}"
        );
    }
}
