//! PgBouncer in transaction mode, before the PostgreSQL of this run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nix::sys::signal::Signal;

use super::account::Account;
use super::{READY, still_alive};
use crate::process::Running;
use crate::stop::Stop;
use crate::{tools, wait};

/// A running instance.
#[derive(Debug)]
pub(super) struct PgBouncer {
    pub(super) running: Running,
    port: u16,
    user: String,
    log: PathBuf,
}

impl PgBouncer {
    /// Starts it; few connections to the server for many clients, so that clients share them.
    pub(super) fn start(folder: &Path, postgres: u16, user: &str) -> anyhow::Result<Self> {
        let program = program().context("pgbouncer is not installed")?;
        let account = Account::first_of(&["postgres", "nobody"])?;
        let port = insula_free_port::free_port()?;
        let (settings, log) = (folder.join("pgbouncer.ini"), folder.join("log"));
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={postgres} user={user}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n\
             unix_socket_dir =\npool_mode = transaction\ndefault_pool_size = 3\n\
             max_client_conn = 500\n"
        );
        fs::write(&settings, text).context("could not write the settings of pgbouncer")?;
        account.owns(folder)?;
        let mut command = account.command(&program, folder);
        command.arg(&settings);
        let output = fs::File::create(&log).context("could not make a log for pgbouncer")?;
        command.stdout(output.try_clone()?).stderr(output);
        // SIGINT waits for clients; SIGTERM ends at once.
        let running = Running::start("pgbouncer", &mut command, Signal::SIGTERM)?;
        Ok(Self {
            running,
            port,
            user: user.to_owned(),
            log,
        })
    }

    pub(super) fn wait(&mut self, stop: &Stop) -> anyhow::Result<()> {
        wait::until("pgbouncer", stop, READY, || {
            still_alive(&mut self.running, &self.log)?;
            let place = ("127.0.0.1", self.port);
            Ok(std::net::TcpStream::connect(place).ok().map(|_| ()))
        })
    }

    pub(super) fn url(&self) -> String {
        let (user, port) = (&self.user, self.port);
        format!("postgres://{user}:{user}@127.0.0.1:{port}/{user}?statement_cache_capacity=0")
    }
}

/// Debian keeps it where only root looks.
pub(super) fn program() -> Option<PathBuf> {
    let of_debian = PathBuf::from("/usr/sbin/pgbouncer");
    tools::on_path("pgbouncer").or_else(|| of_debian.is_file().then_some(of_debian))
}
