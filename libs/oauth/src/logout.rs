use crate::Params;

/// An RP-initiated logout request
/// ([OpenID Connect RP-Initiated Logout §2](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout)).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each field is the parameter of its name")]
pub struct LogoutRequest {
    pub id_token_hint: Option<String>,
    pub client_id: Option<String>,
    pub post_logout_redirect_uri: Option<String>,
    pub state: Option<String>,
    pub ui_locales: Option<String>,
    pub logout_hint: Option<String>,
}

impl LogoutRequest {
    /// Reads a query or a form.
    pub fn from_params(params: &Params) -> Self {
        Self {
            id_token_hint: params.take("id_token_hint"),
            client_id: params.take("client_id"),
            post_logout_redirect_uri: params.take("post_logout_redirect_uri"),
            state: params.take("state"),
            ui_locales: params.take("ui_locales"),
            logout_hint: params.take("logout_hint"),
        }
    }
}
