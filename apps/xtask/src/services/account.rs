//! Running a database as somebody who is not root: PostgreSQL and MariaDB refuse to be.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use nix::unistd::{Uid, User};
use tempfile::TempDir;

use crate::tools;

/// The account that a service runs under.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// `None`: whoever runs the tests.
    user: Option<User>,
}

impl Account {
    /// For root, the first of `names` that this machine knows; for anyone else, themselves.
    pub(super) fn first_of(names: &[&str]) -> anyhow::Result<Self> {
        if !Uid::effective().is_root() {
            return Ok(Self { user: None });
        }
        for name in names {
            if let Some(user) = User::from_name(name)? {
                return Ok(Self { user: Some(user) });
            }
        }
        anyhow::bail!(
            "none of the accounts {} exists on this machine",
            names.join(", ")
        )
    }

    /// Gives `folder` to this account.
    pub(super) fn owns(&self, folder: &Path) -> anyhow::Result<()> {
        if let Some(user) = &self.user {
            chown(folder, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                .with_context(|| format!("could not give {} to {}", folder.display(), user.name))?;
        }
        Ok(())
    }

    /// `program` under this account, in `folder`. Where the system can, it is told to end when
    /// this process dies without a word.
    pub(super) fn command(&self, program: &Path, folder: &Path) -> Command {
        let Some(setpriv) = tools::on_path("setpriv") else {
            let mut command = Command::new(program);
            command.current_dir(folder);
            return command;
        };
        let mut command = Command::new(setpriv);
        command.current_dir(folder).env("HOME", folder);
        if let Some(user) = &self.user {
            command.args([
                format!("--reuid={}", user.uid),
                format!("--regid={}", user.gid),
                "--init-groups".to_owned(),
            ]);
        }
        command.args(["--pdeathsig", "TERM", "--"]).arg(program);
        command
    }
}

/// A temporary folder that other accounts may pass through, but not list.
pub(super) fn open_folder() -> anyhow::Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix("insula-test-")
        .permissions(Permissions::from_mode(0o711))
        .tempdir()
        .context("could not make a temporary folder")?;
    Ok(folder)
}
