//! People of a directory, OpenLDAP's own server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use insula_tests::{Agent, Answer, Deployment, Person, RelyingParty, free_port, program, walk_to};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::shared_server;

const ACME: &str = r#"
issuer: http://acme.localhost:PORT
connectors:
  - type: ldap
    id: directory
    name: Directory
    config:
      host: localhost:LDAPS
      rootCA: ca.pem
      bindDN: cn=reader,dc=acme,dc=test
      bindPW: reader-secret
      usernamePrompt: Short name
      userSearch: { baseDN: "ou=people,dc=acme,dc=test", username: uid, nameAttr: cn, preferredUsernameAttr: uid }
      groupSearch:
        baseDN: ou=groups,dc=acme,dc=test
        userMatchers: [{ userAttr: DN, groupAttr: member }]
        nameAttr: cn
staticClients:
  - { id: app, secret: app-secret, redirectURIs: ["https://app.example/cb"] }
"#;

const GLOBEX: &str = r#"# dex
issuer: http://globex.localhost:PORT
storage: { type: memory }
oauth2: { skipApprovalScreen: true }
connectors:
- type: ldap
  id: directory
  name: Directory
  config:
    host: localhost:LDAP
    startTLS: true
    rootCA: ca.pem
    bindDN: cn=reader,dc=acme,dc=test
    bindPW: reader-secret
    usernamePrompt: Short name
    userSearch: { baseDN: "ou=people,dc=acme,dc=test", username: uid, idAttr: uid, emailAttr: mail, nameAttr: cn }
    groupSearch:
      baseDN: ou=groups,dc=acme,dc=test
      userMatchers: [{ userAttr: DN, groupAttr: member }]
      nameAttr: cn
staticClients:
- { name: App, id: app, secret: app-secret, redirectURIs: ["https://app.example/cb"] }
"#;

const ENTRIES: &str = "\
dn: dc=acme,dc=test
objectClass: dcObject
objectClass: organization
dc: acme
o: Acme

dn: cn=reader,dc=acme,dc=test
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: reader-secret

dn: ou=people,dc=acme,dc=test
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=acme,dc=test
objectClass: organizationalUnit
ou: groups

dn: cn=Jane Doe,ou=people,dc=acme,dc=test
objectClass: inetOrgPerson
cn: Jane Doe
sn: Doe
uid: jane
mail: jane@acme.test
userPassword: secret

dn: ou=abroad,ou=people,dc=acme,dc=test
objectClass: organizationalUnit
ou: abroad

dn: cn=Twin,ou=people,dc=acme,dc=test
objectClass: inetOrgPerson
cn: Twin
sn: Twin
uid: twin
mail: twin@acme.test
userPassword: twin

dn: cn=Twin,ou=abroad,ou=people,dc=acme,dc=test
objectClass: inetOrgPerson
cn: Twin
sn: Twin
uid: twin
mail: twin@acme.test
userPassword: twin

dn: cn=developers,ou=groups,dc=acme,dc=test
objectClass: groupOfNames
cn: developers
member: cn=Jane Doe,ou=people,dc=acme,dc=test
";

/// Jane under her new name.
const JANE_ROE: &str = "\
dn: cn=Jane Roe,ou=people,dc=acme,dc=test
objectClass: inetOrgPerson
cn: Jane Roe
sn: Roe
uid: jane
mail: jane@acme.test
userPassword: secret
";

/// A directory of one test, which ends with it.
pub(super) struct Directory {
    child: Child,
    program: PathBuf,
    folder: TempDir,
    ldap: u16,
    ldaps: u16,
}

impl Directory {
    pub(super) async fn start() -> Option<Self> {
        let program = program("INSULA_TEST_SLAPD")?;
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        certify(at);
        let here = at.display();
        let settings = format!(
            "include /etc/ldap/schema/core.schema\n\
             include /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\n\
             modulepath /usr/lib/ldap\n\
             moduleload back_mdb\n\
             TLSCertificateFile {here}/server.pem\n\
             TLSCertificateKeyFile {here}/server.key\n\
             database mdb\n\
             maxsize 10485760\n\
             suffix dc=acme,dc=test\n\
             directory {here}/db\n\
             access to attrs=userPassword by anonymous auth by * none\n\
             access to * by dn.exact=\"cn=reader,dc=acme,dc=test\" read by anonymous auth\n"
        );
        fs::write(at.join("slapd.conf"), settings).unwrap();
        fs::create_dir(at.join("db")).unwrap();
        change(&program, at, "add", ENTRIES);
        let (ldap, ldaps) = (free_port(), free_port());
        let directory = Self {
            child: launch(&program, at, ldap, ldaps),
            program,
            folder,
            ldap,
            ldaps,
        };
        directory.answers().await;
        Some(directory)
    }

