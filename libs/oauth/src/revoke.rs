use insula_secret::Secret;

use crate::Params;

/// What kind of token the client believes it holds (RFC 7009 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenTypeHint {
    /// `access_token`
    AccessToken,
    /// `refresh_token`
    RefreshToken,
}

impl TokenTypeHint {
    /// Reads the hint; an unknown one is no hint, as RFC 7009 §2.1 lets a server decide.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "access_token" => Some(Self::AccessToken),
            "refresh_token" => Some(Self::RefreshToken),
            _ => None,
        }
    }
}

/// A revocation request ([RFC 7009 §2.1](https://www.rfc-editor.org/rfc/rfc7009#section-2.1)).
#[derive(Clone, PartialEq, Eq)]
pub struct RevokeRequest {
    /// `token`.
    pub token: Option<Secret<str>>,
    /// `token_type_hint`.
    pub hint: Option<TokenTypeHint>,
}

impl RevokeRequest {
    /// Reads a form.
    pub fn from_params(form: &Params) -> Self {
        Self {
            token: form.secret("token"),
            hint: form.get("token_type_hint").and_then(TokenTypeHint::parse),
        }
    }
}

impl std::fmt::Debug for RevokeRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RevokeRequest")
            .field("hint", &self.hint)
            .finish_non_exhaustive()
    }
}
