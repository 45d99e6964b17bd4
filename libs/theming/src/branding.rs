//! What makes a theme a tenant's: name, logo, colours, links, words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::palette::{Colors, Scheme};

/// A tenant's values in a shared theme. Empty fields cost next to nothing, so a hundred thousand
/// of these fit in memory beside one compiled theme.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Branding {
    /// The tenant's display name, for example `Acme`.
    pub name: String,
    /// A file of the tenant's theme folder (`logo.svg`, `theme/logo.svg`) or a `data:image/…` URL.
    /// Files on other hosts are not loaded: a login page asks nobody else for anything.
    pub logo: Option<String>,
    /// Colours by scheme.
    pub colors: Colors,
    /// Fixes the scheme; without it the theme decides.
    pub scheme: Option<Scheme>,
    /// Corner radius of the card in CSS pixels, at most 32; buttons and fields take two thirds.
    pub radius: Option<u8>,
    /// The font stack.
    pub font: Option<Font>,
    /// Links in the footer.
    pub links: Links,
    /// Languages offered, the first being the default; empty offers all of the theme.
    pub languages: Vec<String>,
    /// Words that replace the theme's: language → key (`login.title`) → text. `{ $client }` and the
    /// other variables of the replaced text may be used.
    pub texts: BTreeMap<String, BTreeMap<String, String>>,
    /// Free values for templates. `tagline` (and `taglineDetail`) open the panel beside the card.
    pub extra: BTreeMap<String, String>,
}

/// Footer links; each is shown if set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Links {
    /// Terms of service.
    pub terms: Option<String>,
    /// Privacy notice.
    pub privacy: Option<String>,
    /// Where to get help: `https:` or `mailto:`.
    pub support: Option<String>,
}

/// A stack of fonts that are already on the person's device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Font {
    /// The system's interface font.
    #[default]
    System,
    /// A neutral grotesque: Helvetica, Arial and kin.
    Grotesque,
    /// A humanist sans serif: Optima, Candara, Noto Sans.
    Humanist,
    /// A rounded sans serif.
    Rounded,
    /// A text serif: Charter, Georgia.
    Serif,
    /// A monospaced font.
    Mono,
}

impl Font {
    /// Every stack, with the word that names it in configuration.
    pub const ALL: [(&'static str, Self); 6] = [
        ("system", Self::System),
        ("grotesque", Self::Grotesque),
        ("humanist", Self::Humanist),
        ("rounded", Self::Rounded),
        ("serif", Self::Serif),
        ("mono", Self::Mono),
    ];

    /// The stack named `word`, or what may be written instead.
    pub fn parse(word: &str) -> Result<Self, String> {
        let known = Self::ALL.map(|(name, _)| name).join(", ");
        Self::ALL
            .into_iter()
            .find_map(|(name, font)| name.eq_ignore_ascii_case(word.trim()).then_some(font))
            .ok_or_else(|| format!("font \"{word}\" is not known; choose one of {known}"))
    }

    pub(crate) fn stack(self) -> &'static str {
        match self {
            Self::System => {
                "-apple-system,BlinkMacSystemFont,\"Segoe UI Variable Text\",\"Segoe UI\",Inter,Roboto,Cantarell,Ubuntu,\"Noto Sans\",\"Liberation Sans\",system-ui,sans-serif"
            }
            Self::Grotesque => {
                "Inter,\"Helvetica Neue\",Helvetica,\"Nimbus Sans\",\"Liberation Sans\",Arial,sans-serif"
            }
            Self::Humanist => {
                "Seravek,\"Gill Sans Nova\",Ubuntu,Calibri,\"DejaVu Sans\",\"Noto Sans\",sans-serif"
            }
            Self::Rounded => {
                "ui-rounded,\"Hiragino Maru Gothic ProN\",Quicksand,Comfortaa,\"Arial Rounded MT Bold\",Calibri,sans-serif"
            }
            Self::Serif => {
                "Charter,\"Bitstream Charter\",\"Iowan Old Style\",Georgia,Cambria,\"Noto Serif\",serif"
            }
            Self::Mono => {
                "ui-monospace,\"Cascadia Code\",\"SF Mono\",Menlo,Consolas,\"DejaVu Sans Mono\",monospace"
            }
        }
    }
}

impl Branding {
    /// Branding with a name and nothing else.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Everything that would make a bad page, each with what to write instead. An empty answer
    /// means that the branding can be served.
    pub fn check(&self) -> Vec<String> {
        let mut problems = self.colors.light.problems("light");
        problems.extend(self.colors.dark.problems("dark"));
        problems.extend(self.logo.as_deref().and_then(logo_problem));
        if let Some(radius) = self.radius.filter(|radius| *radius > 32) {
            problems.push(format!(
                "radius {radius} is more than the allowed 32 pixels"
            ));
        }
        let links = [
            ("terms", &self.links.terms),
            ("privacy", &self.links.privacy),
            ("support", &self.links.support),
        ];
        for (name, link) in links {
            problems.extend(link.as_deref().and_then(|link| link_problem(name, link)));
        }
        problems
    }

    /// True if the tenant changes nothing that the style sheet shows.
    pub(crate) fn keeps_style(&self) -> bool {
        self.colors == Colors::default()
            && self.scheme.is_none()
            && self.radius.is_none()
            && self.font.is_none()
    }

    /// The first letter or digit of the name, in upper case, for the mark shown without a logo.
    pub(crate) fn initial(&self) -> Option<String> {
        let first = self.name.chars().find(|c| c.is_alphanumeric())?;
        Some(first.to_uppercase().collect())
    }
}

fn logo_problem(logo: &str) -> Option<String> {
    if logo.starts_with("data:image/") || !logo.contains(':') {
        return None;
    }
    Some(format!(
        "logo \"{}\" is on another host, which a login page must not ask; put the file into the \
         theme folder beside the tenant file and write its name, for example theme/logo.svg",
        logo.chars().take(80).collect::<String>()
    ))
}

fn link_problem(name: &str, link: &str) -> Option<String> {
    let allowed = match Url::parse(link) {
        Ok(url) => matches!(url.scheme(), "https" | "http" | "mailto" | "tel"),
        Err(url::ParseError::RelativeUrlWithoutBase) => link.starts_with('/'),
        Err(_) => false,
    };
    (!allowed).then(|| {
        format!("links.{name} \"{link}\" is not a link; write an https: or mailto: address")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Color, Tokens};

    #[test]
    fn an_empty_branding_has_no_problem() {
        assert_eq!(Branding::named("Acme").check(), Vec::<String>::new());
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let mut branding = Branding::named("Acme");
        branding.logo = Some("https://cdn.example/logo.png".into());
        branding.links.terms = Some("javascript:alert(1)".into());
        branding.radius = Some(99);
        branding.colors.light = Tokens {
            text: Color::parse("#ccc").ok(),
            surface: Color::parse("#fff").ok(),
            ..Tokens::default()
        };
        assert_eq!(branding.check().len(), 4, "{:#?}", branding.check());
    }

    #[test]
    fn the_mark_is_the_first_letter_of_the_name() {
        assert_eq!(Branding::named("  élan").initial().as_deref(), Some("É"));
        assert_eq!(Branding::named("—").initial(), None);
    }

    #[test]
    fn fonts_are_named_by_word() {
        assert_eq!(Font::parse("Serif"), Ok(Font::Serif));
        assert!(Font::parse("Papyrus").unwrap_err().contains("system"));
    }
}
