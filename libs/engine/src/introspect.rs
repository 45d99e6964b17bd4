//! The introspection endpoint: what a token is worth, for those who cannot or will not look inside.

mod inactive;
mod signed;

use insula_ambient::Timestamp;
use insula_model::{
    Claim, ClaimSet, Client, IntrospectionForm, IntrospectionScope, RefreshGrant, TenantSpec,
};
use insula_oauth::{ClientAuthMethod, GrantType, IntrospectResponse, IntrospectionExt};
use serde_json::{Map, Value};

use crate::access_token::VerifiedToken;
use crate::acr::{self, Proof};
use crate::audience::Audience;
use crate::claims::PersonClaims;
use crate::client_auth::ProvenClient;
use crate::grants::{RefreshFacts, RefreshToken, allowed, refresh_token, served};
use crate::people::is_still_known;
use crate::{Peers, Refusal, subject};

pub use inactive::Inactive;
pub use signed::signed;

/// Whether an authenticated client may introspect at all.
///
/// [RFC 7662 §2.1](https://www.rfc-editor.org/rfc/rfc7662#section-2.1) demands authorization, so
/// that nobody can try out tokens: a public client proves nothing and is refused.
pub fn may_ask(asker: &ProvenClient) -> Result<(), Refusal> {
    if asker.method() == ClientAuthMethod::None {
        Err(Refusal::ClientCredentials)
    } else {
        Ok(())
    }
}

/// The answer about an access token whose family is not revoked
/// ([RFC 7662 §2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)).
///
/// `client` is the one the token names as its own, if it still exists, and `asker` the authenticated
/// one, to whom it is inactive unless it is one of those that it may ask about. dex asks nobody who
/// they are, says no `scope` and no `jti`, and takes the client of a token from its audience.
pub fn access_token(
    token: &VerifiedToken,
    client: Option<&Client>,
    spec: &TenantSpec,
    asker: Option<&Client>,
) -> Result<IntrospectResponse, Inactive> {
    let client = client.ok_or(Inactive::ClientGone)?;
    if asker.is_some_and(|asker| !may_see(asker, token, spec)) {
        return Err(Inactive::NotForAsker);
    }
    let claims = &token.claims;
    let text = |name: &str| claims.str(name).map(str::to_owned);
    let seconds = |name: &str| claims.timestamp(name).map(Timestamp::as_secs);
    let named = ["azp", "sid"]
        .into_iter()
        .chain(Claim::ALL.map(Claim::name));
    let ext: Map<String, Value> = named
        .filter_map(|name| Some((name.to_owned(), claims.get(name)?.clone())))
        .collect();
    let ours = spec.rules.introspection == IntrospectionForm::Rfc7662;
    Ok(IntrospectResponse {
        active: true,
        scope: text("scope").filter(|_| ours),
        client_id: Some(client.id.as_str().to_owned()),
        sub: text("sub"),
        exp: seconds("exp"),
        iat: seconds("iat"),
        nbf: seconds("iat"),
        jti: text("jti").filter(|_| ours),
        username: text("preferred_username"),
        acr: text("acr").filter(|_| ours),
        auth_time: seconds("auth_time").filter(|_| ours),
        aud: claims.get("aud").cloned(),
        iss: text("iss"),
        token_type: Some("Bearer"),
        token_use: Some("access_token"),
        act: claims.get("act").filter(|_| ours).cloned(),
        ext: Some(IntrospectionExt(ext)),
    })
}

fn may_see(asker: &Client, token: &VerifiedToken, spec: &TenantSpec) -> bool {
    match asker.introspection {
        IntrospectionScope::Own => token.client_id() == Some(asker.id.as_str()),
        IntrospectionScope::Audience => token.concerns(&asker.id, spec),
        IntrospectionScope::Tenant => true,
    }
}

/// Whether `asker` may ask about the refresh token of a grant, which is meant for nobody but the
/// client it was issued to.
pub fn may_see_refresh(asker: &Client, grant: &RefreshGrant) -> bool {
    asker.id == grant.client_id || asker.introspection == IntrospectionScope::Tenant
}

/// The answer about a refresh token, of which `facts` hold its own client. It is active where that
/// client could use it now, as far as the grant itself says; what its session and its connector say is
/// the caller's to ask. Asking condemns nobody, not even with a replaced secret.
///
/// dex says all claims of the person whatever was granted, and, of a token without an absolute end,
/// that it ended when it began.
pub fn refresh_token_of(
    presented: &RefreshToken,
    facts: RefreshFacts<'_>,
    peers: &Peers,
    now: Timestamp,
) -> Result<IntrospectResponse, Inactive> {
    let RefreshFacts {
        spec,
        client,
        grant,
        ..
    } = facts;
    refresh_token(presented, facts, now)?;
    served(GrantType::RefreshToken, spec)?;
    allowed(GrantType::RefreshToken, client, &spec.rules)?;
    let audience = Audience::of(&grant.scopes, &grant.client_id, peers)?;
    let login = &grant.login;
    if !is_still_known(spec, &login.connector_id, &login.claims.user_id) {
        return Err(Inactive::PersonGone);
    }
    let ours = spec.rules.introspection == IntrospectionForm::Rfc7662;
    let person = if ours {
        let released = ClaimSet::of_scopes(&grant.scopes) | grant.claims.userinfo;
        PersonClaims::released(released, &login.connector_id, &login.claims)
    } else {
        PersonClaims::all(&login.connector_id, &login.claims)
    };
    let mut ext = match serde_json::to_value(&person) {
        Ok(Value::Object(ext)) => ext,
        _ => Map::new(),
    };
    if audience.is_several() {
        ext.insert("azp".to_owned(), client.id.as_str().into());
    }
    if let Some(session) = &login.session_id {
        ext.insert("sid".to_owned(), session.as_str().into());
    }
    let username = ext.get(Claim::PreferredUsername.name());
    let username = username.and_then(Value::as_str).map(str::to_owned);
    Ok(IntrospectResponse {
        active: true,
        scope: ours.then(|| grant.scopes.to_string()),
        client_id: Some(client.id.as_str().to_owned()),
        sub: Some(subject::encode(&login.claims.user_id, &login.connector_id)),
        exp: end_of(grant, spec),
        iat: Some(grant.created_at.as_secs()),
        nbf: Some(grant.created_at.as_secs()),
        jti: None,
        username,
        acr: acr::of(Proof::of(login), spec)
            .filter(|_| ours)
            .map(str::to_owned),
        auth_time: ours.then(|| login.auth_time.as_secs()),
        aud: serde_json::to_value(&audience).ok(),
        iss: Some(spec.issuer.as_str().to_owned()),
        token_type: (!ours).then_some("Bearer"),
        token_use: Some("refresh_token"),
        act: None,
        ext: Some(IntrospectionExt(ext)),
    })
}

fn end_of(grant: &RefreshGrant, spec: &TenantSpec) -> Option<i64> {
    match spec.rules.introspection {
        IntrospectionForm::Rfc7662 => {
            let ends = Some(grant.expires_at).filter(|ends| *ends != Timestamp::NEVER);
            ends.map(Timestamp::as_secs)
        }
        IntrospectionForm::Dex => {
            let life = spec.expiry.refresh.absolute_lifetime.unwrap_or_default();
            Some((grant.created_at + life).as_secs())
        }
    }
}
