//! The themes compiled into the binary, so that a server without a themes folder has pages.

use std::path::Path;

use bytes::Bytes;

use crate::error::ThemeError;
use crate::source::{ThemeSource, parse_manifest};

macro_rules! texts {
    ($folder:literal: $($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../../themes/", $folder, "/", $name)))),+]
    };
}

/// The built-in themes by name.
pub(crate) fn themes() -> Result<Vec<(&'static str, ThemeSource)>, ThemeError> {
    Ok(vec![("base", base()?), ("midnight", midnight()?)])
}

fn base() -> Result<ThemeSource, ThemeError> {
    let mut source = described("base", include_str!("../../../themes/base/theme.yaml"))?;
    source.style = Some(include_str!("../../../themes/base/style.css").to_owned());
    let templates = texts!("base/templates":
        "layout.html", "glyphs.html", "chooser.html", "password.html", "consent.html",
        "error.html", "logout_confirm.html", "logged_out.html", "form_post.html", "oob.html",
        "unavailable.html", "home.html", "device.html", "device_confirm.html",
        "device_answered.html",
    );
    for (name, text) in templates {
        source.templates.insert(name.to_owned(), text.to_owned());
    }
    for (name, text) in texts!("base/locales": "en.ftl", "de.ftl", "fr.ftl") {
        source
            .locales
            .insert(name.trim_end_matches(".ftl").to_owned(), text.into());
    }
    for (name, text) in
        texts!("base/static": "password.js", "form-post.js", "code.js", "logged-out.js")
    {
        let bytes = Bytes::from_static(text.as_bytes());
        source.files.insert(name.to_owned(), bytes);
    }
    Ok(source)
}

fn midnight() -> Result<ThemeSource, ThemeError> {
    let mut source = described(
        "midnight",
        include_str!("../../../themes/midnight/theme.yaml"),
    )?;
    source.style = Some(include_str!("../../../themes/midnight/style.css").to_owned());
    Ok(source)
}

fn described(name: &str, manifest: &str) -> Result<ThemeSource, ThemeError> {
    let path = Path::new("themes").join(name).join("theme.yaml");
    Ok(ThemeSource {
        manifest: parse_manifest(&path, manifest)?,
        ..ThemeSource::default()
    })
}
