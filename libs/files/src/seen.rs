use std::fmt;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// What tells cheaply that a file may be another one or hold something else. A rename over it, a
/// link that leads elsewhere and a write that sets the old time again all change it; a write in the
/// same tick of the file system's clock does not, which is why [`crate::Watch`] reads twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<&Metadata> for Stamp {
    fn from(of: &Metadata) -> Self {
        Self {
            device: of.dev(),
            inode: of.ino(),
            length: of.size(),
            modified: (of.mtime(), of.mtime_nsec()),
            changed: (of.ctime(), of.ctime_nsec()),
        }
    }
}

impl Stamp {
    /// Of what the path leads to; `None` where it leads nowhere.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::from)
    }
}

/// A hash of the stamps of several paths, in their order, in place of the stamps: 8 bytes instead of
/// 64 for each path. Nobody who writes files chooses their stamps, so 64 bits are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamps(u64);

impl Stamps {
    pub(crate) fn of(stamps: impl Iterator<Item = Option<Stamp>>) -> Self {
        let mut hash = DefaultHasher::new();
        stamps.for_each(|stamp| stamp.hash(&mut hash));
        Self(hash.finish())
    }
}

/// What files said at one moment; equal as long as they say the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_display(&self.0).fmt(f)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Every path that was read or looked for, with what was there, in the order of paths. What a
/// [`crate::Watch`] keeps of it takes less room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(Vec<(PathBuf, Mark)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    stamp: Option<Stamp>,
    digest: Fingerprint,
}

impl Seen {
    pub(crate) fn note(&mut self, path: &Path, stamp: Option<Stamp>, digest: Fingerprint) {
        let mark = Mark { stamp, digest };
        match self
            .0
            .binary_search_by(|(known, _)| known.as_path().cmp(path))
        {
            Ok(at) => {
                if let Some((_, known)) = self.0.get_mut(at) {
                    *known = mark;
                }
            }
            Err(at) => self.0.insert(at, (path.to_owned(), mark)),
        }
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        for (path, mark) in &other.0 {
            self.note(path, mark.stamp, mark.digest);
        }
    }

    /// The paths, in their order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(path, _)| path.as_path())
    }

    /// A fingerprint of all that was read, as it was read.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        for (path, mark) in &self.0 {
            let name = path.as_os_str().as_bytes();
            hash.update(name.len().to_le_bytes());
            hash.update(name);
            hash.update(mark.digest.0);
        }
        Fingerprint(hash.finalize().into())
    }

    pub(crate) fn stamps(&self) -> Stamps {
        Stamps::of(self.0.iter().map(|(_, mark)| mark.stamp))
    }
}
