use serde::{Deserialize, Serialize};

/// How a client may hand over its authorization request as a JWT
/// ([RFC 9101](https://www.rfc-editor.org/rfc/rfc9101); the metadata words of its §9 and of OpenID
/// Connect Registration §2).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestObjects {
    /// `jwks`: its public keys, as the JSON of a JWK Set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<String>,
    /// `request_object_signing_alg`: the one JOSE name it signs with; `none` for one that signs
    /// nothing. Without it, whatever fits a key of its set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// `require_signed_request_object` (RFC 9101 §10.5): a request without one is refused, so that
    /// whoever leads the browser cannot leave it away and write parameters instead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

impl RequestObjects {
    /// What the text takes in memory beside the record.
    pub fn bytes_beside(&self) -> usize {
        let texts = self.jwks.iter().chain(&self.alg);
        texts.map(String::len).sum()
    }
}
