//! Tokens: what is in them, and who signs.

mod front_channel;

use std::time::Duration;

use insula_ambient::{Entropy, Timestamp};
use insula_jose::{JoseError, KeyRing, SigningKey, left_half_hash};
use insula_model::{AccessToken, AccessTokenForm, ClaimSet, GrantId, Login, SessionId, TenantSpec};
use insula_oauth::TokenResponse;
use serde::Serialize;

use crate::access_token::LEEWAY;
use crate::claims::PersonClaims;
use crate::grants::RefreshToken;
use crate::token_plan::{
    Actor, Audience, EarlierSubject, EarlierWho, IdTokenPlan, Subject, TokenPlan,
};
use crate::{acr, subject};

pub use front_channel::{FrontChannelTokens, issue_in_front_channel};

/// The keys of a tenant, as far as tokens are made of them. Which they are is decided in
/// [`signing`](crate::signing).
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// The ring, which refresh secrets are derived from.
    pub ring: &'a KeyRing,
    /// The key that signs the ID token.
    pub id_token: &'a SigningKey,
    /// The key that signs the access token.
    pub access_token: &'a SigningKey,
}

impl<'a> Keys<'a> {
    /// One key for both tokens.
    pub const fn of_one(ring: &'a KeyRing, key: &'a SigningKey) -> Self {
        Self {
            ring,
            id_token: key,
            access_token: key,
        }
    }
}

/// Signed tokens, on their way to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSet {
    /// The access token.
    pub access_token: AccessToken,
    /// The ID token; it names a person, so it is wrapped like the other and not printed.
    pub id_token: Option<AccessToken>,
    /// `Bearer`, as RFC 6750 §4 writes it, or as dex does.
    pub token_type: &'static str,
    /// How long the access token lives.
    pub expires_in: Duration,
    /// Since when.
    pub signed_at: Timestamp,
    /// The refresh token, where the plan has one.
    pub refresh_token: Option<RefreshToken>,
    /// What was granted; dex does not say.
    pub scope: Option<String>,
}

impl TokenSet {
    /// The body of the token endpoint's answer (RFC 6749 §5.1), given at `now`: `expires_in` counts
    /// from the answer, and what lay between it and the signature is gone.
    pub fn into_response(self, now: Timestamp) -> TokenResponse {
        let waited = now.since(self.signed_at).as_secs();
        TokenResponse {
            access_token: self.access_token.reveal().to_owned(),
            issued_token_type: None,
            token_type: self.token_type,
            expires_in: self.expires_in.as_secs().saturating_sub(waited),
            refresh_token: self.refresh_token.as_ref().map(RefreshToken::encode),
            id_token: self.id_token.map(|token| token.reveal().to_owned()),
            scope: self.scope,
        }
    }
}

/// The claims of an ID token, and in dex's dialect of an access token, in dex's order.
#[derive(Serialize)]
struct IdTokenClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a Audience,
    exp: i64,
    iat: i64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<&'a Actor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    c_hash: Option<String>,
    #[serde(flatten)]
    person: PersonClaims<'a>,
}

/// `typ` of an access token ([RFC 9068 §2.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.1)).
pub(crate) const TYP: &str = "at+jwt";

/// The claims of an access token
/// ([RFC 9068 §2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2)).
#[derive(Serialize)]
struct AccessTokenClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a Audience,
    exp: i64,
    iat: i64,
    jti: String,
    client_id: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<&'a Actor>,
    /// The families of the tokens that were exchanged for this one (ADR 0066).
    #[serde(skip_serializing_if = "<[GrantId]>::is_empty")]
    exchanged_from: &'a [GrantId],
    /// The names of the claims that were asked for userinfo one by one, which reads them here.
    #[serde(skip_serializing_if = "String::is_empty")]
    userinfo_claims: String,
    #[serde(flatten)]
    person: PersonClaims<'a>,
}

