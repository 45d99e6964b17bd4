use std::collections::BTreeMap;
use std::time::Duration;

use insula_secret::Secret;

use crate::reading::{Reading, Spot};
use crate::tree::{Entry, Kind, Node, Position};

/// A mapping with known keys. Every key that is asked for becomes known; what is left at the end
/// nobody knows, and the known ones are what it may have been meant to be.
pub(crate) struct Section<'n> {
    entries: &'n [Entry],
    path: String,
    at: Position,
    known: Vec<&'static str>,
}

impl<'n> Section<'n> {
    /// Opens a mapping; null is an empty one, anything else a problem.
    pub(crate) fn open(node: &'n Node, path: &str, reading: &mut Reading<'_>) -> Self {
        let mut entries: &[Entry] = &[];
        if let Kind::Map(written) = &node.kind {
            entries = written;
        } else if !node.is_null() {
            let cause = format!("is {} where a mapping belongs", node.noun());
            reading.error(node.at, path, cause, "write key: value lines below it");
        }
        Self {
            entries,
            path: path.to_owned(),
            at: node.at,
            known: Vec::new(),
        }
    }

    /// A section that is not in the file.
    pub(crate) fn absent(path: &str) -> Self {
        Self {
            entries: &[],
            path: path.to_owned(),
            at: Position::default(),
            known: Vec::new(),
        }
    }

    /// Where it begins.
    pub(crate) fn at(&self) -> Position {
        self.at
    }

    /// The full path of one of its keys.
    pub(crate) fn key(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The entry of a key, which is known from now on.
    pub(crate) fn entry(&mut self, key: &'static str) -> Option<&'n Entry> {
        if !self.known.contains(&key) {
            self.known.push(key);
            #[cfg(test)]
            asked::note(&self.key(key));
        }
        // The last one counts, as it does within one spelling.
        self.entries
            .iter()
            .rev()
            .find(|entry| entry.key.eq_ignore_ascii_case(key))
    }

    /// The value of a key unless it is null.
    pub(crate) fn node(&mut self, key: &'static str) -> Option<&'n Node> {
        let node = &self.entry(key)?.value;
        (!node.is_null()).then_some(node)
    }

    pub(crate) fn text(
        &mut self,
        key: &'static str,
        reading: &mut Reading<'_>,
    ) -> Option<Spot<String>> {
        let node = self.node(key)?;
        reading.text(node, &self.key(key))
    }

    pub(crate) fn secret(
        &mut self,
        key: &'static str,
        reading: &mut Reading<'_>,
    ) -> Option<Spot<Secret<str>>> {
        let node = self.node(key)?;
        reading.secret(node, &self.key(key))
    }

    pub(crate) fn flag(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<bool> {
        let node = self.node(key)?;
        reading.flag(node, &self.key(key))
    }

    pub(crate) fn duration(
        &mut self,
        key: &'static str,
        reading: &mut Reading<'_>,
    ) -> Option<Spot<Duration>> {
        let node = self.node(key)?;
        reading.duration(node, &self.key(key))
    }

    pub(crate) fn number(
        &mut self,
        key: &'static str,
        reading: &mut Reading<'_>,
    ) -> Option<Spot<u32>> {
        let node = self.node(key)?;
        reading.number(node, &self.key(key))
    }

    pub(crate) fn texts(
        &mut self,
        key: &'static str,
        reading: &mut Reading<'_>,
    ) -> Vec<Spot<String>> {
        match self.node(key) {
            Some(node) => reading.texts(node, &self.key(key)),
            None => Vec::new(),
        }
    }

    pub(crate) fn items(
        &mut self,
        key: &'static str,
        reading: &mut Reading<'_>,
    ) -> Vec<(&'n Node, String)> {
        match self.node(key) {
            Some(node) => reading.items(node, &self.key(key)),
            None => Vec::new(),
        }
    }

    pub(crate) fn table(
        &mut self,
        key: &'static str,
        reading: &mut Reading<'_>,
    ) -> BTreeMap<String, String> {
        match self.node(key) {
            Some(node) => reading.table(node, &self.key(key)),
            None => BTreeMap::new(),
        }
    }

    /// A section within it; an absent one is empty.
    pub(crate) fn section(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Section<'n> {
        let path = self.key(key);
        match self.node(key) {
            Some(node) => Section::open(node, &path, reading),
            None => Section::absent(&path),
        }
    }

    /// Tells of keys that nobody asked for, and of one key in two spellings.
    pub(crate) fn finish(self, reading: &mut Reading<'_>) {
        for (index, entry) in self.entries.iter().enumerate() {
            let path = self.key(&entry.key);
            let is_known = |known: &&&str| known.eq_ignore_ascii_case(&entry.key);
            if !self.known.iter().any(|known| is_known(&known)) {
                let cause = "nobody knows this key";
                let next = suggestion(&entry.key, &self.known);
                reading.unknown_key(entry.at, &path, cause, &next);
            }
            let before = self.entries.iter().take(index);
            if let Some(twin) = before
                .rev()
                .find(|e| e.key.eq_ignore_ascii_case(&entry.key))
            {
                let there = match twin.at.line {
                    0 => "is there".to_owned(),
                    line => format!("stands in line {line}"),
                };
                let cause = format!("the key {there} already, as {:?}", twin.key);
                reading.error(entry.at, &path, cause, "keep one of the two");
            }
        }
    }
}

/// What a word nobody knows may have been meant to be.
pub(crate) fn suggestion(word: &str, known: &[&str]) -> String {
    let lower = word.to_ascii_lowercase();
    let closest = known
        .iter()
        .map(|k| {
            (
                strsim::damerau_levenshtein(&lower, &k.to_ascii_lowercase()),
                k,
            )
        })
        .min_by_key(|(distance, _)| *distance);
    match closest {
        Some((distance, known)) if distance <= 2.max(word.len() / 3) => {
            format!("did you mean {known:?}?")
        }
        _ if known.is_empty() => "remove it".to_owned(),
        _ => format!("known are {}", known.join(", ")),
    }
}

/// Every key that was asked for, for the test that walks the vocabulary.
#[cfg(test)]
pub(crate) mod asked {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static KEYS: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub(super) fn note(key: &str) {
        let parts = key.split('[').map(|part| match part.split_once(']') {
            Some((_, rest)) => format!("[]{rest}"),
            None => part.to_owned(),
        });
        KEYS.with_borrow_mut(|keys| keys.insert(parts.collect()));
    }

    /// What was asked for in this thread since the last call, items of lists as `[]`.
    pub(crate) fn taken() -> BTreeSet<String> {
        KEYS.take()
    }
}
