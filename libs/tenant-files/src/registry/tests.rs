use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use insula_files::Allowed;
use insula_store::TenantChange;
use insula_store::conformance::registry::{RegistryUnderTest, Written};
use tempfile::TempDir;

use super::*;
use crate::ConnectorKinds;
use crate::watched::{BELIEVED_FOR, READ_AGAIN};

/// A folder of tenants, and the registry that reads it.
struct Folder {
    folder: TempDir,
    registry: FileRegistry,
}

const GOOD: &str = "issuer: https://acme.test
connectors: [{ type: mockCallback, id: mock, name: Mock }]
";

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tenants")).unwrap();
        let folders = Folders {
            tenants: folder.path().join("tenants"),
            files: Allowed::default(),
            themes: Allowed::default(),
            requests: None,
            kinds: ConnectorKinds {
                names: vec!["mockCallback"],
                file_settings: Vec::new(),
                keytabs: Vec::new(),
            },
        };
        let registry = FileRegistry::new(folders, Box::new(|_, _| Vec::new()), Handle::current());
        Self { folder, registry }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("tenants").join(name)
    }

    /// Replaces a file, as editors do: two versions of it are never the same file.
    fn write_file(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let new = path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    fn changes(&self, since: u64) -> TenantChanges {
        let inner = &self.registry.inner;
        inner.changes_since(since, 10_000, Instant::now()).unwrap()
    }

    /// All tenants there are.
    fn entries(&self) -> Vec<TenantEntry> {
        entries(&self.changes(0))
    }
}

fn entries(changes: &TenantChanges) -> Vec<TenantEntry> {
    let entries = changes.changes.iter().filter_map(|change| match change {
        TenantChange::Put(entry) => Some(TenantEntry::clone(entry)),
        TenantChange::Removed(_) => None,
    });
    entries.collect()
}

fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

#[async_trait]
impl RegistryUnderTest for Folder {
    fn registry(&self) -> &dyn TenantRegistry {
        &self.registry
    }

    async fn write(&self, tenant: &Written) {
        let file = format!("{}/tenant.yaml", tenant.name);
        self.write_file(&file, &tenant.document().text);
    }

    async fn remove(&self, name: &str) {
        fs::remove_dir_all(self.path(name)).unwrap();
    }
}

insula_store::registry_conformance!(async { Some(Folder::new()) });

#[tokio::test]
async fn a_file_that_turns_bad_keeps_its_route_and_is_known_to_have_changed() {
    let folder = Folder::new();
    folder.write_file("acme/tenant.yaml", GOOD);
    let before = folder.changes(0);
    let good = entries(&before);
    assert_eq!(good[0].hosts, ["acme.test"]);
    assert!(good[0].is_good);

    folder.write_file("acme/tenant.yaml", "issuer: nonsense\nconnectors: 7\n");
    let after = folder.changes(before.upto);
    let bad = entries(&after);
    assert_eq!(bad[0].hosts, good[0].hosts);
    assert_ne!(bad[0].fingerprint, good[0].fingerprint);
    assert!(!bad[0].is_good);
    let problems = folder.registry.read(&id("acme")).unwrap().problems;
    let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(said[0].contains("acme/tenant.yaml:1"), "{said:?}");

    folder.write_file("acme/tenant.yaml", GOOD);
    assert_eq!(entries(&folder.changes(after.upto)), good);
}

#[tokio::test]
async fn a_file_that_was_never_good_has_no_host_and_is_read_once() {
    let folder = Folder::new();
    folder.write_file("acme/tenant.yaml", "issuer: nonsense\n");
    folder.write_file("fine/tenant.yaml", &GOOD.replace("acme", "fine"));
    let first = folder.changes(0);
    let hosts: Vec<_> = entries(&first).into_iter().map(|e| e.hosts).collect();
    assert_eq!(hosts, [vec![], vec!["fine.test".to_owned()]]);
    assert_eq!(folder.changes(first.upto).changes, []);
    folder.write_file("acme/tenant.yaml", "issuer: still nonsense\n");
    let worse = folder.changes(first.upto);
    assert_eq!(entries(&worse).len(), 1, "so that it is looked at again");
    folder.write_file("acme/tenant.yaml", GOOD);
    assert_eq!(entries(&folder.changes(worse.upto))[0].hosts, ["acme.test"]);
}

