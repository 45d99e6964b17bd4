use url::Url;

use super::issuer::is_loopback;

/// Why a redirect URI may not be registered with a tenant of our format, if it may not.
///
/// RFC 6749 §3.1.2: absolute, without a fragment. RFC 9700 §2.6: https, but for loopback
/// (RFC 8252 §7.3) and for private-use schemes, which carry a dot (RFC 8252 §7.1).
pub(super) fn objection(uri: &str) -> Option<(&'static str, &'static str)> {
    let Ok(url) = Url::parse(uri) else {
        let next = "write all of it, such as https://app.example/callback";
        return Some(("is not an absolute URI", next));
    };
    if url.fragment().is_some() {
        return Some((
            "carries a fragment, which RFC 6749 §3.1.2 forbids",
            "drop # and what follows",
        ));
    }
    if uri.contains('*') {
        return Some((
            "has a wildcard, but redirect URIs are compared as text",
            "list each of them",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some(("carries a user name", "drop what stands before @"));
    }
    match url.scheme() {
        "https" => None,
        "http" if url.host_str().is_some_and(is_loopback) => None,
        "http" => Some((
            "sends codes over the network unencrypted",
            "write https://; http is for this machine only",
        )),
        scheme if scheme.contains('.') => None,
        _ => Some((
            "has a scheme anybody may claim",
            "write https, or a scheme made of a domain, such as com.example.app",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::objection;

    #[test]
    fn https_loopback_and_private_schemes_are_taken() {
        for uri in [
            "https://app.example/cb?x=1",
            "http://127.0.0.1:5555/callback",
            "http://[::1]/cb",
            "http://localhost/cb",
            "http://acme.localhost:5556/callback",
            "com.example.app:/cb",
        ] {
            assert_eq!(objection(uri), None, "{uri}");
        }
    }

    #[test]
    fn what_leaks_a_code_or_may_be_claimed_by_another_is_refused() {
        for (uri, why) in [
            ("/callback", "absolute"),
            ("https://app.example/#x", "fragment"),
            ("http://app.example/cb", "unencrypted"),
            ("myapp:/cb", "anybody"),
            ("javascript:alert(1)", "anybody"),
            ("https://*.app.example/cb", "wildcard"),
            ("https://u:p@app.example/cb", "user name"),
        ] {
            let (cause, _) = objection(uri).unwrap();
            assert!(cause.contains(why), "{uri}: {cause}");
        }
    }
}
