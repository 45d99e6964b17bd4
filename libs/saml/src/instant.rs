use insula_ambient::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::refused::{Refused, Why};

/// A moment as SAML writes it, in UTC (Core §1.3.3).
pub fn at(moment: Timestamp) -> String {
    let instant = OffsetDateTime::from_unix_timestamp(moment.as_secs()).ok();
    instant
        .and_then(|instant| instant.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// Reads a moment. One without a time zone is nobody's (Core §1.3.3).
pub(crate) fn read(text: &str) -> Result<Timestamp, Refused> {
    let instant = OffsetDateTime::parse(text.trim(), &Rfc3339)
        .map_err(|_| Refused::seeing(Why::Time, text))?;
    let millis = instant.unix_timestamp_nanos() / 1_000_000;
    i64::try_from(millis)
        .map(Timestamp::from_millis)
        .map_err(|_| Refused::seeing(Why::Time, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc_and_read_with_its_time_zone() {
        let moment = Timestamp::from_secs(1_700_000_000);
        assert_eq!(at(moment), "2023-11-14T22:13:20Z");
        for text in [
            "2023-11-14T22:13:20Z",
            "2023-11-14T22:13:20.000Z",
            "2023-11-14T23:13:20+01:00",
            " 2023-11-14T22:13:20.0000001Z ",
        ] {
            assert_eq!(read(text), Ok(moment), "{text}");
        }
        for text in [
            "",
            "2023-11-14",
            "2023-11-14T22:13:20",
            "1700000000",
            "2023-02-30T00:00:00Z",
        ] {
            assert_eq!(read(text).unwrap_err().why, Why::Time, "{text}");
        }
    }
}
