//! What criterion measured, read from where it leaves it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// A function and its time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timed {
    /// `group/function`
    name: String,
    nanoseconds: f64,
}

/// The medians of the newest run of every benchmark in criterion's folder, by name.
pub(super) fn read(folder: &Path) -> Vec<Timed> {
    let mut found = Vec::new();
    walk(folder, folder, 0, &mut found);
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn walk(root: &Path, folder: &Path, depth: usize, found: &mut Vec<Timed>) {
    let estimates = folder.join("new").join("estimates.json");
    if let Ok(text) = fs::read_to_string(estimates) {
        let name = folder.strip_prefix(root).unwrap_or(folder);
        let median = serde_json::from_str::<Value>(&text)
            .ok()
            .and_then(|value| value.pointer("/median/point_estimate")?.as_f64());
        found.extend(median.map(|nanoseconds| Timed {
            name: name.display().to_string(),
            nanoseconds,
        }));
    }
    if depth > 3 {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            walk(root, &entry.path(), depth + 1, found);
        }
    }
}

/// A table of them. What is issued is compared with the raw signature of its algorithm.
pub(super) fn text(functions: &[Timed]) -> String {
    let by_name: BTreeMap<&str, f64> = functions
        .iter()
        .map(|timed| (timed.name.as_str(), timed.nanoseconds))
        .collect();
    let mut text = String::from(
        "\n## Functions\n\nMedians of criterion's newest run on the same machine. An issued set is \
         two signed\ntokens, so its yardstick is twice the raw signature.\n\n\
         | function | time | of what the crypto library alone would do |\n| --- | --- | --- |\n",
    );
    for (name, nanoseconds) in &by_name {
        let raw = name
            .strip_prefix("issue/")
            .and_then(|rest| rest.strip_suffix(" token set"))
            .and_then(|alg| by_name.get(format!("issue/{alg} raw signature").as_str()));
        let share = raw.map_or_else(String::new, |raw| format!("{:.2}", 2.0 * raw / nanoseconds));
        let _ = writeln!(text, "| {name} | {} | {share} |", time(*nanoseconds));
    }
    text
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1_000.0 => format!("{n:.0} ns"),
        n if n < 1_000_000.0 => format!("{:.1} µs", n / 1e3),
        n => format!("{:.2} ms", n / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_read_and_compared_with_the_raw_signature() {
        let folder = tempfile::tempdir().unwrap();
        for (name, nanoseconds) in [
            ("issue/RS256 token set", 1_000_000),
            ("issue/RS256 raw signature", 400_000),
        ] {
            let place = folder.path().join(name).join("new");
            fs::create_dir_all(&place).unwrap();
            let estimates = serde_json::json!({"median": {"point_estimate": nanoseconds}});
            fs::write(place.join("estimates.json"), estimates.to_string()).unwrap();
        }
        let table = text(&read(folder.path()));
        assert!(
            table.contains("| issue/RS256 token set | 1.00 ms | 0.80 |"),
            "{table}"
        );
        assert!(
            table.contains("| issue/RS256 raw signature | 400.0 µs |  |"),
            "{table}"
        );
    }
}
