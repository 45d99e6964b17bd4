use std::sync::Arc;
use std::time::Duration;

use insula_engine::Refusal;
use insula_jose::Expected;
use insula_model::{Client, ClientId, CodeGrant, GrantId, IntrospectionScope, Resource};
use insula_oauth::{GrantType, IntrospectResponse, Scopes};
use insula_testkit::{NOW, a_client, a_code_grant, a_resource, a_tenant};
use serde_json::json;

use super::{AnswerForm, Introspection};
use crate::testing::{
    app, basic, code_form, exchange, form, introspected, introspected_as, reconfigured, refusal,
    tokens, userinfo_of, view, with_code, without_people,
};
use crate::{Connectors, TenantView};

async fn told(view: &TenantView, header: Option<&str>, token: &str) -> IntrospectResponse {
    let asked = form(&[("token", token)]);
    introspected(view, header, &asked).await.unwrap()
}

#[tokio::test]
async fn our_access_token_is_described_to_its_client() {
    let (view, _) = view(a_tenant());
    let token = tokens(&view).await.access_token;
    let told = told(&view, Some(&app()), &token).await;
    let mut said = serde_json::to_value(&told).unwrap();
    let jti = said.as_object_mut().unwrap().remove("jti").unwrap();
    assert!(jti.as_str().unwrap().starts_with("family1."));
    assert_eq!(
        said,
        json!({
            "active": true,
            "scope": "openid email profile groups offline_access",
            "client_id": "app",
            "sub": "CgZqYW5lLTESBG1vY2s",
            "exp": NOW.as_secs() + 600,
            "iat": NOW.as_secs(),
            "nbf": NOW.as_secs(),
            "acr": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
            "auth_time": NOW.as_secs() - 60,
            "aud": "https://acme.test",
            "iss": "https://acme.test",
            "token_type": "Bearer",
            "token_use": "access_token",
            "ext": { "sid": "session1" },
        })
    );
}

#[tokio::test]
async fn dexs_token_is_described_to_anybody_without_scope_or_jti() {
    let (view, _) = view(a_tenant().dex());
    let tokens = tokens(&view).await;
    let access = told(&view, None, &tokens.access_token).await;
    assert!(access.active);
    assert_eq!((access.scope, access.jti), (None, None));
    assert_eq!((access.acr, access.auth_time), (None, None));
    assert_eq!(access.client_id.as_deref(), Some("app"));
    assert_eq!(access.token_type, Some("Bearer"));
    assert_eq!(access.token_use, Some("access_token"));

    let refresh = told(&view, None, &tokens.refresh_token.unwrap()).await;
    assert!(refresh.active);
    assert_eq!(refresh.token_use, Some("refresh_token"));
    assert_eq!((refresh.acr, refresh.auth_time), (None, None));
    assert_eq!(refresh.exp, Some(NOW.as_secs()), "a token without an end");
    let ext = refresh.ext.unwrap().0;
    assert_eq!(ext["federated_claims"]["user_id"], "jane-1", "all claims");
}

#[tokio::test]
async fn our_refresh_token_is_described_to_its_client_alone() {
    let (view, _) = view(a_tenant().with_client(a_client().named("other")));
    let token = tokens(&view).await.refresh_token.unwrap();
    let own = told(&view, Some(&app()), &token).await;
    assert!(own.active);
    assert_eq!(own.token_use, Some("refresh_token"));
    assert!(own.acr.is_some(), "RFC 9470 §6.2");
    assert_eq!(own.auth_time, Some(NOW.as_secs() - 60));
    let ends = NOW + Duration::from_hours(2160);
    assert_eq!(own.exp, Some(ends.as_secs()));
    assert_eq!(own.ext.unwrap().0.get("federated_claims"), None);
    let other = told(&view, Some(&basic("other", "app-secret")), &token).await;
    assert_eq!(other, IntrospectResponse::inactive());
}

