mod fields;
mod layer;
mod line;

use std::io::{self, IsTerminal as _};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing::Subscriber;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::fields::Excluded;
use self::layer::Lines;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line, the fields beside `timestamp`, `level`, `target` and `message`.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// How records are written.
    pub format: LogFormat,
    /// A level (`info`), or levels by target (`info,insula_store=debug`).
    pub level: String,
    /// Fields that are left out of every record: a name leaves out the field itself, all below it
    /// and its namesakes below others (`email` leaves out `email`, `email.old` and `user.email`).
    pub exclude: Vec<String>,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            level: "info".into(),
            exclude: vec![],
        }
    }
}

/// Logging could not be set up.
#[derive(Debug, Error)]
pub enum LogError {
    /// The level means nothing.
    #[error(
        "log level {level:?} is not understood: {cause}; write error, warn, info, debug or trace, or target=level pairs separated by commas"
    )]
    Level {
        /// What was written.
        level: String,
        /// What is wrong with it.
        cause: String,
    },
    /// Somebody was first.
    #[error("logging is already set up in this process")]
    Twice,
}

/// Sends all records of the process, those of libraries too, to standard error. Once a process.
pub fn init_tracing(settings: &LogSettings) -> Result<(), LogError> {
    let colours = io::stderr().is_terminal();
    subscriber(settings, SystemTime, io::stderr, colours)?
        .try_init()
        .map_err(|_| LogError::Twice)
}

/// What [`init_tracing`] installs, with the clock and the end of the pipe given.
fn subscriber<T, W>(
    settings: &LogSettings,
    time: T,
    writer: W,
    colours: bool,
) -> Result<impl Subscriber + Send + Sync + use<T, W>, LogError>
where
    T: FormatTime + Send + Sync + 'static,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = settings.level.trim();
    let filter = EnvFilter::builder()
        .parse(level)
        .map_err(|error| LogError::Level {
            level: level.to_owned(),
            cause: error.to_string(),
        })?;
    let lines = Lines {
        format: settings.format,
        excluded: Excluded::new(&settings.exclude),
        time,
        writer,
        colours,
    };
    Ok(Registry::default().with(filter).with(lines))
}

#[cfg(test)]
mod tests;
