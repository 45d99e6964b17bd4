//! A colour as a number, so that nothing but a number can reach the style sheet.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An opaque sRGB colour, written `#rgb` or `#rrggbb`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Color {
    /// Red, 0–255.
    pub red: u8,
    /// Green, 0–255.
    pub green: u8,
    /// Blue, 0–255.
    pub blue: u8,
}

/// Why a text is not a [`Color`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not a colour; write it as #rgb or #rrggbb, for example #3b5bdb")]
pub struct ColorError {
    given: String,
}

impl Color {
    /// White.
    pub const WHITE: Self = Self::new(255, 255, 255);
    /// Black.
    pub const BLACK: Self = Self::new(0, 0, 0);

    /// A colour from its three channels.
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// Reads `#rgb` or `#rrggbb`, in either case.
    pub fn parse(text: &str) -> Result<Self, ColorError> {
        let wrong = || ColorError {
            given: text.chars().take(40).collect(),
        };
        let digits = text.trim().strip_prefix('#').ok_or_else(wrong)?;
        let nibbles = digits
            .chars()
            .map(|c| c.to_digit(16).and_then(|n| u8::try_from(n).ok()))
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(wrong)?;
        match nibbles.as_slice() {
            [r, g, b] => Ok(Self::new(r * 17, g * 17, b * 17)),
            [r1, r0, g1, g0, b1, b0] => Ok(Self::new(r1 * 16 + r0, g1 * 16 + g0, b1 * 16 + b0)),
            _ => Err(wrong()),
        }
    }

    /// Relative luminance, 0 (black) to 1 (white), as
    /// [WCAG 2.2](https://www.w3.org/TR/WCAG22/#dfn-relative-luminance) defines it.
    pub fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.040_45 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }

    /// [Contrast ratio](https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio), 1 to 21.
    pub fn contrast_ratio(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Black or white, whichever reads better on this colour. One of them always reaches 4.5:1.
    pub fn text_on(self) -> Self {
        // Medium blues read better in white although black measures slightly ahead, so white is
        // preferred wherever it passes.
        if self.contrast_ratio(Self::WHITE) >= 4.5 {
            Self::WHITE
        } else {
            Self::BLACK
        }
    }

    /// This colour with `share` (0 to 1) of `other` mixed in.
    pub fn mix(self, other: Self, share: f64) -> Self {
        let share = share.clamp(0.0, 1.0);
        let channel = |a: u8, b: u8| -> u8 {
            let mixed = f64::from(a) * (1.0 - share) + f64::from(b) * share;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a mean of two values of 0..=255 stays in 0..=255"
            )]
            let rounded = mixed.round() as u8;
            rounded
        };
        Self::new(
            channel(self.red, other.red),
            channel(self.green, other.green),
            channel(self.blue, other.blue),
        )
    }

    /// The nearest shade of this colour that reaches `ratio` against every one of `grounds`, or
    /// `None` where no shade between black and white does.
    pub fn legible_on(self, grounds: &[Self], ratio: f64) -> Option<Self> {
        let passes = |c: Self| {
            grounds
                .iter()
                .all(|ground| c.contrast_ratio(*ground) >= ratio)
        };
        (0..=50)
            .map(|step| f64::from(step) / 50.0)
            .find_map(|share| {
                [Self::BLACK, Self::WHITE]
                    .map(|pole| self.mix(pole, share))
                    .into_iter()
                    .find(|shade| passes(*shade))
            })
    }
}

impl FromStr for Color {
    type Err = ColorError;

    fn from_str(text: &str) -> Result<Self, ColorError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Color {
    type Error = ColorError;

    fn try_from(text: String) -> Result<Self, ColorError> {
        Self::parse(&text)
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        color.to_string()
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl fmt::Debug for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_written_forms_mean_the_same_colour() {
        assert_eq!(Color::parse("#fA0"), Color::parse("#ffaa00"));
        assert_eq!(Color::parse("#3b5bdb").unwrap().to_string(), "#3b5bdb");
    }

    #[test]
    fn text_that_is_no_colour_is_refused() {
        for text in [
            "",
            "#",
            "red",
            "#12",
            "#12345",
            "#1234567",
            "#ggg",
            "#fff;}body{",
            "#ééé",
        ] {
            assert!(Color::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn contrast_follows_the_published_figures() {
        assert!((Color::BLACK.contrast_ratio(Color::WHITE) - 21.0).abs() < 0.001);
        let grey = Color::parse("#767676").unwrap();
        assert!((grey.contrast_ratio(Color::WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn text_on_any_colour_passes() {
        for red in (0..=255).step_by(15) {
            for green in (0..=255).step_by(15) {
                for blue in (0..=255).step_by(15) {
                    let ground = Color::new(red, green, blue);
                    assert!(ground.contrast_ratio(ground.text_on()) >= 4.5, "{ground}");
                }
            }
        }
    }

    #[test]
    fn a_legible_shade_is_the_colour_itself_when_it_already_passes() {
        let ink = Color::parse("#222").unwrap();
        assert_eq!(ink.legible_on(&[Color::WHITE], 4.5), Some(ink));
        let pale = Color::parse("#ffe066").unwrap();
        let shade = pale.legible_on(&[Color::WHITE], 4.5).unwrap();
        assert!(shade.contrast_ratio(Color::WHITE) >= 4.5);
        assert_eq!(pale.legible_on(&[Color::WHITE, Color::BLACK], 7.0), None);
    }
}
