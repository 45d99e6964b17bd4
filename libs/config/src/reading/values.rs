use std::collections::BTreeMap;
use std::time::Duration;

use super::secrets::named;
use super::{Reading, Spot};
use crate::duration;
use crate::tree::{Kind, Node};

impl Reading<'_> {
    /// A single value as text. In our files it may also be `{ env: NAME }` or `{ file: PATH }`.
    /// `None` where it is null, or where a problem was told.
    pub(crate) fn text(&mut self, node: &Node, key: &str) -> Option<Spot<String>> {
        let (value, shown) = match &node.kind {
            Kind::Scalar { .. } if node.is_null() => return None,
            Kind::Scalar { text, .. } => (text.clone(), quote(text)),
            _ => {
                let Some(reference) = self.reference(node) else {
                    let cause = format!("is {} where a single value belongs", node.noun());
                    self.error(node.at, key, cause, "write one text, number or bool");
                    return None;
                };
                let shown = format!("the value of {}", named(&reference));
                let secret = self.resolve(&reference, node.at, key)?;
                (secret.reveal().to_owned(), shown)
            }
        };
        Some(Spot {
            value,
            at: node.at,
            key: key.to_owned(),
            shown,
        })
    }

    /// A bool.
    pub(crate) fn flag(&mut self, node: &Node, key: &str) -> Option<bool> {
        let spot = self.text(node, key)?;
        let flag = crate::tree::bool_of(&spot.value, self.lenient);
        if flag.is_none() {
            let cause = format!("{} is neither true nor false", spot.shown);
            self.error(spot.at, key, cause, "write true or false");
        }
        flag
    }

    /// A duration in Go's form.
    pub(crate) fn duration(&mut self, node: &Node, key: &str) -> Option<Spot<Duration>> {
        let spot = self.text(node, key)?;
        match duration::parse(&spot.value) {
            Ok(span) => Some(spot.map(|_| span)),
            Err(why) => {
                let cause = format!("{} {why}", spot.shown);
                let next = "write a number and a unit, such as 30s, 10m or 1h30m";
                self.error(spot.at, key, cause, next);
                None
            }
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&mut self, node: &Node, key: &str) -> Option<Spot<u32>> {
        let spot = self.text(node, key)?;
        let Ok(number) = spot.value.parse() else {
            let cause = format!("{} is not a whole number", spot.shown);
            self.error(spot.at, key, cause, "write digits only");
            return None;
        };
        Some(spot.map(|_| number))
    }

    /// The items of a list with their keys; null is an empty one.
    pub(crate) fn items<'n>(&mut self, node: &'n Node, key: &str) -> Vec<(&'n Node, String)> {
        match &node.kind {
            Kind::Seq(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| (item, format!("{key}[{index}]")))
                .collect(),
            _ if node.is_null() => Vec::new(),
            _ => {
                let cause = format!("is {} where a list belongs", node.noun());
                self.error(
                    node.at,
                    key,
                    cause,
                    "write [one, two], or one - item a line",
                );
                Vec::new()
            }
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, node: &Node, key: &str) -> Vec<Spot<String>> {
        let items = self.items(node, key);
        items
            .into_iter()
            .filter_map(|(item, key)| self.text(item, &key))
            .collect()
    }

    /// A mapping of texts, keys as written.
    pub(crate) fn table(&mut self, node: &Node, key: &str) -> BTreeMap<String, String> {
        let Kind::Map(entries) = &node.kind else {
            if !node.is_null() {
                let cause = format!("is {} where a mapping belongs", node.noun());
                self.error(node.at, key, cause, "write key: value lines below it");
            }
            return BTreeMap::new();
        };
        entries
            .iter()
            .filter_map(|entry| {
                let text = self.text(&entry.value, &format!("{key}.{}", entry.key))?;
                Some((entry.key.clone(), text.value))
            })
            .collect()
    }
}

/// The value in quotes, cut where it is long.
pub(crate) fn quote(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
