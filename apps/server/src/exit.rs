use std::process::ExitCode;

/// How the process ends, beside 0. Documented in `--help` and in the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It failed while it ran.
    Failed = 1,
    /// A configuration has errors; each was printed.
    Config = 3,
    /// A service it needs cannot be reached, or a port cannot be had.
    Unavailable = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
