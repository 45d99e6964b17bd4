//! Keycloak with its data in memory. It takes half a minute to start, in which other things go on: who
//! needs it waits for it.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use nix::sys::signal::Signal;

use crate::process::Running;

/// A running instance, or one that is starting.
#[derive(Debug)]
pub(super) struct Keycloak {
    pub(super) running: Running,
    port: u16,
}

impl Keycloak {
    /// Starts what is unpacked at `home`, and does not wait for it.
    pub(super) fn start(folder: &Path, home: &Path) -> anyhow::Result<Self> {
        let port = insula_free_port::free_port()?;
        let management = insula_free_port::free_port()?;
        let log = File::create(folder.join("log")).context("could not open Keycloak's log")?;
        let mut command = Command::new("sh");
        command
            .args(["bin/kc.sh", "start", "--optimized"])
            .args(["--http-enabled=true", "--http-host=127.0.0.1"])
            .arg(format!("--http-port={port}"))
            .arg(format!("--http-management-port={management}"))
            .arg(format!("--hostname=http://127.0.0.1:{port}"))
            .env("KC_BOOTSTRAP_ADMIN_USERNAME", "admin")
            .env("KC_BOOTSTRAP_ADMIN_PASSWORD", "admin")
            .env("JAVA_OPTS_KC_HEAP", "-Xms64m -Xmx384m")
            .current_dir(home)
            .stderr(log.try_clone().context("could not share Keycloak's log")?)
            .stdout(log);
        let running = Running::start("keycloak", &mut command, Signal::SIGTERM)?;
        Ok(Self { running, port })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
