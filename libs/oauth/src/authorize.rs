use crate::Params;
use crate::params::named_resources;

/// The parameters of an authorization request, as they came.
///
/// [RFC 6749 §4.1.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1),
/// [OpenID Connect Core §3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest),
/// RFC 7636 §4.3, and dex's `connector_id` and `approval_prompt`. Nothing is checked here: whether
/// an error may go to the client depends on what the engine finds out about the redirect URI. The
/// texts are those of the query or the form, of which only what is kept is copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the parameter of its name")]
pub struct AuthorizeRequest<'a> {
    pub client_id: Option<&'a str>,
    pub redirect_uri: Option<&'a str>,
    pub response_type: Option<&'a str>,
    pub response_mode: Option<&'a str>,
    pub scope: Option<&'a str>,
    /// Every `resource` (RFC 8707 §2.1), which may come more than once.
    pub resources: Vec<&'a str>,
    pub state: Option<&'a str>,
    pub nonce: Option<&'a str>,
    pub code_challenge: Option<&'a str>,
    pub code_challenge_method: Option<&'a str>,
    pub prompt: Option<&'a str>,
    pub max_age: Option<&'a str>,
    pub login_hint: Option<&'a str>,
    pub ui_locales: Option<&'a str>,
    pub id_token_hint: Option<&'a str>,
    pub acr_values: Option<&'a str>,
    pub claims: Option<&'a str>,
    pub request: Option<&'a str>,
    pub request_uri: Option<&'a str>,
    pub registration: Option<&'a str>,
    pub connector_id: Option<&'a str>,
    pub approval_prompt: Option<&'a str>,
    /// The first parameter that came more than once (RFC 6749 §3.1).
    pub duplicate: Option<&'a str>,
}

impl<'a> AuthorizeRequest<'a> {
    /// Picks the parameters out of a query or a form body.
    pub fn from_params(params: &'a Params) -> Self {
        Self {
            client_id: params.get("client_id"),
            redirect_uri: params.get("redirect_uri"),
            response_type: params.get("response_type"),
            response_mode: params.get("response_mode"),
            scope: params.get("scope"),
            resources: named_resources(params),
            state: params.get("state"),
            nonce: params.get("nonce"),
            code_challenge: params.get("code_challenge"),
            code_challenge_method: params.get("code_challenge_method"),
            prompt: params.get("prompt"),
            max_age: params.get("max_age"),
            login_hint: params.get("login_hint"),
            ui_locales: params.get("ui_locales"),
            id_token_hint: params.get("id_token_hint"),
            acr_values: params.get("acr_values"),
            claims: params.get("claims"),
            request: params.get("request"),
            request_uri: params.get("request_uri"),
            registration: params.get("registration"),
            connector_id: params.get("connector_id"),
            approval_prompt: params.get("approval_prompt"),
            duplicate: params.duplicate(),
        }
    }
}
