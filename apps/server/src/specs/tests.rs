use std::fs;
use std::path::Path;

use insula_connectors::{OutboundPolicy, UpstreamHttp};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::*;

/// A folder of tenants, and who reads it.
struct Desk {
    folder: TempDir,
    io: Runtime,
    specs: FileSpecs,
}

const GOOD: &str = "issuer: https://acme.test
connectors: [{ type: mockCallback, id: mock, name: Mock }]
";

impl Desk {
    fn new() -> Self {
        crate::wiring::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let io = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let http = UpstreamHttp::new(OutboundPolicy::default(), io.handle().clone()).unwrap();
        let folders = Folders {
            tenants: folder.path().join("tenants"),
            files: Allowed::default(),
            themes: Allowed::default(),
            requests: None,
        };
        let specs = FileSpecs::new(
            folders,
            Arc::new(Registry::new(Arc::new(http))),
            Arc::new(ThemeLibrary::embedded().unwrap()),
            io.handle().clone(),
        );
        Self { folder, io, specs }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join("tenants").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn list(&self) -> Vec<TenantRoute> {
        self.io.block_on(self.specs.list()).unwrap()
    }

    fn load(&self, id: &str) -> Result<LoadedSpec, SpecError> {
        let id = TenantId::parse(id).unwrap();
        self.io.block_on(self.specs.load(&id))
    }
}

/// What `check` accepts must be what a login computes, for every hash in a file.
#[test]
fn a_password_hash_passes_check_if_and_only_if_a_login_computes_it() {
    use insula_ambient::SeededEntropy;
    use insula_model::Password;

    let desk = Desk::new();
    let entropy = Arc::new(SeededEntropy::new(1));
    let pool = insula_connectors::HashingPool::new(2, 8, entropy).unwrap();
    let share = pool.share(4);
    let argon2 = |params: &str, salt: usize, hash: usize| {
        let (salt, hash) = ("A".repeat(salt), "A".repeat(hash));
        format!("$argon2id$v=19${params}${salt}${hash}")
    };
    let bcrypt = |cost: u32| format!("$2b${cost:02}${}", ".".repeat(53));
    let cheap = "m=64,t=1,p=1";
    let rows = [
        argon2(cheap, 11, 43),
        argon2(cheap, 10, 43),
        argon2(cheap, 64, 43),
        argon2(cheap, 66, 43),
        argon2(cheap, 22, 14),
        argon2(cheap, 22, 13),
        argon2(cheap, 22, 86),
        argon2(cheap, 22, 87),
        argon2("m=8,t=1,p=1", 22, 43),
        argon2("m=7,t=1,p=1", 22, 43),
        argon2("m=64,t=0,p=1", 22, 43),
        argon2("m=128,t=1,p=16", 22, 43),
        argon2("m=1024,t=1,p=17", 22, 43),
        argon2("m=262145,t=1,p=1", 22, 43),
        argon2("m=262144,t=10,p=1", 22, 43),
        argon2("m=64,t=1000000,p=1", 22, 43),
        bcrypt(3),
        bcrypt(4),
        bcrypt(15),
        bcrypt(31),
        bcrypt(4).replace("2b", "2x"),
        bcrypt(4).replace("2b", "2y"),
        bcrypt(4)[..59].to_owned(),
        bcrypt(4).replace("$........", "$aaaaaaaa"),
        "$2b$04$".to_owned() + &"a".repeat(53),
    ];
    for hash in rows {
        desk.write(
            "acme/tenant.yaml",
            &format!(
                "issuer: https://acme.test\nenablePasswordDB: true\nstaticPasswords:\n  \
                 - {{ email: j@acme.test, userID: '1', hash: '{hash}' }}\n"
            ),
        );
        let is_accepted = !desk.specs.check().iter().any(Problem::is_error);
        let login = share.check(Password::new("x"), Some(hash.clone()));
        let is_computed = desk.io.block_on(login).is_ok();
        assert_eq!(is_accepted, is_computed, "{hash}");
    }
}

#[test]
fn a_file_that_turns_bad_keeps_its_route_and_is_known_to_have_changed() {
    let desk = Desk::new();
    desk.write("acme/tenant.yaml", GOOD);
    let before = desk.list();
    assert_eq!(before.len(), 1);
    assert_eq!(before[0].hosts, ["acme.test"]);
    let loaded = desk.load("acme").unwrap();
    assert_eq!(loaded.fingerprint, before[0].fingerprint);

    desk.write("acme/tenant.yaml", "issuer: nonsense\nconnectors: 7\n");
    let after = desk.list();
    assert_eq!(after[0].hosts, before[0].hosts);
    assert_ne!(after[0].fingerprint, before[0].fingerprint);
    let problems = desk.load("acme").unwrap_err().to_string();
    assert!(problems.contains("acme/tenant.yaml:1"), "{problems}");
    let id = TenantId::parse("acme").unwrap();
    let good = desk.io.block_on(desk.specs.last_good(&id)).unwrap();
    assert_eq!(good.fingerprint, before[0].fingerprint);

    desk.write("acme/tenant.yaml", GOOD);
    assert_eq!(desk.list(), before);
}

#[test]
fn a_file_that_was_never_good_has_no_host_and_is_read_once() {
    let desk = Desk::new();
    desk.write("acme/tenant.yaml", "issuer: nonsense\n");
    desk.write("fine/tenant.yaml", &GOOD.replace("acme", "fine"));
    for _ in 0..2 {
        let hosts: Vec<_> = desk.list().into_iter().map(|route| route.hosts).collect();
        assert_eq!(hosts, [vec![], vec!["fine.test".to_owned()]]);
    }
    let known = held(&desk.specs.inner.known);
    let acme = known.get(&TenantId::parse("acme").unwrap()).unwrap();
    assert!(acme.route.is_none() && acme.watch.seen().paths().count() > 0);
    drop(known);
    desk.write("acme/tenant.yaml", GOOD);
    assert_eq!(desk.list()[0].hosts, ["acme.test"]);
}

#[test]
fn two_default_tenants_are_an_error_with_file_and_line() {
    let desk = Desk::new();
    for name in ["acme", "other"] {
        let file = format!("{name}/tenant.yaml");
        let text = GOOD.replace("acme", name);
        desk.write(&file, &format!("{text}default: true\n"));
    }
    assert!(desk.list().iter().all(|route| route.is_default));
    let problems = desk.specs.check();
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}")
    };
    assert!(problem.is_error());
    let said = problem.to_string();
    assert!(said.contains("other/tenant.yaml:3:1: default:"), "{said}");
    assert!(said.contains("acme/tenant.yaml:3 says"), "{said}");
}

