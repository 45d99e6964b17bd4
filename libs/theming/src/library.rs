//! All themes of a server, compiled once, and the tenants' own folders laid over them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use insula_files::{Allowed, Cause, FileError, Reader};

use crate::branding::Branding;
use crate::compiled::Compiled;
use crate::embedded;
use crate::error::ThemeError;
use crate::source::ThemeSource;
use crate::theme::Theme;

/// What a tenant asks for: a shared theme, its own folder, its values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ThemeRequest {
    /// The shared theme's name. Empty means `base`; the theme names of dex files (`light`, `dark`,
    /// `coreos`, `tectonic`) are understood.
    pub base: String,
    /// The tenant's own theme folder (`./theme` beside its file): logo and other static files,
    /// `style.css`, `locales/`, `theme.yaml` and, being the operator's files, `templates/`. A folder
    /// that does not exist changes nothing.
    pub overlay: Option<PathBuf>,
    /// The tenant's values.
    pub branding: Branding,
}

/// All shared themes, compiled. Cheap to share behind an `Arc`; every method takes `&self`.
#[derive(Debug)]
pub struct ThemeLibrary {
    folder: Option<PathBuf>,
    allowed: Allowed,
    /// The built-in base theme, for what another cannot draw.
    fallback: Arc<Compiled>,
    themes: ArcSwap<BTreeMap<String, Arc<Compiled>>>,
}

impl ThemeLibrary {
    /// Reads and compiles every theme below `themes_dir`, beside the built-in ones; a folder named
    /// like a built-in theme takes its place. A folder that does not exist adds none.
    pub fn load(themes_dir: &Path) -> Result<Self, ThemeError> {
        let themes = compile_all(Some(themes_dir))?;
        Ok(Self {
            fallback: built_in()?,
            folder: Some(themes_dir.to_owned()),
            allowed: Allowed::default(),
            themes: ArcSwap::from_pointee(themes),
        })
    }

    /// The built-in themes: `base` and `midnight`.
    pub fn embedded() -> Result<Self, ThemeError> {
        let themes = compile_all(None)?;
        let fallback = themes.get("base").cloned();
        Ok(Self {
            fallback: fallback.map_or_else(built_in, Ok)?,
            folder: None,
            allowed: Allowed::default(),
            themes: ArcSwap::from_pointee(themes),
        })
    }

    /// Says where links in a tenant's folder may lead beside that folder: nowhere unless said.
    pub fn allowing(mut self, allowed: Allowed) -> Self {
        self.allowed = allowed;
        self
    }

    /// Reads the themes folder again. If anything in it is wrong, the themes stay as they were.
    /// Themes handed out before keep what they have; ask [`Self::theme`] again for the new ones.
    pub fn reload(&self) -> Result<(), ThemeError> {
        self.themes
            .store(Arc::new(compile_all(self.folder.as_deref())?));
        Ok(())
    }

    /// The names of all themes.
    pub fn names(&self) -> Vec<String> {
        self.themes.load().keys().cloned().collect()
    }

    /// The theme of one tenant. Without overlay it shares everything but the branding; reading an
    /// overlay blocks on the file system, so call this off the request path.
    pub fn theme(&self, request: &ThemeRequest) -> Result<Arc<Theme>, ThemeError> {
        let shared = self.shared(&request.base)?;
        let Some(folder) = request.overlay.as_deref().filter(|folder| folder.is_dir()) else {
            let (fallback, branding) = (Arc::clone(&self.fallback), request.branding.clone());
            return Ok(Arc::new(Theme::new(shared, fallback, branding)));
        };
        let beside = folder.parent().unwrap_or(Path::new(""));
        let reader = Reader::within(beside, &self.allowed).nested(folder)?;
        let source = ThemeSource::read(folder, &reader)?;
        let parent = match &source.manifest.extends {
            Some(name) => self.shared(name)?,
            None => shared,
        };
        let compiled = Compiled::new(&folder.display().to_string(), Some(&parent), &source)?;
        Ok(Arc::new(Theme::new(
            Arc::new(compiled),
            Arc::clone(&self.fallback),
            request.branding.clone(),
        )))
    }

