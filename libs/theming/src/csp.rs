//! The content security policy the pages are written for.

use std::borrow::Cow;
use std::collections::BTreeSet;

use url::Url;

use crate::page::{LoggedOut, Page};

/// The value of `Content-Security-Policy` for `page`. Styles and scripts are static files: nothing
/// that stands in a page itself runs or paints, and nobody needs a nonce.
///
/// Browsers hold `form-action` against every redirect that follows a submit
/// ([CSP §6.4.1](https://www.w3.org/TR/CSP3/#directive-form-action)). Where a form's answer leads on
/// to the client, and from there wherever the client sends the person, no list can be complete, so
/// these pages carry the directive not at all; every other page keeps its forms at home.
///
/// A page that loads frames of clients may load those of their origins and no other
/// ([OpenID Connect Front-Channel Logout](https://openid.net/specs/openid-connect-frontchannel-1_0.html)).
pub fn content_security_policy(page: &Page) -> Cow<'static, str> {
    let policy = own_policy(page);
    match frame_origins(page) {
        origins if origins.is_empty() => policy.into(),
        origins => format!("{policy}; frame-src {origins}").into(),
    }
}

/// The origins of a page's frames, as a policy lists them. What is no address of the web is left out,
/// and so is not loaded.
fn frame_origins(page: &Page) -> String {
    let Page::LoggedOut(LoggedOut { frames, .. }) = page else {
        return String::new();
    };
    let urls = frames.iter().filter_map(|frame| Url::parse(frame).ok());
    let web = urls.filter(|url| matches!(url.scheme(), "http" | "https"));
    let origins: BTreeSet<String> = web.map(|url| url.origin().ascii_serialization()).collect();
    origins.into_iter().collect::<Vec<_>>().join(" ")
}

fn own_policy(page: &Page) -> &'static str {
    if page.form_leads_away() {
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         font-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    } else {
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         font-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_loads_frames_of_the_origins_it_names_and_of_no_other() {
        let frames = [
            "https://wiki.example/out?iss=a",
            "https://wiki.example/other",
            "http://127.0.0.1:5555/out",
            "https://x.example;script-src *",
            "javascript:alert(1)",
            "nonsense",
        ];
        let page = LoggedOut {
            frames: frames.map(str::to_owned).to_vec(),
            ..LoggedOut::default()
        };
        let policy = content_security_policy(&page.into());
        let (own, frames) = policy.split_once("; frame-src ").unwrap();
        assert_eq!(frames, "http://127.0.0.1:5555 https://wiki.example");
        let without = content_security_policy(&LoggedOut::default().into());
        assert_eq!(own, without, "where there are none, none is allowed");
        assert!(own.starts_with("default-src 'none'"));
    }

    #[test]
    fn only_pages_whose_form_leads_away_go_without_form_action() {
        for (name, page) in Page::samples() {
            let policy = content_security_policy(&page);
            let leads_away = [
                "password",
                "consent",
                "logout-confirm",
                "form-post",
                "identifier",
                "device",
            ]
            .iter()
            .any(|page| name.starts_with(page))
                && !["device-done", "device-denied", "device-over"].contains(&name);
            assert_eq!(!policy.contains("form-action"), leads_away, "{name}");
            for kept in [
                "default-src 'none'",
                "script-src 'self';",
                "style-src 'self';",
                "base-uri 'none'",
                "frame-ancestors 'none'",
            ] {
                assert!(policy.contains(kept), "{name}: {policy}");
            }
            assert!(!policy.contains("unsafe") && !policy.contains("nonce"));
        }
    }
}
