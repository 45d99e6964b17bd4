use std::cell::RefCell;
use std::fs::{self, File, FileType, Metadata};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::error::{Cause, FileError};
use crate::seen::{Seen, Stamp};
use crate::{Allowed, Fingerprint};

/// Reads files for one owner, and notes what it read. No path it is given is trusted: what counts
/// is where the path leads and what the opened handle is.
#[derive(Debug)]
pub struct Reader {
    scope: Scope,
    seen: RefCell<Seen>,
}

#[derive(Debug)]
enum Scope {
    /// The server's own files: wherever its operator put them.
    Anywhere,
    Within {
        root: PathBuf,
        allowed: Allowed,
    },
}

/// How often a link is resolved again that moved between resolving and opening, as those of a
/// Kubernetes volume do when it is updated.
const TRIES: usize = 3;

impl Reader {
    /// A reader for the server's own files, wherever they lie.
    pub fn anywhere() -> Self {
        Self::of(Scope::Anywhere)
    }

    /// A reader for what lies in `root` or in a folder that is allowed. Links are followed as far
    /// as they stay in there; where `root` itself leads is its owner's business.
    pub fn within(root: &Path, allowed: &Allowed) -> Self {
        let here = if root.as_os_str().is_empty() {
            Path::new(".")
        } else {
            root
        };
        Self::of(Scope::Within {
            root: here.canonicalize().unwrap_or_else(|_| root.to_owned()),
            allowed: allowed.clone(),
        })
    }

    /// A reader for one folder of this reader's, and for nothing beside it but what is allowed.
    pub fn nested(&self, folder: &Path) -> Result<Self, FileError> {
        let (_, root) = self.resolve(folder)?;
        let allowed = match &self.scope {
            Scope::Anywhere => Allowed::default(),
            Scope::Within { allowed, .. } => allowed.clone(),
        };
        Ok(Self::of(Scope::Within { root, allowed }))
    }

    fn of(scope: Scope) -> Self {
        Self {
            scope,
            seen: RefCell::default(),
        }
    }

    /// The content of a regular file of at most `limit` bytes.
    pub fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
        let before = Stamp::of(path);
        let read = self.read_unnoted(path, limit);
        let (stamp, digest) = match &read {
            Ok((stamp, content)) => (Some(*stamp), Fingerprint::of(content)),
            Err(error) => (before, Fingerprint::of(error.to_string().as_bytes())),
        };
        self.seen.borrow_mut().note(path, stamp, digest);
        read.map(|(_, content)| content)
    }

    /// [`Reader::read`], of text.
    pub fn read_text(&self, path: &Path, limit: u64) -> Result<String, FileError> {
        let content = self.read(path, limit)?;
        String::from_utf8(content).map_err(|_| FileError::new(path, Cause::NotText))
    }

    /// Whether there is a folder; its coming and going is noted.
    pub fn has_folder(&self, path: &Path) -> bool {
        let found = fs::metadata(path).ok().filter(Metadata::is_dir);
        let digest = Fingerprint::of(if found.is_some() { b"folder" } else { b"none" });
        let stamp = Stamp::of(path);
        self.seen.borrow_mut().note(path, stamp, digest);
        found.is_some()
    }

    /// What was read so far, also what was looked for and not there.
    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Adds what another reader read for the same owner.
    pub fn note_all(&self, other: &Seen) {
        self.seen.borrow_mut().extend(other);
    }

    pub(crate) fn note_folder(&self, path: &Path, stamp: Option<Stamp>, names: &[u8]) {
        let digest = Fingerprint::of(names);
        self.seen.borrow_mut().note(path, stamp, digest);
    }

    fn read_unnoted(&self, path: &Path, limit: u64) -> Result<(Stamp, Vec<u8>), FileError> {
        let unreadable = |error| FileError::new(path, Cause::Unreadable(error));
        let (file, opened) = self.open(path)?;
        let expected = usize::try_from(opened.len().min(limit)).unwrap_or_default();
        let mut content = Vec::with_capacity(expected + 1);
        // What the system says of its length is a hint: a device says 0, and a file may grow.
        file.take(limit + 1)
            .read_to_end(&mut content)
            .map_err(unreadable)?;
        if content.len() as u64 > limit {
            return Err(FileError::new(path, Cause::TooLong(limit)));
        }
        Ok((Stamp::from(&opened), content))
    }

    fn open(&self, path: &Path) -> Result<(File, Metadata), FileError> {
        let mut tries = 1;
        loop {
            match self.open_once(path) {
                Err(error) if error.is_absent() && tries < TRIES && is_there(path) => tries += 1,
                opened => return opened,
            }
        }
    }

    fn open_once(&self, path: &Path) -> Result<(File, Metadata), FileError> {
        let fail = |cause| FileError::new(path, cause);
        let unreadable = |error| fail(Cause::Unreadable(error));
        let (folder, real) = self.resolve(path)?;
        // Opening a device can already do something, so that it is not even opened.
        let found = fs::symlink_metadata(&real).map_err(unreadable)?;
        if let Some(what) = irregular(found.file_type()) {
            return Err(fail(Cause::NotRegular(what)));
        }
        let file = descend(&folder, &real).map_err(unreadable)?;
        let opened = file.metadata().map_err(unreadable)?;
        if let Some(what) = irregular(opened.file_type()) {
            return Err(fail(Cause::NotRegular(what)));
        }
        if let Scope::Within { allowed, .. } = &self.scope
            && allowed.forbids(&opened)
        {
            return Err(fail(Cause::OfTheServer));
        }
        Ok((file, opened))
    }

    /// Where a path really leads, and the allowed folder that is in.
    pub(crate) fn resolve(&self, path: &Path) -> Result<(PathBuf, PathBuf), FileError> {
        let real = path
            .canonicalize()
            .map_err(|error| FileError::new(path, Cause::Unreadable(error)))?;
        let folder = match &self.scope {
            Scope::Anywhere => Some(PathBuf::from("/")),
            Scope::Within { root, .. } if real.starts_with(root) => Some(root.clone()),
            Scope::Within { allowed, .. } => allowed.folder_of(&real),
        };
        match folder {
            Some(folder) => Ok((folder, real)),
            None => Err(FileError::new(path, Cause::Outside(real))),
        }
    }
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Opens `real`, a path without links in `folder`, step by step, so that no step can have become a
/// link meanwhile. Never waits: a named pipe that took the file's place is opened and then refused.
fn descend(folder: &Path, real: &Path) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let step = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let last =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let below = real.strip_prefix(folder).unwrap_or(real);
    let mut at: OwnedFd = openat(CWD, folder, step, Mode::empty())?;
    let mut names = below.components().peekable();
    while let Some(name) = names.next() {
        let flags = if names.peek().is_some() { step } else { last };
        at = openat(&at, name.as_os_str(), flags, Mode::empty())?;
    }
    Ok(File::from(at))
}

fn irregular(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        return None;
    }
    Some(if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "something else"
    })
}

#[cfg(test)]
mod tests;
