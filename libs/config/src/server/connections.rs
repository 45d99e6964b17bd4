use std::time::Duration;

use crate::reading::Reading;
use crate::section::Section;

/// What a connection to the tenants may take, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// For the TLS handshake.
    pub handshake_timeout: Duration,
    /// For the head of a request, from its first byte.
    pub head_timeout: Duration,
    /// For the body of a request.
    pub body_timeout: Duration,
    /// How long an answer waits for a client that does not read.
    pub write_timeout: Duration,
    /// How long a connection rests between two requests.
    pub idle_timeout: Duration,
    /// Of one peer address; trusted proxies have no limit of their own.
    pub per_peer: u32,
    /// Of all; `None` for as many as the process may open files.
    pub max: Option<u32>,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            per_peer: 1000,
            max: None,
        }
    }
}

/// Shorter, honest clients would fail; longer, a limit would be none.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_hours(1);

pub(super) fn connections(mut section: Section<'_>, reading: &mut Reading<'_>) -> Connections {
    let default = Connections::default();
    let read = Connections {
        handshake_timeout: span(
            &mut section,
            "handshakeTimeout",
            default.handshake_timeout,
            reading,
        ),
        head_timeout: span(&mut section, "headTimeout", default.head_timeout, reading),
        body_timeout: span(&mut section, "bodyTimeout", default.body_timeout, reading),
        write_timeout: span(&mut section, "writeTimeout", default.write_timeout, reading),
        idle_timeout: span(&mut section, "idleTimeout", default.idle_timeout, reading),
        per_peer: count(&mut section, "perPeer", reading).unwrap_or(default.per_peer),
        max: count(&mut section, "max", reading),
    };
    section.finish(reading);
    read
}

fn span(
    section: &mut Section<'_>,
    key: &'static str,
    default: Duration,
    reading: &mut Reading<'_>,
) -> Duration {
    let Some(read) = section.duration(key, reading) else {
        return default;
    };
    if !(SHORTEST..=LONGEST).contains(&read.value) {
        let cause = format!("{} is not between 100ms and 1h", read.shown);
        let next = "remove the key for the default";
        reading.error(read.at, &read.key, cause, next);
    }
    read.value
}

fn count(section: &mut Section<'_>, key: &'static str, reading: &mut Reading<'_>) -> Option<u32> {
    let read = section.number(key, reading)?;
    if read.value == 0 {
        let cause = "nobody could connect";
        reading.error(read.at, &read.key, cause, "write 1 or more");
    }
    Some(read.value)
}
