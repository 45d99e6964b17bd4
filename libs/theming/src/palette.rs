//! From a tenant's few colours to every colour of a page.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::color::Color;

/// Contrast that text must reach
/// ([WCAG 2.2, 1.4.3](https://www.w3.org/TR/WCAG22/#contrast-minimum)).
pub(crate) const TEXT_CONTRAST: f64 = 4.5;
/// Contrast that field borders and the focus ring must reach
/// ([WCAG 2.2, 1.4.11](https://www.w3.org/TR/WCAG22/#non-text-contrast)).
const EDGE_CONTRAST: f64 = 3.0;

/// The colours a tenant may set for one scheme. What is left out comes from the theme or is
/// computed from what is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// The primary button, links and the focus ring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accent: Option<Color>,
    /// The page behind the card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<Color>,
    /// The card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surface: Option<Color>,
    /// Text on card and page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Color>,
}

/// A tenant's colours by scheme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Colors {
    /// For people who prefer a light page, and the default.
    pub light: Tokens,
    /// For people who prefer a dark page.
    pub dark: Tokens,
}

/// Which of the two schemes a page may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// What the person's system prefers.
    #[default]
    Auto,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Tokens {
    /// These tokens, with the gaps filled from `under`.
    pub fn over(self, under: Self) -> Self {
        Self {
            accent: self.accent.or(under.accent),
            background: self.background.or(under.background),
            surface: self.surface.or(under.surface),
            text: self.text.or(under.text),
        }
    }

    /// The pairs that cannot be read, each with what to write instead. `scheme` is the key that
    /// holds these tokens, for the message.
    pub(crate) fn problems(&self, scheme: &str) -> Vec<String> {
        let Some(text) = self.text else {
            return Vec::new();
        };
        let grounds = [("surface", self.surface), ("background", self.background)];
        grounds
            .into_iter()
            .filter_map(|(name, ground)| ground.map(|ground| (name, ground)))
            .filter(|(_, ground)| text.contrast_ratio(*ground) < TEXT_CONTRAST)
            .map(|(name, ground)| {
                let better = text
                    .legible_on(&[ground], TEXT_CONTRAST)
                    .unwrap_or(ground.text_on());
                format!(
                    "colors.{scheme}: text {text} on {name} {ground} has a contrast of {:.1}:1, \
                     below the 4.5:1 that people need to read it; use text: \"{better}\" or leave \
                     text out to have it chosen",
                    text.contrast_ratio(ground)
                )
            })
            .collect()
    }
}

/// Every colour of a page in one scheme, computed so that each pair in use passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Palette {
    pub(crate) background: Color,
    pub(crate) surface: Color,
    pub(crate) text: Color,
    pub(crate) accent: Color,
    pub(crate) on_accent: Color,
    accent_hover: Color,
    accent_edge: Color,
    link: Color,
    focus: Color,
    muted: Color,
    border: Color,
    field_border: Color,
    field: Color,
    hover: Color,
    danger: Color,
    danger_soft: Color,
    dark: bool,
}

