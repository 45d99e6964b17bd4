use insula_ambient::Timestamp;
use insula_oauth::{CodeChallenge, Prompts, ResponseMode, ResponseType, Scopes};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    AuthRequestId, ClaimsRequest, ClientId, ConnectorId, DeviceOrigin, IdentityClaims, Resource,
    SessionId, TokenHash,
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
    /// The resources it wants access tokens for (RFC 8707); none where it names none.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub resources: Vec<String>,
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
            resources: Vec::new(),
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

    /// What the person is asked to allow: the scopes, those that would release the claims that are
    /// asked for one by one, and a word for each resource that is named.
    pub fn asked_scopes(&self) -> Scopes {
        let scopes = self.claims.released.with_scopes(&self.scopes);
        if self.resources.is_empty() {
            return scopes;
        }
        let named = self.resources.iter();
        let named: Vec<_> = named.map(|one| Resource::consent_word(one)).collect();
        scopes.union(&Scopes::parse(&named.join(" ")))
    }
}

/// Where a login under way comes from, which decides where its answer goes.
///
/// A kind of login that no browser begins by its client's redirect (a pushed request, a back
/// channel) is one more variant; the compiler then names every place that must treat it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A client sent a browser, and the answer goes back through it (RFC 6749 §4.1).
    #[default]
    Browser,
    /// A device asked for it, and a person typed its code; the answer waits for the device
    /// (RFC 8628 §3.3).
    Device(DeviceOrigin),
}

impl Origin {
    /// Whether a person must still confirm what the login is for before anything else.
    pub fn is_unconfirmed(&self) -> bool {
        matches!(self, Self::Device(device) if device.unconfirmed.is_some())
    }
}

/// The connector a browser was sent to, which will want its memory back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Which connector.
    pub connector_id: ConnectorId,
    /// What it must be handed with the answer.
    pub memory: serde_json::Value,
}

/// The person of a login, as a connector or a session vouched for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenPerson {
    /// The connector that vouches.
    pub connector_id: ConnectorId,
    /// For whom.
    pub claims: IdentityClaims,
    /// The browser session that vouched, or that was begun for them.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub session_id: Option<SessionId>,
    /// What the connector wants back when claims are refreshed; sealed before it is stored.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub connector_data: Option<Vec<u8>>,
}

/// One thing that somebody proved in a login. A second factor is one more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// When.
    pub at: Timestamp,
    /// How (RFC 8176).
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub amr: Vec<String>,
    /// What the upstream calls the context of the proof, in its own words.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub acr: Option<String>,
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

impl Login {
    /// What several proofs come to; `None` without any.
    ///
    /// The login is as old as its oldest proof, so that no `max_age` is met by half of them. Its
    /// methods are those of all, each once. The upstream's word for the context is the first that was
    /// said: later proofs are ours, and speak by their methods.
    pub fn of(person: &ProvenPerson, proofs: &[Proof]) -> Option<Self> {
        let auth_time = proofs.iter().map(|proof| proof.at).min()?;
        let mut amr: Vec<String> = Vec::new();
        for method in proofs.iter().flat_map(|proof| &proof.amr) {
            if !amr.contains(method) {
                amr.push(method.clone());
            }
        }
        Some(Self {
            connector_id: person.connector_id.clone(),
            claims: person.claims.clone(),
            auth_time,
            amr,
            acr: proofs.iter().find_map(|proof| proof.acr.clone()),
            session_id: person.session_id.clone(),
            connector_data: person.connector_data.clone(),
        })
    }
}

/// A transition that the login does not allow where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the login is not at the stage this step belongs to")]
pub struct WrongStage;

/// A login under way. Lives minutes, in the cache, which counts them; advanced only from the version
/// that was read.
///
/// It holds facts: what was asked, where the browser was sent, what was proven. What is next follows
/// from them and is not stored. A member that this version does not know makes a record unreadable: it
/// may be a step that is still to be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthRequest {
    /// Its name in URLs, and `state` upstream.
    pub id: AuthRequestId,
    /// Raised by every advance; the store refuses an advance from a stale one.
    pub version: u32,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub origin: Origin,
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
    /// The hash of where "choose another way" leads, where the form's address says that, as dex's
    /// does: it keeps strangers from planting another.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub back_hash: Option<TokenHash>,
    /// Where the browser was sent, until it is back.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub asked: Option<Asked>,
    /// Who it is, once somebody proved it.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub person: Option<ProvenPerson>,
    /// What they proved, in the order it was proven.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub proofs: Vec<Proof>,
    /// Whether their session is to outlive the browser, where they were asked.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub remember_me: Option<bool>,
    /// The mail address that the person typed before they were shown how to log in.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub typed_address: Option<String>,
}

impl AuthRequest {
    /// Who is thought to log in: what the person typed, else what the client says.
    pub fn login_hint(&self) -> Option<&str> {
        let hint = self.request.login_hint.as_ref();
        self.typed_address.as_ref().or(hint).map(String::as_str)
    }

