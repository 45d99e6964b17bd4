use std::fmt;
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

/// Marks an error as one of the configuration: nothing is down, and waiting mends nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Misconfigured;

impl fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be served")
    }
}

impl Exit {
    /// What an error on the way up ends in.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<Misconfigured>() {
            Some(_) => Self::Config,
            None => Self::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn an_error_of_the_configuration_ends_in_3_however_deep_it_lies() {
        let bad = || Err::<(), _>(anyhow::anyhow!("no such file"));
        let deep = bad().context(Misconfigured).context("while opening");
        assert_eq!(Exit::of(&deep.unwrap_err()), Exit::Config);
        assert_eq!(Exit::of(&bad().unwrap_err()), Exit::Unavailable);
    }
}
