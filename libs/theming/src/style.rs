//! What a page's look is made of: the rules of a theme in one file, which all its tenants share, and
//! a tenant's colours, radius and font in another.

use crate::asset::Asset;
use crate::branding::{Branding, Font};
use crate::color::Color;
use crate::palette::{Colors, Palette, Scheme, root_rules};

/// The rules of a theme among its static files. Nothing else is in that folder.
pub(crate) const RULES: &str = "theme/style.css";

/// The file that gives the rules their colours.
pub(crate) const TOKENS: &str = "theme/tokens.css";

/// What a tenant of a theme may set otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Defaults {
    pub(crate) colors: Colors,
    pub(crate) scheme: Scheme,
    pub(crate) radius: u8,
    pub(crate) font: Font,
}

/// The colours, radius and font of a page, computed once.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    /// Custom properties, as a style sheet.
    pub(crate) sheet: Asset,
    pub(crate) accent: Color,
    pub(crate) on_accent: Color,
}

impl Style {
    /// What a tenant's branding makes of a theme's defaults.
    pub(crate) fn new(theme: &Defaults, own: &Branding) -> Self {
        let roots = root_rules(
            &own.colors,
            &theme.colors,
            own.scheme.unwrap_or(theme.scheme),
        );
        let radius = own.radius.unwrap_or(theme.radius).min(32);
        let font = own.font.unwrap_or(theme.font).stack();
        let css = format!("{roots}:root{{--radius:{radius}px;--font:{font}}}");
        let light = Palette::derive(
            own.colors.light,
            theme.colors.light,
            own.colors.dark.accent,
            false,
        );
        Self {
            sheet: Asset::new(TOKENS, css.into()),
            accent: light.accent,
            on_accent: light.on_accent,
        }
    }

    /// Its rules, for the tests.
    #[cfg(test)]
    pub(crate) fn css(&self) -> &str {
        std::str::from_utf8(&self.sheet.bytes).unwrap()
    }
}
