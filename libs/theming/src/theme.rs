//! One tenant's theme: draws pages, serves files, picks languages.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use data_encoding::BASE64;
use minijinja::value::Serde;
use minijinja::{Error, ErrorKind, State, Value, context};
use serde::Serialize;

use crate::asset::{AskedBy, Asset, hashed_name, split_name};
use crate::branding::{Branding, Links};
use crate::compiled::{Compiled, told};
use crate::error::ThemeError;
use crate::locale::{self, direction, message_id};
use crate::page::Page;
use crate::sandbox::{self, made};
use crate::style::{RULES, Style, TOKENS};
use crate::texts::{Overrides, Texts};

static NO_OVERRIDES: LazyLock<Arc<Overrides>> = LazyLock::new(Arc::default);

/// One tenant's theme. Immutable; share it behind an `Arc`.
#[derive(Debug)]
pub struct Theme {
    shared: Arc<Compiled>,
    branding: Arc<Branding>,
    pub(crate) style: Arc<Style>,
    /// A tab icon in the tenant's colours, as a `data:` URL: no request, and no 404 for
    /// `/favicon.ico`.
    icon: Arc<str>,
    overrides: Arc<Overrides>,
    languages: Vec<String>,
    logo: Option<Logo>,
    /// The built-in theme, for pages that this one cannot draw.
    fallback: Arc<Compiled>,
    failures: Mutex<Failures>,
}

/// What went wrong when pages were drawn.
#[derive(Debug, Default)]
struct Failures {
    last: Option<String>,
    told_at: Option<Duration>,
    untold: u64,
}

/// A page as it could be drawn.
#[derive(Debug)]
pub struct Drawn {
    /// The page: of the theme, or of the built-in one if that failed, or none.
    pub html: Option<Html>,
    /// What the theme failed with.
    pub fault: Option<ThemeError>,
}

/// One line says how often a page failed since the last line.
const TELL_EVERY: Duration = Duration::from_mins(1);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Logo {
    /// Its hashed name.
    File(String),
    /// A `data:` URL.
    Inline(String),
}

/// What a page is rendered for, besides its own data.
#[derive(Clone, Copy, Debug, Default)]
pub struct RenderContext<'a> {
    /// The language to use, as [`Theme::negotiate`] gives it; another one falls to the default.
    pub lang: &'a str,
    /// The path of the issuer (`/initech`, or empty): static files are below it.
    pub base_path: &'a str,
    /// True under the dex dialect: the element ids and classes that dex's pages carry are there too.
    pub dex_ids: bool,
}

/// A rendered page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Html {
    /// The whole document.
    pub body: String,
    /// Its language, for `Content-Language`.
    pub lang: String,
}

/// The branding as templates see it.
#[derive(Serialize)]
struct BrandView<'a> {
    name: &'a str,
    logo: Option<String>,
    initial: Option<String>,
    links: &'a Links,
    tagline: Option<&'a str>,
    tagline_detail: Option<&'a str>,
}

impl Theme {
    pub(crate) fn new(shared: Arc<Compiled>, fallback: Arc<Compiled>, branding: Branding) -> Self {
        let overrides = if branding.texts.is_empty() {
            Arc::clone(&NO_OVERRIDES)
        } else {
            Arc::new(normalised(&branding.texts))
        };
        let has_words = |language: &String| {
            shared.locales.languages().any(|have| have == language)
                || overrides.contains_key(language)
        };
        let mut languages: Vec<String> = branding
            .languages
            .iter()
            .filter(|language| has_words(language))
            .cloned()
            .collect();
        if languages.is_empty() {
            languages = all_languages(&shared);
        }
        let logo = branding
            .logo
            .as_deref()
            .and_then(|logo| find_logo(&shared, logo));
        let style = if branding.keeps_style() {
            Arc::clone(&shared.style)
        } else {
            Arc::new(Style::new(&shared.defaults, &branding))
        };
        Self {
            icon: icon(&style, &branding).into(),
            branding: Arc::new(branding),
            style,
            shared,
            overrides,
            languages,
            logo,
            fallback,
            failures: Mutex::default(),
        }
    }

    /// Draws `page` whatever becomes of the theme's own template: the built-in one stands in for
    /// it, with the tenant's name, colours and words.
    pub fn draw(&self, page: &Page, ctx: &RenderContext<'_>) -> Drawn {
        match self.render(page, ctx) {
            Ok(html) => Drawn {
                html: Some(html),
                fault: None,
            },
            Err(fault) => Drawn {
                html: self.plain().render(page, ctx).ok(),
                fault: Some(fault),
            },
        }
    }

    fn plain(&self) -> Self {
        Self {
            shared: Arc::clone(&self.fallback),
            branding: Arc::clone(&self.branding),
            style: Arc::clone(&self.style),
            icon: Arc::clone(&self.icon),
            overrides: Arc::clone(&self.overrides),
            languages: self.languages.clone(),
            logo: self.logo.clone(),
            fallback: Arc::clone(&self.fallback),
            failures: Mutex::default(),
        }
    }

