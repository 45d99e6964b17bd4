use crate::reading::{Reading, Spot};
use crate::section::Section;

/// How many tenants may be awake at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AwakeLimits {
    /// The memory that all awake tenants may take together, in bytes; `None` for a share of what the
    /// process is given.
    pub memory: Option<u64>,
    /// So many tenants, whatever the memory; `None` for as many as fit.
    pub max_awake: Option<u32>,
}

/// Less holds too few tenants to be meant.
const LEAST_MEMORY: u64 = 1 << 20;

pub(super) fn awake_limits(section: &mut Section<'_>, reading: &mut Reading<'_>) -> AwakeLimits {
    let memory = section.text("memory", reading);
    let memory = memory.and_then(|text| memory_of(&text, reading));
    let max_awake = section.number("maxAwake", reading);
    if let Some(number) = &max_awake
        && number.value == 0
    {
        let next = "write 1 or more, or remove the key for as many as fit into limits.memory";
        reading.error(number.at, &number.key, "nobody could be served", next);
    }
    AwakeLimits {
        memory,
        max_awake: max_awake.map(|number| number.value),
    }
}

fn memory_of(text: &Spot<String>, reading: &mut Reading<'_>) -> Option<u64> {
    let next = "write a number and KiB, MiB, GiB or TiB, such as 512MiB";
    let Some(bytes) = size(&text.value) else {
        let cause = format!("{} is not a size", text.shown);
        reading.error(text.at, &text.key, cause, next);
        return None;
    };
    if bytes < LEAST_MEMORY {
        let cause = format!("{} is less than 1MiB", text.shown);
        reading.error(text.at, &text.key, cause, next);
    }
    Some(bytes)
}

/// A whole number of bytes, by the units of IEC 80000-13.
fn size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let shift = match unit.trim() {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    number.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_whole_number_and_a_binary_unit() {
        for (text, bytes) in [
            ("512MiB", Some(512 << 20)),
            ("2 GiB", Some(2 << 30)),
            ("64KiB", Some(64 << 10)),
            ("1TiB", Some(1 << 40)),
            ("512", None),
            ("MiB", None),
            ("1.5GiB", None),
            ("512MB", None),
            ("-1MiB", None),
            ("99999999999TiB", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
    }
}
