//! The content security policy the pages are written for.

/// The value of `Content-Security-Policy` for a page rendered with `nonce`.
///
/// `form_targets` are the origins a form of the page may lead to besides our own: browsers apply
/// `form-action` to the redirects that follow a submit too, so the login and consent pages name
/// the origin of the *proven* `redirect_uri` (`https://portal.example`, or `com.example.app:` for
/// a native app), and a form-post page names its target. Anything that could end the directive or
/// widen it is left out.
pub fn content_security_policy(nonce: &str, form_targets: &[&str]) -> String {
    let mut policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}' 'self'; \
         img-src 'self' data:; font-src 'self'; base-uri 'none'; frame-ancestors 'none'; \
         form-action 'self'"
    );
    for target in form_targets.iter().filter(|target| is_source(target)) {
        policy.push(' ');
        policy.push_str(target);
    }
    policy
}

fn is_source(target: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+-.:/[]".contains(c);
    target.contains(':') && target.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_target_cannot_widen_the_policy() {
        let policy = content_security_policy(
            "n",
            &[
                "https://a.test",
                "https://b.test; script-src *",
                "*",
                "com.example.app:",
            ],
        );
        assert!(
            policy.ends_with("form-action 'self' https://a.test com.example.app:"),
            "{policy}"
        );
    }
}
