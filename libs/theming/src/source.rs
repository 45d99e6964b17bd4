//! A theme as it lies in its folder: description, templates, words, styles, files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

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
    pub(crate) files: BTreeMap<String, Arc<[u8]>>,
}

impl ThemeSource {
    /// Reads a theme folder. Every part may be missing: the theme it extends has it.
    pub(crate) fn read(folder: &Path) -> Result<Self, ThemeError> {
        let mut source = Self::default();
        if let Some(text) = read_optional(&folder.join("theme.yaml"))? {
            source.manifest = parse_manifest(&folder.join("theme.yaml"), &text)?;
        }
        source.style = read_optional(&folder.join("style.css"))?;
        for path in entries(&folder.join("templates"))? {
            if let Some(name) = named(&path, "html") {
                source.templates.insert(name, read_text(&path)?);
            }
        }
        for path in entries(&folder.join("locales"))? {
            if let Some(name) = named(&path, "ftl") {
                let language = name.trim_end_matches(".ftl").to_owned();
                source.locales.insert(language, read_text(&path)?.into());
            }
        }
        read_files(&folder.join("static"), "", &mut source.files)?;
        source.read_images(folder)?;
        Ok(source)
    }

    /// Pictures may also lie at the top of the folder, where a tenant puts its logo.
    fn read_images(&mut self, folder: &Path) -> Result<(), ThemeError> {
        for path in entries(folder)? {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let is_image = crate::asset::content_type(name).starts_with("image/");
            if is_image && path.is_file() && !self.files.contains_key(name) {
                self.files
                    .insert(name.to_owned(), read_bytes(&path)?.into());
            }
        }
        Ok(())
    }
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

/// The entries of a folder in name order; a folder that is not there has none.
pub(crate) fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>, ThemeError> {
    let read = |source| ThemeError::Read {
        path: folder.to_owned(),
        source,
    };
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(read(error)),
    };
    let mut paths = Vec::new();
    for entry in listing {
        paths.push(entry.map_err(read)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn read_files(
    folder: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, Arc<[u8]>>,
) -> Result<(), ThemeError> {
    for path in entries(folder)? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            read_files(&path, &format!("{prefix}{name}/"), files)?;
        } else {
            files.insert(format!("{prefix}{name}"), read_bytes(&path)?.into());
        }
    }
    Ok(())
}

/// The file's name if it has this ending and does not hide.
fn named(path: &Path, ending: &str) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let fits = path.extension().is_some_and(|e| e == ending) && !name.starts_with('.');
    fits.then(|| name.to_owned())
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, ThemeError> {
    fs::read(path).map_err(|source| ThemeError::Read {
        path: path.to_owned(),
        source,
    })
}

fn read_text(path: &Path) -> Result<String, ThemeError> {
    String::from_utf8(read_bytes(path)?).map_err(|_| ThemeError::NotText {
        path: path.to_owned(),
    })
}

fn read_optional(path: &Path) -> Result<Option<String>, ThemeError> {
    if path.is_file() {
        read_text(path).map(Some)
    } else {
        Ok(None)
    }
}
