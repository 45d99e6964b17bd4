//! OpenStack Keystone on an SQLite of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::Signal;

use super::account::Account;
use super::{READY, still_alive};
use crate::process::Running;
use crate::stop::Stop;
use crate::wait;

/// Lays it out and serves it, in one process: most of the time goes into loading it.
const SERVE: &str = include_str!("keystone.py");

/// A running instance, whose administrator is `admin` with the password `admin-secret`.
#[derive(Debug)]
pub(super) struct Keystone {
    pub(super) running: Running,
    port: u16,
    log: PathBuf,
}

impl Keystone {
    pub(super) fn start(folder: &Path) -> anyhow::Result<Self> {
        let python = python().context("Keystone is not installed")?;
        let account = Account::first_of(&["nobody"])?;
        account.owns(folder)?;
        let here = folder.display();
        let settings = folder.join("keystone.conf");
        // Hashes are cheap: what is tested is no password of anybody.
        let text = format!(
            "[DEFAULT]\n\
             log_file = {here}/keystone.log\n\
             [database]\n\
             connection = sqlite:///{here}/keystone.db\n\
             [fernet_tokens]\n\
             key_repository = {here}/fernet\n\
             [fernet_receipts]\n\
             key_repository = {here}/fernet\n\
             [identity]\n\
             password_hash_rounds = 4\n"
        );
        let program = folder.join("serve.py");
        for (file, text) in [(&settings, text.as_str()), (&program, SERVE)] {
            fs::write(file, text).with_context(|| format!("could not write {}", file.display()))?;
        }
        let port = insula_free_port::free_port()?;
        let log = folder.join("log");
        let mut command = account.command(&python, folder);
        command.arg(&program).arg(&settings).arg(port.to_string());
        let output = fs::File::create(&log).context("could not make a log for Keystone")?;
        command.stdout(output.try_clone()?).stderr(output);
        let running = Running::start("keystone", &mut command, Signal::SIGTERM)?;
        Ok(Self { running, port, log })
    }

    pub(super) fn wait(&mut self, stop: &Stop) -> anyhow::Result<()> {
        wait::until("keystone", stop, READY, || {
            still_alive(&mut self.running, &self.log)?;
            Ok(answers(self.port))
        })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn answers(port: u16) -> Option<()> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).ok()?;
    connection
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    connection.write_all(b"GET /v3 HTTP/1.0\r\n\r\n").ok()?;
    let mut reply = [0; 12];
    connection.read_exact(&mut reply).ok()?;
    reply.ends_with(b" 200").then_some(())
}

/// The Python that Debian's packages are for, if Keystone is among them.
pub(super) fn python() -> Option<PathBuf> {
    let python = PathBuf::from("/usr/bin/python3");
    let keystone = Path::new("/usr/lib/python3/dist-packages/keystone");
    (python.is_file() && keystone.is_dir()).then_some(python)
}
