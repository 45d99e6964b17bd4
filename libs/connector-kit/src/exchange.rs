use insula_ambient::Timestamp;
use serde_json::{Map, Value};

use crate::UpstreamIdentity;

/// A token of the upstream's that somebody shows in place of a login
/// ([RFC 8693 §2.1](https://www.rfc-editor.org/rfc/rfc8693#section-2.1)).
#[derive(Clone, Copy)]
pub struct SubjectToken<'a> {
    /// The token.
    pub token: &'a str,
    /// What it is said to be.
    pub kind: SubjectTokenKind,
    /// For whom it must have been made.
    pub audience: SubjectTokenAudience<'a>,
    /// Whether the upstream's userinfo may vouch for an access token. It tells who the person is, and
    /// not for whom the token was made.
    pub by_userinfo: bool,
    /// The present.
    pub now: Timestamp,
}

/// Kinds of tokens that an upstream can vouch for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectTokenKind {
    /// An ID token, or another signed token of the upstream's.
    IdToken,
    /// An access token.
    AccessToken,
}

/// For whom a signed token must have been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectTokenAudience<'a> {
    /// For anybody, as dex has it.
    Anybody,
    /// For one of these.
    OneOf(&'a [String]),
    /// For us: for this issuer, or for the client that we are at the upstream.
    Us(&'a str),
}

/// The token is not printed.
impl std::fmt::Debug for SubjectToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubjectToken")
            .field("kind", &self.kind)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// Of whom a token was, says the upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct ExchangedIdentity {
    /// Who it is.
    pub identity: UpstreamIdentity,
    /// All that the token, or userinfo, says: what conditions are judged by.
    pub claims: Map<String, Value>,
    /// When they proved it, or when the token was made, as far as the upstream tells.
    pub auth_time: Option<Timestamp>,
}
