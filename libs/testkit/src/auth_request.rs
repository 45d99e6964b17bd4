use insula_model::{
    Asked, AuthRequest, AuthRequestId, AuthorizationRequest, ClaimsRequest, ClientId, ConnectorId,
    Login, Origin, Proof, ProvenPerson, TokenHash,
};
use insula_oauth::{
    CodeChallenge, CodeChallengeMethod, Prompts, ResponseMode, ResponseType, Scopes,
};

use crate::{CHALLENGE, NOW};

/// A valid request of the client `app` for a code, with PKCE, `state` and `nonce`.
pub fn an_authorization_request() -> AuthorizationRequest {
    AuthorizationRequest {
        client_id: ClientId::parse("app").expect("a word is an id"),
        redirect_uri: "https://app.test/cb".to_owned(),
        response_type: ResponseType::CODE,
        response_mode: ResponseMode::Query,
        scopes: Scopes::parse("openid email profile"),
        resources: Vec::new(),
        state: Some("af0ifjsldkj".to_owned()),
        nonce: Some("n-0S6_WzA2Mj".to_owned()),
        code_challenge: Some(CodeChallenge {
            method: CodeChallengeMethod::S256,
            value: CHALLENGE.to_owned(),
        }),
        prompts: Prompts::default(),
        max_age: None,
        login_hint: None,
        ui_locales: Vec::new(),
        acr_values: Vec::new(),
        claims: ClaimsRequest::default(),
        hinted_sub: None,
        connector_id: None,
        force_approval: false,
    }
}

/// A login under way, to be.
#[derive(Debug, Clone)]
pub struct AuthRequestBuilder(AuthRequest);

/// Begins a login under way: [`an_authorization_request`], awaiting the connector `mock`, begun
/// [`NOW`], good for ten minutes, in the browser `browser`.
pub fn an_auth_request() -> AuthRequestBuilder {
    AuthRequestBuilder(AuthRequest {
        id: AuthRequestId::parse("request1").expect("a word is an id"),
        version: 1,
        origin: Origin::Browser,
        request: an_authorization_request(),
        browser: Some(TokenHash::of("browser")),
        carried: false,
        created_at: NOW,
        back_hash: None,
        asked: Some(Asked {
            connector_id: ConnectorId::parse("mock").expect("a word is an id"),
            memory: serde_json::Value::Null,
        }),
        person: None,
        proofs: Vec::new(),
        remember_me: None,
        typed_address: None,
    })
}

impl AuthRequestBuilder {
    /// With another request of the client.
    pub fn asking(mut self, request: AuthorizationRequest) -> Self {
        self.0.request = request;
        self
    }

    /// With the person known.
    pub fn authenticated(mut self, login: Login) -> Self {
        self.0.asked = None;
        self.0.proofs = vec![Proof {
            at: login.auth_time,
            amr: login.amr,
            acr: login.acr,
        }];
        self.0.person = Some(ProvenPerson {
            connector_id: login.connector_id,
            claims: login.claims,
            session_id: login.session_id,
            connector_data: login.connector_data,
        });
        self
    }

    /// The login under way.
    pub fn build(self) -> AuthRequest {
        self.0
    }
}
