use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroize;

use crate::Lookup;

/// A text that is never printed. The only way out is [`reveal`](SecretText::reveal).
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Takes a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Where a secret is found.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// Here it is.
    Plain(SecretText),
    /// In an environment variable of this name.
    Env(String),
    /// In a file; blanks and line ends at its end are not part of the secret.
    File(PathBuf),
}

/// Why a secret could not be had.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("refers to env:{0}, which is not set")]
    NoSuchVariable(String),
    /// The file cannot be read.
    #[error("refers to file:{path}, which cannot be read: {cause}", path = .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file holds more than a secret does.
    #[error("refers to file:{path}, which is longer than 64 KiB", path = .0.display())]
    TooLong(PathBuf),
}

impl SecretRef {
    /// Reads `env:NAME`, `file:PATH` (relative to `dir`) or the secret itself.
    pub fn parse(text: &str, dir: &Path) -> Self {
        if let Some(name) = text.strip_prefix("env:") {
            return Self::Env(name.trim().to_owned());
        }
        match text.strip_prefix("file:") {
            Some(path) => Self::File(dir.join(path.trim())),
            None => Self::Plain(SecretText::new(text)),
        }
    }

    /// Fetches the secret.
    pub fn resolve(&self, env: Lookup<'_>) -> Result<SecretText, SecretError> {
        match self {
            Self::Plain(secret) => Ok(secret.clone()),
            Self::Env(name) => env(name)
                .map(SecretText::new)
                .ok_or_else(|| SecretError::NoSuchVariable(name.clone())),
            Self::File(path) => read(path),
        }
    }
}

fn read(path: &Path) -> Result<SecretText, SecretError> {
    const MAX_BYTES: usize = 64 * 1024;
    let unreadable = |cause| SecretError::Unreadable {
        path: path.to_owned(),
        cause,
    };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > MAX_BYTES as u64 {
        return Err(SecretError::TooLong(path.to_owned()));
    }
    let text = SecretText::new(std::fs::read_to_string(path).map_err(unreadable)?);
    Ok(SecretText::new(text.reveal().trim_end()))
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Plain(SecretText)"),
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
        assert_eq!(format!("{plain:?}"), "Plain(SecretText)");
    }
}
