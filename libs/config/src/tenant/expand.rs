use serde_json::{Map, Value};

use crate::reading::Reading;
use crate::secret::SecretRef;
use crate::tree::{Entry, Kind, Node, Position, json_of};

/// A free-form value with `$NAME` and `${NAME}` replaced in every text of it, as dex does in the
/// `config` of storage, signer and connectors. In our files `{ env: NAME }` and `{ file: PATH }`
/// are replaced as well, `env:NAME` and `file:PATH` where a key names a secret, and `$$` is a dollar.
pub(super) fn expanded(node: &Node, key: &str, reading: &mut Reading<'_>) -> Node {
    if reading.lenient && !reading.env_flag("DEX_EXPAND_ENV", true) {
        return node.clone();
    }
    expand(node, key, reading)
}

fn expand(node: &Node, key: &str, reading: &mut Reading<'_>) -> Node {
    if let Some(reference) = reading.reference(node) {
        return fetched(&reference, node.at, key, reading);
    }
    let kind = match &node.kind {
        Kind::Scalar { text, .. } if !reading.lenient && names_a_secret(key) => {
            match SecretRef::parse(text, reading.dir()) {
                SecretRef::Plain(_) => replaced(node, key, reading),
                reference => return fetched(&reference, node.at, key, reading),
            }
        }
        Kind::Scalar { .. } => replaced(node, key, reading),
        Kind::Seq(items) => {
            let numbered = items.iter().enumerate();
            let items = numbered.map(|(i, item)| expand(item, &format!("{key}[{i}]"), reading));
            Kind::Seq(items.collect())
        }
        Kind::Map(entries) => {
            let entries = entries.iter().map(|entry| Entry {
                at: entry.at,
                key: entry.key.clone(),
                value: expand(&entry.value, &format!("{key}.{}", entry.key), reading),
            });
            Kind::Map(entries.collect())
        }
    };
    Node { at: node.at, kind }
}

fn fetched(reference: &SecretRef, at: Position, key: &str, reading: &mut Reading<'_>) -> Node {
    let secret = reading.resolve(reference, at, key);
    if let Some(secret) = secret.as_ref().filter(|_| names_a_secret(key)) {
        reading.doubt_secret(secret, at, key);
    }
    Node::text(at, secret.as_ref().map_or("", |s| s.reveal()))
}

/// Whether a key's last word says that a secret belongs there.
fn names_a_secret(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key).to_ascii_lowercase();
    ["secret", "password", "pw", "token"]
        .iter()
        .any(|word| last.ends_with(word))
}

fn replaced(node: &Node, key: &str, reading: &mut Reading<'_>) -> Kind {
    let Kind::Scalar { text, .. } = &node.kind else {
        return node.kind.clone();
    };
    if !text.contains('$') {
        return node.kind.clone();
    }
    let mut missing = Vec::new();
    let mut found = Vec::new();
    let dollar_escapes = !reading.lenient;
    let text = substitute(text, |name| {
        if dollar_escapes && name == "$" {
            return "$".to_owned();
        }
        let Some(value) = reading.variable(name) else {
            missing.push(name.to_owned());
            return String::new();
        };
        let text = value.reveal().to_owned();
        found.push(value);
        text
    });
    if names_a_secret(key) {
        for value in &found {
            reading.doubt_secret(value, node.at, key);
        }
    }
    for name in missing {
        if reading.reader().is_none() {
            let cause = format!(
                "refers to ${name}, but a document that came over the network has no variables"
            );
            reading.error(node.at, key, cause, "write the value itself");
        } else if reading.lenient {
            let cause = format!("refers to ${name}, which is not set, and is empty there");
            let next = "set the variable, or DEX_EXPAND_ENV=false where $ is meant as written";
            reading.warn(node.at, key, cause, next);
        } else {
            let cause = format!("refers to ${name}, which is not set");
            let next = "set the variable, or write $$ where a dollar is meant";
            reading.error(node.at, key, cause, next);
        }
    }
    Kind::Scalar { text, plain: false }
}

/// Go's `os.Expand`: `$NAME`, `${NAME}`, and single special characters such as `$$` or `$1`; a
/// dollar before anything else stays.
fn substitute(text: &str, mut value_of: impl FnMut(&str) -> String) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        done.push_str(before);
        if let Some(braced) = after.strip_prefix('{') {
            match braced.split_once('}') {
                Some(("", next)) => rest = next,
                Some((name, next)) => {
                    done.push_str(&value_of(name));
                    rest = next;
                }
                None => rest = braced,
            }
            continue;
        }
        let first = after.chars().next();
        if let Some(special) = first.filter(|c| "*#$@!?-".contains(*c) || c.is_ascii_digit()) {
            done.push_str(&value_of(special.encode_utf8(&mut [0; 4])));
            rest = after.strip_prefix(special).unwrap_or(after);
            continue;
        }
        let end = after
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(after.len());
        let (name, next) = after.split_at(end);
        if name.is_empty() {
            done.push('$');
        } else {
            done.push_str(&value_of(name));
        }
        rest = next;
    }
    done.push_str(rest);
    done
}

/// The value as JSON, for whoever knows what it means.
pub(super) fn json(node: &Node, lenient: bool) -> Value {
    match &node.kind {
        Kind::Scalar { text, plain: true } => json_of(text, lenient),
        Kind::Scalar { text, .. } => Value::String(text.clone()),
        Kind::Seq(items) => items.iter().map(|item| json(item, lenient)).collect(),
        Kind::Map(entries) => {
            let pairs = entries.iter();
            let pairs = pairs.map(|e| (e.key.clone(), json(&e.value, lenient)));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_as_go_replaces_them() {
        let value = |name: &str| format!("<{name}>");
        for (text, done) in [
            ("$A", "<A>"),
            ("x${A}y", "x<A>y"),
            ("$A_1-$B", "<A_1>-<B>"),
            ("100$", "100$"),
            ("a$ b", "a$ b"),
            ("$$x", "<$>x"),
            ("$1x", "<1>x"),
            ("${}x", "x"),
            ("é$A é", "é<A> é"),
        ] {
            assert_eq!(substitute(text, value), done, "{text}");
        }
    }
}