    /// Notes that a page failed. Says how often that happened since it was last told, if it is to
    /// be told now: once a minute. `at` is how long the process has run.
    pub fn note_failure(&self, fault: &ThemeError, at: Duration) -> Option<u64> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.last = Some(fault.to_string());
        failures.untold += 1;
        let is_due = failures
            .told_at
            .is_none_or(|told| at.saturating_sub(told) >= TELL_EVERY);
        if !is_due {
            return None;
        }
        failures.told_at = Some(at);
        Some(std::mem::take(&mut failures.untold))
    }

    /// What the last page failed with that this theme could not draw.
    pub fn last_failure(&self) -> Option<String> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.last.clone()
    }

    /// Draws `page` by the theme's own template. Failing means that the template is at fault.
    pub fn render(&self, page: &Page, ctx: &RenderContext<'_>) -> Result<Html, ThemeError> {
        let lang =
            locale::lookup(&self.languages, ctx.lang).unwrap_or_else(|| self.default_language());
        let name = page.template();
        let fault = |error: &Error| ThemeError::Template {
            theme: self.shared.name.clone(),
            name: name.to_owned(),
            message: told(error),
        };
        let template = self
            .shared
            .templates
            .get_template(name)
            .map_err(|e| fault(&e))?;
        let base = base_path(ctx.base_path);
        let texts = Texts {
            locales: Arc::clone(&self.shared.locales),
            overrides: Arc::clone(&self.overrides),
            language: lang.clone(),
        };
        let values = context! {
            page => Value::from(Serde(page)),
            page_name => name.trim_end_matches(".html"),
            brand => Value::from(Serde(self.brand_view(base))),
            t => Value::from_object(texts),
            lang => &lang,
            dir => direction(&lang),
            base => base,
            dex => ctx.dex_ids,
            styles => self.style_sheets(base),
            icon => Arc::clone(&self.icon),
            asset => self.asset_function(base),
            extra => self.extra_function(),
        };
        let body = sandbox::render(&template, values).map_err(|e| fault(&e))?;
        Ok(Html { body, lang })
    }

    /// The language for a person: the client's `ui_locales` first, then the browser's
    /// languages, the most wanted first, then the tenant's default.
    pub fn negotiate<S: AsRef<str>, T: AsRef<str>>(
        &self,
        ui_locales: &[S],
        accepted: &[T],
    ) -> String {
        locale::negotiate(&self.languages, ui_locales, accepted)
    }

    /// The languages offered, the default first: `ui_locales_supported` of discovery.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// The file asked for as `name`, such as `<hash>-logo.svg`, below the issuer's `/static/`. Files
    /// of the built-in theme are found too, by their hash: it stands in for pages that this one
    /// cannot draw.
    pub fn asset(&self, name: &str) -> Option<(Asset, AskedBy)> {
        if let Some(asset) = self.file(name) {
            return Some((asset.clone(), AskedBy::Name));
        }
        let (name, hash) = split_name(name)?;
        let (own, built_in) = (self.file(&name), self.fallback.assets.get(&name));
        let has_hash = |asset: &&Asset| *asset.hash == *hash;
        let exact = own.filter(has_hash).or(built_in.filter(has_hash));
        match exact {
            Some(asset) => Some((asset.clone(), AskedBy::Hash)),
            None => own.map(|asset| (asset.clone(), AskedBy::OtherHash)),
        }
    }

    /// The file called `name`, also the one that is the tenant's alone.
    fn file(&self, name: &str) -> Option<&Asset> {
        if name == TOKENS {
            return Some(&self.style.sheet);
        }
        self.shared.assets.get(name)
    }

    /// The addresses of a page's style sheets.
    fn style_sheets(&self, base: &str) -> Vec<String> {
        let address = |name, asset: &Asset| {
            let hashed = hashed_name(name, &asset.hash);
            format!("{base}/static/{hashed}")
        };
        let rules = self.shared.assets.get(RULES);
        let tokens = address(TOKENS, &self.style.sheet);
        [tokens]
            .into_iter()
            .chain(rules.map(|rules| address(RULES, rules)))
            .collect()
    }

    /// The branding this theme was made with.
    pub fn branding(&self) -> &Branding {
        &self.branding
    }

    /// What would disappoint the tenant although the theme can be served.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.failing_pages();
        let own = &self.branding;
        let named = own.logo.as_deref().filter(|logo| !logo.contains(':'));
        if let Some(logo) = named.filter(|_| self.logo.is_none()) {
            problems.push(format!(
                "logo \"{logo}\" is not in the theme folder; the name's first letter is shown instead"
            ));
        }
        for language in own.languages.iter().filter(|l| !self.languages.contains(l)) {
            problems.push(format!(
                "language \"{language}\" has no words in this theme; it has {}; add \
                 locales/{language}.ftl to the theme folder or remove it from languages",
                all_languages(&self.shared).join(", ")
            ));
        }
        for (language, texts) in &own.texts {
            for key in texts.keys().filter(|key| !self.shared.locales.has(key)) {
                problems.push(format!(
                    "texts.{language}: \"{key}\" is not a text of this theme; the keys are those of \
                     themes/base/locales/en.ftl"
                ));
            }
        }
        problems
    }

    /// Pages that its templates cannot draw, of one sample each; the built-in ones can.
    fn failing_pages(&self) -> Vec<String> {
        if Arc::ptr_eq(&self.shared.templates, &self.fallback.templates) {
            return Vec::new();
        }
        let ctx = RenderContext {
            lang: locale::FALLBACK,
            ..RenderContext::default()
        };
        let mut failing: Vec<String> = Vec::new();
        for (_, page) in Page::samples() {
            if let Err(fault) = self.render(&page, &ctx) {
                failing.push(fault.to_string());
            }
        }
        failing.dedup();
        failing
    }

    fn default_language(&self) -> String {
        self.languages
            .first()
            .cloned()
            .unwrap_or_else(|| locale::FALLBACK.to_owned())
    }

    fn brand_view(&self, base: &str) -> BrandView<'_> {
        let logo = self.logo.as_ref().map(|logo| match logo {
            Logo::File(name) => format!("{base}/static/{name}"),
            Logo::Inline(url) => url.clone(),
        });
        let extra = |key: &str| {
            self.branding
                .extra
                .get(key)
                .map(String::as_str)
                .filter(|text| !text.is_empty())
        };
        BrandView {
            name: &self.branding.name,
            logo,
            initial: self.branding.initial(),
            links: &self.branding.links,
            tagline: extra("tagline"),
            tagline_detail: extra("taglineDetail"),
        }
    }

    /// `asset("img/map.svg")` in a template.
    fn asset_function(&self, base: &str) -> Value {
        let assets = Arc::clone(&self.shared.assets);
        let base = base.to_owned();
        Value::from_function(
            move |state: &mut State<'_, '_>, name: &str| -> Result<String, Error> {
                let hashed = assets.hashed(name).ok_or_else(|| {
                    Error::new(
                        ErrorKind::InvalidOperation,
                        format!("no static file {name}"),
                    )
                })?;
                made(state, format!("{base}/static/{hashed}"))
            },
        )
    }

    /// `extra("key")` in a template: the tenant's value, or nothing.
    fn extra_function(&self) -> Value {
        let branding = Arc::clone(&self.branding);
        Value::from_function(move |state: &mut State<'_, '_>, key: &str| {
            made(state, branding.extra.get(key).cloned().unwrap_or_default())
        })
    }
}