#[test]
fn a_new_file_of_a_theme_is_a_change_and_so_is_a_change_of_one() {
    let desk = Desk::new();
    desk.write("acme/tenant.yaml", GOOD);
    desk.write("acme/theme/static/a.css", "a{}");
    let mut last = desk.list();
    for (path, text) in [
        ("acme/theme/static/a.css", "a{color:red}"),
        ("acme/theme/static/b.css", "b{}"),
        ("acme/theme/static/deep/c.css", "c{}"),
    ] {
        desk.write(path, text);
        let now = desk.list();
        assert_ne!(now[0].fingerprint, last[0].fingerprint, "{path}");
        last = now;
    }
    assert_eq!(desk.list(), last, "and nothing else is");
}

#[test]
fn a_tenant_without_a_folder_is_gone_and_a_house_without_one_is_an_error() {
    let desk = Desk::new();
    desk.write("acme/tenant.yaml", GOOD);
    desk.write("other/tenant.yaml", &GOOD.replace("acme", "other"));
    assert_eq!(desk.list().len(), 2);
    let tenants = desk.folder.path().join("tenants");
    fs::remove_dir_all(tenants.join("other")).unwrap();
    assert_eq!(desk.list().len(), 1);
    assert!(desk.load("other").is_err());
    fs::remove_dir_all(&tenants).unwrap();
    let error = desk.io.block_on(desk.specs.list()).unwrap_err();
    assert!(error.contains("tenants"), "{error}");
}

#[test]
fn a_check_finds_what_files_connectors_and_neighbours_have_wrong() {
    let desk = Desk::new();
    desk.write("acme/tenant.yaml", GOOD);
    desk.write("twin/tenant.yaml", GOOD);
    desk.write(
        "odd/tenant.yaml",
        "issuer: https://odd.test\nfrontend: { theme: no-such-theme }\n\
         connectors: [{ type: oidc, id: up, name: Up, config: {} }]\n",
    );
    let problems: Vec<String> = desk.specs.check().iter().map(Problem::to_string).collect();
    let said = problems.join("\n");
    for word in ["no-such-theme", "connectors", "acme.test"] {
        assert!(said.contains(word), "{word} is not in:\n{said}");
    }
    assert!(!Path::new(desk.folder.path()).join("insula.db").exists());
}

