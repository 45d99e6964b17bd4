//! PostgreSQL on a data folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use nix::sys::signal::Signal;

use super::account::Account;
use super::{READY, still_alive};
use crate::process::{self, Running};
use crate::stop::Stop;
use crate::{tools, wait};

const USER: &str = "insula";

/// A running instance.
#[derive(Debug)]
pub(super) struct Postgres {
    pub(super) running: Running,
    programs: PathBuf,
    port: u16,
    log: PathBuf,
}

impl Postgres {
    /// Lays a new cluster and starts it; nothing is kept, so nothing is synced to the disk.
    pub(super) fn start(folder: &Path, stop: &Stop) -> anyhow::Result<Self> {
        let programs = programs().context("PostgreSQL's server programs are not installed")?;
        let account = Account::first_of(&["postgres", "nobody"])?;
        account.owns(folder)?;
        let cluster = folder.join("cluster");
        let mut lay = account.command(&programs.join("initdb"), folder);
        lay.args(["--username", USER, "--auth", "trust", "--encoding", "UTF8"]);
        lay.args(["--no-locale", "--no-sync", "--pgdata"])
            .arg(&cluster)
            .stdout(Stdio::null());
        process::run("initdb", &mut lay, stop)?;

        let port = insula_free_port::free_port()?;
        let log = folder.join("log");
        let mut command = account.command(&programs.join("postgres"), folder);
        command
            .arg("-D")
            .arg(&cluster)
            .args(["-p", &port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "max_connections=300",
        ] {
            command.args(["-c", setting]);
        }
        let output = fs::File::create(&log).context("could not make a log for postgres")?;
        command.stdout(output.try_clone()?).stderr(output);
        // SIGTERM would wait for every client to leave; SIGINT sends them away.
        let running = Running::start("postgres", &mut command, Signal::SIGINT)?;
        Ok(Self {
            running,
            programs,
            port,
            log,
        })
    }

    pub(super) fn wait(&mut self, stop: &Stop) -> anyhow::Result<()> {
        let port = self.port.to_string();
        let client = |program: &str| {
            let mut command = Command::new(self.programs.join(program));
            command.args(["--host", "127.0.0.1", "--port", &port, "--username", USER]);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            command
        };
        wait::until("postgres", stop, READY, || {
            still_alive(&mut self.running, &self.log)?;
            let status = client("pg_isready")
                .args(["--dbname", "postgres"])
                .status()
                .context("could not run pg_isready")?;
            Ok(status.success().then_some(()))
        })?;
        process::run("createdb", client("createdb").arg(USER), stop)
    }

    /// Where it listens, and for whom.
    pub(super) fn place(&self) -> (u16, &'static str) {
        (self.port, USER)
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://{USER}:{USER}@127.0.0.1:{}/{USER}", self.port)
    }
}

/// The folder of the server's programs: Debian keeps them off the path, by version.
pub(super) fn programs() -> Option<PathBuf> {
    // On the path it may be a link; its companions are where it really is.
    if let Some(initdb) = tools::on_path("initdb").and_then(|link| link.canonicalize().ok()) {
        return initdb.parent().map(Path::to_path_buf);
    }
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|programs| programs.join("initdb").is_file())
        .collect();
    versions.sort_by_key(|programs| version(programs));
    versions.pop()
}

fn version(programs: &Path) -> u32 {
    let name = programs
        .parent()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    name.and_then(|name| name.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(version(Path::new("/pg/15/bin")) > version(Path::new("/pg/9/bin")));
    }
}
