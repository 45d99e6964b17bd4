use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use insula_ambient::{Entropy as _, SystemEntropy, Timestamp};
use insula_model::{
    BrowserSession, ClientId, ConnectorId, GrantId, IdentityClaims, Login, RefreshGrant, RefreshId,
    SessionId, TenantId, TokenHash, UserId,
};
use insula_oauth::Scopes;

use crate::{Durable, TenantStore};

/// A moment with milliseconds worth keeping.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_800_000_000_123);
pub(super) const HOUR: Duration = Duration::from_hours(1);
pub(super) const MS: Duration = Duration::from_millis(1);

/// A tenant nobody else has.
pub(super) fn a_tenant(durable: &Arc<dyn Durable>) -> Arc<dyn TenantStore> {
    durable.tenant(&a_tenant_id())
}

pub(super) fn a_tenant_id() -> TenantId {
    TenantId::parse(SystemEntropy.word(15)).unwrap()
}

pub(super) fn a_word() -> String {
    SystemEntropy.word(15)
}

pub(super) fn client(id: &str) -> ClientId {
    ClientId::parse(id).unwrap()
}

pub(crate) fn connector(id: &str) -> ConnectorId {
    ConnectorId::parse(id).unwrap()
}

pub(super) fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

pub(crate) fn claims(id: &str) -> IdentityClaims {
    IdentityClaims {
        username: "Jane Döe".into(),
        preferred_username: "jane".into(),
        email: "Jane.Doe@Example.Test".into(),
        email_verified: true,
        groups: vec!["staff".into(), "Straßenbau 🛠".into()],
        details: insula_model::PersonDetails {
            nickname: "Jäney".into(),
            address: insula_model::Address {
                formatted: "Am Platz 1\n10115 Berlin".into(),
                ..insula_model::Address::default()
            },
            ..insula_model::PersonDetails::default()
        }
        .into_box(),
        ..IdentityClaims::of(user(id))
    }
}

pub(crate) fn session(sid: &str, expires_at: Timestamp) -> BrowserSession {
    BrowserSession {
        id: SessionId::parse(sid).unwrap(),
        connector_id: connector("local"),
        claims: claims("jane"),
        auth_time: NOON,
        amr: vec!["pwd".into(), "otp".into()],
        acr: Some("urn:upstream:two".into()),
        clients: vec![client("app"), client("ünïcode app")],
        earlier: Vec::new(),
        last_seen_at: NOON + MS,
        expires_at,
    }
}

pub(crate) fn cookie(secret: &str) -> TokenHash {
    TokenHash::of(secret)
}

pub(crate) fn grant_id(word: &str) -> GrantId {
    GrantId::parse(word).unwrap()
}

pub(crate) fn refresh(id: &str, family: &str) -> RefreshGrant {
    RefreshGrant {
        id: RefreshId::parse(id).unwrap(),
        grant_id: grant_id(family),
        client_id: client("app"),
        generation: 0,
        scopes: Scopes::parse("openid offline_access email"),
        resources: vec!["https://api.test/ö".into()],
        claims: insula_model::RequestedClaims {
            userinfo: insula_model::ClaimSet::all(),
            id_token: [insula_model::Claim::Email].into_iter().collect(),
        },
        nonce: Some("n-0S6_WzA2Mj".into()),
        login: Login {
            connector_id: connector("local"),
            claims: claims("jane"),
            auth_time: NOON,
            amr: vec!["pwd".into()],
            acr: Some("urn:upstream:two".into()),
            session_id: Some(SessionId::parse("sid1").unwrap()),
            connector_data: Some(vec![0, 1, 0xff, b'\'', b'"']),
        },
        created_at: NOON,
        last_used_at: NOON + MS,
        answered: true,
        expires_at: NOON + HOUR,
    }
}

/// Runs `count` of them at the same time, on all workers, and answers what came of each.
pub(super) async fn at_once<F, T>(count: usize, make: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let running: Vec<_> = (0..count).map(|n| tokio::spawn(make(n))).collect();
    let ended = join_all(running).await;
    ended.into_iter().map(Result::unwrap).collect()
}
