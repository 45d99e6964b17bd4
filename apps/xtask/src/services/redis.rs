//! Redis without persistence.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use super::account::Account;
use super::{READY, still_alive};
use crate::process::Running;
use crate::stop::Stop;
use crate::{tools, wait};

/// A running instance.
#[derive(Debug)]
pub(super) struct Redis {
    pub(super) running: Running,
    port: u16,
    log: PathBuf,
}

impl Redis {
    pub(super) fn start(folder: &Path) -> anyhow::Result<Self> {
        let Some(program) = tools::on_path("redis-server") else {
            anyhow::bail!("redis-server is not installed");
        };
        let account = Account::first_of(&["redis", "nobody"])?;
        account.owns(folder)?;
        let port = insula_free_port::free_port()?;
        let log = folder.join("log");
        let mut command: Command = account.command(&program, folder);
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(folder).arg("--logfile").arg(&log);
        let running = Running::start("redis", &mut command, Signal::SIGTERM)?;
        Ok(Self { running, port, log })
    }

    pub(super) fn wait(&mut self, stop: &Stop) -> anyhow::Result<()> {
        wait::until("redis", stop, READY, || {
            still_alive(&mut self.running, &self.log)?;
            Ok(answers(self.port))
        })
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }
}

fn answers(port: u16) -> Option<()> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).ok()?;
    connection.write_all(b"PING\r\n").ok()?;
    let mut reply = [0; 5];
    connection.read_exact(&mut reply).ok()?;
    (&reply == b"+PONG").then_some(())
}
