use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::{Entry, Kind, Node, Position};

/// The longest file that is read.
pub(super) const MAX_BYTES: usize = 1024 * 1024;
/// The most values a file may come to, aliases written out: what stops a file of a few lines that
/// doubles itself until memory is gone.
pub(super) const MAX_NODES: usize = 100_000;
/// The deepest nesting, aliases written out.
pub(super) const MAX_DEPTH: usize = 64;

/// Why a text is no tree, or what is wrong with one that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) at: Position,
    pub(crate) key: String,
    pub(crate) cause: String,
    pub(crate) next_step: &'static str,
}

/// Reads one YAML document. `Err` where no tree can be made; otherwise the tree and
/// the keys that stand twice in one mapping, of which the last counts.
pub(crate) fn parse(text: &str) -> Result<(Node, Vec<Trouble>), Trouble> {
    if text.len() > MAX_BYTES {
        return Err(too_long());
    }
    let mut builder = Builder {
        events: Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)),
        anchors: HashMap::new(),
        nodes: 0,
        duplicates: Vec::new(),
    };
    let root = builder.document()?;
    Ok((root, builder.duplicates))
}

struct Builder<'t> {
    events: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    duplicates: Vec<Trouble>,
}

struct Anchored {
    node: Node,
    size: usize,
    depth: usize,
}

impl<'t> Builder<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Position), Trouble> {
        // Comments are events of this parser; they say nothing to us.
        let told = self
            .events
            .find(|event| !matches!(event, Ok((Event::Comment(..), _))));
        match told {
            Some(Ok((event, span))) => Ok((event, position(span))),
            Some(Err(error)) => {
                let mark = error.marker();
                let at = Position {
                    line: mark.line(),
                    column: mark.col() + 1,
                };
                let cause = format!("this is not YAML: {}", error.info().replace('\n', ", "));
                Err(trouble(at, cause, "mend the line, or the one above it"))
            }
            None => Ok((Event::StreamEnd, Position::default())),
        }
    }

    fn document(&mut self) -> Result<Node, Trouble> {
        let mut root = None;
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                // A `---` with nothing behind it, as at the end of many files.
                Event::Scalar(text, ScalarStyle::Plain, ..)
                    if root.is_some() && matches!(text.as_ref(), "" | "~") => {}
                _ if root.is_some() => {
                    let cause = "a second document begins here".to_owned();
                    return Err(trouble(at, cause, "keep one document in a file"));
                }
                event => root = Some(self.node(event, at, 0)?),
            }
        }
        Ok(root.unwrap_or_else(|| Node::empty_map(Position { line: 1, column: 1 })))
    }

    fn node(&mut self, event: Event<'t>, at: Position, depth: usize) -> Result<Node, Trouble> {
        self.spend(1, depth, at)?;
        let nodes_before = self.nodes;
        let (anchor, kind) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let plain = style == ScalarStyle::Plain && !is_text;
                let text = text.into_owned();
                (anchor, Kind::Scalar { text, plain })
            }
            Event::SequenceStart(_, anchor, _) => (anchor, self.sequence(depth)?),
            Event::MappingStart(_, anchor, _) => (anchor, self.mapping(depth)?),
            Event::Alias(id) => return self.alias(id, at, depth),
            _ => {
                let cause = "the parser is out of step".to_owned();
                return Err(trouble(at, cause, "mend this line"));
            }
        };
        let node = Node { at, kind };
        if anchor != 0 {
            let anchored = Anchored {
                node: node.clone(),
                size: self.nodes - nodes_before + 1,
                depth: depth_of(&node),
            };
            self.anchors.insert(anchor, anchored);
        }
        Ok(node)
    }

    fn sequence(&mut self, depth: usize) -> Result<Kind, Trouble> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(Kind::Seq(items)),
                (event, at) => items.push(self.node(event, at, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Kind, Trouble> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                break;
            }
            let Kind::Scalar { text: key, .. } = self.node(event, at, depth + 1)?.kind else {
                let cause = "a key must be a text".to_owned();
                return Err(trouble(at, cause, "write a word before the colon"));
            };
            let (event, value_at) = self.next()?;
            let value = self.node(event, value_at, depth + 1)?;
            if key == "<<" {
                merged.push(value);
                continue;
            }
            if let Some(earlier) = entries.iter_mut().find(|e| e.key == key) {
                self.duplicates.push(Trouble {
                    at,
                    cause: format!("the key stands in line {} already", earlier.at.line),
                    key,
                    next_step: "keep one of the two",
                });
                earlier.value = value;
                continue;
            }
            entries.push(Entry { at, key, value });
        }
        for value in merged {
            merge(&mut entries, value)?;
        }
        Ok(Kind::Map(entries))
    }

    fn alias(&mut self, id: usize, at: Position, depth: usize) -> Result<Node, Trouble> {
        let Some(anchored) = self.anchors.get(&id) else {
            let cause = "the alias stands within the value it repeats".to_owned();
            return Err(trouble(at, cause, "write the value out"));
        };
        let (size, deepest) = (anchored.size, depth + anchored.depth);
        self.spend(size, deepest, at)?;
        let anchored = self.anchors.get(&id).map(|a| a.node.kind.clone());
        let kind = anchored.unwrap_or(Kind::Map(Vec::new()));
        Ok(Node { at, kind })
    }

    fn spend(&mut self, nodes: usize, depth: usize, at: Position) -> Result<(), Trouble> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return Err(too_many(at));
        }
        if depth > MAX_DEPTH {
            return Err(too_deep(at));
        }
        Ok(())
    }
}

