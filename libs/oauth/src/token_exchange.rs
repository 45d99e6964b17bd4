use insula_secret::Secret;

use crate::params::resources;
use crate::{Params, Scopes};

/// What a token is ([RFC 8693 §3](https://www.rfc-editor.org/rfc/rfc8693#section-3)), as far as it is
/// known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// An access token.
    AccessToken,
    /// An ID token.
    IdToken,
    /// A token that is signed and can be read, whatever it is for.
    Jwt,
}

impl TokenType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AccessToken, Self::IdToken, Self::Jwt];

    /// The URN on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
        }
    }

    /// Reads the URN.
    pub fn parse(urn: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == urn)
    }
}

/// `grant_type=urn:ietf:params:oauth:grant-type:token-exchange`
/// ([RFC 8693 §2.1](https://www.rfc-editor.org/rfc/rfc8693#section-2.1)). Tokens are not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenExchangeRequest {
    /// `connector_id`, dex's word for whose the subject token is.
    pub connector_id: Option<String>,
    /// `subject_token`.
    pub subject_token: Option<Secret<str>>,
    /// `subject_token_type`.
    pub subject_token_type: Option<String>,
    /// `actor_token`.
    pub actor_token: Option<Secret<str>>,
    /// `actor_token_type`.
    pub actor_token_type: Option<String>,
    /// `requested_token_type`.
    pub requested_token_type: Option<String>,
    /// Every `audience`.
    pub audiences: Vec<String>,
    /// Every `resource` (RFC 8707).
    pub resources: Vec<String>,
    /// `scope`.
    pub scope: Option<Scopes>,
}

impl TokenExchangeRequest {
    /// Reads a form.
    pub fn from_params(form: &Params) -> Self {
        Self {
            connector_id: form.take("connector_id"),
            subject_token: form.secret("subject_token"),
            subject_token_type: form.take("subject_token_type"),
            actor_token: form.secret("actor_token"),
            actor_token_type: form.take("actor_token_type"),
            requested_token_type: form.take("requested_token_type"),
            audiences: form.all("audience").map(str::to_owned).collect(),
            resources: resources(form),
            scope: form.get("scope").map(Scopes::parse),
        }
    }
}

impl std::fmt::Debug for TokenExchangeRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenExchangeRequest")
            .field("connector_id", &self.connector_id)
            .field("subject_token_type", &self.subject_token_type)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// `grant_type=password` ([RFC 6749 §4.3.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.3.2)).
/// Who it is about is not printed either.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordRequest {
    /// `username`.
    pub username: Option<String>,
    /// `password`.
    pub password: Option<Secret<str>>,
    /// `scope`.
    pub scope: Option<Scopes>,
    /// `nonce`, which dex repeats in its tokens.
    pub nonce: Option<String>,
    /// Every `resource` (RFC 8707).
    pub resources: Vec<String>,
}

impl PasswordRequest {
    /// Reads a form.
    pub fn from_params(form: &Params) -> Self {
        Self {
            username: form.take("username"),
            password: form.secret("password"),
            scope: form.get("scope").map(Scopes::parse),
            nonce: form.take("nonce"),
            resources: resources(form),
        }
    }
}

impl std::fmt::Debug for PasswordRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordRequest")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_type_reads_back_its_own_urn() {
        for kind in TokenType::ALL {
            assert_eq!(TokenType::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(TokenType::parse("access_token"), None);
    }

    #[test]
    fn an_exchange_may_name_several_targets_and_prints_no_token() {
        let form = "subject_token=s3cret&actor_token=s3cret2&audience=a&audience=b&resource=c";
        let read = TokenExchangeRequest::from_params(&Params::parse(form).unwrap());
        assert_eq!(read.audiences, ["a", "b"]);
        assert_eq!(read.resources, ["c"]);
        assert!(!format!("{read:?}").contains("s3cret"));
    }

    #[test]
    fn a_password_request_prints_neither_name_nor_password() {
        let form = Params::parse("username=jane&password=s3cret&scope=openid").unwrap();
        let printed = format!("{:?}", PasswordRequest::from_params(&form));
        assert!(
            !printed.contains("jane") && !printed.contains("s3cret"),
            "{printed}"
        );
    }
}
