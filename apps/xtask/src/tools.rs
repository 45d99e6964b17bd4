//! Cargo tools that a task needs, kept in the cache and installed when missing.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use crate::process;
use crate::repository::Repository;
use crate::stop::Stop;

const CARGO_DENY: &str = "0.20";

/// `cargo deny`: from the path where it is installed, else from the cache.
pub(crate) fn cargo_deny(repository: &Repository, stop: &Stop) -> anyhow::Result<Command> {
    let program = match on_path("cargo-deny") {
        Some(program) => program,
        None => install_cargo_deny(repository, stop)?,
    };
    // It reads the packages of every platform, and a build fetched only those of this one.
    process::run(
        "cargo fetch",
        &mut repository.cargo(["fetch", "--quiet", "--locked"]),
        stop,
    )?;
    let mut command = Command::new(program);
    command.current_dir(&repository.root);
    Ok(command)
}

fn install_cargo_deny(repository: &Repository, stop: &Stop) -> anyhow::Result<PathBuf> {
    let tools = repository.cache.join("tools");
    let program = tools.join("bin").join("cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    println!(
        "installing cargo-deny {CARGO_DENY} into {} (some minutes)",
        tools.display()
    );
    fs::create_dir_all(&tools)?;
    let mut install = repository.cargo(["install", "--quiet", "--locked", "cargo-deny"]);
    install
        .args(["--version", &format!("~{CARGO_DENY}"), "--root"])
        .arg(&tools);
    // The shared target folder would keep its hundreds of objects for ever.
    install.env_remove("CARGO_TARGET_DIR");
    process::run("cargo install cargo-deny", &mut install, stop)?;
    Ok(program)
}

/// The first program of this name on the path.
pub(crate) fn on_path(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name.as_ref()))
        .find(|program| program.is_file())
}
