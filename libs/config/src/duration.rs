use std::time::Duration;

/// Reads a duration as Go writes them: `1h30m`, `10s`, `1.5h`, `300ms`, `0`. Negative ones are
/// refused: nothing here can last less than no time.
pub(crate) fn parse(text: &str) -> Result<Duration, &'static str> {
    const FORM: &str = "is not a duration";
    let text = text.strip_prefix('+').unwrap_or(text);
    if text.starts_with('-') {
        return Err("is negative");
    }
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total: u128 = 0;
    let mut rest = text;
    if rest.is_empty() {
        return Err(FORM);
    }
    while !rest.is_empty() {
        let digits_end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or("has no unit")?;
        let (number, after) = rest.split_at(digits_end);
        let unit_end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let nanos = nanos_of(unit).ok_or(FORM)?;
        let part = scaled(number, nanos).ok_or(FORM)?;
        total = total.checked_add(part).ok_or("is too long")?;
        rest = next;
    }
    // Go's own limit: a signed 64-bit count of nanoseconds, some 292 years.
    let nanos = i64::try_from(total).map_err(|_| "is too long")?;
    Ok(Duration::from_nanos(nanos.unsigned_abs()))
}

/// Writes a duration the way people would: `10m`, `1h30m`, `90d` never, `2160h`.
pub(crate) fn display(span: Duration) -> String {
    let millis = span.as_millis();
    if millis == 0 {
        return "0".to_owned();
    }
    let mut text = String::new();
    let mut rest = millis;
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            text.push_str(&count.to_string());
            text.push_str(unit);
        }
    }
    text
}

fn nanos_of(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

fn scaled(number: &str, nanos: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = whole.len() + fraction.len() > 0 && !fraction.contains('.');
    if !is_number || whole.len() > 20 {
        return None;
    }
    let whole: u128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut total = whole.checked_mul(nanos)?;
    let mut scale = nanos;
    for digit in fraction.chars() {
        scale /= 10;
        total += u128::from(digit.to_digit(10)?) * scale;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, millis) in [
            ("0", 0),
            ("10s", 10_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("2160h", 7_776_000_000),
            ("300ms", 300),
            (".5s", 500),
            ("1m0.5s", 60_500),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn days_bare_numbers_and_nonsense_are_refused() {
        for text in [
            "",
            "1d",
            "10",
            "h",
            "1h30",
            "1 h",
            "-1s",
            "1..5s",
            ".s",
            "9999999h99999999h",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("10"), Err("has no unit"));
        assert_eq!(parse("-1s"), Err("is negative"));
    }

    #[test]
    fn a_duration_is_told_in_the_units_people_use() {
        assert_eq!(display(Duration::from_mins(10)), "10m");
        assert_eq!(display(Duration::from_mins(90)), "1h30m");
        assert_eq!(display(Duration::from_millis(1500)), "1s500ms");
    }
}