    /// The proven login, once there is one.
    pub fn login(&self) -> Result<Login, WrongStage> {
        let person = self.person.as_ref().ok_or(WrongStage)?;
        Login::of(person, &self.proofs).ok_or(WrongStage)
    }

    /// Whether nothing happened yet beyond showing a page: a choice of a connector takes the login
    /// itself along.
    pub fn is_open(&self) -> bool {
        self.asked.is_none() && self.person.is_none()
    }

    /// Somebody proved who they are. Nobody takes the place of who did before.
    pub fn proven(mut self, person: ProvenPerson, proof: Proof) -> Result<Self, WrongStage> {
        if self.person.is_some() {
            return Err(WrongStage);
        }
        self.asked = None;
        self.person = Some(person);
        self.proofs.push(proof);
        Ok(self)
    }

    /// The same as if nobody had been asked or known yet.
    #[must_use]
    pub fn reopened(self) -> Self {
        Self {
            asked: None,
            person: None,
            proofs: Vec::new(),
            remember_me: None,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserId;
    use insula_ambient::SeededEntropy;

    fn begun() -> AuthRequest {
        AuthRequest {
            id: AuthRequestId::generate(&SeededEntropy::new(1)),
            version: 1,
            origin: Origin::Browser,
            request: AuthorizationRequest {
                client_id: ClientId::parse("app").unwrap(),
                redirect_uri: "https://app.test/cb".into(),
                response_type: ResponseType::CODE,
                response_mode: ResponseMode::Query,
                scopes: Scopes::parse("openid"),
                resources: Vec::new(),
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
            back_hash: None,
            asked: Some(Asked {
                connector_id: ConnectorId::parse("mock").unwrap(),
                memory: serde_json::json!({ "nonce": "n" }),
            }),
            person: None,
            proofs: Vec::new(),
            remember_me: None,
            typed_address: None,
        }
    }

    fn person() -> ProvenPerson {
        ProvenPerson {
            connector_id: ConnectorId::parse("mock").unwrap(),
            claims: IdentityClaims::of(UserId::parse("jane").unwrap()),
            session_id: None,
            connector_data: None,
        }
    }

    fn proof(at: i64, amr: &[&str], acr: Option<&str>) -> Proof {
        Proof {
            at: Timestamp::from_secs(at),
            amr: amr.iter().map(|&method| method.to_owned()).collect(),
            acr: acr.map(str::to_owned),
        }
    }

    #[test]
    fn nobody_is_known_before_a_proof_and_nobody_takes_their_place_after() {
        assert_eq!(begun().login(), Err(WrongStage));
        let done = begun().proven(person(), proof(5, &["pwd"], None)).unwrap();
        assert!(done.login().is_ok() && done.asked.is_none() && !done.is_open());
        let again = done.clone().proven(person(), proof(6, &["pwd"], None));
        assert_eq!(again, Err(WrongStage));
        let reopened = done.reopened();
        assert!(reopened.is_open() && reopened.login() == Err(WrongStage));
    }

    #[test]
    fn a_login_is_as_old_as_its_oldest_proof_and_has_the_methods_of_all() {
        assert_eq!(Login::of(&person(), &[]), None);
        let password = proof(5, &["pwd", "user"], Some("loa1"));
        let login = Login::of(&person(), std::slice::from_ref(&password)).unwrap();
        assert_eq!(login.auth_time, Timestamp::from_secs(5));
        assert_eq!(login.amr, ["pwd", "user"]);
        assert_eq!(login.acr.as_deref(), Some("loa1"));

        let factor = proof(9_000, &["otp", "user"], None);
        for order in [[&password, &factor], [&factor, &password]] {
            let login = Login::of(&person(), &order.map(Clone::clone)).unwrap();
            assert_eq!(login.auth_time, Timestamp::from_secs(5));
            assert_eq!(login.amr.len(), 3, "each once: {:?}", login.amr);
            assert_eq!(login.acr.as_deref(), Some("loa1"));
        }
    }

    #[test]
    fn a_request_survives_its_json() {
        for request in [
            begun(),
            begun().reopened(),
            begun().proven(person(), proof(5, &["pwd"], None)).unwrap(),
        ] {
            let text = serde_json::to_string(&request).unwrap();
            assert_eq!(serde_json::from_str::<AuthRequest>(&text).unwrap(), request);
        }
    }

    #[test]
    fn a_record_with_a_step_this_version_does_not_know_is_not_read_as_one_without() {
        let mut record = serde_json::to_value(begun().reopened()).unwrap();
        for unknown in ["stage", "enrolment"] {
            record[unknown] = serde_json::json!({ "at": "authenticated" });
            assert!(serde_json::from_value::<AuthRequest>(record.clone()).is_err());
            record.as_object_mut().unwrap().remove(unknown);
        }
        record["origin"] = "device".into();
        assert!(serde_json::from_value::<AuthRequest>(record).is_err());
    }
}