/// Signs the tokens of a plan.
///
/// ID tokens are dex's in both dialects: claims and their order, `azp` only beside several
/// audiences, `at_hash` always, `c_hash` wherever a code was involved, no `typ`; `auth_time`, `sid`
/// and `jti` are those of the next dex, `amr` (RFC 8176) and `acr` are ours alone.
///
/// Access tokens differ. dex's looks like an ID token whose `at_hash` means nothing. Ours is that of
/// RFC 9068. It says nothing of a person but `sub` and how they logged in, unless its resources are
/// to have more, and is never for the client, so that nobody who expects an ID token takes it for
/// one (ADR 0053).
///
/// What tells how a person proved who they are is absent where the subject is a client.
///
/// Both kinds are named `<grant>.<random>` by `jti`, by which a revoked family is known again.
pub fn issue(
    plan: &TokenPlan<'_>,
    spec: &TenantSpec,
    keys: Keys<'_>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<TokenSet, JoseError> {
    let maker = Maker::new(plan, spec, keys, now, entropy);
    let access_token = maker.access_token()?;
    let id_token = plan.id_token.as_ref();
    let id_token =
        id_token.map(|planned| maker.id_token(keys.id_token, Some(&access_token), planned));
    let refresh = plan.refresh.as_deref();
    Ok(TokenSet {
        id_token: id_token.transpose()?.map(AccessToken::new),
        access_token: AccessToken::new(access_token),
        token_type: spec.rules.token_type,
        expires_in: maker.lifetime(),
        signed_at: now,
        refresh_token: refresh.map(|grant| RefreshToken::current(grant, keys.ring)),
        scope: Some(plan.access_scopes.to_string())
            .filter(|scope| spec.rules.tells_granted_scope && !scope.is_empty()),
    })
}

/// Signs the ID token of a plan alone, to be told in place of an access token
/// ([RFC 8693 §2.2.1](https://www.rfc-editor.org/rfc/rfc8693#section-2.2.1)): no access token is there
/// for `at_hash` to be of, and what is told is none, which `N_A` says; dex says `bearer` all the same.
pub fn issue_id_token(
    plan: &TokenPlan<'_>,
    planned: &IdTokenPlan<'_>,
    spec: &TenantSpec,
    keys: Keys<'_>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<TokenSet, JoseError> {
    let maker = Maker::new(plan, spec, keys, now, entropy);
    Ok(TokenSet {
        access_token: AccessToken::new(maker.id_token(keys.id_token, None, planned)?),
        id_token: None,
        token_type: if spec.rules.exchanges_tokens_by_policy {
            "N_A"
        } else {
            spec.rules.token_type
        },
        expires_in: planned.lifetime,
        signed_at: now,
        refresh_token: None,
        scope: None,
    })
}

/// How a subject proved who they are.
#[derive(Default)]
struct Told<'a> {
    auth_time: Option<i64>,
    session: Option<&'a str>,
    amr: &'a [String],
    acr: Option<&'a str>,
}

struct Maker<'a> {
    plan: &'a TokenPlan<'a>,
    spec: &'a TenantSpec,
    keys: Keys<'a>,
    now: Timestamp,
    entropy: &'a dyn Entropy,
    sub: String,
}

impl<'a> Maker<'a> {
    fn new(
        plan: &'a TokenPlan<'a>,
        spec: &'a TenantSpec,
        keys: Keys<'a>,
        now: Timestamp,
        entropy: &'a dyn Entropy,
    ) -> Self {
        let sub = match plan.subject {
            Subject::Person(login) => subject::encode(&login.claims.user_id, &login.connector_id),
            Subject::Client(client) => subject::of_client(&client.id, &spec.rules),
            Subject::Earlier(earlier) => earlier.sub.clone(),
        };
        Self {
            plan,
            spec,
            keys,
            now,
            entropy,
            sub,
        }
    }