/// `<<`: the entries of other mappings, where the mapping has none of its own.
fn merge(entries: &mut Vec<Entry>, value: Node) -> Result<(), Trouble> {
    match value.kind {
        Kind::Map(more) => {
            for entry in more {
                if !entries.iter().any(|e| e.key == entry.key) {
                    entries.push(entry);
                }
            }
            Ok(())
        }
        Kind::Seq(values) => values.into_iter().try_for_each(|v| merge(entries, v)),
        Kind::Scalar { .. } => {
            let cause = "<< takes in mappings only".to_owned();
            Err(trouble(value.at, cause, "give it an alias of a mapping"))
        }
    }
}

fn depth_of(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar { .. } => 0,
        Kind::Seq(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
        Kind::Map(entries) => {
            1 + entries
                .iter()
                .map(|e| depth_of(&e.value))
                .max()
                .unwrap_or(0)
        }
    }
}

fn position(span: Span) -> Position {
    Position {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

pub(super) fn too_long() -> Trouble {
    trouble(
        Position::default(),
        "the file is longer than 1 MiB".to_owned(),
        "split it, or repeat less",
    )
}

pub(super) fn too_many(at: Position) -> Trouble {
    let cause = format!("the file comes to more than {MAX_NODES} values");
    trouble(at, cause, "repeat less by alias, or split the file")
}

pub(super) fn too_deep(at: Position) -> Trouble {
    let cause = format!("values are nested more than {MAX_DEPTH} deep");
    trouble(at, cause, "nest less")
}

pub(super) fn trouble(at: Position, cause: String, next_step: &'static str) -> Trouble {
    Trouble {
        at,
        key: String::new(),
        cause,
        next_step,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Node {
        parse(text).unwrap().0
    }

    fn get<'n>(node: &'n Node, key: &str) -> Option<&'n Entry> {
        match &node.kind {
            Kind::Map(entries) => entries.iter().find(|e| e.key == key),
            _ => None,
        }
    }

    fn text_at<'n>(node: &'n Node, key: &str) -> &'n str {
        match &get(node, key).unwrap().value.kind {
            Kind::Scalar { text, .. } => text,
            _ => panic!("{key} is no scalar"),
        }
    }

    #[test]
    fn every_value_knows_its_line_and_column() {
        let root = read("a: 1\nb:\n  c: two\n");
        let b = get(&root, "b").unwrap();
        assert_eq!(b.at, Position { line: 2, column: 1 });
        let c = get(&b.value, "c").unwrap();
        assert_eq!(c.at, Position { line: 3, column: 3 });
        assert_eq!(c.value.at, Position { line: 3, column: 6 });
    }

    #[test]
    fn json_is_read_as_well() {
        assert_eq!(text_at(&read(r#"{"a": "b", "c": [1, 2]}"#), "a"), "b");
    }

    #[test]
    fn an_alias_repeats_its_anchor_and_a_merge_fills_gaps() {
        let root = read("x: &x {a: 1, b: 2}\ny: *x\nz: {<<: *x, b: 3}\n");
        assert_eq!(text_at(&get(&root, "y").unwrap().value, "a"), "1");
        assert_eq!(text_at(&get(&root, "z").unwrap().value, "a"), "1");
        assert_eq!(text_at(&get(&root, "z").unwrap().value, "b"), "3");
    }

    #[test]
    fn a_key_that_stands_twice_is_told_with_both_lines() {
        let (_, duplicates) = parse("a: 1\nb: 2\na: 3\n").unwrap();
        assert_eq!(duplicates.len(), 1);
        assert_eq!(duplicates[0].at, Position { line: 3, column: 1 });
        assert_eq!(duplicates[0].cause, "the key stands in line 1 already");
    }

    #[test]
    fn a_file_that_doubles_itself_is_stopped_before_memory_is_gone() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let before = format!("*a{}", n - 1);
            let ten = vec![before; 10].join(", ");
            let line = format!("a{n}: &a{n} [{ten}]\n");
            bomb.push_str(&line);
        }
        assert!(parse(&bomb).err().unwrap().cause.contains("more than"));
    }

    #[test]
    fn a_file_too_long_or_too_deep_is_refused() {
        let long = format!("a: {}", "x".repeat(MAX_BYTES));
        assert_eq!(
            parse(&long).err().unwrap().cause,
            "the file is longer than 1 MiB"
        );
        let deep = format!("a: {}{}", "[".repeat(80), "]".repeat(80));
        assert!(parse(&deep).err().unwrap().cause.contains("nested"));
    }

    #[test]
    fn what_is_not_yaml_is_told_with_its_place() {
        let trouble = parse("a: 1\nb: [1, 2\nc: }\n").err().unwrap();
        assert!(trouble.cause.starts_with("this is not YAML"), "{trouble:?}");
        assert!(trouble.at.line >= 2);
    }

    #[test]
    fn an_empty_file_is_an_empty_mapping_and_two_documents_are_one_too_many() {
        assert!(matches!(read("# nothing\n").kind, Kind::Map(m) if m.is_empty()));
        assert!(parse("a: 1\n---\nb: 2\n").is_err());
    }
}