    /// Everything that is wrong with a request, each with what to write instead: an unknown theme,
    /// an overlay that does not compile, unreadable colours, a missing logo, unknown text keys.
    pub fn check(&self, request: &ThemeRequest) -> Vec<String> {
        let mut problems = request.branding.check();
        match self.theme(request) {
            Ok(theme) => problems.extend(theme.problems()),
            Err(error) => problems.push(error.to_string()),
        }
        problems
    }

    fn shared(&self, name: &str) -> Result<Arc<Compiled>, ThemeError> {
        let themes = self.themes.load();
        let found = themes.get(name).or_else(|| themes.get(alias(name)));
        found.cloned().ok_or_else(|| ThemeError::UnknownTheme {
            name: name.to_owned(),
            known: themes.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }
}

/// Our name for a theme that dex knows.
fn alias(name: &str) -> &str {
    match name {
        "" | "light" | "coreos" | "tectonic" => "base",
        "dark" => "midnight",
        other => other,
    }
}

/// The built-in base theme.
fn built_in() -> Result<Arc<Compiled>, ThemeError> {
    let themes = compile_all(None)?;
    themes
        .get("base")
        .cloned()
        .ok_or_else(|| ThemeError::UnknownTheme {
            name: "base".to_owned(),
            known: themes.keys().cloned().collect::<Vec<_>>().join(", "),
        })
}

fn compile_all(folder: Option<&Path>) -> Result<BTreeMap<String, Arc<Compiled>>, ThemeError> {
    let mut sources: BTreeMap<String, ThemeSource> = embedded::themes()?
        .into_iter()
        .map(|(name, source)| (name.to_owned(), source))
        .collect();
    let reader = Reader::anywhere();
    for path in folder.map(entries).transpose()?.unwrap_or_default() {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if path.is_dir() && !name.starts_with('.') {
            sources.insert(name.to_owned(), ThemeSource::read(&path, &reader)?);
        }
    }
    let mut done = BTreeMap::new();
    for name in sources.keys() {
        compile(name, &sources, &mut done, &mut Vec::new())?;
    }
    Ok(done)
}

/// The entries of the operator's folder of themes; one that is not there has none.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, ThemeError> {
    let unreadable = |error| {
        ThemeError::File(FileError {
            path: folder.to_owned(),
            cause: Cause::Unreadable(error),
        })
    };
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let paths: Result<Vec<_>, _> = listing.map(|entry| Ok(entry?.path())).collect();
    paths.map_err(unreadable)
}

/// Compiles `name` after the themes it extends.
fn compile(
    name: &str,
    sources: &BTreeMap<String, ThemeSource>,
    done: &mut BTreeMap<String, Arc<Compiled>>,
    path: &mut Vec<String>,
) -> Result<Arc<Compiled>, ThemeError> {
    if let Some(compiled) = done.get(name) {
        return Ok(Arc::clone(compiled));
    }
    if path.iter().any(|passed| passed == name) {
        let through = path.last().cloned().unwrap_or_default();
        return Err(ThemeError::Circle {
            name: name.to_owned(),
            through,
        });
    }
    let source = sources.get(name).ok_or_else(|| ThemeError::UnknownTheme {
        name: name.to_owned(),
        known: sources.keys().cloned().collect::<Vec<_>>().join(", "),
    })?;
    path.push(name.to_owned());
    let parent = match &source.manifest.extends {
        Some(extended) => Some(compile(extended, sources, done, path)?),
        None => None,
    };
    let compiled = Arc::new(Compiled::new(name, parent.as_deref(), source)?);
    compiled.is_complete()?;
    done.insert(name.to_owned(), Arc::clone(&compiled));
    Ok(compiled)
}

#[cfg(test)]
mod tests;
