//! The address of a vendor's server, below which all that it is asked has its place.

use url::Url;

/// An address without query and fragment. A path that it has stays: servers may live below one.
pub(crate) struct BaseUrl(Url);

impl BaseUrl {
    /// Reads a setting; `None` where it is no web address of a server.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_base = matches!(url.scheme(), "https" | "http")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none();
        is_base.then_some(Self(url))
    }

    /// An address below it. Each part of the path is one segment, whatever is written in it.
    pub(crate) fn at(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.0.clone();
        // Only an address that cannot be a base has no segments, and those were refused.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Whether an address is one of this server's: who is asked there may see its tokens.
    pub(crate) fn has(&self, url: &Url) -> bool {
        self.0.origin() == url.origin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_stays_below_the_address_and_its_path() {
        for (base, at) in [
            ("https://git.test", "https://git.test/api/v4/user"),
            ("https://git.test/", "https://git.test/api/v4/user"),
            ("https://acme.test/git", "https://acme.test/git/api/v4/user"),
            (
                "https://acme.test/git/",
                "https://acme.test/git/api/v4/user",
            ),
        ] {
            let base = BaseUrl::parse(base).unwrap();
            assert_eq!(base.at(&["api", "v4", "user"], &[]).as_str(), at);
        }
        let base = BaseUrl::parse("https://git.test").unwrap();
        let odd = base.at(&["orgs", "../a?b"], &[("page", "1"), ("q", "a&b")]);
        assert_eq!(
            odd.as_str(),
            "https://git.test/orgs/..%2Fa%3Fb?page=1&q=a%26b"
        );
    }

    #[test]
    fn what_is_no_address_of_a_server_is_refused() {
        for text in [
            "",
            "git.test",
            "ftp://git.test",
            "mailto:a@git.test",
            "https://git.test/?a=b",
            "https://git.test/#a",
        ] {
            assert!(BaseUrl::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn another_host_port_or_scheme_is_another_server() {
        let base = BaseUrl::parse("https://git.test/below").unwrap();
        assert!(base.has(&Url::parse("https://git.test/page/2").unwrap()));
        for other in [
            "http://git.test/",
            "https://git.test:8443/",
            "https://git.test.evil.test/",
            "https://evil.test/",
        ] {
            assert!(!base.has(&Url::parse(other).unwrap()), "{other}");
        }
    }
}
