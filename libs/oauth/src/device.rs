use serde::Serialize;

use crate::params::resources;
use crate::{Params, Scopes};

/// A device authorization request
/// ([RFC 8628 §3.1](https://www.rfc-editor.org/rfc/rfc8628#section-3.1)). Who the client is is
/// read with its credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceAuthorizationRequest {
    /// `scope`.
    pub scope: Option<Scopes>,
    /// Each `resource` (RFC 8707 §2).
    pub resources: Vec<String>,
    /// `code_challenge` (RFC 7636 §4.3), which dex and others take here too.
    pub code_challenge: Option<String>,
    /// `code_challenge_method`.
    pub code_challenge_method: Option<String>,
    /// The first parameter that came more than once.
    pub duplicate: Option<String>,
}

impl DeviceAuthorizationRequest {
    /// Reads a form.
    pub fn from_params(form: &Params) -> Self {
        Self {
            scope: form.get("scope").map(Scopes::parse),
            resources: resources(form),
            code_challenge: form.take("code_challenge"),
            code_challenge_method: form.take("code_challenge_method"),
            duplicate: form.duplicate().map(str::to_owned),
        }
    }
}

/// The answer to it, members in dex's order
/// ([RFC 8628 §3.2](https://www.rfc-editor.org/rfc/rfc8628#section-3.2)).
#[derive(Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each field is the member of its name")]
pub struct DeviceAuthorizationResponse {
    pub device_code: String,
    pub user_code: String,
    pub verification_uri: String,
    pub verification_uri_complete: String,
    pub expires_in: u64,
    pub interval: u64,
}

impl std::fmt::Debug for DeviceAuthorizationResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceAuthorizationResponse")
            .field("verification_uri", &self.verification_uri)
            .finish_non_exhaustive()
    }
}
