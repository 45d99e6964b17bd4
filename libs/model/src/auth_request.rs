use insula_ambient::Timestamp;
use insula_oauth::{CodeChallenge, Prompts, ResponseMode, ResponseType, Scopes};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    AuthRequestId, ClaimsRequest, ClientId, ConnectorId, IdentityClaims, SessionId, TokenHash,
};

/// Whether a member says nothing, and need not be written out: strangers choose how many of these
/// records there are.
pub(crate) fn is_nothing<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// An authorization request that passed validation: every field is what it claims to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// The client that asks.
    pub client_id: ClientId,
    /// Proven to be the client's.
    pub redirect_uri: String,
    /// What it wants back.
    pub response_type: ResponseType,
    /// How it wants it.
    pub response_mode: ResponseMode,
    /// What it asks for.
    pub scopes: Scopes,
    /// Returned untouched.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub state: Option<String>,
    /// Bound into the ID token.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub nonce: Option<String>,
    /// PKCE.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub code_challenge: Option<CodeChallenge>,
    /// What the client wants shown.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub prompts: Prompts,
    /// The greatest age of the login, in seconds.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub max_age: Option<u64>,
    /// Who the client thinks will log in.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub login_hint: Option<String>,
    /// Languages the client would like shown, best first.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub ui_locales: Vec<String>,
    /// Voluntary authentication contexts, best first.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub acr_values: Vec<String>,
    /// Claims asked for one by one.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub claims: ClaimsRequest,
    /// The `sub` of a verified `id_token_hint`: nobody else may answer this request.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub hinted_sub: Option<String>,
    /// The connector the client insists on.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub connector_id: Option<ConnectorId>,
    /// dex's `approval_prompt=force`.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub force_approval: bool,
}

impl AuthorizationRequest {
    /// The client alone: what is kept of a request that the browser carries.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self {
            client_id: self.client_id.clone(),
            redirect_uri: String::new(),
            response_type: self.response_type,
            response_mode: self.response_mode,
            scopes: Scopes::default(),
            state: None,
            nonce: None,
            code_challenge: None,
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

    /// What the person is asked to allow: the scopes, and those that would release the claims that
    /// are asked for one by one.
    pub fn asked_scopes(&self) -> Scopes {
        self.claims.released.with_scopes(&self.scopes)
    }
}

/// A proven login: who, how and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The connector that vouches.
    pub connector_id: ConnectorId,
    /// For whom.
    pub claims: IdentityClaims,
    /// When they proved it; `auth_time`.
    pub auth_time: Timestamp,
    /// How they proved it (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// What the upstream calls the context of the proof, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// The browser session it made or came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// What the connector wants back when claims are refreshed; sealed before it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector_data: Option<Vec<u8>>,
}

/// How far a login has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum Stage {
    /// The browser was sent to a connector, which will want its memory back.
    AwaitingUpstream {
        /// Which connector.
        connector_id: ConnectorId,
        /// What it must be handed with the answer.
        memory: serde_json::Value,
    },
    /// A password form of a connector is shown.
    AwaitingPassword {
        /// Which connector.
        connector_id: ConnectorId,
        /// The hash of where "choose another way" leads, if there is another way. The way itself is
        /// in the form's address, where this keeps strangers from planting another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        back_hash: Option<TokenHash>,
    },
    /// The person is known; consent may still be missing.
    Authenticated {
        /// Who it is.
        login: Login,
    },
}

/// A transition that the stage does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the login is not at the stage this step belongs to")]
pub struct WrongStage;

/// A login under way. Lives minutes, in the cache, which counts them; advanced only from the version
/// that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthRequest {
    /// Its name in URLs, and `state` upstream.
    pub id: AuthRequestId,
    /// Raised by every advance; the store refuses an advance from a stale one.
    pub version: u32,
    /// What the client asked.
    pub request: AuthorizationRequest,
    /// The hash of the binding cookie of the browser that began it, and later of the one that
    /// finished it (RFC 9700 §4.7). `None` where it was finished without a cookie.
    pub browser: Option<TokenHash>,
    /// Whether the request was too long for the cache, so that the browser carries it.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub carried: bool,
    /// When it began.
    pub created_at: Timestamp,
    /// How far it has come.
    pub stage: Stage,
}

impl AuthRequest {
    /// The connector that is asked, while one is.
    pub fn awaited_connector(&self) -> Option<&ConnectorId> {
        match &self.stage {
            Stage::AwaitingUpstream { connector_id, .. }
            | Stage::AwaitingPassword { connector_id, .. } => Some(connector_id),
            Stage::Authenticated { .. } => None,
        }
    }

    /// The proven login, once there is one.
    pub fn login(&self) -> Result<&Login, WrongStage> {
        match &self.stage {
            Stage::Authenticated { login } => Ok(login),
            _ => Err(WrongStage),
        }
    }

    /// The person proved who they are. Only a request that awaits a connector can get here, and
    /// only by the connector it awaits.
    pub fn authenticated(mut self, login: Login) -> Result<Self, WrongStage> {
        if self.awaited_connector() != Some(&login.connector_id) {
            return Err(WrongStage);
        }
        self.stage = Stage::Authenticated { login };
        self.version += 1;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserId;
    use insula_ambient::SeededEntropy;

    fn awaiting(connector: &str) -> AuthRequest {
        AuthRequest {
            id: AuthRequestId::generate(&SeededEntropy::new(1)),
            version: 1,
            request: AuthorizationRequest {
                client_id: ClientId::parse("app").unwrap(),
                redirect_uri: "https://app.test/cb".into(),
                response_type: ResponseType::CODE,
                response_mode: ResponseMode::Query,
                scopes: Scopes::parse("openid"),
                state: None,
                nonce: None,
                code_challenge: None,
                prompts: Prompts::default(),
                max_age: None,
                login_hint: None,
                ui_locales: vec![],
                acr_values: vec![],
                claims: ClaimsRequest::default(),
                hinted_sub: None,
                connector_id: None,
                force_approval: false,
            },
            browser: None,
            carried: false,
            created_at: Timestamp::from_secs(0),
            stage: Stage::AwaitingPassword {
                connector_id: ConnectorId::parse(connector).unwrap(),
                back_hash: None,
            },
        }
    }

    fn login(connector: &str) -> Login {
        Login {
            connector_id: ConnectorId::parse(connector).unwrap(),
            claims: IdentityClaims::of(UserId::parse("jane").unwrap()),
            auth_time: Timestamp::from_secs(5),
            amr: vec!["pwd".into()],
            acr: None,
            session_id: None,
            connector_data: None,
        }
    }

    #[test]
    fn only_the_awaited_connector_can_authenticate() {
        assert_eq!(
            awaiting("local").authenticated(login("mock")),
            Err(WrongStage)
        );
        let done = awaiting("local").authenticated(login("local")).unwrap();
        assert_eq!(done.version, 2);
        assert!(done.login().is_ok());
    }

    #[test]
    fn an_authenticated_request_cannot_be_authenticated_again() {
        let done = awaiting("local").authenticated(login("local")).unwrap();
        assert_eq!(done.authenticated(login("local")), Err(WrongStage));
    }

    #[test]
    fn a_request_survives_its_json() {
        let request = awaiting("local").authenticated(login("local")).unwrap();
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<AuthRequest>(&text).unwrap(), request);
    }
}
