//! A theme ready to draw: templates compiled, words parsed, styles and files in place.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Environment;

use crate::asset::Assets;
use crate::branding::Font;
use crate::error::ThemeError;
use crate::locale::Locales;
use crate::markup::minify_css;
use crate::page::Page;
use crate::palette::{Colors, Scheme, root_rules};
use crate::sandbox;
use crate::source::ThemeSource;

/// Stands in a compiled style sheet where the issuer's path goes.
pub(crate) const BASE_MARK: &str = "@base@";

/// What all tenants of a theme share.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) name: String,
    pub(crate) templates: Arc<Environment<'static>>,
    /// The longest text between two tags, which says how many steps a page has.
    longest_text: usize,
    pub(crate) locales: Arc<Locales>,
    pub(crate) assets: Arc<Assets>,
    /// The style sheet without colours, minified, [`BASE_MARK`] where the issuer's path goes.
    pub(crate) css: Arc<str>,
    pub(crate) tokens: Colors,
    pub(crate) scheme: Scheme,
    pub(crate) radius: u8,
    pub(crate) font: Font,
    /// The colour rules of a tenant that sets no colour.
    pub(crate) default_roots: Arc<str>,
    files: BTreeMap<String, Arc<[u8]>>,
}

impl Compiled {
    /// `source` laid over `parent`. What `source` does not change is shared with the parent.
    pub(crate) fn new(
        name: &str,
        parent: Option<&Self>,
        source: &ThemeSource,
    ) -> Result<Self, ThemeError> {
        let manifest = &source.manifest;
        let (templates, longest_text) = match parent {
            Some(parent) if source.templates.is_empty() => {
                (Arc::clone(&parent.templates), parent.longest_text)
            }
            _ => {
                let (templates, longest) = environment(name, parent, &source.templates)?;
                (Arc::new(templates), longest)
            }
        };
        let locales = match parent {
            Some(parent) if source.locales.is_empty() => Arc::clone(&parent.locales),
            _ => Arc::new(Locales::new(
                name,
                parent.map(|p| &*p.locales),
                &source.locales,
            )?),
        };
        let mut files = parent
            .map(|parent| parent.files.clone())
            .unwrap_or_default();
        files.extend(source.files.clone());
        let assets = match parent {
            Some(parent) if source.files.is_empty() => Arc::clone(&parent.assets),
            _ => {
                let named = files
                    .iter()
                    .map(|(name, bytes)| (name.as_str(), Arc::clone(bytes)));
                Arc::new(Assets::new(named))
            }
        };
        let css = match (parent, &source.style) {
            (Some(parent), None) => Arc::clone(&parent.css),
            (parent, style) => {
                let own = minify_css(style.as_deref().unwrap_or_default());
                let own = resolve_assets(name, &own, &assets)?;
                let inherited = parent.map(|parent| &*parent.css).unwrap_or_default();
                format!("{inherited}{own}").into()
            }
        };
        let inherited = parent.map(|parent| parent.tokens).unwrap_or_default();
        let tokens = Colors {
            light: manifest.tokens.light.over(inherited.light),
            dark: manifest.tokens.dark.over(inherited.dark),
        };
        let scheme = manifest
            .scheme
            .or(parent.map(|p| p.scheme))
            .unwrap_or_default();
        Ok(Self {
            name: name.to_owned(),
            templates,
            longest_text,
            locales,
            assets,
            css,
            tokens,
            scheme,
            default_roots: root_rules(&Colors::default(), &tokens, scheme).into(),
            radius: manifest.radius.or(parent.map(|p| p.radius)).unwrap_or(12),
            font: manifest.font.or(parent.map(|p| p.font)).unwrap_or_default(),
            files,
        })
    }

    /// Fails if a page has no template: found when the theme loads, not when somebody needs it.
    pub(crate) fn is_complete(&self) -> Result<(), ThemeError> {
        for name in Page::TEMPLATES {
            if self.templates.get_template(name).is_err() {
                return Err(ThemeError::MissingTemplate {
                    theme: self.name.clone(),
                    name,
                });
            }
        }
        Ok(())
    }
}

/// The templates of a theme over those of its parent, and the longest text between tags of both.
fn environment(
    theme: &str,
    parent: Option<&Compiled>,
    templates: &BTreeMap<String, String>,
) -> Result<(Environment<'static>, usize), ThemeError> {
    let (mut env, mut longest) = parent.map_or_else(
        || (sandbox::environment(), 0),
        |parent| ((*parent.templates).clone(), parent.longest_text),
    );
    for (name, text) in templates {
        let refused = |message| ThemeError::Template {
            theme: theme.to_owned(),
            name: name.clone(),
            message,
        };
        longest = longest.max(sandbox::admit(text).map_err(refused)?);
        env.add_template_owned(name.clone(), text.clone())
            .map_err(|error| refused(told(&error)))?;
    }
    env.set_fuel(Some(sandbox::steps(longest)));
    Ok((env, longest))
}

/// A template error with its line and its cause.
pub(crate) fn told(error: &minijinja::Error) -> String {
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        told.push_str(": ");
        told.push_str(&inner.to_string());
        cause = inner.source();
    }
    told
}

/// `url(asset:fonts/x.woff2)` → the hashed address.
fn resolve_assets(theme: &str, css: &str, assets: &Assets) -> Result<String, ThemeError> {
    let mut out = String::with_capacity(css.len());
    let mut parts = css.split("asset:");
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find([')', '"', '\'', ' ']).unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        let hashed = assets
            .hashed(name)
            .ok_or_else(|| ThemeError::MissingAsset {
                theme: theme.to_owned(),
                name: name.to_owned(),
            })?;
        out.push_str(BASE_MARK);
        out.push_str("/static/");
        out.push_str(hashed);
        out.push_str(rest);
    }
    Ok(out)
}
