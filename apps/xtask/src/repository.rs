//! Where things are: the repository, what cargo builds, and what is kept between runs.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde::Deserialize;

use crate::process;

/// The places a task reads from and writes to.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    /// The folder that holds the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// Tools and client packages, kept between runs and shared by all clones.
    pub(crate) cache: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Repository {
    /// Asks cargo, so that it works from any folder of the repository.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let found = process::output(cargo().args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ]))?;
        let metadata: Metadata =
            serde_json::from_str(&found).context("could not read `cargo metadata`")?;
        let home = env::var_os("HOME").context("HOME is not set; it says where to keep tools")?;
        Ok(Self {
            root: metadata.workspace_root,
            target: metadata.target_directory,
            cache: Path::new(&home).join(".cache").join("insula"),
        })
    }

    /// A cargo command that runs at the root.
    pub(crate) fn cargo<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = cargo();
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// A program built with the debug profile.
    pub(crate) fn debug_binary(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name)
    }
}

/// The cargo that runs this task, or the one on the path.
fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
