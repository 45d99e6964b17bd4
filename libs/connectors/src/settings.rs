use std::fmt::Write as _;

use insula_connector_kit::ConnectorError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::Url;

/// What a setting may be.
pub(crate) enum Kind {
    /// One text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Whole,
    /// A list of texts; one text counts as a list of one.
    Texts,
    /// Texts by names of the writer's choice.
    TextsByName,
    /// A group of settings.
    Group(&'static [Setting]),
    /// A list of such groups.
    Groups(&'static [Setting]),
}

/// A setting by its name as dex spells it.
pub(crate) struct Setting(pub(crate) &'static str, pub(crate) Kind);

/// The paths of all settings, `group.setting`, but for those that only hold others.
#[cfg(test)]
pub(crate) fn paths(shape: &[Setting]) -> std::collections::BTreeSet<String> {
    let below = |Setting(name, kind): &Setting| match kind {
        Kind::Group(inner) | Kind::Groups(inner) => {
            let inner = paths(inner).into_iter();
            inner.map(|path| format!("{name}.{path}")).collect()
        }
        Kind::Text | Kind::Flag | Kind::Whole | Kind::Texts | Kind::TextsByName => {
            vec![(*name).to_owned()]
        }
    };
    shape.iter().flat_map(below).collect()
}

/// A connector's settings as they were read, and what is wrong with how they are written.
#[derive(Debug)]
pub(crate) struct Reading<T> {
    pub(crate) settings: T,
    /// Settings that are not what they must be: they cannot be used.
    pub(crate) misfits: Vec<String>,
    /// Names nobody knows: told, but no reason not to serve.
    pub(crate) unknown: Vec<String>,
}

impl<T> Reading<T> {
    /// Everything that is to be told, together with what the settings themselves find wrong.
    pub(crate) fn problems(self, judge: impl FnOnce(&T) -> Vec<String>) -> Vec<String> {
        let mut problems = self.misfits;
        problems.extend(self.unknown);
        problems.extend(judge(&self.settings));
        problems
    }

    /// The settings, if they can be used.
    pub(crate) fn usable(self, judge: impl FnOnce(&T) -> Vec<String>) -> Result<T, ConnectorError> {
        let mut problems = self.misfits;
        problems.extend(judge(&self.settings));
        if problems.is_empty() {
            Ok(self.settings)
        } else {
            Err(ConnectorError::Settings(problems.join("; ")))
        }
    }
}

/// Reads a connector's settings: names are matched without regard to case, as dex matches them.
///
/// Problems name the setting and never its value: a value may be a secret.
pub(crate) fn read<T: DeserializeOwned + Default>(config: &Value, shape: &[Setting]) -> Reading<T> {
    let mut found = Found::default();
    let canonical = match config {
        Value::Null => Value::Object(Map::new()),
        Value::Object(settings) => group(settings, shape, "", &mut found),
        _ => {
            found
                .misfits
                .push("config must be a group of settings".to_owned());
            Value::Object(Map::new())
        }
    };
    let settings = serde_json::from_value(canonical).unwrap_or_else(|_| {
        found.misfits.push("config cannot be read".to_owned());
        T::default()
    });
    Reading {
        settings,
        misfits: found.misfits,
        unknown: found.unknown,
    }
}

#[derive(Default)]
struct Found {
    misfits: Vec<String>,
    unknown: Vec<String>,
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

/// A parser of URLs strips blanks and line ends, but the text is what is compared.
pub(crate) fn is_web_address(text: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || c.is_control();
    !text.contains(is_odd)
        && Url::parse(text)
            .is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

fn group(settings: &Map<String, Value>, shape: &[Setting], path: &str, found: &mut Found) -> Value {
    let mut canonical = Map::new();
    for (name, value) in settings {
        let known = shape
            .iter()
            .find(|Setting(known, _)| known.eq_ignore_ascii_case(name));
        let Some(Setting(known, kind)) = known else {
            found.unknown.push(unknown(path, name, shape));
            continue;
        };
        if value.is_null() {
            continue;
        }
        let path = format!("{path}{known}");
        if let Some(value) = fit(value, kind, &path, found)
            && canonical.insert((*known).to_owned(), value).is_some()
        {
            found
                .misfits
                .push(format!("{path} is given twice, in different case"));
        }
    }
    Value::Object(canonical)
}

fn fit(value: &Value, kind: &Kind, path: &str, found: &mut Found) -> Option<Value> {
    let fitted = match (kind, value) {
        (Kind::Text, Value::String(_)) | (Kind::Flag, Value::Bool(_)) => Some(value.clone()),
        (Kind::Whole, Value::Number(number)) if number.is_i64() => Some(value.clone()),
        (Kind::Texts, Value::String(_)) => Some(Value::Array(vec![value.clone()])),
        (Kind::Texts, Value::Array(many)) if many.iter().all(Value::is_string) => {
            Some(value.clone())
        }
        (Kind::TextsByName, Value::Object(texts)) if texts.values().all(Value::is_string) => {
            Some(value.clone())
        }
        (Kind::Group(shape), Value::Object(settings)) => {
            Some(group(settings, shape, &format!("{path}."), found))
        }
        (Kind::Groups(shape), Value::Array(many)) if many.iter().all(Value::is_object) => {
            let each = many.iter().filter_map(Value::as_object).enumerate();
            let groups =
                each.map(|(at, settings)| group(settings, shape, &format!("{path}[{at}]."), found));
            Some(Value::Array(groups.collect()))
        }
        _ => None,
    };
    if fitted.is_none() {
        let wanted = match kind {
            Kind::Text => "a text; put it in quotes",
            Kind::Flag => "true or false, without quotes",
            Kind::Whole => "a whole number, without quotes",
            Kind::Texts => "a list of texts",
            Kind::TextsByName => "a group of names, each with a text",
            Kind::Group(_) => "a group of settings",
            Kind::Groups(_) => "a list of groups of settings",
        };
        found.misfits.push(format!("{path} must be {wanted}"));
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
        admins: std::collections::BTreeMap<String, String>,
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
        Setting("admins", Kind::TextsByName),
        Setting("inner", Kind::Group(INNER)),
        Setting("rules", Kind::Groups(INNER)),
    ];

    #[test]
    fn names_are_matched_without_regard_to_case() {
        let config = json!({"NAME": "n", "Scopes": "one", "strict": true,
            "Admins": {"Acme.test": "a@acme.test", "*": "b@acme.test"}, "inner": {"Prefix": "p"}, "rules": [{"PREFIX": "q"}], "name ": null});
        let read: Reading<Sample> = read(&config, SAMPLE);
        assert!(read.misfits.is_empty());
        assert_eq!(
            read.unknown,
            ["name  is not a setting of this connector; did you mean name?"]
        );
        assert_eq!(read.settings.name, "n");
        assert_eq!(read.settings.scopes, ["one"]);
        assert!(read.settings.strict);
        assert_eq!(read.settings.inner.prefix, "p");
        let admins = [("*", "b@acme.test"), ("Acme.test", "a@acme.test")];
        let told = read.settings.admins.iter();
        assert!(
            told.map(|(name, text)| (name.as_str(), text.as_str()))
                .eq(admins)
        );
        let prefix = "q".to_owned();
        assert_eq!(read.settings.rules, [Inner { prefix }]);
    }

    #[test]
    fn every_problem_is_told_and_no_value() {
        let config = json!({"name": 4711, "scopes": [1], "strict": "hunter2", "inner": [],
            "admins": {"acme.test": ["hunter2"]},
            "rules": [{"prefx": "hunter2"}]});
        let read: Reading<Sample> = read(&config, SAMPLE);
        let mut problems = read.problems(|_| vec!["and more".to_owned()]);
        problems.sort();
        assert_eq!(
            problems,
            [
                "admins must be a group of names, each with a text",
                "and more",
                "inner must be a group of settings",
                "name must be a text; put it in quotes",
                "rules[0].prefx is not a setting of this connector; did you mean prefix?",
                "scopes must be a list of texts",
                "strict must be true or false, without quotes",
            ]
        );
    }

    #[test]
    fn an_unknown_name_is_told_but_serves() {
        let config = json!({"nam": "n"});
        let told = read::<Sample>(&config, SAMPLE).problems(|_| Vec::new());
        assert_eq!(told.len(), 1);
        assert!(
            read::<Sample>(&config, SAMPLE)
                .usable(|_| Vec::new())
                .is_ok()
        );
        let misfit = read::<Sample>(&json!({"name": 1}), SAMPLE);
        assert!(misfit.usable(|_| Vec::new()).is_err());
    }

    #[test]
    fn no_config_is_an_empty_one() {
        let nothing: Reading<Sample> = read(&Value::Null, SAMPLE);
        assert_eq!(nothing.settings, Sample::default());
        assert!(nothing.misfits.is_empty());
        let text: Reading<Sample> = read(&json!("text"), SAMPLE);
        assert_eq!(text.misfits.len(), 1);
    }
}