impl Palette {
    /// The palette of a tenant whose own tokens are `own` in a theme whose tokens are `theme`.
    /// `sibling` is the accent the tenant set for the other scheme: a brand that names its colour
    /// once is not shown the theme's at night.
    pub(crate) fn derive(own: Tokens, theme: Tokens, sibling: Option<Color>, dark: bool) -> Self {
        let fallback = if dark {
            Color::new(21, 23, 28)
        } else {
            Color::WHITE
        };
        let all = own.over(theme);
        let surface = all.surface.unwrap_or(fallback);
        let background = all.background.unwrap_or(surface);
        let grounds = [surface, background];

        let ink = all.text.unwrap_or(surface.text_on());
        let text = ink
            .legible_on(&grounds, TEXT_CONTRAST)
            .or_else(|| ink.legible_on(&[surface], TEXT_CONTRAST))
            .unwrap_or(surface.text_on());
        let accent = own
            .accent
            .or_else(|| sibling.map(|a| a.legible_on(&[surface], EDGE_CONTRAST).unwrap_or(a)))
            .or(theme.accent)
            .unwrap_or(text);
        let on_accent = accent.text_on();
        let away = if on_accent == Color::WHITE {
            Color::BLACK
        } else {
            Color::WHITE
        };

        let hover = surface.mix(text, if dark { 0.06 } else { 0.035 });
        let grounds_of_text = [surface, background, hover];
        let red = if dark {
            Color::new(255, 155, 144)
        } else {
            Color::new(180, 35, 24)
        };
        let danger_soft = surface.mix(red, if dark { 0.12 } else { 0.06 });
        let field = if dark {
            surface.mix(Color::BLACK, 0.18)
        } else {
            surface
        };
        Self {
            background,
            surface,
            text,
            accent,
            on_accent,
            accent_hover: accent.mix(away, 0.14),
            accent_edge: edge(accent, text, &[surface]),
            link: accent
                .legible_on(&grounds_of_text, TEXT_CONTRAST)
                .unwrap_or(text),
            focus: accent.legible_on(&grounds, EDGE_CONTRAST).unwrap_or(text),
            muted: fade(text, &grounds_of_text, TEXT_CONTRAST + 1.0),
            border: surface.mix(text, if dark { 0.15 } else { 0.11 }),
            field_border: fade(text, &[surface, field], EDGE_CONTRAST + 0.1),
            field,
            hover,
            danger: red
                .legible_on(&[surface, danger_soft], TEXT_CONTRAST)
                .unwrap_or(text),
            danger_soft,
            dark,
        }
    }

    /// The palette as CSS custom properties, without selector.
    pub(crate) fn declarations(&self) -> String {
        let mut css = String::with_capacity(420);
        for (name, color) in [
            ("bg", self.background),
            ("surface", self.surface),
            ("text", self.text),
            ("muted", self.muted),
            ("border", self.border),
            ("field", self.field),
            ("field-border", self.field_border),
            ("hover", self.hover),
            ("accent", self.accent),
            ("accent-hover", self.accent_hover),
            ("accent-edge", self.accent_edge),
            ("on-accent", self.on_accent),
            ("link", self.link),
            ("focus", self.focus),
            ("danger", self.danger),
            ("danger-soft", self.danger_soft),
        ] {
            let _ = write!(css, "--{name}:{color};");
        }
        css.push_str(if self.dark {
            "--shade:.5;"
        } else {
            "--shade:.08;"
        });
        css
    }

    /// Every pair that a page shows text in, for the tests.
    #[cfg(test)]
    pub(crate) fn text_pairs(&self) -> Vec<(&'static str, Color, Color)> {
        vec![
            ("text on surface", self.text, self.surface),
            ("text on hover", self.text, self.hover),
            ("text on field", self.text, self.field),
            ("muted on surface", self.muted, self.surface),
            ("muted on background", self.muted, self.background),
            ("button", self.on_accent, self.accent),
            (
                "button under the pointer",
                self.on_accent,
                self.accent_hover,
            ),
            ("muted on hover", self.muted, self.hover),
            ("link on hover", self.link, self.hover),
            ("link on surface", self.link, self.surface),
            ("link on background", self.link, self.background),
            ("danger on its ground", self.danger, self.danger_soft),
        ]
    }
}

/// The faintest mix of `ink` and the first ground that still reaches `ratio` on all grounds.
fn fade(ink: Color, grounds: &[Color], ratio: f64) -> Color {
    let Some(first) = grounds.first() else {
        return ink;
    };
    (0..=40)
        .map(|step| ink.mix(*first, 0.8 - f64::from(step) * 0.02))
        .find(|shade| {
            grounds
                .iter()
                .all(|ground| shade.contrast_ratio(*ground) >= ratio)
        })
        .unwrap_or(ink)
}