#[tokio::test]
async fn a_new_file_of_a_theme_is_a_change_and_so_is_a_change_of_one() {
    let folder = Folder::new();
    folder.write_file("acme/tenant.yaml", GOOD);
    folder.write_file("acme/theme/static/a.css", "a{}");
    let mut last = folder.changes(0).upto;
    for (path, text) in [
        ("acme/theme/static/a.css", "a{color:red}"),
        ("acme/theme/static/b.css", "b{}"),
        ("acme/theme/static/deep/c.css", "c{}"),
    ] {
        folder.write_file(path, text);
        let now = folder.changes(last);
        assert_eq!(now.changes.len(), 1, "{path}");
        last = now.upto;
    }
    assert_eq!(folder.changes(last).changes, [], "and nothing else is");
}

#[tokio::test]
async fn a_server_whose_folder_of_tenants_is_gone_is_told_and_loses_no_tenant() {
    let folder = Folder::new();
    folder.write_file("acme/tenant.yaml", GOOD);
    let known = folder.changes(0).upto;
    let tenants = folder.path("");
    let aside = folder.folder.path().join("aside");
    fs::rename(&tenants, &aside).unwrap();
    let inner = &folder.registry.inner;
    let refused = inner.changes_since(known, 10, Instant::now()).unwrap_err();
    assert!(refused.to_string().contains("tenants"), "{refused}");
    fs::rename(&aside, &tenants).unwrap();
    assert_eq!(folder.changes(known).changes, []);
}

const PORTAL: &str = "staticClients: [{ id: portal, secret: { file: portal }, redirectURIs: [https://a.test/cb] }]\n";

fn matches(folder: &Folder, secret: &str) -> bool {
    let loaded = folder.registry.read(&id("acme")).unwrap();
    loaded.spec.unwrap().client("portal").unwrap().secrets[0].matches(secret)
}

#[tokio::test]
async fn a_replaced_secret_file_is_taken() {
    let folder = Folder::new();
    folder.write_file("acme/tenant.yaml", &format!("{GOOD}{PORTAL}"));
    folder.write_file("acme/portal", "first\n");
    let before = folder.changes(0);
    assert!(matches(&folder, "first"));
    folder.write_file("acme/portal", "other\n");
    let after = folder.changes(before.upto);
    assert_eq!(after.changes.len(), 1);
    assert!(matches(&folder, "other"));
    let read = folder.registry.read(&id("acme")).unwrap();
    let fingerprint = read.seen.fingerprint().to_string();
    assert_eq!(fingerprint, entries(&after)[0].fingerprint);
}

#[tokio::test]
async fn a_secret_behind_a_link_that_moves_is_taken_whatever_its_length_and_time() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    let path = |name: &str| folder.path("acme").join(name);
    folder.write_file("acme/tenant.yaml", &format!("{GOOD}{PORTAL}"));
    for (version, secret) in [("..1", "first"), ("..2", "other")] {
        folder.write_file(&format!("acme/{version}/portal"), secret);
        let file = fs::File::options()
            .append(true)
            .open(path(version).join("portal"));
        file.unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    }
    symlink("..1", path("..data")).unwrap();
    symlink("..data/portal", path("portal")).unwrap();
    let before = folder.changes(0);
    assert!(matches(&folder, "first"));
    symlink("..2", path("..next")).unwrap();
    fs::rename(path("..next"), path("..data")).unwrap();
    assert_eq!(folder.changes(before.upto).changes.len(), 1);
    assert!(matches(&folder, "other"));
}

