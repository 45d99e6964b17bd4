//! Waiting for things outside this process, always with a limit and always interruptible.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::stop::Stop;

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
const ONE_ANSWER: Duration = Duration::from_secs(2);

/// Lets a moment pass before the next look at something that cannot call back.
#[expect(
    clippy::disallowed_methods,
    reason = "a process that is not ours tells us nothing; it can only be looked at again"
)]
pub(crate) fn a_moment() {
    std::thread::sleep(BETWEEN_LOOKS);
}

/// Looks until `probe` finds something. Fails after `limit`, or when a stop is asked, naming
/// `what` was waited for.
pub(crate) fn until<T>(
    what: &str,
    stop: &Stop,
    limit: Duration,
    mut probe: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = probe()? {
            return Ok(found);
        }
        if stop.is_asked() {
            bail!("interrupted while waiting for {what}");
        }
        if start.elapsed() > limit {
            bail!("waited {} s for {what}, in vain", limit.as_secs());
        }
        a_moment();
    }
}

/// The status code that `GET path` answers, or `None` while nobody answers.
pub(crate) fn http_status(address: SocketAddr, path: &str) -> Option<u16> {
    let mut connection = TcpStream::connect_timeout(&address, ONE_ANSWER).ok()?;
    connection.set_read_timeout(Some(ONE_ANSWER)).ok()?;
    connection.set_write_timeout(Some(ONE_ANSWER)).ok()?;
    write!(
        connection,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut start = [0; 12];
    connection.read_exact(&mut start).ok()?;
    status_of(&start)
}

/// The code in a status line such as `HTTP/1.1 200`.
fn status_of(start: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(start).ok()?;
    line.strip_prefix("HTTP/1.")?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_from_the_first_line_of_an_answer() {
        assert_eq!(status_of(b"HTTP/1.1 200"), Some(200));
        assert_eq!(status_of(b"HTTP/1.0 503"), Some(503));
        assert_eq!(status_of(b"-ERR unknown"), None);
    }

    #[test]
    fn waiting_ends_when_the_thing_is_there_and_not_later() {
        let mut looks = 0;
        let found = until(
            "three looks",
            &Stop::default(),
            Duration::from_secs(5),
            || {
                looks += 1;
                Ok((looks == 3).then_some("here"))
            },
        );
        assert_eq!(found.unwrap(), "here");
        assert_eq!(looks, 3);
    }

    #[test]
    fn waiting_in_vain_names_what_was_waited_for() {
        let trouble = until("the moon", &Stop::default(), Duration::ZERO, || {
            Ok(None::<()>)
        });
        assert!(trouble.unwrap_err().to_string().contains("the moon"));
    }
}
