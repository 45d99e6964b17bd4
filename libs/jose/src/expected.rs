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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected<'a> {
    /// What `iss` must be. `None`: the caller checks it, for example against a template.
    pub issuer: Option<&'a str>,
    /// `aud` must contain this one.
    pub audience: Option<&'a str>,
    /// What `typ` may be.
    pub typ: TypRule<'a>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypRule<'a> {
    /// Any, or none.
    Any,
    /// No `typ`, or this one.
    AbsentOr(&'a str),
    /// No `typ`, or one of these.
    AbsentOrOneOf(&'a [&'a str]),
    /// This one must be there (RFC 8725 §3.11).
    Exactly(&'a str),
}

impl<'a> Expected<'a> {
    /// A token by `issuer`.
    pub fn from_issuer(issuer: &'a str) -> Self {
        Self {
            issuer: Some(issuer),
            ..Self::from_any_issuer()
        }
    }

    /// A token whose issuer the caller checks.
    pub fn from_any_issuer() -> Self {
        Self {
            issuer: None,
            audience: None,
            typ: TypRule::AbsentOr("JWT"),
            check_expiry: true,
            leeway: MINUTE,
            leeway_not_before: MINUTE,
            leeway_issued_at: Some(MINUTE),
        }
    }

    /// Demands `audience` in `aud`.
    pub fn for_audience(mut self, audience: &'a str) -> Self {
        self.audience = Some(audience);
        self
    }

    /// Demands this very `typ`.
    pub fn typed(mut self, typ: &'a str) -> Self {
        self.typ = TypRule::Exactly(typ);
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

impl TypRule<'_> {
    pub(crate) fn accepts(self, typ: Option<&str>) -> bool {
        match (self, typ) {
            (Self::Any, _) | (Self::AbsentOr(_) | Self::AbsentOrOneOf(_), None) => true,
            (Self::Exactly(_), None) => false,
            (Self::AbsentOrOneOf(accepted), Some(_)) => {
                let one = |accepted: &&str| TypRule::Exactly(accepted).accepts(typ);
                accepted.iter().any(one)
            }
            (Self::AbsentOr(accepted) | Self::Exactly(accepted), Some(typ)) => {
                media_type(accepted).eq_ignore_ascii_case(media_type(typ))
            }
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
        let at_jwt = TypRule::Exactly("at+jwt");
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
        let usual = TypRule::AbsentOr("JWT");
        assert!(usual.accepts(None) && usual.accepts(Some("jwt")));
        assert!(!usual.accepts(Some("logout+jwt")));
        assert!(TypRule::Any.accepts(Some("anything")));
        let either = TypRule::AbsentOrOneOf(&["JWT", "oauth-authz-req+jwt"]);
        for typ in [None, Some("jwt"), Some("application/oauth-authz-req+jwt")] {
            assert!(either.accepts(typ), "{typ:?}");
        }
        assert!(!either.accepts(Some("at+jwt")));
    }
}
