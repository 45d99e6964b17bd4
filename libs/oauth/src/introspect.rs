use insula_secret::Secret;
use serde::Serialize;

use crate::{Params, RevokeRequest, TokenTypeHint};

/// An introspection request ([RFC 7662 §2.1](https://www.rfc-editor.org/rfc/rfc7662#section-2.1)).
#[derive(Clone, PartialEq, Eq)]
pub struct IntrospectRequest {
    /// `token`.
    pub token: Option<Secret<str>>,
    /// `token_type_hint`.
    pub hint: Option<TokenTypeHint>,
}

impl IntrospectRequest {
    /// Reads a form; it has the two parameters of a revocation request.
    pub fn from_params(form: &Params) -> Self {
        let RevokeRequest { token, hint } = RevokeRequest::from_params(form);
        Self { token, hint }
    }
}

impl std::fmt::Debug for IntrospectRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IntrospectRequest")
            .field("hint", &self.hint)
            .finish_non_exhaustive()
    }
}

/// The answer ([RFC 7662 §2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)), with `acr` and
/// `auth_time` ([RFC 9470 §6.2](https://www.rfc-editor.org/rfc/rfc9470#section-6.2)), `act` (RFC 8693 §7) and dex's
/// `token_use` and `ext`. An inactive token is `{"active":false}` and nothing else.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[expect(missing_docs, reason = "each field is the member of its name")]
pub struct IntrospectResponse {
    pub active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_use: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ext: Option<IntrospectionExt>,
}

impl IntrospectResponse {
    /// The answer for every token that is not, or is no longer, good.
    pub fn inactive() -> Self {
        Self::default()
    }
}

/// dex's `ext` member: claims of the token's subject.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct IntrospectionExt(pub serde_json::Map<String, serde_json::Value>);
