use std::fmt::Write as _;

use serde_json::Value;
use tracing::Level;

use super::fields::Fields;

/// One record, ready to be written.
pub(super) struct Line<'a> {
    pub(super) time: &'a str,
    pub(super) level: Level,
    pub(super) target: &'a str,
    pub(super) message: &'a str,
    pub(super) fields: &'a Fields,
}

const RESERVED: [&str; 4] = ["timestamp", "level", "target", "message"];

/// One JSON object; dotted names stay as they are.
pub(super) fn json(line: &Line<'_>) -> String {
    let mut text = String::with_capacity(256);
    let level = line.level.to_string();
    let head = [line.time, &level, line.target, line.message];
    for (name, value) in RESERVED.into_iter().zip(head) {
        member(&mut text, name, &value.into());
    }
    for (name, value) in line.fields.iter() {
        if !RESERVED.contains(&name) {
            member(&mut text, name, value);
        }
    }
    if text.contains(is_odd) {
        text = without_odd(&text);
    }
    text.push_str("}\n");
    text
}

/// JSON leaves some of them as they are. All of them have four hexadecimal digits.
fn without_odd(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_odd(c) {
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}

/// What could begin a line, command a terminal, or show a reader other words than are written.
fn is_odd(c: char) -> bool {
    let is_format = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    c.is_control() || is_format
}

fn member(text: &mut String, name: &str, value: &Value) {
    text.push(if text.is_empty() { '{' } else { ',' });
    let _ = write!(text, "{}:{value}", Value::from(name));
}

/// Time, level, target, message, fields. What could begin a new line or command a terminal is
/// written out: a value may come from a stranger.
pub(super) fn pretty(line: &Line<'_>, colours: bool) -> String {
    let (colour, dim, plain) = if colours {
        (colour_of(line.level), "\x1b[2m", "\x1b[0m")
    } else {
        ("", "", "")
    };
    let Line { time, target, .. } = line;
    let mut text = format!(
        "{dim}{time}{plain} {colour}{:>5}{plain} {dim}{target}:{plain} ",
        line.level.as_str()
    );
    escaped(&mut text, line.message);
    for (name, value) in line.fields.iter() {
        let _ = write!(text, " {dim}{name}={plain}");
        match value {
            Value::String(word) if is_plain_word(word) => text.push_str(word),
            Value::String(other) => {
                let _ = write!(text, "{other:?}");
            }
            other => escaped(&mut text, &other.to_string()),
        }
    }
    text.push('\n');
    text
}

fn is_plain_word(word: &str) -> bool {
    let plain = |c: char| !is_odd(c) && !c.is_whitespace() && !matches!(c, '"' | '=' | '\\');
    !word.is_empty() && word.chars().all(plain)
}

fn escaped(text: &mut String, message: &str) {
    for c in message.chars() {
        if is_odd(c) {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
}

const fn colour_of(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}