    pub(super) fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Takes an entry out and puts another in its place, while nobody is served.
    fn replace(&self, dn: &str, by: &str) {
        let at = self.folder.path();
        let gone = format!("dn: {dn}\nchangetype: delete\n");
        change(&self.program, at, "modify", &gone);
        change(&self.program, at, "add", by);
    }

    async fn start_again(&mut self) {
        self.child = launch(&self.program, self.folder.path(), self.ldap, self.ldaps);
        self.answers().await;
    }

    async fn answers(&self) {
        let tries = async {
            let place = ("127.0.0.1", self.ldap);
            while tokio::net::TcpStream::connect(place).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let answers = tokio::time::timeout(Duration::from_secs(30), tries).await;
        answers.expect("slapd listens");
    }

    pub(super) fn tenant(&self, text: &str) -> String {
        let text = text.replace("LDAPS", &self.ldaps.to_string());
        text.replace("localhost:LDAP", &format!("localhost:{}", self.ldap))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Has the server's own tool change what the directory holds.
fn change(program: &Path, folder: &Path, tool: &str, entries: &str) {
    let file = folder.join("entries.ldif");
    fs::write(&file, entries).unwrap();
    let mut command = Command::new(program);
    command
        .args(["-T", tool, "-f"])
        .arg(folder.join("slapd.conf"));
    let changed = command.arg("-l").arg(file).output().unwrap();
    assert!(changed.status.success(), "{changed:?}");
}

fn launch(program: &Path, folder: &Path, ldap: u16, ldaps: u16) -> Child {
    Command::new(program)
        .args(["-d", "none", "-f"])
        .arg(folder.join("slapd.conf"))
        .arg("-h")
        .arg(format!("ldap://127.0.0.1:{ldap} ldaps://127.0.0.1:{ldaps}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// An authority, and a certificate for `localhost` that it signed.
fn certify(folder: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}

/// Both tenants, with the directory's authority beside their files.
fn deployment(directory: &Directory) -> Deployment {
    let deployment = Deployment::build()
        .tenant("acme", &directory.tenant(ACME))
        .tenant("globex", &directory.tenant(GLOBEX))
        .done();
    for tenant in ["acme", "globex"] {
        let beside = deployment.tenant_file(tenant).with_file_name("ca.pem");
        fs::copy(directory.folder.path().join("ca.pem"), beside).unwrap();
    }
    deployment
}

fn party(deployment: &Deployment, tenant: &str) -> RelyingParty {
    let issuer = shared_server::issuer(deployment.port, tenant);
    let party = RelyingParty::new(&issuer, "app", "app-secret", "https://app.example/cb")
        .with_scope("openid email profile groups offline_access");
    match tenant {
        "globex" => party.of_dex().without_pkce(),
        _ => party,
    }
}

fn jane(password: &str) -> Person<'_> {
    Person {
        login: "jane",
        password,
        connector: Some("directory"),
        denies: false,
    }
}

/// Types a name and a password at the directory's form.
async fn types(party: &RelyingParty, login: &str, password: &str) -> Answer {
    let agent = Agent::new();
    let begun = party.begin_with(&[("connector_id", "directory")]);
    let first = agent.get(&begun.url).await;
    let shown = walk_to(&agent, first, "password", &jane(password)).await;
    let page = shown.page();
    let form = page.form_with("password").expect("a password form");
    let values = form.filled(&[("login", login), ("password", password)], "submit-login");
    let values: Vec<_> = values.iter().map(|(n, v)| (&n[..], &v[..])).collect();
    agent
        .post(shown.url.join(&form.action).unwrap(), &values)
        .await
}

#[tokio::test]
async fn a_person_of_a_directory_logs_in_and_is_refreshed_in_both_dialects() {
    let Some(directory) = Directory::start().await else {
        return;
    };
    let deployment = deployment(&directory);
    let _process = deployment.open().await;
    for tenant in ["acme", "globex"] {
        let party = party(&deployment, tenant);
        let tokens = party.log_in(&Agent::new(), &jane("secret")).await;
        assert_eq!(tokens.claim("email"), "jane@acme.test", "{tenant}");
        assert_eq!(tokens.claim("name"), "Jane Doe", "{tenant}");
        assert_eq!(tokens.claim("groups")[0], "developers", "{tenant}");
        let token = tokens.refresh().to_owned();
        let again = party.refresh(&token, &[]).await.expect(200);
        let again = party.read(&again).await;
        assert_eq!(again.claim("groups")[0], "developers", "{tenant}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_asked_for_again_and_a_lost_directory_is_no_wrong_password() {
    let Some(mut directory) = Directory::start().await else {
        return;
    };
    let deployment = deployment(&directory);
    let _process = deployment.open().await;
    let party = party(&deployment, "acme");
    for (login, password) in [("jane", "wrong"), ("nobody", "secret"), ("j*", "secret")] {
        let answer = types(&party, login, password).await.expect(401);
        assert!(answer.page().has("password"), "{login}");
        assert!(answer.page().words().contains("Short name"), "{login}");
    }
    let tokens = party.log_in(&Agent::new(), &jane("secret")).await;
    let token = tokens.refresh().to_owned();

    directory.end();
    let away = types(&party, "jane", "secret").await;
    assert!(away.status >= 500, "{}", away.status);
    assert!(
        !away.body.contains("127.0.0.1"),
        "the page tells where it is"
    );
    let refused = party.refresh(&token, &[]).await;
    assert!(refused.status >= 500, "{}", refused.body);

    directory.start_again().await;
    party.refresh(&token, &[]).await.expect(200);
    party.log_in(&Agent::new(), &jane("secret")).await;
}

#[tokio::test]
async fn a_name_of_two_entries_lets_nobody_in_and_the_log_names_both() {
    let Some(directory) = Directory::start().await else {
        return;
    };
    let deployment = deployment(&directory);
    let process = deployment.open().await;
    let answer = types(&party(&deployment, "acme"), "twin", "twin").await;
    assert!(answer.status >= 500, "{}", answer.status);
    assert!(
        !answer.body.contains("ou=abroad"),
        "the page tells of entries"
    );
    process.says("cn=Twin,ou=people,dc=acme,dc=test").await;
    process
        .says("cn=Twin,ou=abroad,ou=people,dc=acme,dc=test")
        .await;
}

#[tokio::test]
async fn a_rule_that_the_directory_does_not_know_is_told_once() {
    let Some(directory) = Directory::start().await else {
        return;
    };
    let by_rule = "groupAttr: \"member:1.2.840.113556.1.4.1941:\"";
    let tenant = directory.tenant(&ACME.replace("groupAttr: member", by_rule));
    let deployment = Deployment::build().tenant("acme", &tenant).done();
    let beside = deployment.tenant_file("acme").with_file_name("ca.pem");
    fs::copy(directory.folder.path().join("ca.pem"), beside).unwrap();
    let process = deployment.open().await;
    let party = party(&deployment, "acme");
    for _ in 0..2 {
        party.log_in(&Agent::new(), &jane("secret")).await;
    }
    process.says("use recursionGroupAttr instead").await;
    let log = process.terminate().await;
    assert_eq!(log.matches("use recursionGroupAttr instead").count(), 1);
}

#[tokio::test]
async fn whose_entry_was_renamed_stays_logged_in_but_not_at_dex() {
    let Some(mut directory) = Directory::start().await else {
        return;
    };
    let deployment = deployment(&directory);
    let _process = deployment.open().await;
    let (acme, globex) = (party(&deployment, "acme"), party(&deployment, "globex"));
    let at_acme = acme.log_in(&Agent::new(), &jane("secret")).await;
    let at_globex = globex.log_in(&Agent::new(), &jane("secret")).await;

    directory.end();
    directory.replace("cn=Jane Doe,ou=people,dc=acme,dc=test", JANE_ROE);
    directory.start_again().await;

    let answer = acme.refresh(at_acme.refresh(), &[]).await.expect(200);
    let tokens = acme.read(&answer).await;
    assert_eq!(tokens.claim("name"), "Jane Roe");
    assert_eq!(tokens.claim("sub"), at_acme.claim("sub"));
    let refused = globex.refresh(at_globex.refresh(), &[]).await;
    assert_ne!(refused.status, 200, "{}", refused.body);
}

#[tokio::test]
async fn settings_that_contradict_each_other_are_told_with_their_place() {
    let contradiction = ACME.replace(
        "rootCA: ca.pem",
        "startTLS: true\n      insecureNoSSL: true",
    );
    let deployment = Deployment::build()
        .tenant("acme", &contradiction.replace("LDAPS", "636"))
        .done();
    let output = deployment.run("check").await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("acme/tenant.yaml:"), "{said}");
    assert!(
        said.contains("startTLS and insecureNoSSL contradict"),
        "{said}"
    );
    assert!(!said.contains("reader-secret"), "{said}");
}