#[tokio::test]
async fn tenants_that_look_unchanged_are_left_alone_and_read_again_a_few_at_a_time() {
    let folder = Folder::new();
    let many = READ_AGAIN + 2;
    for n in 0..many {
        let text = GOOD.replace("acme", &format!("t{n}"));
        folder.write_file(&format!("t{n}/tenant.yaml"), &text);
    }
    let inner = &folder.registry.inner;
    let start = Instant::now();
    let read_at = |at: Instant| {
        let changes = inner.changes_since(0, 10_000, at).unwrap();
        assert_eq!(changes.changes.len(), many);
        assert_eq!(changes.upto, many as u64, "and nobody has changed");
        let watched = held(&inner.watched);
        let read = watched.0.values().filter(|known| known.read_at == at);
        read.count()
    };
    assert_eq!(read_at(start), many);
    let (settled, later) = (Duration::from_secs(2), Duration::from_secs(1));
    assert_eq!(read_at(start + later), 0, "nobody reads twice in one tick");
    assert_eq!(read_at(start + settled), READ_AGAIN);
    assert_eq!(read_at(start + settled + later), 2);
    let settled = start + settled + later;
    assert_eq!(read_at(settled + later), 0, "what is settled is believed");
    assert_eq!(read_at(settled + BELIEVED_FOR), READ_AGAIN);
    assert_eq!(read_at(settled + BELIEVED_FOR + later), 2);
}

#[tokio::test]
async fn what_is_answered_page_by_page_is_looked_for_once() {
    let folder = Folder::new();
    for name in ["a", "b", "c"] {
        let text = GOOD.replace("acme", name);
        folder.write_file(&format!("{name}/tenant.yaml"), &text);
    }
    let inner = &folder.registry.inner;
    let first = inner.changes_since(0, 2, Instant::now()).unwrap();
    assert!(first.has_more);
    folder.write_file("d/tenant.yaml", &GOOD.replace("acme", "d"));
    let rest = inner.changes_since(first.upto, 2, Instant::now()).unwrap();
    assert_eq!((rest.changes.len(), rest.has_more), (1, false));
    assert_eq!(folder.changes(rest.upto).changes.len(), 1, "the next look");
}

#[tokio::test]
async fn what_files_said_before_is_read_with_what_they_refer_to() {
    let folder = Folder::new();
    folder.write_file("acme/tenant.yaml", &format!("{GOOD}{PORTAL}"));
    folder.write_file("acme/portal", "first\n");
    folder.entries();
    let acme = id("acme");
    let document = folder.registry.document(&acme).await.unwrap().unwrap();
    folder.write_file("acme/tenant.yaml", "issuer: nonsense\n");
    let earlier = folder.registry.read_earlier(&acme, &document.document);
    let spec = earlier.unwrap().spec.unwrap();
    assert!(spec.client("portal").unwrap().secrets[0].matches("first"));
    assert!(
        folder
            .registry
            .read_earlier(&id("globex"), &document.document)
            .is_err()
    );
}

#[tokio::test]
async fn a_tenant_whose_files_point_at_devices_fails_alone() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    folder.write_file("acme/tenant.yaml", GOOD);
    for name in ["secret", "theme", "own"] {
        let text = GOOD.replace("acme", name);
        folder.write_file(&format!("{name}/tenant.yaml"), &text);
    }
    let text = format!("{GOOD}{PORTAL}").replace("acme", "secret");
    folder.write_file("secret/tenant.yaml", &text);
    symlink("/dev/zero", folder.path("secret/portal")).unwrap();
    fs::create_dir(folder.path("theme/theme")).unwrap();
    symlink("/etc/passwd", folder.path("theme/theme/logo.svg")).unwrap();
    let own = folder.path("own/tenant.yaml");
    fs::remove_file(&own).unwrap();
    symlink(folder.path("acme/tenant.yaml"), own).unwrap();

    let hosts: Vec<_> = folder
        .entries()
        .into_iter()
        .flat_map(|entry| entry.hosts)
        .collect();
    assert_eq!(hosts, ["acme.test"]);
    let mut said = vec![];
    let folders = folder.registry.read_all(|_, loaded| {
        said.extend(loaded.problems.iter().map(ToString::to_string));
    });
    assert_eq!(folders, []);
    assert_eq!(said.len(), 3, "{said:#?}");
    assert!(
        said.iter().all(|line| line.contains("outside the folders")),
        "{said:#?}"
    );
}
