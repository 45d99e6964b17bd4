//! Folders of the cache that hold what was installed or built, one for each content of its sources.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::repository::Repository;

const DONE: &str = "installed";

/// A folder of the cache for what is made from these sources.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) folder: PathBuf,
}

impl Kept {
    /// The folder of `name` for these contents, which is empty unless it [is done](Self::is_done).
    pub(super) fn of(
        repository: &Repository,
        name: &str,
        contents: &[Vec<u8>],
    ) -> anyhow::Result<Self> {
        let folder = format!("{name}-{:016x}", fingerprint(contents));
        let kept = Self {
            folder: repository.cache.join(folder),
        };
        if !kept.is_done() {
            kept.empty()?;
        }
        Ok(kept)
    }

    /// Whether everything is there.
    pub(super) fn is_done(&self) -> bool {
        self.folder.join(DONE).is_file()
    }

    /// Says that everything is there.
    pub(super) fn done(self) -> anyhow::Result<PathBuf> {
        fs::write(self.folder.join(DONE), "")?;
        Ok(self.folder)
    }

    fn empty(&self) -> anyhow::Result<()> {
        let folder = &self.folder;
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("could not remove half of {}", folder.display()))?;
        }
        fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))
    }
}

/// Reads files of a folder.
pub(super) fn read(folder: &Path, names: &[&str]) -> anyhow::Result<Vec<Vec<u8>>> {
    let read = |name: &&str| {
        let path = folder.join(name);
        fs::read(&path).with_context(|| format!("could not read {}", path.display()))
    };
    names.iter().map(read).collect()
}

/// Tells one set of contents from another; a toolchain that hashes otherwise only installs again.
fn fingerprint(contents: &[Vec<u8>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    contents.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_lock_is_another_folder_and_the_same_lock_is_the_same() {
        let one = [b"a".to_vec(), b"bc".to_vec()];
        let other = [b"ab".to_vec(), b"c".to_vec()];
        assert_eq!(fingerprint(&one), fingerprint(&one.clone()));
        assert_ne!(fingerprint(&one), fingerprint(&other));
    }
}
