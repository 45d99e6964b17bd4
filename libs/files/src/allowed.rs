use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a tenant's files may lie beyond its own folder, and what none of them may be.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    folders: Arc<[PathBuf]>,
    forbidden: Arc<[PathBuf]>,
}

impl Allowed {
    /// Allows whatever lies below `folders` but for `forbidden`: the server's own files, by
    /// whatever path or link they are named.
    pub fn new(folders: &[PathBuf], forbidden: &[PathBuf]) -> Self {
        Self {
            folders: folders.into(),
            forbidden: forbidden.into(),
        }
    }

    /// The allowed folder that `real`, a path without links, lies in. Resolved at each call: a
    /// folder may be a link that moves, or be mounted later.
    pub(crate) fn folder_of(&self, real: &Path) -> Option<PathBuf> {
        let resolved = self.folders.iter().filter_map(|f| f.canonicalize().ok());
        resolved.into_iter().find(|folder| real.starts_with(folder))
    }

    /// Whether an opened file is one that no tenant may have. A hard link is the same file.
    pub(crate) fn forbids(&self, opened: &Metadata) -> bool {
        self.forbidden.iter().any(|path| {
            path.metadata()
                .is_ok_and(|own| own.dev() == opened.dev() && own.ino() == opened.ino())
        })
    }
}
