//! The key that seals secrets at rest: found, or made on the first start.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use insula_ambient::{Entropy as _, SystemEntropy};
use insula_config::{SecretRef, process_environment};
use insula_jose::{MasterKey, SealedKeyRing};
use insula_model::TenantId;
use insula_store::{Durable, MASTER_KEY_FACT, SealedKeys};
use tracing::warn;

use crate::exit::Misconfigured;

/// How many key rings are tried where no fingerprint was kept yet.
const RINGS_TRIED: u32 = 16;

/// Finds the master key that `store` is sealed under. A file that does not exist is made, readable
/// by this user alone, but only where nothing is sealed yet: a new key beside an old database would
/// open nothing, and every tenant would fail.
pub(crate) async fn find(
    reference: &SecretRef,
    store: &dyn Durable,
    database: &(dyn Display + Sync),
) -> Result<MasterKey> {
    let stated = store.fact(MASTER_KEY_FACT).await?;
    let rings = store.some_key_rings(RINGS_TRIED).await?;
    let is_sealed = stated.is_some() || !rings.is_empty();
    let (key, made) = match reference {
        SecretRef::File(path) if is_sealed => {
            if matches!(path.try_exists(), Ok(false)) {
                let shown = path.display();
                let lost = format!("masterKey: {shown} is not there");
                return Err(refused(&lost, stated.as_deref(), database));
            }
            warn_if_open(path);
            (look(reference).context(Misconfigured)?, None)
        }
        SecretRef::File(path) => match make(path).context(Misconfigured)? {
            Some(key) => (key, Some(path)),
            None => {
                warn_if_open(path);
                (look(reference).context(Misconfigured)?, None)
            }
        },
        SecretRef::Env(_) | SecretRef::Plain(_) => (look(reference).context(Misconfigured)?, None),
    };
    let opens = |(tenant, ring): &(TenantId, SealedKeys)| {
        SealedKeyRing::open(&ring.sealed, &key, tenant.as_str()).is_ok()
    };
    let print = key.fingerprint();
    let another = format!("masterKey: this is another key (fingerprint {print})");
    if stated.is_none() && !rings.is_empty() && !rings.iter().any(opens) {
        return Err(refused(&another, None, database));
    }
    let standing = store.settle_fact(MASTER_KEY_FACT, &print).await?;
    if standing == print {
        return Ok(key);
    }
    if let Some(path) = made {
        // Another process made its own at the same moment and was first; this one sealed nothing.
        let removed = std::fs::remove_file(path);
        removed.with_context(|| format!("masterKey: {} cannot be removed", path.display()))?;
    }
    Err(refused(&another, Some(&standing), database))
}

/// Why the process does not start, and both ways out.
fn refused(what: &str, stated: Option<&str>, database: &(dyn Display + Sync)) -> anyhow::Error {
    let print = stated.map_or_else(String::new, |print| format!(" (fingerprint {print})"));
    anyhow::anyhow!(
        "{what}, and the database {database} holds keys sealed under the one it was made \
         with{print}; bring that key back from your backup. If it is lost for good, stop every \
         process and run `insula reset-keys`: all tenants get new signing keys, everybody logs in \
         anew"
    )
    .context(Misconfigured)
}

/// Reads the master key where it is said to be, and makes none; `None` before the first start.
pub(crate) fn read(reference: &SecretRef) -> Result<Option<MasterKey>> {
    match reference {
        SecretRef::File(path) if !path.exists() => Ok(None),
        _ => look(reference).map(Some),
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

/// Makes the file, unless it is there: whole or not at all, and in one step, so that of two processes
/// that start at once one makes it and the other reads all of it.
fn make(path: &Path) -> Result<Option<MasterKey>> {
    let shown = path.display();
    if matches!(path.try_exists(), Ok(true)) {
        return Ok(None);
    }
    let word = SystemEntropy.word(10);
    let draft = path.with_extension(format!("{word}.draft"));
    let mut options = OpenOptions::new();
    let opened = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft);
    let mut file = opened.with_context(|| {
        format!("masterKey: {shown} cannot be made; make its folder, or name another file")
    })?;
    let key = MasterKey::generate(&SystemEntropy);
    let written = file
        .write_all(key.to_text().reveal().as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&draft, path));
    // What is left of it would be a second copy of the key.
    let removed = std::fs::remove_file(&draft);
    match written {
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => return Ok(None),
        written => written,
    }
    .and(removed)
    .and_then(|()| flush_folder_of(path))
    .with_context(|| format!("masterKey: {shown} cannot be written"))?;
    warn!(
        "made a new master key in {shown}; back it up: signing keys in the database cannot be \
         opened without it"
    );
    Ok(Some(key))
}

/// A new file outlives a power cut once its folder says that it is there. What is sealed under the
/// key is flushed soon after, and would be of no use without it.
fn flush_folder_of(file: &Path) -> std::io::Result<()> {
    let folder = file.parent().filter(|path| !path.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests;
