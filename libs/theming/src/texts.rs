//! `t("login.title", client=…)` in a template: a tenant's words over the theme's.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluent_templates::fluent_bundle::{FluentArgs, FluentValue};
use minijinja::value::{Kwargs, Object, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use crate::locale::{Locales, message_id};
use crate::sandbox::{bounded, made, text_of};

/// A tenant's own words: language → message id → text.
pub(crate) type Overrides = BTreeMap<String, BTreeMap<String, String>>;

/// The `t` of one rendering.
#[derive(Debug)]
pub(crate) struct Texts {
    pub(crate) locales: Arc<Locales>,
    pub(crate) overrides: Arc<Overrides>,
    pub(crate) language: String,
}

impl Texts {
    fn text(&self, key: &str, args: &Kwargs) -> Result<Option<String>, Error> {
        let id = message_id(key);
        let own = self
            .overrides
            .get(&self.language)
            .and_then(|texts| texts.get(&id));
        if let Some(own) = own {
            return fill(own, args).map(Some);
        }
        let mut values = FluentArgs::new();
        for name in args.args() {
            values.set(name.to_owned(), fluent(&args.get::<Value>(name)?)?);
        }
        Ok(self.locales.text(&self.language, &id, &values))
    }
}

impl Object for Texts {
    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (key, kwargs): (&str, Kwargs) = from_args(args)?;
        let text = self.text(key, &kwargs)?.ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidOperation,
                format!("no language has the text {key}"),
            )
        })?;
        made(state, text).map(Value::from)
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        if method != "has" {
            return Err(Error::from(ErrorKind::UnknownMethod));
        }
        let (key,): (&str,) = from_args(args)?;
        let own = self.overrides.get(&self.language);
        let here = own.is_some_and(|texts| texts.contains_key(&message_id(key)));
        Ok(Value::from(here || self.locales.has(key)))
    }
}

fn fluent(value: &Value) -> Result<FluentValue<'static>, Error> {
    match i32::try_from(value.clone()) {
        Ok(number) if value.is_number() => Ok(FluentValue::from(number)),
        _ => text_of(value).map(FluentValue::from),
    }
}

/// A tenant's text with `{ $name }` replaced. Not Fluent: a tenant's text has no selectors, and a
/// value that looks like a placeholder is not looked at again.
fn fill(text: &str, args: &Kwargs) -> Result<String, Error> {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        out.push_str(before);
        let placeholder = after.find('}').and_then(|close| {
            let inside = after.get(1..close)?.trim();
            let name = inside.strip_prefix('$').unwrap_or(inside);
            args.has(name).then_some((name, close + 1))
        });
        let Some((name, end)) = placeholder else {
            out.push('{');
            rest = after.get(1..).unwrap_or_default();
            continue;
        };
        out.push_str(&text_of(&args.get::<Value>(name)?)?);
        bounded(&out)?;
        rest = after.get(end..).unwrap_or_default();
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_text_may_name_the_variables_of_the_one_it_replaces() {
        let args =
            Kwargs::from_iter([("client", Value::from("A { $user }")), ("user", "U".into())]);
        let text = fill("Hi {$user} at { $client } { $other } {", &args).unwrap();
        assert_eq!(text, "Hi U at A { $user } { $other } {");
    }
}
