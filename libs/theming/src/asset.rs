//! Static files under names that contain their hash, packed once.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// Digits of the hash in a name: 64 bits of it.
const HASH_DIGITS: usize = 16;

/// What is shorter goes in one packet anyway.
const SHORTEST_PACKED: usize = 1400;

/// A file to serve. Copying one copies no bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its bytes.
    pub bytes: Bytes,
    /// The same, packed by gzip, where that is worth it.
    pub packed: Option<Bytes>,
    /// Its media type.
    pub content_type: &'static str,
    /// The beginning of the hash of its bytes.
    pub hash: Arc<str>,
    /// The entity tag of its bytes (RFC 9110 §8.8.3).
    pub tag: EntityTag,
    /// That of what is packed: a strong tag is of one form of the bytes (RFC 9110 §8.8.3.3).
    pub packed_tag: EntityTag,
}

/// An entity tag, written once for all answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag(Bytes);

impl EntityTag {
    fn new(tag: &str) -> Self {
        Self(format!("\"{tag}\"").into())
    }

    /// As an answer says it, in quotation marks.
    pub const fn quoted(&self) -> &Bytes {
        &self.0
    }

    /// Whether a request names it.
    pub fn is(&self, tag: &str) -> bool {
        let quoted = self.0.strip_prefix(b"\"");
        quoted.and_then(|rest| rest.strip_suffix(b"\"")) == Some(tag.as_bytes())
    }
}

/// By which name a file was asked for, which says how long the answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedBy {
    /// By the name with its hash: what is there never changes.
    Hash,
    /// By its plain name: another content may have it soon.
    Name,
    /// By the hash of another content, from a page made before the theme changed or on a node that
    /// has it already: this is the file as it is here and now.
    OtherHash,
}

impl Asset {
    pub(crate) fn new(name: &str, bytes: Bytes) -> Self {
        let content_type = content_type(name);
        let hash = short_hash(&bytes);
        Self {
            packed: packed(content_type, &bytes),
            tag: EntityTag::new(&hash),
            packed_tag: EntityTag::new(&format!("{hash}-gzip")),
            hash: hash.into(),
            content_type,
            bytes,
        }
    }
}

impl std::fmt::Debug for Asset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asset")
            .field("bytes", &self.bytes.len())
            .field("packed", &self.packed.as_ref().map(Bytes::len))
            .field("content_type", &self.content_type)
            .field("hash", &self.hash)
            .field("tag", &self.tag)
            .field("packed_tag", &self.packed_tag)
            .finish()
    }
}

/// The static files of one theme by their plain names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assets {
    by_name: BTreeMap<Arc<str>, Asset>,
}

impl Assets {
    pub(crate) fn add(&mut self, name: &str, bytes: Bytes) {
        self.by_name.insert(name.into(), Asset::new(name, bytes));
    }

    /// The file called `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&Asset> {
        self.by_name.get(name)
    }

    /// The name of this file that holds its hash.
    pub(crate) fn hashed(&self, name: &str) -> Option<String> {
        self.get(name).map(|asset| hashed_name(name, &asset.hash))
    }
}

/// `img/logo.svg` → `img/1f2e3d4c5b6a7988-logo.svg`: the folder stays, so relative references in
/// an SVG or a style sheet keep working.
pub(crate) fn hashed_name(name: &str, hash: &str) -> String {
    match name.rsplit_once('/') {
        Some((folder, file)) => format!("{folder}/{hash}-{file}"),
        None => format!("{hash}-{name}"),
    }
}

/// The plain name and the hash in a name that holds one.
pub(crate) fn split_name(name: &str) -> Option<(String, &str)> {
    let (folder, file) = match name.rfind('/') {
        Some(at) => name.split_at(at + 1),
        None => ("", name),
    };
    let (hash, plain) = file.split_at_checked(HASH_DIGITS)?;
    let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let plain = plain.strip_prefix('-').filter(|plain| !plain.is_empty())?;
    hash.bytes()
        .all(is_digit)
        .then(|| (format!("{folder}{plain}"), hash))
}

/// Whether a file is asked for by a name with a hash in it.
pub fn has_hash(path: &str) -> bool {
    split_name(path).is_some()
}

fn short_hash(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let (start, _) = hash.split_at(HASH_DIGITS / 2);
    HEXLOWER.encode(start)
}

/// A text packed as tightly as gzip can, since it is done once. Pictures and fonts are packed
/// already.
fn packed(content_type: &str, bytes: &[u8]) -> Option<Bytes> {
    let is_text = content_type.starts_with("text/")
        || matches!(content_type, "image/svg+xml" | "application/json");
    if !is_text || bytes.len() < SHORTEST_PACKED {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    let packed = encoder.finish().ok()?;
    (packed.len() < bytes.len()).then(|| packed.into())
}

/// The media type of a file by its ending. What is not known is served as bytes, never as a page.
pub(crate) fn content_type(name: &str) -> &'static str {
    let ending = name
        .rsplit_once('.')
        .map_or("", |(_, ending)| ending)
        .to_ascii_lowercase();
    match ending.as_str() {
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "txt" => "text/plain; charset=utf-8",
        "json" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn a_name_holds_the_hash_of_the_content_and_keeps_its_folder() {
        let mut assets = Assets::default();
        assets.add("img/logo.svg", Bytes::from_static(b"<svg/>"));
        let hashed = assets.hashed("img/logo.svg").unwrap();
        let hash = &assets.get("img/logo.svg").unwrap().hash;
        assert_eq!(hashed, format!("img/{hash}-logo.svg"));
        let (plain, held) = split_name(&hashed).unwrap();
        assert_eq!((plain.as_str(), held), ("img/logo.svg", &**hash));
        assert_eq!(assets.hashed("logo.svg"), None);
    }

    #[test]
    fn a_name_without_a_hash_has_none() {
        for name in [
            "logo.svg",
            "0123456789abcdef",
            "0123456789abcdef-",
            "0123456789abcde-logo.svg",
            "0123456789ABCDEF-logo.svg",
            "0123456789abcdeg-logo.svg",
            "0123456789abcdef-x/logo.svg",
            "012345678\u{e9}abcdef-logo.svg",
        ] {
            assert_eq!(split_name(name), None, "{name}");
        }
    }

    #[test]
    fn another_content_has_another_name() {
        let mut assets = Assets::default();
        assets.add("a.css", Bytes::from_static(b"a"));
        let one = assets.hashed("a.css");
        assets.add("a.css", Bytes::from_static(b"b"));
        assert_ne!(one, assets.hashed("a.css"));
    }

    #[test]
    fn texts_are_packed_once_and_pictures_and_short_files_are_not() {
        let text = "a { color: red }\n".repeat(100);
        let bytes = Bytes::from(text.clone());
        let packed = Asset::new("a.css", bytes.clone()).packed.unwrap();
        assert!(packed.len() < bytes.len() / 4);
        let mut unpacked = String::new();
        let mut decoder = GzDecoder::new(&packed[..]);
        decoder.read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, text);
        for name in ["a.woff2", "a.png", "a.bin"] {
            assert_eq!(Asset::new(name, bytes.clone()).packed, None, "{name}");
        }
        let short = bytes.slice(..SHORTEST_PACKED - 1);
        assert_eq!(Asset::new("a.css", short).packed, None);
    }

    #[test]
    fn an_unknown_ending_is_never_a_page() {
        assert_eq!(content_type("x.html"), "application/octet-stream");
    }
}
