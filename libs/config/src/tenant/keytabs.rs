use data_encoding::BASE64;
use insula_ambient::read_base64;

use crate::LoadOptions;
use crate::reading::Reading;
use crate::tree::{Entry, Kind, Node};

/// The longest keytab; one of a few keys has some hundred bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// What every keytab in use begins with.
const MAGIC: [u8; 2] = [5, 2];

/// Replaces the path of a keytab by what it holds, in base64, where a kind of connector takes one: so a
/// new keytab is a change of the tenant, and no connector reads a file. Base64 that is written out is
/// taken as it is. A group whose `enabled` is not true needs none.
pub(super) fn included(
    config: &mut Node,
    key: &str,
    kind: &str,
    options: &LoadOptions<'_>,
    reading: &mut Reading<'_>,
) {
    let of_kind = options.keytabs.iter().filter(|(of, ..)| *of == kind);
    for (_, group, setting) in of_kind {
        let Some(entry) = entry(config, group) else {
            continue;
        };
        let key = format!("{key}.{}", entry.key);
        let at = entry.value.at;
        if !is_enabled(&mut entry.value) {
            continue;
        }
        let is_there = match self::entry(&mut entry.value, setting) {
            Some(path) => include(&mut path.value, &format!("{key}.{}", path.key), reading),
            None => {
                let cause = "is missing, so that no ticket can be read";
                reading.object(at, &format!("{key}.{setting}"), cause, NEXT);
                false
            }
        };
        // dex goes on without, and asks for passwords.
        if !is_there && reading.lenient {
            disable(&mut entry.value);
        }
    }
}

const NEXT: &str = "name the keytab of the service, or write enabled: false";

fn include(node: &mut Node, key: &str, reading: &mut Reading<'_>) -> bool {
    let at = node.at;
    let Kind::Scalar { text, .. } = &mut node.kind else {
        // What it must be is told by the connector.
        return true;
    };
    if read_base64(text.trim()).is_some_and(|bytes| bytes.starts_with(&MAGIC)) {
        return true;
    }
    if text.is_empty() {
        reading.object(at, key, "is empty, so that no ticket can be read", NEXT);
        return false;
    }
    let path = reading.dir().join(text.as_str());
    let Some(reader) = reading.reader() else {
        let cause =
            "is the path of a file, which a document that came over the network has none of";
        reading.error(at, key, cause, "write the keytab itself, in base64");
        return false;
    };
    let shown = path.display();
    match reader.read(&path, MAX_BYTES) {
        Ok(bytes) if bytes.starts_with(&MAGIC) => {
            *text = BASE64.encode(&bytes);
            true
        }
        Ok(_) => {
            let cause = format!("the file {shown} is not a keytab (its first bytes are not 05 02)");
            reading.object(at, key, cause, "make one with ktutil, kadmin or ktpass");
            false
        }
        Err(error) => {
            let cause = format!(
                "is no keytab in base64, and the file {shown} {}",
                error.cause
            );
            reading.object(at, key, cause, error.next_step());
            false
        }
    }
}

fn entry<'n>(node: &'n mut Node, name: &str) -> Option<&'n mut Entry> {
    let Kind::Map(entries) = &mut node.kind else {
        return None;
    };
    let mut entries = entries.iter_mut();
    entries.find(|entry| entry.key.eq_ignore_ascii_case(name))
}

fn is_enabled(group: &mut Node) -> bool {
    let enabled = entry(group, "enabled").map(|entry| &entry.value.kind);
    matches!(enabled, Some(Kind::Scalar { text, .. }) if text == "true")
}

fn disable(group: &mut Node) {
    if let Some(enabled) = entry(group, "enabled")
        && let Kind::Scalar { text, .. } = &mut enabled.value.kind
    {
        "false".clone_into(text);
    }
}
