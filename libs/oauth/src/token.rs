use insula_secret::Secret;
use serde::Serialize;
use thiserror::Error;

use crate::params::resources;
use crate::{CodeVerifier, GrantType, Params, PasswordRequest, Scopes, TokenExchangeRequest};

/// A request to the token endpoint, one variant per grant it can carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRequest {
    /// RFC 6749 §4.1.3.
    AuthorizationCode(CodeRequest),
    /// RFC 6749 §6.
    RefreshToken(RefreshRequest),
    /// RFC 6749 §4.4.2.
    ClientCredentials(ClientCredentialsRequest),
    /// RFC 8628 §3.4.
    DeviceCode(DeviceCodeRequest),
    /// RFC 6749 §4.3.2.
    Password(PasswordRequest),
    /// RFC 8693 §2.1.
    TokenExchange(Box<TokenExchangeRequest>),
}

/// Why a form is not a token request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenRequestError {
    /// No `grant_type`.
    #[error("grant_type is missing")]
    NoGrantType,
    /// A grant type nobody registered, or one that is not served.
    #[error("grant_type {0:?} is not supported")]
    UnsupportedGrantType(String),
    /// A parameter came more than once (RFC 6749 §3.2).
    #[error("parameter {0:?} is included more than once")]
    Duplicate(String),
}

/// `grant_type=authorization_code`. Secrets inside are not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeRequest {
    /// `code`.
    pub code: Option<Secret<str>>,
    /// `redirect_uri`.
    pub redirect_uri: Option<String>,
    /// `code_verifier` (RFC 7636 §4.5).
    pub code_verifier: Option<CodeVerifier>,
    /// Each `resource`, to narrow what was granted (RFC 8707 §2.2).
    pub resources: Vec<String>,
}

impl std::fmt::Debug for CodeRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CodeRequest")
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

/// `grant_type=refresh_token`. The token is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshRequest {
    /// `refresh_token`.
    pub refresh_token: Option<Secret<str>>,
    /// `scope`, to narrow what was granted.
    pub scope: Option<Scopes>,
    /// Each `resource`, to narrow what was granted (RFC 8707 §2.2).
    pub resources: Vec<String>,
}

impl std::fmt::Debug for RefreshRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshRequest")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// `grant_type=client_credentials`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientCredentialsRequest {
    /// `scope`.
    pub scope: Option<Scopes>,
    /// Each `resource` (RFC 8707 §2.2).
    pub resources: Vec<String>,
    /// `nonce`, which dex takes here too.
    pub nonce: Option<String>,
}

/// `grant_type=urn:ietf:params:oauth:grant-type:device_code`. Secrets inside are not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceCodeRequest {
    /// `device_code`.
    pub device_code: Option<Secret<str>>,
    /// `code_verifier`, where the device sent a challenge (RFC 7636 §4.5).
    pub code_verifier: Option<CodeVerifier>,
    /// Each `resource`, to narrow what was granted (RFC 8707 §2.2).
    pub resources: Vec<String>,
}

impl DeviceCodeRequest {
    /// Reads a form.
    pub fn from_params(form: &Params) -> Self {
        Self {
            device_code: form.secret("device_code"),
            code_verifier: form.take("code_verifier").map(CodeVerifier::new),
            resources: resources(form),
        }
    }
}

impl std::fmt::Debug for DeviceCodeRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceCodeRequest").finish_non_exhaustive()
    }
}

impl TokenRequest {
    /// Reads a form. `grant_type` selects the variant.
    pub fn from_params(form: &Params) -> Result<Self, TokenRequestError> {
        if let Some(name) = form.duplicate() {
            return Err(TokenRequestError::Duplicate(name.to_owned()));
        }
        let word = form
            .get("grant_type")
            .ok_or(TokenRequestError::NoGrantType)?;
        match GrantType::parse(word).and_then(Self::reader) {
            Some(read) => Ok(read(form)),
            None => Err(TokenRequestError::UnsupportedGrantType(word.to_owned())),
        }
    }

