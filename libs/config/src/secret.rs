use std::fmt;
use std::path::{Path, PathBuf};

use insula_files::{Cause, FileError, Reader};
use insula_secret::Secret;
use thiserror::Error;

use crate::Lookup;

/// Where a secret is found.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// Here it is.
    Plain(Secret<str>),
    /// In an environment variable of this name.
    Env(String),
    /// In a file. One line end at its end is not part of the secret, as of a variable.
    File(PathBuf),
}

/// Why a secret could not be had.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("refers to env:{0}, which is not set")]
    NoSuchVariable(String),
    /// The file is not read.
    #[error("refers to file:{path}, which {cause}", path = .path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        cause: Cause,
        /// What can be done about it.
        next_step: &'static str,
    },
    /// The document comes from elsewhere, and may not look into this machine.
    #[error(
        "refers to {0}, but a document that came over the network has neither variables nor files"
    )]
    OfThisMachine(String),
}

impl SecretRef {
    /// Reads `env:NAME`, `file:PATH` (relative to `dir`) or the secret itself.
    pub fn parse(text: &str, dir: &Path) -> Self {
        if let Some(name) = text.strip_prefix("env:") {
            return Self::Env(name.trim().to_owned());
        }
        match text.strip_prefix("file:") {
            Some(path) => Self::File(dir.join(path.trim())),
            None => Self::Plain(Secret::new(text)),
        }
    }

    /// Fetches a secret of the server's own, wherever its file lies.
    pub fn resolve(&self, env: Lookup<'_>) -> Result<Secret<str>, SecretError> {
        self.fetch(env, &Reader::anywhere())
    }

    /// Fetches the secret, files by way of `files`.
    pub(crate) fn fetch(
        &self,
        env: Lookup<'_>,
        files: &Reader,
    ) -> Result<Secret<str>, SecretError> {
        match self {
            Self::Plain(secret) => Ok(secret.clone()),
            Self::Env(name) => env(name)
                .map(without_line_end)
                .ok_or_else(|| SecretError::NoSuchVariable(name.clone())),
            Self::File(path) => files
                .read_text(path, MAX_BYTES)
                .map(without_line_end)
                .map_err(SecretError::from),
        }
    }
}

/// The longest file of a secret.
const MAX_BYTES: u64 = 64 * 1024;

impl From<FileError> for SecretError {
    fn from(error: FileError) -> Self {
        let next_step = error.next_step();
        Self::Unusable {
            path: error.path,
            cause: error.cause,
            next_step,
        }
    }
}

/// What an editor or `echo` puts at the end is not part of a secret: one line end, and no more.
pub(crate) fn without_line_end(mut text: String) -> Secret<str> {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Secret::new(text)
}

/// What about a secret was hardly meant: it is used as it is, and told.
pub(crate) fn oddity(secret: &str) -> Option<&'static str> {
    if secret.contains(['\n', '\r']) {
        Some("holds a line break")
    } else if secret.chars().any(char::is_control) {
        Some("holds a control character")
    } else if secret.starts_with(char::is_whitespace) || secret.ends_with(char::is_whitespace) {
        Some("begins or ends with a blank")
    } else {
        None
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Plain(Secret<str>)"),
            Self::Env(name) => write!(f, "Env({name:?})"),
            Self::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_fetched_from_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("s"), "from-file\n").unwrap();
        let env = |name: &str| (name == "S").then(|| "from-env".to_owned());
        let fetch = |text| SecretRef::parse(text, dir.path()).resolve(&env);
        assert_eq!(fetch("env:S").unwrap().reveal(), "from-env");
        assert_eq!(fetch("file:s").unwrap().reveal(), "from-file");
        assert_eq!(fetch("plain").unwrap().reveal(), "plain");
    }

    #[test]
    fn one_line_end_goes_from_a_variable_as_from_a_file_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        for (stored, secret) in [
            ("secret", "secret"),
            ("secret\n", "secret"),
            ("secret\r\n", "secret"),
            ("secret\n\n", "secret\n"),
            ("secret \n", "secret "),
            (" secret\t", " secret\t"),
            ("secret\r", "secret\r"),
            ("\n", ""),
        ] {
            std::fs::write(dir.path().join("s"), stored).unwrap();
            let env = |_: &str| Some(stored.to_owned());
            for text in ["env:S", "file:s"] {
                let fetched = SecretRef::parse(text, dir.path()).resolve(&env).unwrap();
                assert_eq!(fetched.reveal(), secret, "{text} {stored:?}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let said = |text| {
            SecretRef::parse(text, Path::new("/nowhere"))
                .resolve(&|_| None)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(said("env:S"), "refers to env:S, which is not set");
        assert!(said("file:s").starts_with("refers to file:/nowhere/s, which cannot be read"));
    }

    #[test]
    fn debug_says_where_but_not_what() {
        let plain = SecretRef::parse("hunter2", Path::new(""));
        assert_eq!(format!("{plain:?}"), "Plain(Secret<str>)");
    }
}
