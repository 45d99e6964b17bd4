//! The key that seals secrets at rest: found, or made on the first start.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use insula_ambient::SystemEntropy;
use insula_config::{SecretRef, process_environment};
use insula_jose::MasterKey;
use tracing::warn;

/// Finds the master key. A file that does not exist is made, readable by this user alone: losing it
/// loses every signing key, so the log says so loudly.
pub(crate) fn find(reference: &SecretRef) -> Result<MasterKey> {
    if let SecretRef::File(path) = reference
        && !path.exists()
    {
        return make(path);
    }
    let text = reference
        .resolve(&process_environment)
        .context("the master key")?;
    MasterKey::parse(text.reveal()).context("the master key")
}

fn make(path: &Path) -> Result<MasterKey> {
    let shown = path.display();
    let key = MasterKey::generate(&SystemEntropy);
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("master key file {shown} cannot be made"))?;
    file.write_all(key.to_text().as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("master key file {shown} cannot be written"))?;
    warn!(
        "made a new master key in {shown}; back it up: signing keys in the database cannot be \
         opened without it"
    );
    Ok(key)
}