/// The button's outline: invisible on a strong accent, drawn where the accent would be lost on
/// the card.
fn edge(accent: Color, text: Color, grounds: &[Color]) -> Color {
    let lost = grounds
        .iter()
        .any(|ground| accent.contrast_ratio(*ground) < EDGE_CONTRAST);
    if lost {
        accent.legible_on(grounds, EDGE_CONTRAST).unwrap_or(text)
    } else {
        accent
    }
}

/// The `:root` rules for both schemes.
pub(crate) fn root_rules(own: &Colors, theme: &Colors, scheme: Scheme) -> String {
    let light = || Palette::derive(own.light, theme.light, own.dark.accent, false).declarations();
    let dark = || Palette::derive(own.dark, theme.dark, own.light.accent, true).declarations();
    match scheme {
        Scheme::Light => format!(":root{{color-scheme:light;{}}}", light()),
        Scheme::Dark => format!(":root{{color-scheme:dark;{}}}", dark()),
        Scheme::Auto => format!(
            ":root{{color-scheme:light dark;{}}}@media(prefers-color-scheme:dark){{:root{{{}}}}}",
            light(),
            dark()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn color(text: &str) -> Color {
        Color::parse(text).unwrap()
    }

    #[test]
    fn every_pair_a_page_uses_passes_whatever_the_accent() {
        let theme = Tokens {
            accent: Some(color("#3b5bdb")),
            background: Some(color("#f6f7f9")),
            surface: Some(color("#ffffff")),
            text: Some(color("#16181d")),
        };
        let night = Tokens {
            accent: Some(color("#91a7ff")),
            background: Some(color("#0c0d10")),
            surface: Some(color("#15171c")),
            text: Some(color("#eceef2")),
        };
        for accent in [
            "#3b5bdb", "#ffe066", "#000000", "#ffffff", "#0ca678", "#e03131", "#868e96",
        ] {
            let own = Tokens {
                accent: Some(color(accent)),
                ..Tokens::default()
            };
            for (theme, dark) in [(theme, false), (night, true)] {
                let palette = Palette::derive(own, theme, None, dark);
                for (name, ink, ground) in palette.text_pairs() {
                    let ratio = ink.contrast_ratio(ground);
                    assert!(
                        ratio >= TEXT_CONTRAST,
                        "{name}: {ink} on {ground} is {ratio:.2}"
                    );
                }
                assert!(palette.field_border.contrast_ratio(palette.surface) >= EDGE_CONTRAST);
                assert!(palette.focus.contrast_ratio(palette.surface) >= EDGE_CONTRAST);
            }
        }
    }

    #[test]
    fn a_dark_card_in_the_light_scheme_gets_light_text_by_itself() {
        let own = Tokens {
            surface: Some(color("#101014")),
            ..Tokens::default()
        };
        let theme = Tokens {
            text: Some(color("#16181d")),
            ..Tokens::default()
        };
        let palette = Palette::derive(own, theme, None, false);
        assert!(palette.text.contrast_ratio(palette.surface) >= TEXT_CONTRAST);
    }

    #[test]
    fn a_brand_that_names_its_colour_once_keeps_it_at_night() {
        let colors = Colors {
            light: Tokens {
                accent: Some(color("#087f5b")),
                ..Tokens::default()
            },
            dark: Tokens::default(),
        };
        let theme = Tokens {
            accent: Some(color("#91a7ff")),
            ..Tokens::default()
        };
        let night = Palette::derive(colors.dark, theme, colors.light.accent, true);
        assert!(night.accent.green > night.accent.blue, "{}", night.accent);
    }

    #[test]
    fn an_unreadable_pair_is_told_with_a_suggestion() {
        let tokens = Tokens {
            text: Some(color("#999999")),
            surface: Some(Color::WHITE),
            ..Tokens::default()
        };
        let problems = tokens.problems("light");
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("use text: \"#"), "{}", problems[0]);
    }
}
