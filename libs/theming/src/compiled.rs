//! A theme ready to draw: templates compiled, words parsed, styles and files in place.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use minijinja::Environment;

use crate::asset::Assets;
use crate::branding::Branding;
use crate::error::ThemeError;
use crate::locale::Locales;
use crate::markup::minify_css;
use crate::page::Page;
use crate::palette::Colors;
use crate::sandbox;
use crate::source::ThemeSource;
use crate::style::{Defaults, RULES, Style};

/// What all tenants of a theme share.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) name: String,
    pub(crate) templates: Arc<Environment<'static>>,
    /// The longest text between two tags, which says how many steps a page has.
    longest_text: usize,
    pub(crate) locales: Arc<Locales>,
    /// Its static files, and its rules without colours as [`RULES`].
    pub(crate) assets: Arc<Assets>,
    pub(crate) defaults: Defaults,
    /// The look of a tenant that sets no colour, radius or font.
    pub(crate) style: Arc<Style>,
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
        let assets = match parent {
            Some(parent) if source.files.is_empty() && source.style.is_none() => {
                Arc::clone(&parent.assets)
            }
            _ => Arc::new(assets(name, parent, source)?),
        };
        let inherited = parent.map(|parent| parent.defaults);
        let (colors, scheme) = (inherited.map(|t| t.colors), inherited.map(|t| t.scheme));
        let colors = colors.unwrap_or_default();
        let defaults = Defaults {
            colors: Colors {
                light: manifest.tokens.light.over(colors.light),
                dark: manifest.tokens.dark.over(colors.dark),
            },
            scheme: manifest.scheme.or(scheme).unwrap_or_default(),
            radius: manifest
                .radius
                .or(inherited.map(|t| t.radius))
                .unwrap_or(12),
            font: manifest
                .font
                .or(inherited.map(|t| t.font))
                .unwrap_or_default(),
        };
        Ok(Self {
            name: name.to_owned(),
            templates,
            longest_text,
            locales,
            assets,
            defaults,
            style: Arc::new(Style::new(&defaults, &Branding::default())),
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

/// The static files of a theme over those of its parent, and the rules of both in one sheet.
fn assets(
    theme: &str,
    parent: Option<&Compiled>,
    source: &ThemeSource,
) -> Result<Assets, ThemeError> {
    let mut assets = parent.map_or_else(Assets::default, |parent| (*parent.assets).clone());
    let inherited = assets.get(RULES).map(|sheet| sheet.bytes.clone());
    for (name, bytes) in &source.files {
        assets.add(name, bytes.clone());
    }
    let rules = match (inherited, &source.style) {
        (Some(inherited), None) => inherited,
        (inherited, style) => {
            let own = minify_css(style.as_deref().unwrap_or_default());
            let own = resolve_assets(theme, &own, &assets)?;
            let mut rules = inherited.map_or_else(Vec::new, Vec::from);
            rules.extend_from_slice(own.as_bytes());
            Bytes::from(rules)
        }
    };
    assets.add(RULES, rules);
    Ok(assets)
}

/// `url(asset:fonts/x.woff2)` → the hashed name, as seen from where the style sheet is: the sheet is
/// the same below every issuer.
fn resolve_assets<'a>(
    theme: &str,
    css: &'a str,
    assets: &Assets,
) -> Result<Cow<'a, str>, ThemeError> {
    if !css.contains("asset:") {
        return Ok(Cow::Borrowed(css));
    }
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
        out.push_str("../");
        out.push_str(&hashed);
        out.push_str(rest);
    }
    Ok(Cow::Owned(out))
}