#[tokio::test]
async fn rfc_7662_2_1_who_asks_must_prove_who_they_are() {
    let (view, _) = view(a_tenant().with_client(a_client().named("spa").public()));
    let asked = |pairs: &[(&str, &str)]| form(pairs);
    let token = ("token", "x");
    let nobody = refusal(introspected(&view, None, &asked(&[token])).await);
    assert!(matches!(nobody, Refusal::ClientAuth(_)));
    let public = asked(&[token, ("client_id", "spa")]);
    let told = refusal(introspected(&view, None, &public).await);
    assert_eq!(told, Refusal::ClientCredentials);
    let without = refusal(introspected(&view, Some(&app()), &asked(&[])).await);
    assert_eq!(without, Refusal::MissingToken);
    let twice = asked(&[token, ("token", "y")]);
    let told = refusal(introspected(&view, Some(&app()), &twice).await);
    let expected = Refusal::DuplicateParameter("token".into());
    assert_eq!(told, expected, "RFC 6749 §3.2");
}

#[tokio::test]
async fn the_server_of_a_resource_may_introspect_its_tokens_and_no_others() {
    let served = |identifier: &str, scope: &str, server: &str| Resource {
        servers: vec![ClientId::parse(server).unwrap()],
        ..a_resource(identifier, &[scope])
    };
    let scopes = ["openid", "orders:read", "stock:read"];
    let tenant = a_tenant()
        .with_client(a_client().with_scopes(&scopes))
        .with_client(a_client().named("orders"))
        .with_client(a_client().named("stock"))
        .with_client(a_client().named("peer").trusting("app"))
        .with_resource(served("https://orders.test", "orders:read", "orders"))
        .with_resource(served("https://stock.test", "stock:read", "stock"));
    let (view, _) = view(tenant);
    let resources = ["https://orders.test", "https://stock.test"];
    let resources = resources.map(str::to_owned);
    let peer = "openid audience:server:client_id:peer";
    // what was granted, and to whom its token is active
    for (at, (granted, named, active)) in [
        ("openid", &resources[..0], &["app"][..]),
        (peer, &resources[..0], &["app"]),
        ("orders:read", &resources[..0], &["app", "orders"]),
        ("openid", &resources[..1], &["app", "orders"]),
        ("openid", &resources[..], &["app", "orders", "stock"]),
    ]
    .into_iter()
    .enumerate()
    {
        let grant = CodeGrant {
            scopes: Scopes::parse(granted),
            resources: named.to_vec(),
            ..a_code_grant()
        };
        let grant = CodeGrant {
            grant_id: GrantId::parse(format!("family{at}")).unwrap(),
            ..grant
        };
        let code = format!("code{at}");
        with_code(&view, &code, &grant).await;
        let answer = exchange(&view, Some(&app()), &code_form(&code)).await;
        let token = answer.unwrap().access_token;
        for id in ["app", "orders", "stock", "peer"] {
            let told = told(&view, Some(&basic(id, "app-secret")), &token).await;
            assert_eq!(
                told.active,
                active.contains(&id),
                "{granted} {named:?} to {id}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_no_good_token_is_inactive_and_says_nothing_else() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let form = tenant.clone().build().rules.introspection;
        let is_dex = form == insula_model::IntrospectionForm::Dex;
        let (view, clock) = view(tenant);
        let tokens = tokens(&view).await;
        for bad in ["garbage", "a.b.c", "CgJpZBICc2U"] {
            let told = told(&view, Some(&app()), bad).await;
            assert_eq!(
                serde_json::to_value(&told).unwrap(),
                json!({"active": false})
            );
        }
        let id_token = told(&view, Some(&app()), tokens.id_token.as_ref().unwrap()).await;
        assert_eq!(id_token.active, is_dex, "only dex cannot tell them apart");

        let orphaned = reconfigured(&view, |spec| spec.clients.clear());
        if is_dex {
            let told = told(&orphaned, None, &tokens.access_token).await;
            assert!(!told.active, "its client is gone");
        }
        clock.advance(Duration::from_hours(25));
        let late = told(&view, Some(&app()), &tokens.access_token).await;
        assert!(!late.active);
    }
}

#[tokio::test]
async fn a_refresh_token_tells_a_username_only_where_the_profile_was_granted() {
    for (scopes, username) in [
        ("openid offline_access", None),
        ("openid email offline_access", None),
        ("openid profile offline_access", Some("jane")),
    ] {
        let (view, _) = view(a_tenant());
        let grant = CodeGrant {
            scopes: Scopes::parse(scopes),
            ..a_code_grant()
        };
        with_code(&view, "code", &grant).await;
        let answer = exchange(&view, Some(&app()), &code_form("code")).await;
        let token = answer.unwrap().refresh_token.unwrap();
        let told = told(&view, Some(&app()), &token).await;
        assert!(told.active);
        assert_eq!(told.username.as_deref(), username, "{scopes}");
        let ext = told.ext.unwrap().0;
        let named = ext.get("preferred_username").and_then(|name| name.as_str());
        assert_eq!(named, username, "{scopes}");
    }
}

/// The tenant, in which `change` was made to the client `app`.
fn with_app(view: &TenantView, change: impl FnOnce(&mut Client)) -> TenantView {
    reconfigured(view, |spec| {
        let mut client = a_client().build();
        change(&mut client);
        spec.clients.insert(client.id.clone(), client.into());
    })
}

#[tokio::test]
async fn a_refresh_token_that_the_token_endpoint_refuses_is_not_active() {
    let (view, _) = view(a_tenant());
    let token = tokens(&view).await.refresh_token.unwrap();
    assert!(told(&view, Some(&app()), &token).await.active);
    let mut unserved = view.connectors.as_ref().clone();
    for connector in unserved.iter_mut() {
        Arc::make_mut(&mut connector.spec).grant_types = vec![GrantType::AuthorizationCode];
    }
    let with_connectors = |connectors| TenantView {
        connectors: Arc::new(connectors),
        ..view.clone()
    };
    let cases = [
        ("no connector", with_connectors(Connectors::default())),
        ("a connector without refreshes", with_connectors(unserved)),
        (
            "a client that may not use the connector",
            with_app(&view, |client| {
                *client = a_client().allowing("another").build();
            }),
        ),
        (
            "a client without the grant",
            with_app(&view, |client| {
                *client = a_client()
                    .with_grants(&[GrantType::AuthorizationCode])
                    .build();
            }),
        ),
        (
            "a tenant without the grant",
            reconfigured(&view, |spec| {
                spec.oauth2.grant_types = vec![GrantType::AuthorizationCode];
            }),
        ),
        ("nobody in the configuration", without_people(&view)),
    ];
    for (case, view) in cases {
        let asked = told(&view, Some(&app()), &token).await;
        assert_eq!(asked, IntrospectResponse::inactive(), "{case}");
        let request = form(&[("grant_type", "refresh_token"), ("refresh_token", &token)]);
        refusal(exchange(&view, Some(&app()), &request).await);
    }
}

#[tokio::test]
async fn asking_about_a_replaced_refresh_token_revokes_nothing() {
    let (view, clock) = view(a_tenant());
    let first = tokens(&view).await.refresh_token.unwrap();
    let request = form(&[("grant_type", "refresh_token"), ("refresh_token", &first)]);
    let second = exchange(&view, Some(&app()), &request).await.unwrap();
    clock.advance(Duration::from_secs(10));
    assert!(!told(&view, Some(&app()), &first).await.active);
    let second = second.refresh_token.unwrap();
    assert!(told(&view, Some(&app()), &second).await.active);
}

#[tokio::test]
async fn a_client_asks_about_its_own_tokens_those_for_it_or_all_as_it_is_registered() {
    use IntrospectionScope::{Audience, Own, Tenant};
    let asker = |id: &str, about| a_client().named(id).asking_about(about);
    let api = "https://api.test";
    let mut resource = a_resource(api, &["read"]);
    let mut tenant = a_tenant();
    for (id, about) in [("own", Own), ("audience", Audience), ("tenant", Tenant)] {
        let server = format!("{id}-api");
        tenant = tenant.with_client(asker(id, about));
        tenant = tenant.with_client(asker(&server, about));
        resource.servers.push(ClientId::parse(&server).unwrap());
    }
    let of_app = a_client().asking_about(Own).with_resource(api);
    let (view, _) = view(tenant.with_resource(resource).with_client(of_app));
    let grant = CodeGrant {
        scopes: Scopes::parse("openid offline_access"),
        resources: vec![api.to_owned()],
        ..a_code_grant()
    };
    with_code(&view, "code", &grant).await;
    let answer = exchange(&view, Some(&app()), &code_form("code"))
        .await
        .unwrap();
    let refresh = answer.refresh_token.unwrap();
    // whoever asks, and whether the access and the refresh token of `app` are active to them
    for (id, access, refreshes) in [
        ("app", true, true),
        ("own", false, false),
        ("own-api", false, false),
        ("audience", false, false),
        ("audience-api", true, false),
        ("tenant", true, true),
        ("tenant-api", true, true),
    ] {
        let asker = basic(id, "app-secret");
        let told_of_access = told(&view, Some(&asker), &answer.access_token).await;
        assert_eq!(told_of_access.active, access, "{id}");
        let told_of_refresh = told(&view, Some(&asker), &refresh).await;
        assert_eq!(told_of_refresh.active, refreshes, "{id}");
        if refreshes {
            assert_eq!(told_of_refresh.client_id.as_deref(), Some("app"), "{id}");
        }
        let id_token = told(&view, Some(&asker), answer.id_token.as_ref().unwrap()).await;
        assert!(!id_token.active, "{id}");
    }
}

#[tokio::test]
async fn rfc_7662_2_1_a_wrong_hint_hides_no_token() {
    let (view, _) = view(a_tenant());
    let tokens = tokens(&view).await;
    let refresh = tokens.refresh_token.unwrap();
    for token in [&tokens.access_token, &refresh] {
        for hint in ["access_token", "refresh_token", "magic"] {
            let asked = form(&[("token", token), ("token_type_hint", hint)]);
            let told = introspected(&view, Some(&app()), &asked).await.unwrap();
            assert!(told.active, "{hint}");
        }
    }
}

#[tokio::test]
async fn rfc_9701_an_answer_can_be_had_as_a_jwt_for_whoever_asked_that_is_no_token() {
    let (view, _) = view(a_tenant());
    let tokens = tokens(&view).await;
    let expected = Expected {
        check_expiry: false,
        ..Expected::from_issuer("https://acme.test")
            .for_audience("app")
            .typed("token-introspection+jwt")
    };
    for token in [tokens.access_token.as_str(), "garbage"] {
        let asked = form(&[("token", token)]);
        let plain = introspected(&view, Some(&app()), &asked).await.unwrap();
        let told = introspected_as(&view, Some(&app()), &asked, AnswerForm::Jwt).await;
        let Ok(Introspection::Jwt(signed)) = told else {
            panic!("not a JWT: {told:?}")
        };
        let claims = view.keys.verify(&signed, NOW, &expected).unwrap();
        let plain = serde_json::to_value(&plain).unwrap();
        assert_eq!(claims.get("token_introspection"), Some(&plain));
        assert_eq!(claims.timestamp("iat"), Some(NOW));
        for absent in ["sub", "exp", "active"] {
            assert_eq!(claims.get(absent), None, "{absent}");
        }
        assert_eq!(
            refusal(userinfo_of(&view, &signed).await),
            Refusal::BearerInvalid
        );
    }
    let (dex, _) = crate::testing::view(a_tenant().dex());
    let asked = form(&[("token", "garbage")]);
    let told = introspected_as(&dex, None, &asked, AnswerForm::Jwt).await;
    let inactive = Introspection::Json(Box::new(IntrospectResponse::inactive()));
    assert_eq!(told.unwrap(), inactive, "dex has nobody to sign for");
}
