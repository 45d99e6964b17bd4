//! OpenLDAP's server, in a folder and on ports of its own.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ldap3::{LdapConnAsync, Mod};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

pub(super) const ROOT: &str = "cn=root,dc=acme,dc=test";
/// The longest anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everybody of the test company.
const PEOPLE: &str = include_str!("people.ldif");

/// What differs between servers.
pub(super) struct Options {
    /// Who may read entries.
    pub(super) readers: &'static str,
    /// Lines of the configuration before the database.
    pub(super) global: String,
    /// Lines of the configuration after the database.
    pub(super) database: String,
    /// Entries beside the usual ones.
    pub(super) entries: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: "dn.exact=\"cn=reader,dc=acme,dc=test\"",
            global: String::new(),
            database: String::new(),
            entries: String::new(),
        }
    }
}

pub(super) struct Slapd {
    child: Child,
    folder: TempDir,
    pub(super) plain: u16,
    pub(super) tls: u16,
    /// The authority that signed its certificate, in PEM.
    pub(super) authority: String,
    /// A certificate that it takes for a client's, and the key.
    pub(super) client: (String, String),
}

impl Slapd {
    /// Starts one; `None` where the program is not installed, after saying so.
    pub(super) async fn start() -> Option<Self> {
        Self::start_with(&Options::default()).await
    }

    pub(super) async fn start_with(options: &Options) -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().unwrap();
        let (authority, client) = certify(folder.path());
        let configuration = configuration(folder.path(), options);
        fs::write(folder.path().join("slapd.conf"), configuration).unwrap();
        fs::create_dir(folder.path().join("db")).unwrap();
        let entries = format!("{PEOPLE}\n{}", options.entries);
        fs::write(folder.path().join("entries.ldif"), entries).unwrap();
        load(&program, folder.path());
        let (plain, tls) = (free_port(), free_port());
        let slapd = Self {
            child: launch(&program, folder.path(), plain, tls),
            folder,
            plain,
            tls,
            authority,
            client,
        };
        slapd.wait_until_it_answers().await;
        Some(slapd)
    }

    /// Ends the process at once, as a crash would.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was.
    pub(super) async fn restart(&mut self) {
        let program = program().unwrap();
        self.child = launch(&program, self.folder.path(), self.plain, self.tls);
        self.wait_until_it_answers().await;
    }

    /// Lets the administrator do something.
    pub(super) async fn as_root(&self) -> ldap3::Ldap {
        let url = format!("ldap://127.0.0.1:{}", self.plain);
        let (connection, mut ldap) = LdapConnAsync::new(&url).await.unwrap();
        ldap3::drive!(connection);
        let bound = ldap.simple_bind(ROOT, "rootpw").await.unwrap();
        bound.success().unwrap();
        ldap
    }

    pub(super) async fn replace(&self, dn: &str, attribute: &str, value: &str) {
        let change = Mod::Replace(attribute, [value].into());
        let mut root = self.as_root().await;
        let changed = root.modify(dn, vec![change]).await.unwrap();
        changed.success().unwrap();
    }

    /// How often its log says this: every bind and search is in it before it is answered.
    pub(super) fn logged(&self, words: &str) -> usize {
        self.log().matches(words).count()
    }

    /// Waits until its log says this: results are written after they were sent.
    pub(super) async fn will_have_logged(&self, words: &str) {
        let tries = async {
            while self.logged(words) == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let said = tokio::time::timeout(PATIENCE, tries).await;
        assert!(said.is_ok(), "slapd's log never said {words:?}");
    }

    /// The connections of which its log says this.
    pub(super) fn connections(&self, words: &str) -> BTreeSet<String> {
        let log = self.log();
        let lines = log.lines().filter(|line| line.contains(words));
        let of = |line: &str| Some(line.split_once("conn=")?.1.split_once(' ')?.0.to_owned());
        lines.filter_map(of).collect()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    async fn wait_until_it_answers(&self) {
        let tries = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", self.plain))
                .await
                .is_err()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let answers = tokio::time::timeout(PATIENCE, tries).await;
        assert!(answers.is_ok(), "slapd does not listen");
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn free_port() -> u16 {
    insula_free_port::free_port().unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told their servers by the environment"
)]
fn program() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let told = variable("INSULA_TEST_SLAPD").map(PathBuf::from);
    let usual = PathBuf::from("/usr/sbin/slapd");
    let found = told.or_else(|| usual.is_file().then_some(usual));
    if found.is_none() {
        let required = variable("INSULA_REQUIRE_SERVICES").as_deref() == Some("1");
        assert!(
            !required,
            "INSULA_REQUIRE_SERVICES is 1, but there is no slapd"
        );
        eprintln!("SKIPPED: slapd is not installed");
    }
    found
}

fn configuration(folder: &Path, options: &Options) -> String {
    let at = folder.display();
    let mut text = String::new();
    for schema in ["core", "cosine", "inetorgperson", "nis"] {
        let _ = writeln!(text, "include /etc/ldap/schema/{schema}.schema");
    }
    let Options {
        readers,
        global,
        database,
        ..
    } = options;
    let _ = write!(
        text,
        "modulepath /usr/lib/ldap\n\
         moduleload back_mdb\n\
         pidfile {at}/pid\n\
         TLSCACertificateFile {at}/ca.pem\n\
         TLSCertificateFile {at}/server.pem\n\
         TLSCertificateKeyFile {at}/server.key\n\
         {global}\n\
         database mdb\n\
         maxsize 10485760\n\
         suffix dc=acme,dc=test\n\
         directory {at}/db\n\
         rootdn {ROOT}\n\
         rootpw rootpw\n\
         limits dn.exact=\"cn=reader,dc=acme,dc=test\" size.soft=500 size.hard=500 size.prtotal=unlimited\n\
         access to attrs=userPassword by anonymous auth by * none\n\
         access to * by {readers} read by anonymous auth by * none\n\
         {database}\n"
    );
    text
}

fn load(program: &Path, folder: &Path) {
    let loaded = Command::new(program)
        .args(["-T", "add", "-f"])
        .arg(folder.join("slapd.conf"))
        .arg("-l")
        .arg(folder.join("entries.ldif"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&loaded.stderr);
    assert!(loaded.status.success(), "slapadd: {said}");
}

fn launch(program: &Path, folder: &Path, plain: u16, tls: u16) -> Child {
    let log = folder.join("log");
    let log = fs::File::options().create(true).append(true).open(log);
    Command::new(program)
        .args(["-d", "stats", "-f"])
        .arg(folder.join("slapd.conf"))
        .arg("-h")
        .arg(format!("ldap://127.0.0.1:{plain} ldaps://127.0.0.1:{tls}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.unwrap())
        .spawn()
        .unwrap()
}

/// Writes an authority and the certificate of a server for `127.0.0.1`, and answers the authority's
/// and a client's.
fn certify(folder: &Path) -> (String, (String, String)) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let signed = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let server = signed("127.0.0.1");
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.join("server.pem"), server.0).unwrap();
    fs::write(folder.join("server.key"), server.1).unwrap();
    (authority.pem(), signed("insula.acme.test"))
}
