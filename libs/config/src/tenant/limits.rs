use std::time::Duration;

use insula_model::{Limits, Rate};

use crate::defaults::{LIMITS, PASSIVATE_AFTER};
use crate::duration;
use crate::reading::Reading;
use crate::section::Section;
use crate::tree::Kind;

/// Reads `limits`, which a dex file does not have: of itself it asks for no quota of requests, as
/// dex knows none. `requests` is the server's quota for a tenant that names none.
pub(super) fn read(
    top: &mut Section<'_>,
    requests: Option<Rate>,
    reading: &mut Reading<'_>,
) -> Limits {
    if reading.lenient {
        return Limits { requests, ..LIMITS };
    }
    let requests = requests.or(LIMITS.requests);
    read_over(top, Limits { requests, ..LIMITS }, reading)
}

/// Reads `limits` where `base` holds for what is left out.
pub(super) fn read_over(top: &mut Section<'_>, base: Limits, reading: &mut Reading<'_>) -> Limits {
    let mut section = top.section("limits", reading);
    let requests = requests(&mut section, base.requests, reading);
    let logins_under_way = at_once(&mut section, "loginsUnderWay", 1_000_000, reading);
    let remembered_rows = remembered_rows(&mut section, reading);
    let password_failures = rate(&mut section, "passwordFailures", reading);
    let per_address = rate(&mut section, "passwordFailuresPerAddress", reading);
    let per_tenant = rate(&mut section, "passwordFailuresPerTenant", reading);
    let client_failures = rate(&mut section, "clientFailures", reading);
    let longest_delay = longest_delay(&mut section, reading);
    let known_devices = known_devices(&mut section, reading);
    let password_hashes = at_once(&mut section, "passwordHashes", 64, reading);
    let upstream_calls = at_once(&mut section, "upstreamCalls", 1024, reading);
    if let Some(entry) = section.entry("mails") {
        let cause = "has no effect: this version sends no mail";
        reading.warn(entry.at, &section.key("mails"), cause, "remove it for now");
    }
    section.finish(reading);
    Limits {
        requests,
        logins_under_way: logins_under_way.unwrap_or(base.logins_under_way),
        remembered_rows: remembered_rows.unwrap_or(base.remembered_rows),
        password_failures: password_failures.unwrap_or(base.password_failures),
        password_failures_per_address: per_address.unwrap_or(base.password_failures_per_address),
        password_failures_per_tenant: per_tenant.unwrap_or(base.password_failures_per_tenant),
        client_failures: client_failures.unwrap_or(base.client_failures),
        longest_delay: longest_delay.unwrap_or(base.longest_delay),
        known_devices: known_devices.unwrap_or(base.known_devices),
        password_hashes: password_hashes.unwrap_or(base.password_hashes),
        upstream_calls: upstream_calls.unwrap_or(base.upstream_calls),
    }
}

/// Reads `passivateAfter`, which a dex file does not have.
pub(super) fn passivate_after(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Duration {
    if reading.lenient {
        return PASSIVATE_AFTER;
    }
    let Some(span) = top.duration("passivateAfter", reading) else {
        return PASSIVATE_AFTER;
    };
    if span.value < Duration::from_secs(1) {
        let cause = format!(
            "{} would put the tenant to sleep between two clicks",
            span.shown
        );
        reading.error(span.at, &span.key, cause, "write at least 1s; 30m is usual");
    }
    span.value
}

/// `requests`: a rate, or `none` for any number.
fn requests(
    section: &mut Section<'_>,
    base: Option<Rate>,
    reading: &mut Reading<'_>,
) -> Option<Rate> {
    const KEY: &str = "requests";
    let is_none = matches!(section.node(KEY).map(|node| &node.kind),
        Some(Kind::Scalar { text, .. }) if text == "none");
    if is_none {
        return None;
    }
    rate(section, KEY, reading).or(base)
}

pub(crate) fn rate(
    section: &mut Section<'_>,
    key: &'static str,
    reading: &mut Reading<'_>,
) -> Option<Rate> {
    let text = section.text(key, reading)?;
    let rate = parse_rate(&text.value);
    if rate.is_none() {
        let cause = format!("{} is not a rate", text.shown);
        let next = "write a count and a time, such as 200/s, 100/h or 10/15m";
        reading.error(text.at, &text.key, cause, next);
    }
    rate
}

fn parse_rate(text: &str) -> Option<Rate> {
    let (count, per) = text.split_once('/')?;
    let count: u32 = count.trim().parse().ok().filter(|count| *count > 0)?;
    let per = match per.trim() {
        "s" => Duration::from_secs(1),
        "m" => Duration::from_mins(1),
        "h" => Duration::from_hours(1),
        span => duration::parse(span).ok()?,
    };
    (!per.is_zero()).then_some(Rate { count, per })
}

/// `rememberedRows`: a number that may be none at all.
fn remembered_rows(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<u32> {
    const MOST: u32 = 1_000_000;
    let number = section.number("rememberedRows", reading)?;
    if number.value > MOST {
        let cause = format!("{} is more than {MOST}", number.shown);
        let next = "write how many rows of each kind are kept in memory; 0 for none";
        reading.error(number.at, &number.key, cause, next);
        return None;
    }
    Some(number.value)
}

/// `longestDelay`: between a second, which no guesser notices, and a day, which locks people out.
fn longest_delay(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<Duration> {
    let span = section.duration("longestDelay", reading)?;
    let (least, most) = (Duration::from_secs(1), Duration::from_hours(24));
    if !(least..=most).contains(&span.value) {
        let cause = format!("{} is not between 1s and 24h", span.shown);
        let next = "write how long wrong passwords may hold up the next attempt; 15m is usual";
        reading.error(span.at, &span.key, cause, next);
        return None;
    }
    Some(span.value)
}

/// `knownDevices`: as long as browsers keep cookies at most.
fn known_devices(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<Duration> {
    let span = section.duration("knownDevices", reading)?;
    if span.value > Duration::from_hours(400 * 24) {
        let cause = format!(
            "{} is longer than browsers keep a cookie, which is 400 days",
            span.shown
        );
        reading.error(
            span.at,
            &span.key,
            cause,
            "write 9600h at most; 0s for never",
        );
        return None;
    }
    Some(span.value)
}

fn at_once(
    section: &mut Section<'_>,
    key: &'static str,
    most: u32,
    reading: &mut Reading<'_>,
) -> Option<u32> {
    let number = section.number(key, reading)?;
    if number.value == 0 || number.value > most {
        let cause = format!("{} is not between 1 and {most}", number.shown);
        reading.error(
            number.at,
            &number.key,
            cause,
            "write how many may run at once",
        );
        return None;
    }
    Some(number.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_count_and_a_time() {
        let rate = |count, secs| {
            let per = Duration::from_secs(secs);
            Some(Rate { count, per })
        };
        assert_eq!(parse_rate("200/s"), rate(200, 1));
        assert_eq!(parse_rate("10/15m"), rate(10, 900));
        for bad in ["200", "0/s", "x/s", "1/0", "1/d", "-1/s"] {
            assert_eq!(parse_rate(bad), None, "{bad}");
        }
    }
}
