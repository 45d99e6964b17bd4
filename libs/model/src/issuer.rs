use std::fmt;

use thiserror::Error;
use url::Url;

/// Why a text is not an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IssuerError {
    /// Not an absolute URL.
    #[error("issuer {0:?} is not an absolute URL; write one like https://login.example.com")]
    NotAUrl(String),
    /// Neither http nor https.
    #[error("issuer {0:?} must begin with http:// or https://")]
    Scheme(String),
    /// A blank or a control character: URL parsers strip it, and clients compare with it.
    #[error("issuer {0:?} must hold no blank and no control character")]
    Blank(String),
    /// A query, fragment or user information (OpenID Connect Discovery §3).
    #[error("issuer {0:?} must carry no query, fragment or user name")]
    Extras(String),
}

/// A tenant's issuer identifier: kept byte for byte, because clients compare it so
/// ([OpenID Connect Discovery §3](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata)).
#[derive(Clone, PartialEq, Eq)]
pub struct Issuer {
    verbatim: String,
    host: String,
    path: String,
    origin: String,
    is_https: bool,
}

impl Issuer {
    /// Checks and takes apart an issuer.
    pub fn parse(text: &str) -> Result<Self, IssuerError> {
        let owned = || text.to_owned();
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(IssuerError::Blank(owned()));
        }
        let url = Url::parse(text).map_err(|_| IssuerError::NotAUrl(owned()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(IssuerError::Scheme(owned()));
        }
        let host = url
            .host_str()
            .ok_or_else(|| IssuerError::NotAUrl(owned()))?;
        let has_extras = url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some();
        if has_extras {
            return Err(IssuerError::Extras(owned()));
        }
        Ok(Self {
            verbatim: owned(),
            host: host.to_ascii_lowercase(),
            path: url.path().trim_end_matches('/').to_owned(),
            origin: url.origin().ascii_serialization(),
            is_https: url.scheme() == "https",
        })
    }

    /// Exactly as configured: `iss`, and discovery's `issuer`.
    pub fn as_str(&self) -> &str {
        &self.verbatim
    }

    /// The host name, lower-case, without a port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path all routes are mounted under: empty, or beginning with `/` and without a `/` at the
    /// end.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether browsers reach it over TLS, so that cookies may be `Secure`.
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// The absolute URL of a route: `/token` → `https://host/path/token`. A slash at the end of the
    /// issuer is not doubled.
    pub fn url(&self, route: &str) -> String {
        format!("{}{route}", self.verbatim.trim_end_matches('/'))
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.verbatim)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issuer({})", self.verbatim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_stays_in_iss_but_not_in_routes() {
        let issuer = Issuer::parse("https://Login.Example:8443/dex/").unwrap();
        assert_eq!(issuer.as_str(), "https://Login.Example:8443/dex/");
        assert_eq!(issuer.path(), "/dex");
        assert_eq!(issuer.host(), "login.example");
        assert_eq!(issuer.url("/token"), "https://Login.Example:8443/dex/token");
        assert_eq!(issuer.origin(), "https://login.example:8443");
    }

    #[test]
    fn a_root_issuer_has_an_empty_path() {
        assert_eq!(
            Issuer::parse("http://acme.localhost:5556").unwrap().path(),
            ""
        );
        assert_eq!(
            Issuer::parse("http://acme.localhost:5556/").unwrap().path(),
            ""
        );
    }

    #[test]
    fn what_no_client_could_compare_is_refused() {
        assert!(matches!(
            Issuer::parse("login.example"),
            Err(IssuerError::NotAUrl(_))
        ));
        for odd in [
            "https://x\n",
            " https://x",
            "https://x/a b",
            "https://x\t.test",
        ] {
            assert!(matches!(Issuer::parse(odd), Err(IssuerError::Blank(_))));
        }
        assert!(matches!(
            Issuer::parse("ftp://x"),
            Err(IssuerError::Scheme(_))
        ));
        assert!(matches!(
            Issuer::parse("https://x/?a=b"),
            Err(IssuerError::Extras(_))
        ));
        assert!(matches!(
            Issuer::parse("https://u@x/"),
            Err(IssuerError::Extras(_))
        ));
    }
}
