//! A realm of MIT Kerberos, in a folder and on a port of its own, and curl as a browser in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use insula_tests::{free_port, program};
use tempfile::TempDir;

/// A realm of one test, which ends with it.
pub(super) struct Realm {
    name: &'static str,
    kdc: Child,
    program: PathBuf,
    folder: TempDir,
}

impl Realm {
    /// Starts one in which `jane`, `john` and the service `HTTP/acme.localhost` are known; `None` where
    /// the program is not installed, after saying so.
    pub(super) async fn start(name: &'static str) -> Option<Self> {
        let program = program("INSULA_TEST_KDC")?;
        let folder = tempfile::tempdir().unwrap();
        let (at, port) = (folder.path(), free_port());
        let here = at.display();
        let client = format!(
            "[libdefaults]\n default_realm = {name}\n dns_lookup_kdc = false\n \
             dns_lookup_realm = false\n dns_canonicalize_hostname = false\n rdns = false\n\
             [realms]\n {name} = {{\n  kdc = 127.0.0.1:{port}\n }}\n\
             [domain_realm]\n .localhost = {name}\n"
        );
        fs::write(at.join("krb5.conf"), client).unwrap();
        let server = format!(
            "[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n\
             [realms]\n {name} = {{\n  database_name = {here}/principal\n  \
             key_stash_file = {here}/stash\n  acl_file = {here}/acl\n  \
             supported_enctypes = aes256-cts:normal aes128-cts:normal\n }}\n\
             [logging]\n kdc = FILE:{here}/kdc.log\n"
        );
        fs::write(at.join("kdc.conf"), server).unwrap();
        let database = program.with_file_name("kdb5_util");
        run(configured(&database, at).args(["create", "-s", "-r", name, "-P", "master"]));
        let realm = Self {
            name,
            kdc: configured(&program, at)
                .args(["-n", "-r", name])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
            program,
            folder,
        };
        for (person, password) in [
            ("jane", "secret"),
            ("john", "secret"),
            ("jane/admin", "secret"),
        ] {
            realm.manage(&format!("addprinc -pw {password} {person}"));
        }
        realm.manage("addprinc -randkey HTTP/acme.localhost");
        let tries = async {
            let place = ("127.0.0.1", port);
            while tokio::net::TcpStream::connect(place).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let answers = tokio::time::timeout(Duration::from_secs(30), tries).await;
        answers.expect("the KDC listens");
        Some(realm)
    }

    /// Has its administrator say something.
    pub(super) fn manage(&self, line: &str) {
        let tool = self.program.with_file_name("kadmin.local");
        run(configured(&tool, self.folder.path()).args(["-r", self.name, "-q", line]));
    }

    /// A keytab with new keys of a service: tickets of its older keys are none of its business.
    pub(super) fn keytab(&self, service: &str) -> PathBuf {
        let file = self.folder.path().join("service.keytab");
        let _ = fs::remove_file(&file);
        self.manage(&format!("ktadd -k {} {service}", file.display()));
        file
    }

    /// A person who logged in to their machine, for so long.
    pub(super) fn log_in(&self, person: &str, lifetime: &str) {
        let password = self.folder.path().join("password");
        fs::write(&password, "secret\n").unwrap();
        let mut command = self.on_a_machine("kinit");
        command.args(["-l", lifetime, person]);
        run(command.stdin(fs::File::open(password).unwrap()));
    }

    /// A browser of whoever is logged in to the machine.
    pub(super) fn curl(&self) -> Curl<'_> {
        Curl {
            realm: self,
            jar: tempfile::NamedTempFile::new().unwrap(),
        }
    }

    /// A program on the machine of a person of this realm.
    fn on_a_machine(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        self.lends_its_tickets(&mut command);
        command
    }

    /// Has a program run on that machine.
    pub(super) fn lends_its_tickets(&self, to: &mut Command) {
        let at = self.folder.path();
        configure(to, at);
        to.env("KRB5CCNAME", at.join("tickets"));
    }

    /// Has the person log out of their machine.
    pub(super) fn forget(&self) {
        run(&mut self.on_a_machine("kdestroy"));
    }

    /// Ends it, as a crash would.
    pub(super) fn end(&mut self) {
        let _ = self.kdc.kill();
        let _ = self.kdc.wait();
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        self.end();
    }
}

fn configured(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    configure(&mut command, folder);
    command
}

fn configure(command: &mut Command, folder: &Path) {
    command
        .env("KRB5_CONFIG", folder.join("krb5.conf"))
        .env("KRB5_KDC_PROFILE", folder.join("kdc.conf"))
        .env("LC_ALL", "C");
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

/// One browser, with its cookies.
pub(super) struct Curl<'r> {
    realm: &'r Realm,
    jar: tempfile::NamedTempFile,
}

/// One answer that it had.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Curl<'_> {
    /// Asks once, and once more with a ticket if that is asked for; the last answer.
    pub(super) async fn negotiates(&self, url: &str) -> Heard {
        self.asks(url, &["--negotiate", "-u", ":"]).await
    }

    /// Whether nobody listens to so much: an answer that says so, or none.
    pub(super) async fn is_refused(&self, url: &str, more: &[&str]) -> bool {
        let mut command = self.command(url, more);
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.unwrap().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        !output.status.success() || (400..500).contains(&Heard::last_of(&text).status)
    }

    /// The token that it showed, once, when it was asked for one.
    pub(super) async fn token_for(&self, url: &str) -> String {
        let mut command = self.command(url, &["--negotiate", "-u", ":", "-v"]);
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.unwrap().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let token = said.split_once("Authorization: Negotiate ").unwrap().1;
        token.split_whitespace().next().unwrap().to_owned()
    }

    /// Asks as a browser that knows of no tickets.
    pub(super) async fn asks(&self, url: &str, more: &[&str]) -> Heard {
        let mut command = self.command(url, more);
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.unwrap().unwrap();
        assert!(output.status.success(), "{url}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        Heard::last_of(&text)
    }
}

impl Curl<'_> {
    fn command(&self, url: &str, more: &[&str]) -> Command {
        let jar = self.jar.path().to_str().unwrap();
        let mut command = self.realm.on_a_machine("curl");
        command.args(["-s", "-S", "-i", "--max-time", "60", "-b", jar, "-c", jar]);
        command.args(more).arg(url);
        command
    }
}

impl Heard {
    /// The last of the answers that curl prints one after another.
    fn last_of(text: &str) -> Self {
        let mut rest = text;
        loop {
            let (head, body) = rest.split_once("\r\n\r\n").expect("an answer has a head");
            if body.starts_with("HTTP/") {
                rest = body;
                continue;
            }
            let mut lines = head.split("\r\n");
            let status = lines.next().and_then(|line| line.split(' ').nth(1));
            let headers = lines.filter_map(|line| line.split_once(": "));
            return Self {
                status: status.unwrap().parse().unwrap(),
                headers: headers
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                    .collect(),
                body: body.to_owned(),
            };
        }
    }

    /// A header; empty if it is not there.
    pub(super) fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().map_or("", |(_, value)| value)
    }
}
