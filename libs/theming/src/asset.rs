//! Static files under names that contain their hash.

use std::collections::BTreeMap;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// A file to serve.
#[derive(Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// Its media type.
    pub content_type: &'static str,
    /// A strong entity tag, with quotes.
    pub etag: Arc<str>,
    /// True if it was asked for by its hashed name: it may be cached for ever.
    pub immutable: bool,
}

impl std::fmt::Debug for Asset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asset")
            .field("bytes", &self.bytes.len())
            .field("content_type", &self.content_type)
            .field("etag", &self.etag)
            .field("immutable", &self.immutable)
            .finish()
    }
}

/// The static files of one theme, by plain and by hashed name.
#[derive(Debug, Default)]
pub(crate) struct Assets {
    plain: BTreeMap<String, Asset>,
    hashed_of: BTreeMap<String, String>,
    plain_of: BTreeMap<String, String>,
}

impl Assets {
    pub(crate) fn new<'a>(files: impl IntoIterator<Item = (&'a str, Arc<[u8]>)>) -> Self {
        let mut assets = Self::default();
        for (name, bytes) in files {
            let hash = short_hash(&bytes);
            let hashed = hashed_name(name, &hash);
            assets.plain_of.insert(hashed.clone(), name.to_owned());
            assets.hashed_of.insert(name.to_owned(), hashed);
            assets.plain.insert(
                name.to_owned(),
                Asset {
                    content_type: content_type(name),
                    etag: format!("\"{hash}\"").into(),
                    bytes,
                    immutable: false,
                },
            );
        }
        assets
    }

    /// The hashed name of the file called `name`.
    pub(crate) fn hashed(&self, name: &str) -> Option<&str> {
        self.hashed_of.get(name).map(String::as_str)
    }

    /// The file asked for as `path`: its hashed name or its plain one.
    pub(crate) fn get(&self, path: &str) -> Option<Asset> {
        if let Some(name) = self.plain_of.get(path) {
            return self.plain.get(name).cloned().map(|asset| Asset {
                immutable: true,
                ..asset
            });
        }
        self.plain.get(path).cloned()
    }
}

/// `img/logo.svg` → `img/1f2e3d4c5b6a7988-logo.svg`: the folder stays, so relative references in
/// an SVG or a style sheet keep working.
fn hashed_name(name: &str, hash: &str) -> String {
    match name.rsplit_once('/') {
        Some((folder, file)) => format!("{folder}/{hash}-{file}"),
        None => format!("{hash}-{name}"),
    }
}

fn short_hash(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let (start, _) = hash.split_at(8);
    HEXLOWER.encode(start)
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
    use super::*;

    #[test]
    fn a_file_answers_to_its_hashed_name_for_ever_and_to_its_plain_name_for_now() {
        let bytes: Arc<[u8]> = Arc::from(&b"<svg/>"[..]);
        let assets = Assets::new([("img/logo.svg", bytes)]);
        let hashed = assets.hashed("img/logo.svg").unwrap().to_owned();
        assert!(
            hashed.starts_with("img/") && hashed.ends_with("-logo.svg"),
            "{hashed}"
        );
        let asset = assets.get(&hashed).unwrap();
        assert!(asset.immutable);
        assert_eq!(asset.content_type, "image/svg+xml");
        assert!(!assets.get("img/logo.svg").unwrap().immutable);
        assert!(assets.get("img/0000000000000000-logo.svg").is_none());
    }

    #[test]
    fn another_content_has_another_name() {
        let one = Assets::new([("a.css", Arc::from(&b"a"[..]))]);
        let two = Assets::new([("a.css", Arc::from(&b"b"[..]))]);
        assert_ne!(one.hashed("a.css"), two.hashed("a.css"));
    }

    #[test]
    fn an_unknown_ending_is_never_a_page() {
        assert_eq!(content_type("x.html"), "application/octet-stream");
    }
}
