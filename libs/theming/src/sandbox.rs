//! What a template may do: nothing that takes more memory than a page is worth.
//!
//! The engine counts steps, but one step may make a text of any length: by putting texts together,
//! by repeating or cutting them, in a filter. So a template makes texts in a few ways only, and
//! whatever it makes or writes counts towards one bound.

use std::io::{self, Write};

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, Template, UndefinedBehavior, Value,
    escape_formatter, filters, functions, tests,
};

use crate::markup::{escape, followable};

/// The largest page; those of the built-in themes have some 5 KB.
const LARGEST_PAGE: usize = 2 << 20;
/// The longest text a filter or function makes.
const LONGEST_TEXT: usize = 64 << 10;
/// How deep macros and includes may lie in one another.
const DEEPEST: usize = 64;
/// A page draws in a few thousand steps; a template that loops for ever is stopped here.
const MOST_STEPS: u64 = 500_000;
/// What any page is granted, however long the texts between its tags.
const FEWEST_STEPS: u64 = 5_000;
/// What may be written out of the texts between tags, at one such text a step.
const MOST_WRITTEN: u64 = 192 << 20;

/// An environment without templates and with what is bounded of the engine's filters.
pub(crate) fn environment() -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.set_recursion_limit(DEEPEST);
    env.set_syntax(syntax());
    env.set_formatter(write_value);
    add_filters(&mut env);
    add_tests(&mut env);
    env.add_function("range", functions::range);
    env
}

fn syntax() -> SyntaxConfig {
    let custom = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    custom.unwrap_or_default()
}

fn add_filters(env: &mut Environment<'_>) {
    env.add_filter("link", |state: &mut State<'_, '_>, link: &str| {
        made(state, followable(link).unwrap_or("#").to_owned())
    });
    env.add_filter("safe", |state: &mut State<'_, '_>, text: &str| {
        made(state, text.to_owned()).map(Value::from_safe_string)
    });
    env.add_filter("escape", escaped);
    env.add_filter("e", escaped);
    env.add_filter("lower", |state: &mut State<'_, '_>, text: &str| {
        made(state, text.to_lowercase())
    });
    env.add_filter("upper", |state: &mut State<'_, '_>, text: &str| {
        made(state, text.to_uppercase())
    });
    env.add_filter("trim", |state: &mut State<'_, '_>, text: &str| {
        made(state, text.trim().to_owned())
    });
    env.add_filter("replace", replaced);
    env.add_filter("join", joined);
    env.add_filter("urlencode", |state: &mut State<'_, '_>, text: &str| {
        let encoded = filters::urlencode(&Value::from(text))?;
        made(state, encoded)
    });
    env.add_filter("default", filters::default);
    env.add_filter("d", filters::default);
    env.add_filter("length", filters::length);
    env.add_filter("count", filters::length);
    env.add_filter("first", filters::first);
    env.add_filter("items", filters::items);
    env.add_filter("attr", filters::attr);
    env.add_filter("bool", filters::bool);
    env.add_filter("round", filters::round);
    env.add_filter("abs", filters::abs);
}

fn add_tests(env: &mut Environment<'_>) {
    env.add_test("defined", tests::is_defined);
    env.add_test("undefined", tests::is_undefined);
    env.add_test("none", tests::is_none);
    env.add_test("true", tests::is_true);
    env.add_test("false", tests::is_false);
    env.add_test("odd", tests::is_odd);
    env.add_test("even", tests::is_even);
    env.add_test("string", tests::is_string);
    env.add_test("number", tests::is_number);
    env.add_test("boolean", tests::is_boolean);
    env.add_test("sequence", tests::is_sequence);
    env.add_test("mapping", tests::is_mapping);
    env.add_test("eq", tests::is_eq);
    env.add_test("ne", tests::is_ne);
    env.add_test("in", tests::is_in);
    env.add_test("startingwith", |text: &str, start: &str| {
        text.starts_with(start)
    });
    env.add_test("endingwith", |text: &str, end: &str| text.ends_with(end));
}

/// Looks at a template before it is compiled: `Err` says what it may not do, `Ok` how long the
/// longest text between its tags is.
pub(crate) fn admit(source: &str) -> Result<usize, String> {
    if source.len() > LONGEST_TEXT {
        return Err(format!(
            "it is longer than {} KiB; put pictures and scripts into files below static/",
            LONGEST_TEXT >> 10
        ));
    }
    let mut longest = 0;
    let mut open = Vec::new();
    for token in tokenize(source, false, syntax()) {
        // What is no template is told by the compiler, in its words.
        let Ok((token, span)) = token else {
            break;
        };
        let (operator, instead) = match &token {
            Token::Tilde => ("~", "write [a, b]|join, or {{ a }}{{ b }}"),
            Token::Plus => ("+", "write [a, b]|join for texts, loop.index for numbers"),
            Token::Mul => ("*", "write the text as often as it is meant"),
            Token::Colon if open.last() == Some(&true) => (":", "show all of it, or count in css"),
            Token::TemplateData(text) => {
                longest = longest.max(text.len());
                continue;
            }
            Token::BracketOpen | Token::BraceOpen => {
                open.push(matches!(token, Token::BracketOpen));
                continue;
            }
            Token::BracketClose | Token::BraceClose => {
                open.pop();
                continue;
            }
            _ => continue,
        };
        return Err(format!(
            "{operator} in line {} makes texts of any length and is not for templates; {instead}",
            span.start_line
        ));
    }
    Ok(longest)
}

