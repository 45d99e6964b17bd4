use std::fmt;
use std::path::PathBuf;

/// How much a problem weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// Served all the same, but probably not as meant.
    Warning,
    /// The file is not served.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing that is wrong with a configuration: where, what, why, and what to write instead.
///
/// Displayed as one line: `file:line:column: key: cause; next step`. It never carries a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How much it weighs.
    pub severity: Severity,
    /// The file, or the flag or environment variable that was read in its stead.
    pub file: PathBuf,
    /// The line, counted from 1; 0 where no line is to blame.
    pub line: usize,
    /// The column, counted from 1; 0 where no line is to blame.
    pub column: usize,
    /// The path of the key, such as `expiry.codes` or `staticClients[0].secret`; may be empty.
    pub key: String,
    /// What is wrong.
    pub cause: String,
    /// What to write instead; may be empty.
    pub next_step: String,
}

impl Problem {
    /// Whether it keeps the file from being served.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without a file it is of the command line and the environment together.
        let place = match (self.file.as_os_str().is_empty(), self.line) {
            (true, _) => String::new(),
            (false, 0) => format!("{}: ", self.file.display()),
            (false, line) => format!("{}:{line}:{}: ", self.file.display(), self.column),
        };
        write!(f, "{place}")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.cause)?;
        if !self.next_step.is_empty() {
            write!(f, "; {}", self.next_step)?;
        }
        Ok(())
    }
}
