use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

/// What a token must be to be believed, beyond its signature.
///
/// The defaults are strict: an issuer must be named, `exp` must be there and lie in the future,
/// `typ` must be absent or `JWT`, and clocks may differ by a minute.
///
/// ```
/// use insula_jose::Expected;
/// let id_token = Expected::from_issuer("https://upstream.example").for_audience("our-client-id");
/// let access_token = Expected::from_issuer("https://acme.example").typed("at+jwt");
/// let id_token_hint = Expected::from_issuer("https://acme.example").even_expired();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// `iss` must be one of these. Empty: the caller checks it, for example against a template.
    pub issuers: Vec<String>,
    /// `aud` must contain this one.
    pub audience: Option<String>,
    /// What `typ` may be.
    pub typ: TypRule,
    /// Whether `exp` is demanded and checked.
    pub check_expiry: bool,
    /// How long after `exp` it is still taken, because clocks differ.
    pub leeway: Duration,
    /// How long before `nbf` it is taken already.
    pub leeway_not_before: Duration,
    /// How far `iat` may lie ahead. `None`: nobody looks.
    pub leeway_issued_at: Option<Duration>,
}

/// Which `typ` header is accepted.
///
/// Compared as a media type: without regard to case, and with `application/` optional
/// ([RFC 7515 §4.1.9](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypRule {
    /// Any, or none.
    Any,
    /// No `typ`, or one of these.
    AbsentOr(Vec<String>),
    /// One of these must be there (RFC 8725 §3.11).
    OneOf(Vec<String>),
}

impl Expected {
    /// A token by `issuer`.
    pub fn from_issuer(issuer: impl Into<String>) -> Self {
        Self {
            issuers: vec![issuer.into()],
            ..Self::from_any_issuer()
        }
    }

    /// A token whose issuer the caller checks.
    pub fn from_any_issuer() -> Self {
        Self {
            issuers: Vec::new(),
            audience: None,
            typ: TypRule::AbsentOr(vec!["JWT".to_owned()]),
            check_expiry: true,
            leeway: MINUTE,
            leeway_not_before: MINUTE,
            leeway_issued_at: Some(MINUTE),
        }
    }

    /// Demands `audience` in `aud`.
    pub fn for_audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Demands this very `typ`.
    pub fn typed(mut self, typ: impl Into<String>) -> Self {
        self.typ = TypRule::OneOf(vec![typ.into()]);
        self
    }

    /// Accepts whatever `typ` there is.
    pub fn of_any_typ(mut self) -> Self {
        self.typ = TypRule::Any;
        self
    }

    /// Accepts a token that has expired: an `id_token_hint` usually has.
    pub fn even_expired(mut self) -> Self {
        self.check_expiry = false;
        self
    }

    /// Lets clocks differ by this much, in either direction.
    pub fn with_leeway(self, leeway: Duration) -> Self {
        self.with_leeways(leeway, leeway, Some(leeway))
    }

    /// Lets clocks differ by a measure for each of `exp`, `nbf` and `iat`.
    pub fn with_leeways(
        mut self,
        expiry: Duration,
        not_before: Duration,
        issued_at: Option<Duration>,
    ) -> Self {
        self.leeway = expiry;
        self.leeway_not_before = not_before;
        self.leeway_issued_at = issued_at;
        self
    }
}

impl TypRule {
    pub(crate) fn accepts(&self, typ: Option<&str>) -> bool {
        let among = |accepted: &[String], typ: &str| {
            accepted
                .iter()
                .any(|one| media_type(one).eq_ignore_ascii_case(media_type(typ)))
        };
        match (self, typ) {
            (Self::Any, _) | (Self::AbsentOr(_), None) => true,
            (Self::OneOf(_), None) => false,
            (Self::AbsentOr(accepted) | Self::OneOf(accepted), Some(typ)) => among(accepted, typ),
        }
    }
}

/// Without its `application/`, if it has one.
fn media_type(typ: &str) -> &str {
    match typ.split_once('/') {
        Some((kind, rest)) if kind.eq_ignore_ascii_case("application") => rest,
        _ => typ,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typ_is_compared_as_a_media_type() {
        let at_jwt = TypRule::OneOf(vec!["at+jwt".to_owned()]);
        for (typ, accepted) in [
            (Some("at+jwt"), true),
            (Some("AT+JWT"), true),
            (Some("application/at+jwt"), true),
            (Some("JWT"), false),
            (Some("text/at+jwt"), false),
            (None, false),
        ] {
            assert_eq!(at_jwt.accepts(typ), accepted, "{typ:?}");
        }
        let usual = TypRule::AbsentOr(vec!["JWT".to_owned()]);
        assert!(usual.accepts(None) && usual.accepts(Some("jwt")));
        assert!(!usual.accepts(Some("logout+jwt")));
        assert!(TypRule::Any.accepts(Some("anything")));
    }
}