    /// How long the access token lives from now. One that is exchanged ends with the token before it, also
    /// where it is signed later than that was judged.
    fn lifetime(&self) -> Duration {
        match self.plan.subject {
            Subject::Earlier(earlier) => self.plan.lifetime.min(earlier.ends.since(self.now)),
            Subject::Person(_) | Subject::Client(_) => self.plan.lifetime,
        }
    }

    /// When the access token ends: where the token before it has ended meanwhile, it is born dead.
    fn ends(&self) -> i64 {
        let ends = self.after(self.plan.lifetime);
        match self.plan.subject {
            Subject::Earlier(earlier) => ends.min(earlier.ends.as_secs()),
            Subject::Person(_) | Subject::Client(_) => ends,
        }
    }

    /// The access token, in the form of the dialect.
    fn access_token(&self) -> Result<String, JoseError> {
        match self.spec.rules.access_tokens {
            AccessTokenForm::Rfc9068 => self.access_token_of_rfc_9068(),
            AccessTokenForm::LikeIdTokens => {
                let (hashed, planned) = (self.entropy.word(15), self.as_id_token());
                self.id_token(self.keys.access_token, Some(&hashed), &planned)
            }
        }
    }

    /// dex's access token.
    fn as_id_token(&self) -> IdTokenPlan<'a> {
        IdTokenPlan {
            audience: self.plan.audience.clone(),
            lifetime: self.lifetime(),
            code: None,
        }
    }

    fn access_token_of_rfc_9068(&self) -> Result<String, JoseError> {
        let told = self.told();
        let body = AccessTokenClaims {
            iss: self.spec.issuer.as_str(),
            sub: &self.sub,
            aud: &self.plan.audience,
            exp: self.ends(),
            iat: self.now.as_secs(),
            jti: self.jti(),
            client_id: self.plan.client_id.as_str(),
            scope: self.plan.access_scopes.to_string(),
            auth_time: told.auth_time,
            sid: told.session,
            amr: told.amr,
            acr: told.acr,
            act: self.plan.actor.as_ref(),
            exchanged_from: self.exchanged_from(),
            userinfo_claims: self.asked_of_userinfo(),
            person: self.carried(),
        };
        self.keys.access_token.sign(Some(TYP), &body)
    }

    fn id_token(
        &self,
        key: &SigningKey,
        access_token: Option<&str>,
        planned: &IdTokenPlan<'_>,
    ) -> Result<String, JoseError> {
        let (alg, login) = (key.alg(), self.login());
        let client_id = self.plan.client_id.as_str();
        let proof = login.filter(|_| self.spec.rules.tells_how_people_logged_in);
        let body = IdTokenClaims {
            iss: self.spec.issuer.as_str(),
            sub: &self.sub,
            aud: &planned.audience,
            exp: self.after(planned.lifetime),
            iat: self.now.as_secs(),
            jti: self.jti(),
            azp: planned.audience.is_several().then_some(client_id),
            nonce: self.plan.nonce.filter(|nonce| !nonce.is_empty()),
            auth_time: login.map(|login| login.auth_time.as_secs()),
            sid: login.and_then(session_of),
            amr: proof.map_or(&[], |login| &login.amr),
            acr: proof.and_then(|login| acr::of(acr::Proof::of(login), self.spec)),
            act: self.plan.actor.as_ref(),
            at_hash: access_token.map(|token| left_half_hash(alg, token)),
            c_hash: planned.code.map(|code| left_half_hash(alg, code)),
            person: self.released(self.plan.claims.id_token),
        };
        key.sign(None, &body)
    }

    fn login(&self) -> Option<&'a Login> {
        match self.plan.subject {
            Subject::Person(login) => Some(login),
            Subject::Client(_) | Subject::Earlier(_) => None,
        }
    }

    /// How the subject proved who they are.
    fn told(&self) -> Told<'a> {
        match self.plan.subject {
            Subject::Person(login) => Told {
                auth_time: Some(login.auth_time.as_secs()),
                session: session_of(login),
                amr: &login.amr,
                acr: acr::of(acr::Proof::of(login), self.spec),
            },
            Subject::Client(_) => Told::default(),
            Subject::Earlier(earlier) => Told {
                auth_time: earlier.auth_time,
                session: earlier.session.as_deref(),
                amr: &earlier.amr,
                acr: earlier.acr.as_deref(),
            },
        }
    }

    fn exchanged_from(&self) -> &'a [GrantId] {
        match self.plan.subject {
            Subject::Earlier(earlier) => &earlier.families,
            Subject::Person(_) | Subject::Client(_) => &[],
        }
    }

    /// What userinfo is asked for one by one, where the token is for it.
    fn asked_of_userinfo(&self) -> String {
        let is_for_userinfo = self.plan.audience.contains(self.spec.issuer.as_str());
        let asked = self.plan.claims.userinfo;
        if is_for_userinfo {
            asked.into()
        } else {
            String::new()
        }
    }

    /// What an access token of ours says of its subject: what its resources are to have, of a person
    /// as far as it was granted.
    fn carried(&self) -> PersonClaims<'a> {
        let carried = self.plan.carried;
        match self.plan.subject {
            Subject::Person(login) => {
                let granted = ClaimSet::of_scopes(self.plan.scopes);
                PersonClaims::released(carried & granted, &login.connector_id, &login.claims)
            }
            Subject::Client(client) => PersonClaims::of_client(carried, client),
            // What was granted is said by the token that was exchanged; a resource has no more of it.
            Subject::Earlier(earlier) => Self::of_earlier(carried, earlier),
        }
    }

    fn of_earlier(claims: ClaimSet, earlier: &'a EarlierSubject) -> PersonClaims<'a> {
        match &earlier.who {
            EarlierWho::Person(connector, person) => {
                PersonClaims::released(claims, connector, person)
            }
            EarlierWho::Client(client) => PersonClaims::of_client(claims, client),
        }
    }

    /// What an ID token says of its subject: what the scopes release, and what was asked for one by one. dex
    /// knows fewer claims.
    fn released(&self, requested: ClaimSet) -> PersonClaims<'a> {
        let released = ClaimSet::of_scopes(self.plan.scopes) | requested;
        let released = if self.spec.rules.knows_claims_of_dex_only {
            released & ClaimSet::of_dex()
        } else {
            released
        };
        match self.plan.subject {
            Subject::Person(login) => {
                PersonClaims::released(released, &login.connector_id, &login.claims)
            }
            Subject::Client(client) => PersonClaims::of_client(released, client),
            Subject::Earlier(earlier) => Self::of_earlier(released, earlier),
        }
    }

    fn jti(&self) -> String {
        format!("{}.{}", self.plan.grant_id, self.entropy.word(15))
    }

    fn after(&self, life: Duration) -> i64 {
        let life = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
        self.now.as_secs().saturating_add(life)
    }
}

fn session_of(login: &Login) -> Option<&str> {
    login.session_id.as_ref().map(SessionId::as_str)
}

/// The family a `jti` names, if it is one of ours.
pub fn grant_of(jti: &str) -> Option<GrantId> {
    let (grant, _) = jti.split_once('.')?;
    GrantId::parse(grant).ok()
}

/// Until when a family that is revoked at `now` is to be known as such: after that, the last of its tokens
/// is dead to all of our processes. A token that was signed while tokens lived longer than they do now is
/// minded: the ring remembers how long they ever were to live.
pub fn revoked_until(spec: &TenantSpec, keys: &KeyRing, now: Timestamp) -> Timestamp {
    let configured = spec.expiry.id_tokens.max(spec.expiry.access_tokens);
    now + configured.max(keys.longest_token_life()) + LEEWAY
}

#[cfg(test)]
mod tests;
