use std::fmt::Write as _;

use insula_connector_kit::ConnectorError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What a setting may be.
pub(crate) enum Kind {
    /// One text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A list of texts; one text counts as a list of one.
    Texts,
    /// A group of settings.
    Group(&'static [Setting]),
    /// A list of such groups.
    Groups(&'static [Setting]),
}

/// A setting by its name as dex spells it.
pub(crate) struct Setting(pub(crate) &'static str, pub(crate) Kind);

/// Reads a connector's settings: names are matched without regard to case, as dex matches them.
///
/// Beside the settings it answers every problem found, in words that name the setting and never
/// its value: a value may be a secret. Unknown names are problems, but do not keep the rest from
/// being read.
pub(crate) fn read<T: DeserializeOwned + Default>(
    config: &Value,
    shape: &[Setting],
) -> (T, Vec<String>) {
    let mut problems = Vec::new();
    let canonical = match config {
        Value::Null => Value::Object(Map::new()),
        Value::Object(settings) => group(settings, shape, "", &mut problems),
        _ => {
            problems.push("config must be a group of settings".to_owned());
            Value::Object(Map::new())
        }
    };
    let settings = serde_json::from_value(canonical).unwrap_or_else(|_| {
        problems.push("config cannot be read".to_owned());
        T::default()
    });
    (settings, problems)
}

/// All problems as one error, or nothing.
pub(crate) fn refuse(problems: Vec<String>) -> Result<(), ConnectorError> {
    if problems.is_empty() {
        Ok(())
    } else {
        Err(ConnectorError::Settings(problems.join("; ")))
    }
}

/// The known name that is meant by a misspelt one.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_ascii_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            (
                strsim::jaro_winkler(&wanted, &candidate.to_ascii_lowercase()),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

fn group(
    settings: &Map<String, Value>,
    shape: &[Setting],
    path: &str,
    problems: &mut Vec<String>,
) -> Value {
    let mut canonical = Map::new();
    for (name, value) in settings {
        let known = shape
            .iter()
            .find(|Setting(known, _)| known.eq_ignore_ascii_case(name));
        let Some(Setting(known, kind)) = known else {
            problems.push(unknown(path, name, shape));
            continue;
        };
        if value.is_null() {
            continue;
        }
        let path = format!("{path}{known}");
        if let Some(value) = fit(value, kind, &path, problems)
            && canonical.insert((*known).to_owned(), value).is_some()
        {
            problems.push(format!("{path} is given twice, in different case"));
        }
    }
    Value::Object(canonical)
}

fn fit(value: &Value, kind: &Kind, path: &str, problems: &mut Vec<String>) -> Option<Value> {
    let fitted = match (kind, value) {
        (Kind::Text, Value::String(_)) | (Kind::Flag, Value::Bool(_)) => Some(value.clone()),
        (Kind::Texts, Value::String(_)) => Some(Value::Array(vec![value.clone()])),
        (Kind::Texts, Value::Array(many)) if many.iter().all(Value::is_string) => {
            Some(value.clone())
        }
        (Kind::Group(shape), Value::Object(settings)) => {
            Some(group(settings, shape, &format!("{path}."), problems))
        }
        (Kind::Groups(shape), Value::Array(many)) if many.iter().all(Value::is_object) => {
            let each = many.iter().filter_map(Value::as_object).enumerate();
            let groups = each
                .map(|(at, settings)| group(settings, shape, &format!("{path}[{at}]."), problems));
            Some(Value::Array(groups.collect()))
        }
        _ => None,
    };
    if fitted.is_none() {
        let wanted = match kind {
            Kind::Text => "a text; put it in quotes",
            Kind::Flag => "true or false, without quotes",
            Kind::Texts => "a list of texts",
            Kind::Group(_) => "a group of settings",
            Kind::Groups(_) => "a list of groups of settings",
        };
        problems.push(format!("{path} must be {wanted}"));
    }
    fitted
}

fn unknown(path: &str, name: &str, shape: &[Setting]) -> String {
    let known = || shape.iter().map(|Setting(known, _)| *known);
    let name: String = name.chars().take(64).collect();
    let mut said = format!("{path}{name} is not a setting of this connector");
    if let Some(meant) = nearest(&name, known()) {
        let _ = write!(said, "; did you mean {meant}?");
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase", default)]
    struct Sample {
        name: String,
        scopes: Vec<String>,
        strict: bool,
        inner: Inner,
        rules: Vec<Inner>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Inner {
        prefix: String,
    }

    const INNER: &[Setting] = &[Setting("prefix", Kind::Text)];
    const SAMPLE: &[Setting] = &[
        Setting("name", Kind::Text),
        Setting("scopes", Kind::Texts),
        Setting("strict", Kind::Flag),
        Setting("inner", Kind::Group(INNER)),
        Setting("rules", Kind::Groups(INNER)),
    ];

    #[test]
    fn names_are_matched_without_regard_to_case() {
        let config = json!({"NAME": "n", "Scopes": "one", "strict": true,
            "inner": {"Prefix": "p"}, "rules": [{"PREFIX": "q"}], "name ": null});
        let (read, problems): (Sample, _) = read(&config, SAMPLE);
        assert_eq!(
            problems,
            ["name  is not a setting of this connector; did you mean name?"]
        );
        assert_eq!(read.name, "n");
        assert_eq!(read.scopes, ["one"]);
        assert!(read.strict);
        assert_eq!(read.inner.prefix, "p");
        assert_eq!(
            read.rules,
            [Inner {
                prefix: "q".to_owned()
            }]
        );
    }

    #[test]
    fn every_problem_is_told_and_no_value() {
        let config = json!({"name": 4711, "scopes": [1], "strict": "hunter2", "inner": [],
            "rules": [{"prefx": "hunter2"}]});
        let (_, mut problems): (Sample, _) = read(&config, SAMPLE);
        problems.sort();
        assert_eq!(
            problems,
            [
                "inner must be a group of settings",
                "name must be a text; put it in quotes",
                "rules[0].prefx is not a setting of this connector; did you mean prefix?",
                "scopes must be a list of texts",
                "strict must be true or false, without quotes",
            ]
        );
    }

    #[test]
    fn no_config_is_an_empty_one() {
        let (settings, problems): (Sample, _) = read(&Value::Null, SAMPLE);
        assert_eq!((settings, problems), (Sample::default(), Vec::new()));
        let (_, problems): (Sample, _) = read(&json!("text"), SAMPLE);
        assert_eq!(problems.len(), 1);
    }
}
