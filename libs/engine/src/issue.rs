//! Tokens: what is in them, and who signs.

use std::time::Duration;

use insula_ambient::{Entropy, Timestamp};
use insula_jose::{JoseError, SigningKey, left_half_hash};
use insula_model::{
    AccessToken, ClaimSet, ClientId, CodeGrant, Dialect, GrantId, Login, RequestedClaims,
    SessionId, TenantSpec,
};
use insula_oauth::{Scopes, TokenResponse};
use serde::Serialize;
use thiserror::Error;

use crate::audience::Audience;
use crate::claims::PersonClaims;
use crate::grants::RefreshToken;
use crate::{Peers, Refusal, acr, subject};

/// What is to be put into tokens: proven by a grant, not yet signed.
#[derive(Debug, Clone, Copy)]
pub struct Authorization<'a> {
    /// The client that gets them.
    pub client_id: &'a ClientId,
    /// The family they belong to.
    pub grant_id: &'a GrantId,
    /// What they are good for.
    pub scopes: &'a Scopes,
    /// The claims that were asked for one by one.
    pub claims: RequestedClaims,
    /// `nonce` of the authorization request.
    pub nonce: Option<&'a str>,
    /// Who logged in, and how.
    pub login: &'a Login,
    /// The code they are exchanged for, if there is one; the ID token is bound to it.
    pub code: Option<&'a str>,
}

impl<'a> Authorization<'a> {
    /// That of a redeemed code.
    pub fn of_code(grant: &'a CodeGrant, code: &'a str) -> Self {
        Self {
            client_id: &grant.client_id,
            grant_id: &grant.grant_id,
            scopes: &grant.scopes,
            claims: grant.claims,
            nonce: grant.nonce.as_deref(),
            login: &grant.login,
            code: Some(code),
        }
    }
}

/// Why no tokens can be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IssueError {
    /// The protocol says no.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// The key could not sign.
    #[error(transparent)]
    Signing(#[from] JoseError),
}

impl From<Refusal> for IssueError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Signed tokens, on their way to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSet {
    /// The access token.
    pub access_token: AccessToken,
    /// The ID token; it names a person, so it is wrapped like the other and not printed.
    pub id_token: Option<AccessToken>,
    /// `bearer` in dex's dialect, `Bearer` in ours (RFC 6750 §4 writes it so).
    pub token_type: &'static str,
    /// How long the access token lives.
    pub expires_in: Duration,
    /// Since when.
    pub signed_at: Timestamp,
    /// What was granted; dex does not say.
    pub scope: Option<String>,
}

impl TokenSet {
    /// The body of the token endpoint's answer (RFC 6749 §5.1), given at `now`: `expires_in` counts
    /// from the answer, and what lay between it and the signature is gone.
    pub fn into_response(self, refresh: Option<&RefreshToken>, now: Timestamp) -> TokenResponse {
        let waited = now.since(self.signed_at).as_secs();
        TokenResponse {
            access_token: self.access_token.reveal().to_owned(),
            issued_token_type: None,
            token_type: self.token_type,
            expires_in: self.expires_in.as_secs().saturating_sub(waited),
            refresh_token: refresh.map(RefreshToken::encode),
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
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    at_hash: String,
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
    aud: Audience,
    exp: i64,
    iat: i64,
    jti: String,
    client_id: &'a str,
    scope: String,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(flatten)]
    person: PersonClaims<'a>,
}

/// Signs the tokens of an authorization; `peers` are the clients that its scopes name.
///
/// ID tokens are dex's in both dialects: claims and their order, `azp` only beside several
/// audiences, `at_hash` always, `c_hash` wherever a code was involved, no `typ`; `auth_time`, `sid`
/// and `jti` are those of the next dex, `amr` (RFC 8176) and `acr` are ours alone. Without `openid`, ours gives
/// none ([OpenID Connect Core §3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
///
/// Access tokens differ. dex's looks like an ID token whose `at_hash` means nothing. Ours is that of
/// RFC 9068, for three audiences: the peers the scopes name, the client, whose own API may know
/// itself by that name, and the issuer, whose userinfo endpoint reads it. It carries the claims its
/// scopes release and those that were asked for userinfo one by one, so that userinfo answers
/// without asking a database; who may read the token could ask userinfo for them anyway.
///
/// Both kinds are named `<grant>.<random>` by `jti`, by which a revoked family is known again.
pub fn issue(
    authorization: &Authorization<'_>,
    peers: &Peers,
    spec: &TenantSpec,
    key: &SigningKey,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<TokenSet, IssueError> {
    let maker = Maker {
        authorization,
        spec,
        key,
        now,
        entropy,
        sub: subject::encode(
            &authorization.login.claims.user_id,
            &authorization.login.connector_id,
        ),
        audience: Audience::of(authorization.scopes, authorization.client_id, peers)?,
    };
    match spec.dialect {
        Dialect::Standard => maker.standard(),
        Dialect::Dex => maker.dex(),
    }
}

struct Maker<'a> {
    authorization: &'a Authorization<'a>,
    spec: &'a TenantSpec,
    key: &'a SigningKey,
    now: Timestamp,
    entropy: &'a dyn Entropy,
    sub: String,
    audience: Audience,
}

impl Maker<'_> {
    fn standard(&self) -> Result<TokenSet, IssueError> {
        let Authorization { scopes, code, .. } = self.authorization;
        let access_token = self.access_token()?;
        let id_token = if scopes.openid() {
            Some(self.id_token(&access_token, *code)?)
        } else {
            None
        };
        Ok(TokenSet {
            access_token: AccessToken::new(access_token),
            id_token: id_token.map(AccessToken::new),
            token_type: "Bearer",
            expires_in: access_token_life(self.spec),
            signed_at: self.now,
            scope: Some(scopes.to_string()),
        })
    }

