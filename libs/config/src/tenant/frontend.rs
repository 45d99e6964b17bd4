use std::collections::BTreeMap;

use insula_model::{Frontend, Links, TenantId};
use url::Url;

use crate::defaults::Defaults;
use crate::reading::{Reading, Spot};
use crate::section::Section;
use crate::tree::Kind;

/// The folder beside a tenant's file that is laid over its theme.
const OVERLAY: &str = "theme";

/// Reads `frontend`.
pub(super) fn read(
    top: &mut Section<'_>,
    id: &TenantId,
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> Frontend {
    let files = reading.shown_folder(OVERLAY);
    let overlay = files.is_some().then(|| reading.dir().join(OVERLAY));
    let files = files.unwrap_or_default();
    let mut section = top.section("frontend", reading);
    let theme = section.text("theme", reading);
    let issuer_name = section.text("issuer", reading);
    let logo = section.text("logoURL", reading);
    let extra = section.table("extra", reading);
    if let Some(node) = section.node("dir") {
        let cause = "templates of another make are not read";
        let next = "put what differs into a theme folder beside this file";
        reading.warn(node.at, &section.key("dir"), cause, next);
    }
    let theme = theme.map_or_else(|| defaults.theme.to_owned(), |t| folder_name(t, reading));
    // dex's own name where a dex file gives none would be a stranger's; the folder is the tenant's.
    let issuer_name = issuer_name
        .map(|name| name.value)
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| id.as_str().to_owned());
    let logo_url = logo.and_then(|logo| logo_url(logo, &files, reading));
    let mut frontend = Frontend {
        theme,
        overlay,
        issuer_name,
        logo_url,
        extra,
        ..Frontend::default()
    };
    if !reading.lenient {
        ours(&mut frontend, &mut section, reading);
    }
    section.finish(reading);
    frontend
}

/// The words that a dex file does not have.
fn ours(frontend: &mut Frontend, section: &mut Section<'_>, reading: &mut Reading<'_>) {
    let mut colors = section.section("colors", reading);
    frontend.light = colors.table("light", reading);
    frontend.dark = colors.table("dark", reading);
    colors.finish(reading);
    let mut links = section.section("links", reading);
    frontend.links = Links {
        terms: link(links.text("terms", reading), false, reading),
        privacy: link(links.text("privacy", reading), false, reading),
        support: link(links.text("support", reading), true, reading),
    };
    links.finish(reading);
    frontend.languages = languages(section, reading);
    frontend.texts = texts(section, reading);
}

fn folder_name(theme: Spot<String>, reading: &mut Reading<'_>) -> String {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !theme.value.bytes().all(is_name) {
        let cause = format!("{} is not the name of a theme", theme.shown);
        reading.error(
            theme.at,
            &theme.key,
            cause,
            "write the name of a folder of themes/",
        );
    }
    theme.value
}

/// A logo lies in the overlay, so that a login page asks no other host for anything. What dex ships
/// under `theme/` is not here: a dex file that names it keeps the theme's own logo.
fn logo_url(logo: Spot<String>, files: &[String], reading: &mut Reading<'_>) -> Option<String> {
    if logo.value.is_empty() {
        return None;
    }
    if logo.value.starts_with("data:image/") {
        return Some(logo.value);
    }
    if logo.value.contains(':') || logo.value.starts_with("//") {
        let cause = format!(
            "{} is on another host, which a login page must not ask",
            logo.shown
        );
        let next = "put the file into the theme folder beside this file and write theme/logo.svg";
        reading.object(logo.at, &logo.key, cause, next);
        return None;
    }
    let within = logo.value.trim_start_matches("./");
    let within = within.strip_prefix("theme/").unwrap_or(within);
    if files.iter().any(|file| file == within) {
        return Some(logo.value);
    }
    if !reading.lenient {
        let cause = format!("{} is not in the theme folder beside this file", logo.shown);
        reading.error(
            logo.at,
            &logo.key,
            cause,
            "put the file there, or remove the key",
        );
    }
    None
}

fn link(text: Option<Spot<String>>, may_mail: bool, reading: &mut Reading<'_>) -> Option<String> {
    let text = text.filter(|text| !text.value.is_empty())?;
    if reading.refuse_odd_address(&text) {
        return None;
    }
    let scheme = Url::parse(&text.value).map(|url| url.scheme().to_owned());
    let is_good = match scheme.as_deref() {
        Ok("https" | "http") => true,
        Ok("mailto" | "tel") => may_mail,
        _ => false,
    };
    if is_good {
        return Some(text.value);
    }
    let cause = format!("{} is not a link people could follow", text.shown);
    let next = if may_mail {
        "write https://, http://, mailto: or tel:"
    } else {
        "write https:// or http://"
    };
    reading.error(text.at, &text.key, cause, next);
    None
}

fn languages(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Vec<String> {
    let mut languages = Vec::new();
    for tag in section.texts("languages", reading) {
        if is_language(&tag.value) {
            languages.push(tag.value);
        } else {
            let cause = format!("{} is not a language tag (RFC 5646)", tag.shown);
            reading.error(tag.at, &tag.key, cause, "write such as en or pt-BR");
        }
    }
    languages
}

fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let primary = parts.next().unwrap_or_default();
    (2..=3).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

fn texts(
    section: &mut Section<'_>,
    reading: &mut Reading<'_>,
) -> BTreeMap<String, BTreeMap<String, String>> {
    let key = section.key("texts");
    let Some(node) = section.node("texts") else {
        return BTreeMap::new();
    };
    let Kind::Map(entries) = &node.kind else {
        let cause = format!("is {} where a mapping belongs", node.noun());
        reading.error(node.at, &key, cause, "write language: { key: text }");
        return BTreeMap::new();
    };
    let mut texts = BTreeMap::new();
    for entry in entries {
        let path = format!("{key}.{}", entry.key);
        if !is_language(&entry.key) {
            let cause = "is not a language tag (RFC 5646)";
            reading.error(
                entry.at,
                &path,
                cause,
                "write such as en: { login.title: … }",
            );
        }
        texts.insert(entry.key.clone(), reading.table(&entry.value, &path));
    }
    texts
}
