use std::fmt;

use serde_json::Value;
use tracing::field::{Field, Visit};

/// The fields that no record may show, each as `.name.` so that whole words are found.
#[derive(Debug, Clone, Default)]
pub(super) struct Excluded(Vec<String>);

impl Excluded {
    pub(super) fn new(names: &[String]) -> Self {
        let names = names.iter().filter(|name| !name.is_empty());
        Self(names.map(|name| format!(".{name}.")).collect())
    }

    fn contains(&self, field: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let field = format!(".{field}.");
        self.0.iter().any(|name| field.contains(name))
    }
}

/// The fields of a span or a record as they came, the last of a name winning.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// Takes a field out.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(n, _)| *n == name)?;
        Some(self.0.remove(at).1)
    }

    /// Adds what `other` has and this has not.
    pub(super) fn inherit(&mut self, other: &Self) {
        for (name, value) in other.iter() {
            if !self.0.iter().any(|(n, _)| *n == name) {
                self.0.push((name, value.clone()));
            }
        }
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }
}

/// Collects fields, the excluded ones not even in passing.
pub(super) struct Collector<'a> {
    pub(super) excluded: &'a Excluded,
    pub(super) fields: &'a mut Fields,
}

impl Collector<'_> {
    fn set(&mut self, field: &Field, value: impl FnOnce() -> Value) {
        let name = field.name();
        if name == "message" || !self.excluded.contains(name) {
            self.fields.set(name, value());
        }
    }
}

impl Visit for Collector<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, || value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, || value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, || value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, || value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, || value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.set(field, || {
            let mut told = value.to_string();
            let mut cause = value.source();
            while let Some(error) = cause {
                told = format!("{told}: {error}");
                cause = error.source();
            }
            told.into()
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, || format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use super::Excluded;

    #[test]
    fn a_name_excludes_itself_what_is_below_it_and_its_namesakes_below_others() {
        let excluded = Excluded::new(&["email".into(), String::new()]);
        for out in ["email", "email.old", "user.email", "a.email.b"] {
            assert!(excluded.contains(out), "{out}");
        }
        for kept in [
            "emails",
            "my_email",
            "user.emails",
            "user.email_verified",
            "",
        ] {
            assert!(!excluded.contains(kept), "{kept}");
        }
    }

    #[test]
    fn a_dotted_name_excludes_the_same_way() {
        let excluded = Excluded::new(&["user.email".into()]);
        assert!(excluded.contains("user.email") && excluded.contains("the.user.email"));
        assert!(!excluded.contains("email") && !excluded.contains("user"));
    }
}
