use std::time::Duration;

use insula_engine::Refusal;
use insula_oauth::{GrantType, TokenResponse};
use insula_testkit::{TenantBuilder, a_client, a_resource, a_tenant};

use crate::testing::{
    app, claims_of, exchange, form, introspected, refusal, revoked, userinfo_of, view, watched,
};
use crate::{FlowError, TenantView};

const API: &str = "https://api.test";

/// A tenant whose client `app` may run jobs by itself.
fn ours() -> TenantBuilder {
    let machine = a_client()
        .with_grants(&[GrantType::ClientCredentials])
        .with_scopes(&["jobs:run", "jobs:read"]);
    let tenant = a_tenant().with_client(machine);
    let tenant = tenant.with_resource(a_resource(API, &["jobs:run", "jobs:read"]));
    tenant.with(|spec| spec.oauth2.grant_types.push(GrantType::ClientCredentials))
}

fn dexs() -> TenantBuilder {
    let tenant = a_tenant().dex();
    tenant.with(|spec| spec.oauth2.grant_types.push(GrantType::ClientCredentials))
}

async fn asks(view: &TenantView, more: &[(&str, &str)]) -> Result<TokenResponse, FlowError> {
    let grant = [("grant_type", "client_credentials")];
    let pairs: Vec<_> = grant.iter().chain(more).copied().collect();
    exchange(view, Some(&app()), &form(&pairs)).await
}

#[tokio::test]
async fn a_client_is_given_a_token_of_its_own_and_no_store_is_asked() {
    for tenant in [ours(), dexs()] {
        let is_dex = tenant.clone().build().rules.userinfo_is_whole_token;
        let scope = if is_dex { "openid" } else { "jobs:run" };
        let (view, store, cache) = watched(&view(tenant).0);
        let told = asks(&view, &[("scope", scope)]).await.unwrap();
        assert_eq!(told.refresh_token, None);
        assert_eq!(told.id_token.is_some(), is_dex);
        let claims = claims_of(&told.access_token);
        assert_eq!(claims["aud"], if is_dex { "app" } else { API });
        let asked = [store.calls(), cache.calls()].concat();
        assert!(asked.is_empty(), "{asked:?}");
    }
}

#[tokio::test]
async fn a_tenant_that_does_not_serve_the_grant_gives_none() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, _) = view(tenant);
        let expected = Refusal::UnsupportedGrantType("client_credentials".to_owned());
        assert_eq!(refusal(asks(&view, &[]).await), expected);
    }
}

#[tokio::test]
async fn the_resource_and_the_scope_say_what_a_token_is_for() {
    let (view, _) = view(ours());
    let told = asks(&view, &[]).await.unwrap();
    assert_eq!(
        told.scope.as_deref(),
        Some("jobs:run jobs:read"),
        "all it is allowed"
    );
    let less = asks(&view, &[("resource", API), ("scope", "jobs:read")]).await;
    let less = less.unwrap();
    assert_eq!(less.scope.as_deref(), Some("jobs:read"));
    assert_eq!(claims_of(&less.access_token)["scope"], "jobs:read");
    let other = "https://other.test";
    let told = refusal(asks(&view, &[("resource", other)]).await);
    assert_eq!(told, Refusal::ResourceNotAllowed(other.to_owned()));
}

#[tokio::test]
async fn a_token_of_a_client_is_revoked_by_it_alone_and_without_its_siblings() {
    for tenant in [ours(), dexs()] {
        let (view, clock) = view(tenant);
        let first = asks(&view, &[]).await.unwrap().access_token;
        let second = asks(&view, &[]).await.unwrap().access_token;
        let is_active = async |token: &str| {
            let asked = form(&[("token", token)]);
            introspected(&view, Some(&app()), &asked)
                .await
                .unwrap()
                .active
        };
        assert!(is_active(&first).await && is_active(&second).await);
        revoked(&view, Some(&app()), &form(&[("token", &first)]))
            .await
            .unwrap();
        assert!(!is_active(&first).await);
        assert!(is_active(&second).await);
        clock.advance(Duration::from_hours(25));
        assert!(!is_active(&second).await, "expired");
    }
}

#[tokio::test]
async fn our_userinfo_knows_nobody_by_a_token_of_a_client() {
    let (view, _) = view(ours());
    let token = asks(&view, &[]).await.unwrap().access_token;
    let told = refusal(userinfo_of(&view, &token).await);
    assert_eq!(told, Refusal::BearerOfAnotherAudience);
}
