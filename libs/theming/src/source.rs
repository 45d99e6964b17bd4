//! A theme as it lies in its folder: description, templates, words, styles, files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use insula_files::{Reader, THEME_LIMITS};
use serde::Deserialize;

use crate::branding::Font;
use crate::error::ThemeError;
use crate::palette::{Colors, Scheme};

/// What `theme.yaml` says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Manifest {
    /// The theme whose files this one is laid over.
    pub(crate) extends: Option<String>,
    /// Fixed scheme, for a theme that is only light or only dark.
    pub(crate) scheme: Option<Scheme>,
    /// Colours of both schemes.
    pub(crate) tokens: Colors,
    /// Corner radius of the card in CSS pixels.
    pub(crate) radius: Option<u8>,
    /// The font stack.
    pub(crate) font: Option<Font>,
}

/// The files of one theme folder, not yet compiled.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThemeSource {
    pub(crate) manifest: Manifest,
    /// File name → template.
    pub(crate) templates: BTreeMap<String, String>,
    /// Language → Fluent text.
    pub(crate) locales: BTreeMap<String, Arc<str>>,
    /// `style.css`.
    pub(crate) style: Option<String>,
    /// Name below `static/` → bytes.
    pub(crate) files: BTreeMap<String, Bytes>,
}

impl ThemeSource {
    /// Reads a theme folder. Every part may be missing: the theme it extends has it.
    pub(crate) fn read(folder: &Path, reader: &Reader) -> Result<Self, ThemeError> {
        let mut source = Self::default();
        let mut pictures = Vec::new();
        for (name, bytes) in reader.tree(folder, &THEME_LIMITS)? {
            let path = folder.join(&name);
            match name.split_once('/') {
                None if name == "theme.yaml" => {
                    source.manifest = parse_manifest(&path, &text(&path, bytes)?)?;
                }
                None if name == "style.css" => source.style = Some(text(&path, bytes)?),
                None if crate::asset::content_type(&name).starts_with("image/") => {
                    pictures.push((name, bytes));
                }
                Some(("templates", file)) if is_named(file, "html") => {
                    source
                        .templates
                        .insert(file.to_owned(), text(&path, bytes)?);
                }
                Some(("locales", file)) if is_named(file, "ftl") => {
                    let language = file.trim_end_matches(".ftl").to_owned();
                    source.locales.insert(language, text(&path, bytes)?.into());
                }
                Some(("static", file)) => {
                    source.files.insert(file.to_owned(), bytes.into());
                }
                _ => {}
            }
        }
        // Pictures may also lie at the top of the folder, where a tenant puts its logo.
        for (name, bytes) in pictures {
            source.files.entry(name).or_insert_with(|| bytes.into());
        }
        Ok(source)
    }
}

/// Whether this is the name of a file, directly in its folder, with this ending.
fn is_named(file: &str, ending: &str) -> bool {
    !file.contains('/') && Path::new(file).extension().is_some_and(|e| e == ending)
}

fn text(path: &Path, bytes: Vec<u8>) -> Result<String, ThemeError> {
    String::from_utf8(bytes).map_err(|_| ThemeError::NotText {
        path: path.to_owned(),
    })
}

pub(crate) fn parse_manifest(path: &Path, text: &str) -> Result<Manifest, ThemeError> {
    if text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        return Ok(Manifest::default());
    }
    serde_saphyr::from_str(text).map_err(|error| ThemeError::Manifest {
        path: path.to_owned(),
        message: error.to_string(),
    })
}
