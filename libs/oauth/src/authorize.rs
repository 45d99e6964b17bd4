use crate::Params;
use crate::params::resources;

/// The parameters of an authorization request, as they came.
///
/// [RFC 6749 §4.1.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1),
/// [OpenID Connect Core §3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest),
/// RFC 7636 §4.3, and dex's `connector_id` and `approval_prompt`. Nothing is checked here: whether
/// an error may go to the client depends on what the engine finds out about the redirect URI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the parameter of its name")]
pub struct AuthorizeRequest {
    pub client_id: Option<String>,
    pub redirect_uri: Option<String>,
    pub response_type: Option<String>,
    pub response_mode: Option<String>,
    pub scope: Option<String>,
    /// Every `resource` (RFC 8707 §2.1), which may come more than once.
    pub resources: Vec<String>,
    pub state: Option<String>,
    pub nonce: Option<String>,
    pub code_challenge: Option<String>,
    pub code_challenge_method: Option<String>,
    pub prompt: Option<String>,
    pub max_age: Option<String>,
    pub login_hint: Option<String>,
    pub ui_locales: Option<String>,
    pub id_token_hint: Option<String>,
    pub acr_values: Option<String>,
    pub claims: Option<String>,
    pub request: Option<String>,
    pub request_uri: Option<String>,
    pub registration: Option<String>,
    pub connector_id: Option<String>,
    pub approval_prompt: Option<String>,
    /// The first parameter that came more than once (RFC 6749 §3.1).
    pub duplicate: Option<String>,
}

impl AuthorizeRequest {
    /// Picks the parameters out of a query or a form body.
    pub fn from_params(params: &Params) -> Self {
        Self {
            client_id: params.take("client_id"),
            redirect_uri: params.take("redirect_uri"),
            response_type: params.take("response_type"),
            response_mode: params.take("response_mode"),
            scope: params.take("scope"),
            resources: resources(params),
            state: params.take("state"),
            nonce: params.take("nonce"),
            code_challenge: params.take("code_challenge"),
            code_challenge_method: params.take("code_challenge_method"),
            prompt: params.take("prompt"),
            max_age: params.take("max_age"),
            login_hint: params.take("login_hint"),
            ui_locales: params.take("ui_locales"),
            id_token_hint: params.take("id_token_hint"),
            acr_values: params.take("acr_values"),
            claims: params.take("claims"),
            request: params.take("request"),
            request_uri: params.take("request_uri"),
            registration: params.take("registration"),
            connector_id: params.take("connector_id"),
            approval_prompt: params.take("approval_prompt"),
            duplicate: params.duplicate().map(str::to_owned),
        }
    }
}