/// How many steps pages have whose longest text between two tags is this long: a loop in a block
/// that is kept (`set`, a macro) writes one such text a step, and nobody counts that but here.
pub(crate) fn steps(longest: usize) -> u64 {
    let longest = u64::try_from(longest.max(1)).unwrap_or(u64::MAX);
    (MOST_WRITTEN / longest).clamp(FEWEST_STEPS, MOST_STEPS)
}

/// Draws a page of bounded size.
pub(crate) fn render(template: &Template<'_, '_>, values: Value) -> Result<String, Error> {
    let mut page = Page(Vec::with_capacity(32 << 10));
    template.render_captured_to(values, &mut page)?;
    String::from_utf8(page.0).map_err(|_| too_long())
}

struct Page(Vec<u8>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LARGEST_PAGE {
            let said = format!("the page is longer than {} MiB", LARGEST_PAGE >> 20);
            return Err(io::Error::other(said));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How much one page made and wrote of values so far.
#[derive(Default)]
struct Spent(usize);

fn spend(state: &mut State<'_, '_>, text: &str) -> Result<(), Error> {
    let spent = state.get_or_insert_extension(Spent::default());
    spent.0 = spent.0.saturating_add(text.len());
    if spent.0 > LARGEST_PAGE {
        return Err(too_long());
    }
    Ok(())
}

/// Counts a text that a filter or function made.
pub(crate) fn made(state: &mut State<'_, '_>, text: String) -> Result<String, Error> {
    spend(state, &text)?;
    Ok(text)
}

fn write_value(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    let Some(text) = value.as_str() else {
        // A list that holds itself many times over has no bound when it is written out.
        return match value.kind() {
            ValueKind::Undefined | ValueKind::None | ValueKind::Bool | ValueKind::Number => {
                escape_formatter(out, state, value)
            }
            kind => Err(no_text(kind)),
        };
    };
    spend(state, text)?;
    if value.is_safe() {
        out.write_str(text).map_err(Error::from)
    } else {
        out.write_str(&escape(text)).map_err(Error::from)
    }
}

fn escaped(state: &mut State<'_, '_>, value: &Value) -> Result<Value, Error> {
    if value.is_safe() {
        return Ok(value.clone());
    }
    made(state, escape(&text_of(value)?)).map(Value::from_safe_string)
}

fn replaced(state: &mut State<'_, '_>, text: &str, from: &str, to: &str) -> Result<String, Error> {
    let grown = text.matches(from).count().saturating_mul(to.len());
    if text.len().saturating_add(grown) > LONGEST_TEXT {
        return Err(too_long());
    }
    made(state, text.replace(from, to))
}

fn joined(state: &mut State<'_, '_>, list: &Value, between: Option<&str>) -> Result<String, Error> {
    let between = between.unwrap_or_default();
    let mut text = String::new();
    for (index, item) in list.try_iter()?.enumerate() {
        if index > 0 {
            text.push_str(between);
        }
        text.push_str(&text_of(&item)?);
        if text.len() > LONGEST_TEXT {
            return Err(too_long());
        }
    }
    made(state, text)
}

/// A text or a number as a text of bounded length; lists and mappings have none.
pub(crate) fn text_of(value: &Value) -> Result<String, Error> {
    match (value.as_str(), value.kind()) {
        (Some(text), _) if text.len() > LONGEST_TEXT => Err(too_long()),
        (Some(text), _) => Ok(text.to_owned()),
        (None, ValueKind::None | ValueKind::Bool | ValueKind::Number) => Ok(value.to_string()),
        (None, kind) => Err(no_text(kind)),
    }
}

/// Refuses what grows longer than a filter or function may make a text.
pub(crate) fn bounded(text: &str) -> Result<(), Error> {
    if text.len() > LONGEST_TEXT {
        return Err(too_long());
    }
    Ok(())
}

fn no_text(kind: ValueKind) -> Error {
    Error::new(
        ErrorKind::InvalidOperation,
        format!("a {kind} stands where a text belongs; write what is in it"),
    )
}

fn too_long() -> Error {
    Error::new(
        ErrorKind::InvalidOperation,
        "the page makes longer texts than a page may hold",
    )
}

#[cfg(test)]
mod bounds {
    use super::*;

    #[test]
    fn the_longer_the_texts_between_tags_the_fewer_steps_there_are() {
        assert_eq!(steps(0), MOST_STEPS);
        assert_eq!(steps(LONGEST_TEXT), FEWEST_STEPS);
        assert!((FEWEST_STEPS..MOST_STEPS).contains(&steps(4096)));
    }

    #[test]
    fn operators_that_make_texts_are_refused_wherever_they_stand() {
        for source in [
            "{{ a ~ b }}",
            "\n{% set x = a + 'b' %}",
            "{{ 'x' * 9 }}",
            "{{ {\"a\": {\"b\": 1 }} ~ a }}",
            "{{ f(*args) }}",
            "{{ a[1:] }}",
            "{{ {'k': a[:2]} }}",
        ] {
            let said = admit(source).unwrap_err();
            assert!(said.contains("in line"), "{source}: {said}");
        }
        for source in [
            "a ~ b + c * d",
            "{# a ~ b #}",
            "{{ 'a ~ b' }}",
            "{% raw %}{{ a ~ b }}{% endraw %}",
            "{%+ if a +%}{%- endif -%}",
            "{{ a[{'k': 1}.k] }}",
        ] {
            assert!(admit(source).is_ok(), "{source}");
        }
        assert_eq!(admit("four{{ a }}sixsix"), Ok(6));
    }
}
