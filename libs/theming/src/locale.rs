//! Languages: their words, which one a person gets, and which way it runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluent_templates::LanguageIdentifier;
use fluent_templates::fluent_bundle::concurrent::FluentBundle;
use fluent_templates::fluent_bundle::{FluentArgs, FluentResource};

use crate::error::ThemeError;

/// The language every theme has words in, and the one that fills gaps.
pub(crate) const FALLBACK: &str = "en";

/// The words of one theme in all its languages.
pub(crate) struct Locales {
    theme: String,
    /// Language → its layers, the extended theme's first.
    sources: BTreeMap<String, Vec<Arc<str>>>,
    bundles: BTreeMap<String, FluentBundle<Arc<FluentResource>>>,
}

impl std::fmt::Debug for Locales {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Locales")
            .field("languages", &self.bundles.keys())
            .finish_non_exhaustive()
    }
}

impl Locales {
    /// The words of `parent` with `own` laid over them, key by key.
    pub(crate) fn new(
        theme: &str,
        parent: Option<&Self>,
        own: &BTreeMap<String, Arc<str>>,
    ) -> Result<Self, ThemeError> {
        let mut sources = parent
            .map(|parent| parent.sources.clone())
            .unwrap_or_default();
        for (language, text) in own {
            sources
                .entry(language.clone())
                .or_default()
                .push(Arc::clone(text));
        }
        let mut locales = Self {
            theme: theme.to_owned(),
            sources: BTreeMap::new(),
            bundles: BTreeMap::new(),
        };
        for (language, layers) in &sources {
            let bundle = locales.bundle(language, layers)?;
            locales.bundles.insert(language.clone(), bundle);
        }
        locales.sources = sources;
        Ok(locales)
    }

    fn bundle(
        &self,
        language: &str,
        layers: &[Arc<str>],
    ) -> Result<FluentBundle<Arc<FluentResource>>, ThemeError> {
        let wrong = |message: String| ThemeError::Locale {
            theme: self.theme.clone(),
            file: format!("{language}.ftl"),
            message,
        };
        let id: LanguageIdentifier = language
            .parse()
            .map_err(|_| wrong("its name is not a language tag".into()))?;
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        // Isolation marks keep a left-to-right name in a right-to-left sentence in place. In the
        // other direction they would only be invisible characters in every title.
        bundle.set_use_isolating(direction(language) == "rtl");
        for layer in layers {
            let resource = FluentResource::try_new(layer.to_string()).map_err(|(_, errors)| {
                let told = errors.iter().map(|error| {
                    let before = layer.get(..error.pos.start).unwrap_or_default();
                    format!("line {}: {error}", before.matches('\n').count() + 1)
                });
                wrong(told.collect::<Vec<_>>().join("; "))
            })?;
            bundle.add_resource_overriding(Arc::new(resource));
        }
        Ok(bundle)
    }

    pub(crate) fn languages(&self) -> impl Iterator<Item = &str> {
        self.bundles.keys().map(String::as_str)
    }

    /// True if some language has this key, written `login.title` or `login-title`.
    pub(crate) fn has(&self, key: &str) -> bool {
        let id = message_id(key);
        self.bundles.values().any(|bundle| bundle.has_message(&id))
    }

    /// The text of `id` in `language`, or in the fallback language, or in any.
    pub(crate) fn text(&self, language: &str, id: &str, args: &FluentArgs<'_>) -> Option<String> {
        let candidates = [language, primary(language), FALLBACK];
        let wanted = candidates
            .into_iter()
            .filter_map(|language| self.bundles.get(language));
        let bundle = wanted
            .chain(self.bundles.values())
            .find(|bundle| bundle.has_message(id))?;
        let pattern = bundle.get_message(id)?.value()?;
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(args), &mut errors);
        for error in errors {
            tracing::warn!(text.key = id, "text {id} lacks a value: {error}");
        }
        Some(text.into_owned())
    }

    /// Every key of one language, for the tests.
    #[cfg(test)]
    pub(crate) fn keys(&self, language: &str) -> std::collections::BTreeSet<String> {
        let mut keys = std::collections::BTreeSet::new();
        for layer in self.sources.get(language).into_iter().flatten() {
            for line in layer.lines() {
                let id = line.split('=').next().unwrap_or_default().trim();
                let starts = line.starts_with(|c: char| c.is_ascii_alphabetic());
                if starts && line.contains('=') {
                    keys.insert(id.to_owned());
                }
            }
        }
        keys
    }
}

