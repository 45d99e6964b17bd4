mod json;
mod parse;
mod scalar;

use std::path::Path;

use insula_model::DocumentSyntax;

use crate::reading::Reading;

pub(crate) use json::parse_json;
pub(crate) use parse::{Trouble, parse};
pub(crate) use scalar::{bool_of, json_of};

/// Where something stands in its file; both count from 1, both are 0 where there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A value of YAML or JSON. One of YAML knows where it stands. Scalars stay text until somebody says what they are,
/// so that `userID: 007` is still `007`.
#[derive(Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) kind: Kind,
}

/// What a node is.
#[derive(Clone, PartialEq)]
pub(crate) enum Kind {
    /// A text; `plain` if it stands without quotes, so that it may also be a number, a bool or null.
    Scalar { text: String, plain: bool },
    /// A list.
    Seq(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) at: Position,
    pub(crate) key: String,
    pub(crate) value: Node,
}

impl Node {
    /// A text that stands at `at`.
    pub(crate) fn text(at: Position, text: impl Into<String>) -> Self {
        let text = text.into();
        let kind = Kind::Scalar { text, plain: false };
        Self { at, kind }
    }

    /// A plain scalar that stands nowhere: a flag or an environment variable.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        let kind = Kind::Scalar { text, plain: true };
        Self {
            at: Position::default(),
            kind,
        }
    }

    /// An empty mapping.
    pub(crate) fn empty_map(at: Position) -> Self {
        let kind = Kind::Map(Vec::new());
        Self { at, kind }
    }

    /// What kind of thing it is, for people.
    pub(crate) fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Scalar { .. } => "a single value",
            Kind::Seq(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// Whether it says nothing: `null`, `~` or nothing at all.
    pub(crate) fn is_null(&self) -> bool {
        match &self.kind {
            Kind::Scalar { text, plain } => *plain && scalar::is_null(text),
            _ => false,
        }
    }

    /// Whether it is a text of no letters.
    pub(crate) fn is_empty_text(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, .. } if text.is_empty())
    }

    /// Sets a value in a mapping of mappings, making those that lack. What is in the way is replaced.
    pub(crate) fn set(&mut self, path: &[&str], value: Node) {
        let Some((first, rest)) = path.split_first() else {
            *self = value;
            return;
        };
        if !matches!(self.kind, Kind::Map(_)) {
            *self = Self::empty_map(self.at);
        }
        let Kind::Map(entries) = &mut self.kind else {
            return;
        };
        let place = entries
            .iter()
            .position(|e| e.key.eq_ignore_ascii_case(first));
        if let Some(entry) = place.and_then(|index| entries.get_mut(index)) {
            entry.value.set(rest, value);
            return;
        }
        let mut made = Self::empty_map(Position::default());
        made.set(rest, value);
        entries.push(Entry {
            at: Position::default(),
            key: (*first).to_owned(),
            value: made,
        });
    }
}

/// Reads a file of YAML into a tree and tells what is in the way.
pub(crate) fn read_file(file: &Path, reading: &mut Reading<'_>) -> Option<Node> {
    let text = text_of(file, reading)?;
    read_text(&text, DocumentSyntax::Yaml, reading)
}

/// Reads a file and tells what is in the way.
pub(crate) fn text_of(file: &Path, reading: &mut Reading<'_>) -> Option<String> {
    let text = reading.reader()?.read_text(file, parse::MAX_BYTES as u64);
    match text {
        Ok(text) => Some(text),
        Err(error) => {
            let cause = format!("the file {}", error.cause);
            reading.error(Position::default(), "", cause, error.next_step());
            None
        }
    }
}

/// Reads a text into a tree and tells what is in the way.
pub(crate) fn read_text(
    text: &str,
    syntax: DocumentSyntax,
    reading: &mut Reading<'_>,
) -> Option<Node> {
    let parsed = match syntax {
        DocumentSyntax::Yaml => parse(text),
        DocumentSyntax::Json => parse_json(text),
    };
    match parsed {
        Ok((root, duplicates)) => {
            for trouble in &duplicates {
                reading.trouble(trouble);
            }
            Some(root)
        }
        Err(trouble) => {
            reading.trouble(&trouble);
            None
        }
    }
}
