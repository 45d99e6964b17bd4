use std::collections::BTreeSet;

/// What `/metrics` said at one moment (the Prometheus text format).
#[derive(Debug, Clone)]
pub struct Metrics {
    /// All of it.
    pub text: String,
    samples: Vec<(String, f64)>,
}

impl Metrics {
    /// Reads the format, and fails on what is not of it: a sample without `# TYPE`, a name or value
    /// that is none, a series that stands twice.
    pub fn read(text: &str) -> Self {
        let mut typed: Vec<(&str, &str)> = Vec::new();
        let mut samples: Vec<(String, f64)> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.splitn(3, ' ');
                let (kind, name) = (words.next().unwrap(), words.next().unwrap());
                let rest = words.next().unwrap_or_default();
                match kind {
                    "TYPE" => typed.push((name, rest)),
                    "HELP" => assert!(!rest.is_empty(), "{name} has no help"),
                    _ => panic!("not a comment of the format: {line}"),
                }
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            assert!(is_name(name), "not a name: {line}");
            assert!(
                series == name || series.ends_with('}'),
                "not a series: {line}"
            );
            let family = typed.iter().any(|(known, kind)| {
                let suffixes: &[&str] = match *kind {
                    "histogram" => &["_bucket", "_sum", "_count"],
                    _ => &[""],
                };
                let suffix = name.strip_prefix(known);
                suffix.is_some_and(|suffix| suffixes.contains(&suffix))
            });
            assert!(family, "{name} has no # TYPE");
            assert!(
                !samples.iter().any(|(known, _)| known == series),
                "{series} twice"
            );
            samples.push((series.to_owned(), value.parse().unwrap()));
        }
        Self {
            text: text.to_owned(),
            samples,
        }
    }

    /// The sum of the samples of a name whose labels contain all of these, such as `kind="write"`.
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let is_wanted = |series: &str| {
            series.split('{').next() == Some(name) && labels.iter().all(|l| series.contains(l))
        };
        let wanted = self.samples.iter().filter(|(series, _)| is_wanted(series));
        wanted.map(|(_, value)| value).sum()
    }

    /// The names of all series, with their labels.
    pub fn series(&self) -> BTreeSet<&str> {
        self.samples
            .iter()
            .map(|(series, _)| series.as_str())
            .collect()
    }

    /// Whether there is a series of this name.
    pub fn has(&self, name: &str) -> bool {
        let mut series = self.samples.iter();
        series.any(|(series, _)| series.split('{').next() == Some(name))
    }
}

fn is_name(text: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_alphabetic() || b == b'_' || b == b':';
    text.bytes().next().is_some_and(is_letter)
        && text.bytes().all(|b| is_letter(b) || b.is_ascii_digit())
}
