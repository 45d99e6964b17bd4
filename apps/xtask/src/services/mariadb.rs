//! MariaDB on a data folder of its own.

use std::fs;
use std::io::Read as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::Signal;

use super::account::Account;
use super::{READY, still_alive};
use crate::process::{self, Running};
use crate::stop::Stop;
use crate::{tools, wait};

const FIRST_STATEMENTS: &str = "\
CREATE DATABASE insula CHARACTER SET utf8mb4;
CREATE USER 'insula'@'127.0.0.1' IDENTIFIED BY 'insula';
GRANT ALL ON *.* TO 'insula'@'127.0.0.1' WITH GRANT OPTION;
";

/// A running instance.
#[derive(Debug)]
pub(super) struct MariaDb {
    pub(super) running: Running,
    port: u16,
    log: PathBuf,
}

impl MariaDb {
    pub(super) fn start(folder: &Path, stop: &Stop) -> anyhow::Result<Self> {
        let server = server().context("MariaDB's server is not installed")?;
        let install =
            tools::on_path("mariadb-install-db").context("mariadb-install-db is not installed")?;
        let account = Account::first_of(&["mysql", "nobody"])?;
        account.owns(folder)?;
        let tables = folder.join("tables");
        let mut lay = account.command(&install, folder);
        lay.args([
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ]);
        lay.arg(flag("datadir", &tables)).stdout(Stdio::null());
        process::run("mariadb-install-db", &mut lay, stop)?;

        let first = folder.join("first.sql");
        fs::write(&first, FIRST_STATEMENTS).context("could not write first.sql")?;
        let port = insula_free_port::free_port()?;
        let log = folder.join("log");
        let mut command = account.command(&server, folder);
        command.args([
            "--no-defaults",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
        ]);
        command.args([
            "--skip-log-bin",
            "--max-connections=300",
            "--innodb-fast-shutdown=2",
        ]);
        command.args([
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=64M",
        ]);
        command.arg(format!("--port={port}"));
        command.args([
            flag("datadir", &tables),
            flag("socket", &folder.join("socket")),
            flag("pid-file", &folder.join("pid")),
            flag("init-file", &first),
        ]);
        let output = fs::File::create(&log).context("could not make a log for mariadb")?;
        command.stdout(output.try_clone()?).stderr(output);
        let running = Running::start("mariadb", &mut command, Signal::SIGTERM)?;
        Ok(Self { running, port, log })
    }

    pub(super) fn wait(&mut self, stop: &Stop) -> anyhow::Result<()> {
        wait::until("mariadb", stop, READY, || {
            still_alive(&mut self.running, &self.log)?;
            Ok(greets(self.port))
        })
    }

    pub(super) fn url(&self) -> String {
        format!("mysql://insula:insula@127.0.0.1:{}/insula", self.port)
    }
}

/// The server speaks first, once its first statements are done.
fn greets(port: u16) -> Option<()> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).ok()?;
    connection
        .set_read_timeout(Some(Duration::from_secs(2)))
        .ok()?;
    connection.read_exact(&mut [0; 5]).ok()
}

fn flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// The server's program: Debian keeps it with those of the administrator.
pub(super) fn server() -> Option<PathBuf> {
    let by_hand = PathBuf::from("/usr/sbin/mariadbd");
    tools::on_path("mariadbd").or_else(|| by_hand.is_file().then_some(by_hand))
}