/// A key as configuration writes it, `login.title`, as Fluent names it, `login-title`.
pub(crate) fn message_id(key: &str) -> String {
    key.trim().replace('.', "-")
}

/// `de` of `de-AT`.
fn primary(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or(language)
}

/// `rtl` or `ltr`, by the script the language is usually written in or names.
pub(crate) fn direction(language: &str) -> &'static str {
    let mut parts = language.split(['-', '_']);
    let first = parts.next().unwrap_or_default().to_ascii_lowercase();
    if let Some(script) = parts.find(|part| part.len() == 4) {
        let script = script.to_ascii_lowercase();
        let right_to_left = matches!(
            script.as_str(),
            "arab" | "hebr" | "thaa" | "syrc" | "nkoo" | "adlm" | "rohg"
        );
        return if right_to_left { "rtl" } else { "ltr" };
    }
    match first.as_str() {
        "ar" | "arc" | "ckb" | "dv" | "fa" | "he" | "iw" | "ks" | "nqo" | "prs" | "ps" | "sd"
        | "syr" | "ug" | "ur" | "yi" => "rtl",
        _ => "ltr",
    }
}

/// The language to answer in: the first of `ui_locales` we have
/// ([OIDC Core §3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)), else
/// the first of those the browser accepts, else the first available one.
pub(crate) fn negotiate(
    available: &[String],
    ui_locales: &[impl AsRef<str>],
    accepted: &[impl AsRef<str>],
) -> String {
    let asked = ui_locales.iter().take(MOST_LANGUAGES).map(AsRef::as_ref);
    let accepted = accepted.iter().take(MOST_LANGUAGES).map(AsRef::as_ref);
    asked
        .chain(accepted)
        .find_map(|tag| lookup(available, tag))
        .or_else(|| available.first().cloned())
        .unwrap_or_else(|| FALLBACK.to_owned())
}

/// More wishes than this are noise.
const MOST_LANGUAGES: usize = 20;

/// [RFC 4647 §3.4](https://www.rfc-editor.org/rfc/rfc4647#section-3.4) lookup, and then, since an
/// own language in another country's spelling beats a foreign one, any tag with that language.
pub(crate) fn lookup(available: &[String], wanted: &str) -> Option<String> {
    let wanted = wanted.trim().replace('_', "-");
    let mut tag = wanted.as_str();
    loop {
        if let Some(found) = available.iter().find(|have| have.eq_ignore_ascii_case(tag)) {
            return Some(found.clone());
        }
        match tag.rsplit_once('-') {
            Some((shorter, _)) => tag = shorter,
            None => break,
        }
    }
    available
        .iter()
        .find(|have| primary(have).eq_ignore_ascii_case(primary(&wanted)))
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn have(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn the_clients_wish_comes_before_the_browsers() {
        let available = have(&["en", "de", "fr"]);
        assert_eq!(negotiate(&available, &["fr-CA"], &["de"]), "fr");
        assert_eq!(negotiate(&available, &["ja"], &["de-AT", "en"]), "de");
        assert_eq!(negotiate(&available, &NONE, &["ja", "fr"]), "fr");
        assert_eq!(negotiate(&available, &NONE, &["ja"]), "en");
    }

    #[test]
    fn a_language_of_another_country_beats_a_foreign_language() {
        assert_eq!(
            negotiate(&have(&["en", "pt-BR"]), &["pt-PT"], &NONE),
            "pt-BR"
        );
    }

    #[test]
    fn the_default_is_the_first_language_offered() {
        assert_eq!(negotiate(&have(&["de", "en"]), &NONE, &NONE), "de");
    }

    #[test]
    fn direction_follows_language_and_script() {
        let cases = [
            ("ar", "rtl"),
            ("he-IL", "rtl"),
            ("de", "ltr"),
            ("az-Arab", "rtl"),
        ];
        for (language, expected) in cases {
            assert_eq!(direction(language), expected, "{language}");
        }
        assert_eq!(direction("ks-Deva"), "ltr");
    }
}
