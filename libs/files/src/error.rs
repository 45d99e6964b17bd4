use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file that is not read, and why.
#[derive(Debug, Error)]
#[error("{path} {cause}", path = .path.display())]
pub struct FileError {
    /// Which file, as it was asked for.
    pub path: PathBuf,
    /// Why not.
    pub cause: Cause,
}

/// Why a file is not read; said of it after its name.
#[derive(Debug)]
pub enum Cause {
    /// The system refused.
    Unreadable(io::Error),
    /// A device, a named pipe, a socket: whatever is no regular file.
    NotRegular(&'static str),
    /// It lies in no folder that is allowed.
    Outside(PathBuf),
    /// It is one of the server's own files.
    OfTheServer,
    /// It has more bytes than are read of such a file.
    TooLong(u64),
    /// It is not UTF-8.
    NotText,
    /// The folder holds more files than are read.
    TooMany(usize),
    /// The files of the folder together have more bytes than are read.
    TooMuch(u64),
    /// Folders lie deeper in one another than is followed, or lead back to themselves.
    TooDeep(usize),
}

impl FileError {
    pub(crate) fn new(path: &Path, cause: Cause) -> Self {
        Self {
            path: path.to_owned(),
            cause,
        }
    }

    /// Whether there is no such file.
    pub fn is_absent(&self) -> bool {
        matches!(&self.cause, Cause::Unreadable(e) if e.kind() == io::ErrorKind::NotFound)
    }

    /// What a person can do about it.
    pub fn next_step(&self) -> &'static str {
        match self.cause {
            Cause::Unreadable(_) => "make the file, readable to this process",
            Cause::NotRegular(_) => "name a regular file",
            Cause::Outside(_) => {
                "move it into the tenant's folder, or add its folder to allowedFolders of insula.yaml"
            }
            Cause::OfTheServer => "give the tenant a file of its own",
            Cause::TooLong(_) | Cause::TooMuch(_) => "make it shorter",
            Cause::NotText => "save it as UTF-8",
            Cause::TooMany(_) => "keep only what the pages need",
            Cause::TooDeep(_) => "put the files further up, and remove links that lead back",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Self::NotRegular(what) => write!(f, "is {what} and not a regular file"),
            Self::Outside(real) => write!(
                f,
                "lies at {}, outside the folders that this tenant's files may be in",
                real.display()
            ),
            Self::OfTheServer => f.write_str("is a file of the server itself"),
            Self::TooLong(limit) => write!(f, "is longer than {}", size(*limit)),
            Self::NotText => f.write_str("is not UTF-8 text"),
            Self::TooMany(limit) => write!(f, "holds more than {limit} files"),
            Self::TooMuch(limit) => write!(f, "holds more than {} in all", size(*limit)),
            Self::TooDeep(limit) => write!(f, "is nested more than {limit} folders deep"),
        }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        b if b >= 1 << 20 => format!("{} MiB", b >> 20),
        b => format!("{} KiB", b >> 10),
    }
}