/// The name's first letter on the accent.
fn icon(style: &Style, branding: &Branding) -> String {
    let letter = branding.initial().unwrap_or_default();
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect width=\"32\" \
         height=\"32\" rx=\"8\" fill=\"{}\"/><text x=\"16\" y=\"22.5\" text-anchor=\"middle\" \
         font-family=\"system-ui,sans-serif\" font-size=\"19\" font-weight=\"600\" \
         fill=\"{}\">{letter}</text></svg>",
        style.accent, style.on_accent
    );
    format!(
        "data:image/svg+xml;base64,{}",
        BASE64.encode(svg.as_bytes())
    )
}

/// The issuer's path without a slash at its end, and never another host's.
fn base_path(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    if path.starts_with('/') && !path.starts_with("//") {
        path
    } else {
        ""
    }
}

fn all_languages(shared: &Compiled) -> Vec<String> {
    let mut all: Vec<String> = shared.locales.languages().map(str::to_owned).collect();
    all.sort_by_key(|language| language != locale::FALLBACK);
    all
}

fn normalised(texts: &BTreeMap<String, BTreeMap<String, String>>) -> Overrides {
    texts
        .iter()
        .map(|(language, texts)| {
            let texts = texts
                .iter()
                .map(|(key, text)| (message_id(key), text.clone()));
            (language.clone(), texts.collect())
        })
        .collect()
}

fn find_logo(shared: &Compiled, logo: &str) -> Option<Logo> {
    if logo.starts_with("data:image/") {
        return Some(Logo::Inline(logo.to_owned()));
    }
    let path = logo.trim_start_matches("./").trim_start_matches('/');
    let shorter = [path.strip_prefix("theme/"), path.strip_prefix("static/")];
    [Some(path)]
        .into_iter()
        .chain(shorter)
        .flatten()
        .find_map(|name| shared.assets.hashed(name))
        .map(Logo::File)
}

#[cfg(test)]
mod tests;
