//! The content security policy the pages are written for.

use crate::page::Page;

/// The value of `Content-Security-Policy` for `page`. Styles and scripts are static files: nothing
/// that stands in a page itself runs or paints, and nobody needs a nonce.
///
/// Browsers hold `form-action` against every redirect that follows a submit
/// ([CSP §6.4.1](https://www.w3.org/TR/CSP3/#directive-form-action)). Where a form's answer leads on
/// to the client, and from there wherever the client sends the person, no list can be complete, so
/// these pages carry the directive not at all; every other page keeps its forms at home.
pub fn content_security_policy(page: &Page) -> &'static str {
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
    fn only_pages_whose_form_leads_away_go_without_form_action() {
        for (name, page) in Page::samples() {
            let policy = content_security_policy(&page);
            let leads_away = [
                "password",
                "consent",
                "logout-confirm",
                "form-post",
                "identifier",
            ]
            .iter()
            .any(|page| name.starts_with(page));
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