    fn dex(&self) -> Result<TokenSet, IssueError> {
        let access_token = self.id_token(&self.entropy.word(15), None)?;
        let id_token = self.id_token(&access_token, self.authorization.code)?;
        Ok(TokenSet {
            access_token: AccessToken::new(access_token),
            id_token: Some(AccessToken::new(id_token)),
            token_type: "bearer",
            expires_in: access_token_life(self.spec),
            signed_at: self.now,
            scope: None,
        })
    }

    fn access_token(&self) -> Result<String, JoseError> {
        let Authorization {
            scopes,
            claims,
            login,
            ..
        } = self.authorization;
        let issuer = self.spec.issuer.as_str();
        let body = AccessTokenClaims {
            iss: issuer,
            sub: &self.sub,
            aud: self.audience.clone().and(issuer),
            exp: self.after(access_token_life(self.spec)),
            iat: self.now.as_secs(),
            jti: self.jti(),
            client_id: self.authorization.client_id.as_str(),
            scope: scopes.to_string(),
            auth_time: login.auth_time.as_secs(),
            sid: login.session_id.as_ref().map(SessionId::as_str),
            amr: &login.amr,
            acr: acr::of(acr::Proof::of(login), self.spec),
            person: self.released(claims.userinfo),
        };
        self.key.sign(Some(TYP), &body)
    }

    fn id_token(&self, access_token: &str, code: Option<&str>) -> Result<String, JoseError> {
        let Authorization { claims, login, .. } = self.authorization;
        let client_id = self.authorization.client_id.as_str();
        let alg = self.key.alg();
        let body = IdTokenClaims {
            iss: self.spec.issuer.as_str(),
            sub: &self.sub,
            aud: &self.audience,
            exp: self.after(self.spec.expiry.id_tokens),
            iat: self.now.as_secs(),
            jti: self.jti(),
            azp: self.audience.is_several().then_some(client_id),
            nonce: self.authorization.nonce.filter(|nonce| !nonce.is_empty()),
            auth_time: login.auth_time.as_secs(),
            sid: login.session_id.as_ref().map(SessionId::as_str),
            amr: match self.spec.dialect {
                Dialect::Standard => &login.amr,
                Dialect::Dex => &[],
            },
            acr: match self.spec.dialect {
                Dialect::Standard => acr::of(acr::Proof::of(login), self.spec),
                Dialect::Dex => None,
            },
            at_hash: left_half_hash(alg, access_token),
            c_hash: code.map(|code| left_half_hash(alg, code)),
            person: self.released(claims.id_token),
        };
        self.key.sign(None, &body)
    }

    /// What is said of the person: what the scopes release, and what was asked for one by one. dex
    /// knows fewer claims.
    fn released(&self, requested: ClaimSet) -> PersonClaims<'_> {
        let Authorization { scopes, login, .. } = self.authorization;
        let released = ClaimSet::of_scopes(scopes) | requested;
        let released = match self.spec.dialect {
            Dialect::Standard => released,
            Dialect::Dex => released & ClaimSet::of_dex(),
        };
        PersonClaims::released(released, login)
    }

    fn jti(&self) -> String {
        format!("{}.{}", self.authorization.grant_id, self.entropy.word(15))
    }

    fn after(&self, life: Duration) -> i64 {
        let life = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
        self.now.as_secs().saturating_add(life)
    }
}

/// The family a `jti` names, if it is one of ours.
pub fn grant_of(jti: &str) -> Option<GrantId> {
    let (grant, _) = jti.split_once('.')?;
    GrantId::parse(grant).ok()
}

/// How long access tokens live; in dex's dialect as long as ID tokens.
pub fn access_token_life(spec: &TenantSpec) -> Duration {
    match spec.dialect {
        Dialect::Standard => spec.expiry.access_tokens,
        Dialect::Dex => spec.expiry.id_tokens,
    }
}

/// After how long the last token of a family that is revoked now is dead anyway.
pub fn longest_token_life(spec: &TenantSpec) -> Duration {
    spec.expiry.id_tokens.max(access_token_life(spec))
}

#[cfg(test)]
mod tests;
