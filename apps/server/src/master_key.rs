//! The key that seals secrets at rest: found, or made on the first start.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use insula_ambient::SystemEntropy;
use insula_config::{SecretRef, process_environment};
use insula_jose::MasterKey;
use tracing::warn;

/// Finds the master key. A file that does not exist is made, readable by this user alone: losing it
/// loses every signing key, so the log says so loudly.
pub(crate) fn find(reference: &SecretRef) -> Result<MasterKey> {
    if let SecretRef::File(path) = reference {
        match make(path) {
            Ok(Some(key)) => return Ok(key),
            Ok(None) => warn_if_open(path),
            Err(error) => return Err(error),
        }
    }
    look(reference)
}

/// Reads the master key where it is said to be, and makes none: for `check`, before the first
/// start.
pub(crate) fn check(reference: &SecretRef) -> Result<()> {
    match reference {
        SecretRef::File(path) if !path.exists() => Ok(()),
        _ => look(reference).map(|_| ()),
    }
}

fn look(reference: &SecretRef) -> Result<MasterKey> {
    let text = reference.resolve(&process_environment);
    let text = text.context("masterKey")?;
    MasterKey::parse(text.reveal()).with_context(|| match reference {
        SecretRef::File(path) => format!(
            "masterKey: {} holds no master key; bring back the one this database was made with",
            path.display()
        ),
        SecretRef::Env(name) => format!("masterKey: env:{name} holds no master key"),
        SecretRef::Plain(_) => "masterKey".to_owned(),
    })
}

/// A file that others may read is no secret; it is used all the same, for it may be a mount.
fn warn_if_open(path: &Path) {
    let mode = std::fs::metadata(path).map(|seen| seen.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        let shown = path.display();
        warn!("master key file {shown} may be read by others; chmod 600 it");
    }
}

/// Makes the file, unless it is there: asked in one step, so that two processes that start at once
/// do not both make one.
fn make(path: &Path) -> Result<Option<MasterKey>> {
    let shown = path.display();
    let mut options = OpenOptions::new();
    let mut file = match options.write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => return Ok(None),
        Err(cause) => {
            return Err(cause).with_context(|| {
                format!("masterKey: {shown} cannot be made; make its folder, or name another file")
            });
        }
    };
    let key = MasterKey::generate(&SystemEntropy);
    file.write_all(key.to_text().as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("masterKey: {shown} cannot be written"))?;
    warn!(
        "made a new master key in {shown}; back it up: signing keys in the database cannot be \
         opened without it"
    );
    Ok(Some(key))
}

#[cfg(test)]
mod tests;