    /// How a request of a grant is read; `None` for a grant that the token endpoint does not serve.
    ///
    /// Which grants are served is said here and nowhere else: what is read here must be dispatched
    /// by whoever matches a [`TokenRequest`], and [`GrantType::is_served`] follows.
    pub(crate) const fn reader(grant: GrantType) -> Option<fn(&Params) -> Self> {
        match grant {
            GrantType::AuthorizationCode => Some(|form| {
                Self::AuthorizationCode(CodeRequest {
                    code: form.secret("code"),
                    redirect_uri: form.take("redirect_uri"),
                    code_verifier: form.take("code_verifier").map(CodeVerifier::new),
                    resources: resources(form),
                })
            }),
            GrantType::RefreshToken => Some(|form| {
                Self::RefreshToken(RefreshRequest {
                    refresh_token: form.secret("refresh_token"),
                    scope: form.get("scope").map(Scopes::parse),
                    resources: resources(form),
                })
            }),
            GrantType::ClientCredentials => Some(|form| {
                Self::ClientCredentials(ClientCredentialsRequest {
                    scope: form.get("scope").map(Scopes::parse),
                    resources: resources(form),
                    nonce: form.take("nonce"),
                })
            }),
            GrantType::DeviceCode => {
                Some(|form| Self::DeviceCode(DeviceCodeRequest::from_params(form)))
            }
            GrantType::Password => Some(|form| Self::Password(PasswordRequest::from_params(form))),
            GrantType::TokenExchange => Some(|form| {
                let request = TokenExchangeRequest::from_params(form);
                Self::TokenExchange(Box::new(request))
            }),
            GrantType::Implicit => None,
        }
    }

    /// The grant type the request names.
    pub const fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode(_) => GrantType::AuthorizationCode,
            Self::RefreshToken(_) => GrantType::RefreshToken,
            Self::ClientCredentials(_) => GrantType::ClientCredentials,
            Self::DeviceCode(_) => GrantType::DeviceCode,
            Self::Password(_) => GrantType::Password,
            Self::TokenExchange(_) => GrantType::TokenExchange,
        }
    }
}

/// The body of a successful token answer, members in dex's order
/// ([RFC 6749 §5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1), OpenID Connect Core §3.1.3.3).
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct TokenResponse {
    /// `access_token`
    pub access_token: String,
    /// `issued_token_type` (RFC 8693 §2.2.1)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_token_type: Option<&'static str>,
    /// `token_type`: `bearer` or `Bearer`, by dialect
    pub token_type: &'static str,
    /// `expires_in`, whole seconds
    pub expires_in: u64,
    /// `refresh_token`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// `id_token`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// `scope`, where what was granted differs from what was asked, or always, by dialect
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

impl std::fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenResponse")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grant_type_selects_the_request() {
        let form = Params::parse("grant_type=authorization_code&code=c&redirect_uri=r").unwrap();
        let TokenRequest::AuthorizationCode(request) = TokenRequest::from_params(&form).unwrap()
        else {
            panic!("a code request")
        };
        assert_eq!(request.code, Some(Secret::new("c")));
    }

    #[test]
    fn a_grant_is_served_if_its_request_can_be_read_and_the_request_names_it() {
        for grant in GrantType::ALL {
            let form = Params::from_pairs([("grant_type", grant.as_str())]);
            let read = TokenRequest::from_params(&form);
            let has_request = grant.is_served() && grant != GrantType::Implicit;
            assert_eq!(read.is_ok(), has_request, "{grant:?}");
            let named = read.ok().map(|request| request.grant_type());
            assert_eq!(named, has_request.then_some(grant));
        }
        assert!(
            GrantType::Implicit.is_served(),
            "RFC 6749 §4.2 has no token request"
        );
    }

    #[test]
    fn an_unserved_grant_type_and_a_repeated_parameter_are_named() {
        let read = |text: &str| TokenRequest::from_params(&Params::parse(text).unwrap());
        assert_eq!(read(""), Err(TokenRequestError::NoGrantType));
        assert_eq!(
            read("grant_type=magic"),
            Err(TokenRequestError::UnsupportedGrantType("magic".to_owned()))
        );
        assert_eq!(
            read("grant_type=refresh_token&grant_type=refresh_token"),
            Err(TokenRequestError::Duplicate("grant_type".to_owned()))
        );
    }

    #[test]
    fn requests_and_responses_do_not_print_their_secrets() {
        let form = Params::parse("grant_type=refresh_token&refresh_token=s3cret").unwrap();
        let request = TokenRequest::from_params(&form).unwrap();
        assert!(!format!("{request:?}").contains("s3cret"));
    }
}
