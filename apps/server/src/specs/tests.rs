use std::fs;
use std::path::Path;

use insula_connectors::{OutboundPolicy, UpstreamHttp};
use insula_files::Allowed;
use insula_store::{TenantChange, TenantRegistry as _};
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
            kinds: connector_kinds(),
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

    /// Looks which tenants there are.
    fn scan(&self) -> Vec<TenantChange> {
        let changes = self.specs.registry().changes_since(0, 1_000);
        self.io.block_on(changes).unwrap().changes
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
        let is_accepted = !desk.specs.check().0.iter().any(Problem::is_error);
        let login = share.check(Password::new("x"), Some(hash.clone()));
        let is_computed = desk.io.block_on(login).is_ok();
        assert_eq!(is_accepted, is_computed, "{hash}");
    }
}

#[test]
fn two_default_tenants_are_an_error_with_file_and_line() {
    let desk = Desk::new();
    for name in ["acme", "other"] {
        let file = format!("{name}/tenant.yaml");
        let text = GOOD.replace("acme", name);
        desk.write(&file, &format!("{text}default: true\n"));
    }
    let are_default = desk.scan().into_iter().map(|change| match change {
        TenantChange::Put(entry) => entry.is_default,
        TenantChange::Removed(_) => false,
    });
    assert_eq!(are_default.collect::<Vec<_>>(), [true, true]);
    let (problems, _) = desk.specs.check();
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}")
    };
    assert!(problem.is_error());
    let said = problem.to_string();
    assert!(said.contains("other/tenant.yaml:3:1: default:"), "{said}");
    assert!(said.contains("acme/tenant.yaml:3 says"), "{said}");
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
    let problems: Vec<String> = desk
        .specs
        .check()
        .0
        .iter()
        .map(Problem::to_string)
        .collect();
    let said = problems.join("\n");
    for word in ["no-such-theme", "connectors", "acme.test"] {
        assert!(said.contains(word), "{word} is not in:\n{said}");
    }
    assert!(!Path::new(desk.folder.path()).join("insula.db").exists());
}

#[test]
fn a_file_that_turns_bad_does_not_load_and_the_last_good_one_is_kept() {
    let desk = Desk::new();
    desk.write("acme/tenant.yaml", GOOD);
    desk.write("other/tenant.yaml", &GOOD.replace("acme", "other"));
    assert_eq!(desk.scan().len(), 2);
    let loaded = desk.load("acme").unwrap();
    desk.write("acme/tenant.yaml", "issuer: nonsense\nconnectors: 7\n");
    let problems = desk.load("acme").unwrap_err().to_string();
    assert!(problems.contains("acme/tenant.yaml:1"), "{problems}");
    let id = TenantId::parse("acme").unwrap();
    let document = loaded.document.unwrap();
    let good = desk.io.block_on(desk.specs.read(&id, &document)).unwrap();
    assert_eq!(good.spec, loaded.spec);
    fs::remove_dir_all(desk.folder.path().join("tenants/other")).unwrap();
    assert_eq!(desk.scan().len(), 1);
    let gone = desk.load("other").unwrap_err().to_string();
    assert!(gone.contains("has no file"), "{gone}");
}