const PORTAL: &str = "staticClients: [{ id: portal, secret: { file: portal }, redirectURIs: [https://a.test/cb] }]\n";

fn matches(desk: &Desk, secret: &str) -> bool {
    let loaded = desk.load("acme").unwrap();
    loaded.spec.client("portal").unwrap().secrets[0].matches(secret)
}

#[test]
fn a_replaced_secret_file_is_taken() {
    let desk = Desk::new();
    desk.write("acme/tenant.yaml", &format!("{GOOD}{PORTAL}"));
    desk.write("acme/portal", "first\n");
    let before = desk.list();
    assert!(matches(&desk, "first"));
    assert_eq!(
        desk.load("acme").unwrap().fingerprint,
        before[0].fingerprint
    );
    desk.write("acme/portal", "other\n");
    let after = desk.list();
    assert_ne!(after[0].fingerprint, before[0].fingerprint);
    assert!(matches(&desk, "other"));
    assert_eq!(desk.load("acme").unwrap().fingerprint, after[0].fingerprint);
}

#[test]
fn a_secret_behind_a_link_that_moves_is_taken_whatever_its_length_and_time() {
    use std::os::unix::fs::symlink;
    let desk = Desk::new();
    let path = |name: &str| desk.folder.path().join("tenants/acme").join(name);
    desk.write("acme/tenant.yaml", &format!("{GOOD}{PORTAL}"));
    for (folder, secret) in [("..1", "first"), ("..2", "other")] {
        desk.write(&format!("acme/{folder}/portal"), secret);
        let file = fs::File::options()
            .append(true)
            .open(path(folder).join("portal"));
        file.unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    }
    symlink("..1", path("..data")).unwrap();
    symlink("..data/portal", path("portal")).unwrap();
    let before = desk.list();
    assert!(matches(&desk, "first"));
    symlink("..2", path("..next")).unwrap();
    fs::rename(path("..next"), path("..data")).unwrap();
    assert_ne!(desk.list()[0].fingerprint, before[0].fingerprint);
    assert!(matches(&desk, "other"));
}

#[test]
fn tenants_that_look_unchanged_are_left_alone_and_read_again_a_few_at_a_time() {
    let desk = Desk::new();
    let many = READ_AGAIN + 2;
    for n in 0..many {
        let text = GOOD.replace("acme", &format!("t{n}"));
        desk.write(&format!("t{n}/tenant.yaml"), &text);
    }
    let inner = &desk.specs.inner;
    let start = Instant::now();
    let read_at = |at: Instant| {
        let routes = inner.list(at).unwrap();
        assert_eq!(routes.len(), many);
        let known = held(&inner.known);
        known.values().filter(|known| known.read_at == at).count()
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

#[test]
fn a_tenant_whose_files_point_at_devices_fails_alone() {
    use std::os::unix::fs::symlink;
    let desk = Desk::new();
    desk.write("acme/tenant.yaml", GOOD);
    for name in ["secret", "theme", "own"] {
        let text = GOOD.replace("acme", name);
        desk.write(&format!("{name}/tenant.yaml"), &text);
    }
    let path = |name: &str| desk.folder.path().join("tenants").join(name);
    let text = format!("{GOOD}{PORTAL}").replace("acme", "secret");
    desk.write("secret/tenant.yaml", &text);
    symlink("/dev/zero", path("secret/portal")).unwrap();
    fs::create_dir(path("theme/theme")).unwrap();
    symlink("/etc/passwd", path("theme/theme/logo.svg")).unwrap();
    let own = path("own/tenant.yaml");
    fs::remove_file(&own).unwrap();
    symlink(path("acme/tenant.yaml"), own).unwrap();

    let hosts: Vec<_> = desk
        .list()
        .into_iter()
        .flat_map(|route| route.hosts)
        .collect();
    assert_eq!(hosts, ["acme.test"]);
    let said = desk.specs.check();
    let said: Vec<_> = said.iter().map(Problem::to_string).collect();
    assert_eq!(said.len(), 3, "{said:#?}");
    assert!(
        said.iter().all(|line| line.contains("outside the folders")),
        "{said:#?}"
    );
}
