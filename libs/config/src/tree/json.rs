use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::parse::{MAX_BYTES, MAX_DEPTH, MAX_NODES, too_deep, too_long, too_many, trouble};
use super::{Entry, Kind, Node, Position, Trouble};

/// Reads one JSON document into the tree that YAML is read into. Its values stand nowhere: what is
/// wrong with one is told by its path.
pub(crate) fn parse_json(text: &str) -> Result<(Node, Vec<Trouble>), Trouble> {
    if text.len() > MAX_BYTES {
        return Err(too_long());
    }
    let state = State::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let read = Value {
        state: &state,
        depth: 0,
    }
    .deserialize(&mut json);
    match read.and_then(|root| json.end().map(|()| root)) {
        Ok(root) => Ok((root, state.duplicates.into_inner())),
        Err(error) => Err(state.trouble.into_inner().unwrap_or_else(|| {
            let at = Position {
                line: error.line(),
                column: error.column(),
            };
            let said = error.to_string();
            let said = said.split(" at line ").next().unwrap_or_default();
            let cause = format!("this is not JSON: {said}");
            trouble(at, cause, "mend what stands there")
        })),
    }
}

/// What is counted and found while a document is read.
#[derive(Default)]
struct State {
    nodes: Cell<usize>,
    duplicates: RefCell<Vec<Trouble>>,
    /// Why reading was given up, if the document is JSON.
    trouble: RefCell<Option<Trouble>>,
}

#[derive(Clone, Copy)]
struct Value<'s> {
    state: &'s State,
    depth: usize,
}

impl Value<'_> {
    fn within(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }

    fn spend<E: serde::de::Error>(self) -> Result<(), E> {
        let nodes = self.state.nodes.get() + 1;
        self.state.nodes.set(nodes);
        let trouble = if nodes > MAX_NODES {
            too_many(Position::default())
        } else if self.depth > MAX_DEPTH {
            too_deep(Position::default())
        } else {
            return Ok(());
        };
        self.state.trouble.replace(Some(trouble));
        Err(E::custom("given up"))
    }
}

fn scalar(text: impl Into<String>, plain: bool) -> Node {
    let text = text.into();
    Node {
        at: Position::default(),
        kind: Kind::Scalar { text, plain },
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Node, D::Error> {
        self.spend()?;
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(scalar("null", true))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
        Ok(scalar(flag.to_string(), true))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(scalar(number.to_string(), true))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(scalar(number.to_string(), true))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Node, E> {
        let number = serde_json::Number::from_f64(number);
        let number = number.ok_or_else(|| E::custom("a number is out of range"))?;
        Ok(scalar(number.to_string(), true))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(scalar(text, false))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(scalar(text, false))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut read = Vec::new();
        while let Some(item) = items.next_element_seed(self.within())? {
            read.push(item);
        }
        Ok(Node {
            at: Position::default(),
            kind: Kind::Seq(read),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut read: Vec<Entry> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.within().spend()?;
            let value = entries.next_value_seed(self.within())?;
            let place = *places.entry(key.clone()).or_insert(read.len());
            if let Some(earlier) = read.get_mut(place) {
                earlier.value = value;
                self.state.duplicates.borrow_mut().push(Trouble {
                    at: Position::default(),
                    key,
                    cause: "the key stands there twice".to_owned(),
                    next_step: "keep one of the two",
                });
                continue;
            }
            let at = Position::default();
            read.push(Entry { at, key, value });
        }
        Ok(Node {
            at: Position::default(),
            kind: Kind::Map(read),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse;

    /// The tree of a YAML text, without its places.
    fn placeless(mut node: Node) -> Node {
        node.at = Position::default();
        match &mut node.kind {
            Kind::Scalar { .. } => {}
            Kind::Seq(items) => {
                for item in items {
                    *item = placeless(item.clone());
                }
            }
            Kind::Map(entries) => {
                for entry in entries {
                    entry.at = Position::default();
                    entry.value = placeless(entry.value.clone());
                }
            }
        }
        node
    }

    #[test]
    fn json_is_read_into_the_tree_that_yaml_is_read_into() {
        for text in [
            r#"{"a": [1, -2, 1.5, true, null, "text", {"b": {}}], "c": []}"#,
            "[]",
            "{}",
            "7",
            r#"{"z": 1, "a": 2}"#,
        ] {
            let (json, _) = parse_json(text).ok().unwrap();
            let (yaml, _) = parse(text).ok().unwrap();
            assert!(json == placeless(yaml), "{text}");
        }
    }

    #[test]
    fn what_json_writes_otherwise_than_yaml_is_read_as_json() {
        let (node, _) = parse_json("{\t\"a\\/b\": \"\\ud83d\\udee0\" }")
            .ok()
            .unwrap();
        let Kind::Map(entries) = node.kind else {
            panic!("a mapping")
        };
        assert_eq!(entries[0].key, "a/b");
        assert!(entries[0].value == Node::text(Position::default(), "🛠"));
    }

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        for (text, line, word) in [
            ("{\n  \"a\": 1,\n}", 3, "trailing comma"),
            ("a: 1", 1, "expected value"),
            ("{} {}", 1, "trailing characters"),
            ("", 1, "EOF"),
            ("{\"a\": 1 // one\n}", 1, "expected `,` or `}`"),
        ] {
            let trouble = parse_json(text).err().unwrap();
            assert_eq!(trouble.at.line, line, "{trouble:?}");
            assert!(
                trouble.cause.starts_with("this is not JSON: ") && trouble.cause.contains(word),
                "{trouble:?}"
            );
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_told_and_the_last_counts() {
        let (node, duplicates) = parse_json(r#"{"a": 1, "b": 2, "a": 3}"#).ok().unwrap();
        assert_eq!(duplicates.len(), 1);
        assert_eq!(duplicates[0].key, "a");
        let (last, _) = parse_json(r#"{"a": 3, "b": 2}"#).ok().unwrap();
        assert!(node == last);
    }

    #[test]
    fn a_document_too_long_too_deep_or_of_too_many_values_is_refused() {
        let long = format!("\"{}\"", "x".repeat(MAX_BYTES));
        let deep = format!("{}{}", "[".repeat(80), "]".repeat(80));
        let deeper = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let many = format!("[{}1]", "1,".repeat(MAX_NODES));
        for (text, word) in [
            (long, "longer than"),
            (deep, "nested"),
            (deeper, "nested"),
            (many, "more than"),
        ] {
            let trouble = parse_json(&text).err().unwrap();
            assert!(trouble.cause.contains(word), "{trouble:?}");
        }
    }
}
