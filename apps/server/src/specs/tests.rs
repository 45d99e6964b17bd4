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
        let specs = FileSpecs::new(
            folder.path().join("tenants"),
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
    let pool = insula_connectors::HashingPool::new(desk.io.handle().clone(), 2, 8, entropy);
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
fn a_file_that_was_never_good_has_no_route_and_is_read_once() {
    let desk = Desk::new();
    desk.write("acme/tenant.yaml", "issuer: nonsense\n");
    desk.write("fine/tenant.yaml", &GOOD.replace("acme", "fine"));
    for _ in 0..2 {
        let routes = desk.list();
        assert_eq!(routes.len(), 1);
        assert_eq!(routes[0].hosts, ["fine.test"]);
    }
    let known = held(&desk.specs.inner.known);
    let acme = known.get(&TenantId::parse("acme").unwrap()).unwrap();
    assert!(acme.route.is_none() && !acme.stamp.is_empty());
    drop(known);
    desk.write("acme/tenant.yaml", GOOD);
    assert_eq!(desk.list().len(), 2);
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
