//! What a grant comes to: everything that tokens are made of, before any is signed.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use insula_ambient::Timestamp;
use insula_model::{
    AccessTokenForm, ClaimSet, Client, ClientId, ConnectorId, GrantId, IdentityClaims, Login,
    RefreshGrant, RequestedClaims, TenantSpec,
};
use insula_oauth::Scopes;
use serde::{Deserialize, Serialize};

use crate::access::{Access, Granted};
pub use crate::audience::Audience;
use crate::{Peers, Refusal, subject};

/// Whom tokens are about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Subject<'a> {
    /// A person, by the login that proved who they are.
    Person(&'a Login),
    /// The client that gets the tokens: nobody logged in
    /// ([RFC 6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)).
    Client(&'a Client),
    /// Whom an earlier token of ours was about.
    Earlier(&'a EarlierSubject),
}

/// Whom an earlier token of ours was about, and how that one says they had proved who they are.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlierSubject {
    /// Its `sub`.
    pub sub: String,
    /// Its `auth_time`.
    pub auth_time: Option<i64>,
    /// Its `sid`.
    pub session: Option<String>,
    /// Its `amr`.
    pub amr: Vec<String>,
    /// Its `acr`.
    pub acr: Option<String>,
    /// Who that is.
    pub who: EarlierWho,
    /// The families of the tokens that were exchanged for it, the newest first. The new token ends with
    /// any of them.
    pub families: Vec<GrantId>,
    /// Its `exp`: the new token ends by then, however late it is signed.
    pub ends: Timestamp,
}

/// Who the subject of an earlier token is, as far as a new token is to tell of them.
#[derive(Debug, Clone, PartialEq)]
pub enum EarlierWho {
    /// A person.
    Person(ConnectorId, Arc<IdentityClaims>),
    /// A client.
    Client(Arc<Client>),
}

/// Who acts for the subject, and for whom they act in turn
/// ([RFC 8693 §4.1](https://www.rfc-editor.org/rfc/rfc8693#section-4.1)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The actor's `sub`.
    pub sub: String,
    /// Who acted before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<Actor>>,
}

impl Actor {
    /// How many act, one for the other.
    pub fn depth(&self) -> usize {
        1 + self.act.as_ref().map_or(0, |before| before.depth())
    }
}

/// The ID token of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct IdTokenPlan<'a> {
    /// Whom it is for.
    pub audience: Audience,
    /// How long it lives.
    pub lifetime: Duration,
    /// The code it is exchanged for, if there is one; the token is bound to it.
    pub code: Option<&'a str>,
}

/// What tokens a grant decided on. [`issue`](crate::issue::issue) signs them and knows no grant.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenPlan<'a> {
    /// The client that gets them.
    pub client_id: &'a ClientId,
    /// The family they belong to.
    pub grant_id: &'a GrantId,
    /// Whom they are about.
    pub subject: Subject<'a>,
    /// Who acts for the subject, where somebody does.
    pub actor: Option<Actor>,
    /// What was granted, which the ID token goes by.
    pub scopes: &'a Scopes,
    /// The claims that were asked for one by one.
    pub claims: RequestedClaims,
    /// `nonce` of the authorization request they answer.
    pub nonce: Option<&'a str>,
    /// Whom the access token is for.
    pub audience: Audience,
    /// What it is good for there.
    pub access_scopes: Scopes,
    /// The claims about its subject that it may carry there.
    pub carried: ClaimSet,
    /// How long the access token lives.
    pub lifetime: Duration,
    /// The ID token, where there is one.
    pub id_token: Option<IdTokenPlan<'a>>,
    /// The refresh grant whose current token is told, where there is one. An owned one begins with
    /// these tokens, and is to be stored before they are given out.
    pub refresh: Option<Cow<'a, RefreshGrant>>,
}

/// The client that asks for the tokens of a grant.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The client.
    pub client: &'a Client,
    /// The clients that the scopes of the grant name.
    pub peers: &'a Peers,
    /// The resources that this access token is asked for; none for all that the grant has.
    pub resources: &'a [String],
}

/// A login that a grant found to be good for tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoginGrant<'a> {
    pub client_id: &'a ClientId,
    pub grant_id: &'a GrantId,
    pub login: &'a Login,
    pub scopes: &'a Scopes,
    pub resources: &'a [String],
    pub claims: RequestedClaims,
    pub nonce: Option<&'a str>,
    pub code: Option<&'a str>,
}

impl<'a> TokenPlan<'a> {
    /// Whether its access token is read by nobody but the issuer, at its userinfo endpoint.
    pub fn is_for_userinfo_alone(&self, spec: &TenantSpec) -> bool {
        spec.rules.access_tokens == AccessTokenForm::Rfc9068
            && self.audience.is_only(spec.issuer.as_str())
    }

    /// What a login is good for.
    ///
    /// ID tokens are for the client and for the peers that the scopes name. Our access tokens are for
    /// resources or the issuer ([`Access::of`]), dex's for whom its ID tokens are. Without `openid`,
    /// ours gives no ID token ([OpenID Connect Core
    /// §3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)); dex always does.
    pub(crate) fn of_login(
        login: LoginGrant<'a>,
        asker: Asker<'_>,
        spec: &TenantSpec,
    ) -> Result<Self, Refusal> {
        let audience = Audience::of(login.scopes, login.client_id, asker.peers)?;
        let access = match spec.rules.access_tokens {
            AccessTokenForm::Rfc9068 => {
                let granted = Granted {
                    scopes: login.scopes,
                    resources: login.resources,
                    narrowed_to: asker.resources,
                };
                Access::of(granted, asker.client, spec)?
            }
            AccessTokenForm::LikeIdTokens => Access::like_id_token(audience.clone(), login.scopes),
        };
        let has_id_token = spec.rules.gives_id_token_without_openid || login.scopes.openid();
        if has_id_token {
            subject::must_fit_id_token(login.login, &spec.rules)?;
        }
        let id_token = has_id_token.then_some(IdTokenPlan {
            audience,
            lifetime: spec.expiry.id_tokens,
            code: login.code,
        });
        Ok(Self {
            client_id: login.client_id,
            grant_id: login.grant_id,
            subject: Subject::Person(login.login),
            actor: None,
            scopes: login.scopes,
            claims: login.claims,
            nonce: login.nonce,
            audience: access.audience,
            access_scopes: access.scopes,
            carried: access.carried,
            lifetime: spec.expiry.access_tokens,
            id_token,
            refresh: None,
        })
    }
}
