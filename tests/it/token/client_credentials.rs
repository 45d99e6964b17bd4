//! Tokens that are about a client itself (RFC 6749 §4.4).

use insula_tests::{Agent, RelyingParty, claims_of};
use serde_json::{Value, json};

use crate::shared_server::shared_server;

const ORDERS: &str = "https://orders.example";

async fn asks(party: &RelyingParty, more: &[(&str, &str)]) -> insula_tests::Answer {
    let mut form = vec![("grant_type", "client_credentials")];
    form.extend_from_slice(more);
    party.post("/token", &form).await
}

#[tokio::test]
async fn a_client_of_ours_has_one_access_token_for_the_resource_it_names() {
    let shared_server = shared_server().await;
    let nightly = shared_server.of_apis("nightly");
    let asked = [("resource", ORDERS), ("scope", "orders:read")];
    let answer = asks(&nightly, &asked).await.expect(200);
    answer.assert_uncached();
    let answer = answer.json();
    for absent in ["refresh_token", "id_token"] {
        assert_eq!(answer[absent], Value::Null, "RFC 6749 §4.4.3: {absent}");
    }
    assert_eq!(answer["scope"], "orders:read");
    assert_eq!(answer["token_type"], "Bearer");
    let token = answer["access_token"].as_str().unwrap();
    let issuer = &nightly.issuer;
    let token = nightly.keys().await.verify(token, issuer, ORDERS);
    assert_eq!(token.header["typ"], "at+jwt");
    assert_eq!(token.claims["sub"], "nightly");
    assert_eq!(token.claims["client_id"], "nightly");
    assert_eq!(token.claims["aud"], ORDERS);
    assert_eq!(
        token.claims["groups"],
        json!(["jobs"]),
        "the API is to have them"
    );
    assert_eq!(token.claims["auth_time"], Value::Null);
    let told = nightly.userinfo(&token.token).await.expect(401);
    assert_eq!(told.error(), "invalid_token");
}

/// Parameters beside the grant type.
type Asked = &'static [(&'static str, &'static str)];

#[tokio::test]
async fn what_a_client_is_not_allowed_it_does_not_get() {
    let shared_server = shared_server().await;
    let (nightly, shop) = (
        shared_server.of_apis("nightly"),
        shared_server.of_apis("shop"),
    );
    let rows: [(&RelyingParty, Asked, &str); 8] = [
        (&nightly, &[], "invalid_target"),
        (
            &nightly,
            &[("resource", "https://elsewhere.example")],
            "invalid_target",
        ),
        (&nightly, &[("resource", "orders")], "invalid_target"),
        (
            &nightly,
            &[("resource", "https://orders.example#x")],
            "invalid_target",
        ),
        (&nightly, &[("scope", "orders:all")], "invalid_scope"),
        (&nightly, &[("scope", "openid")], "invalid_scope"),
        (
            &nightly,
            &[("resource", ORDERS), ("scope", "stock:read")],
            "invalid_scope",
        ),
        (&shop, &[("resource", ORDERS)], "unauthorized_client"),
    ];
    for (party, asked, error) in rows {
        let answer = asks(party, asked).await.expect(400);
        assert_eq!(answer.error(), error, "{} {asked:?}", party.client_id);
    }
    let acme = asks(&shared_server.portal(), &[]).await.expect(400);
    assert_eq!(acme.error(), "unsupported_grant_type");
    let wrong = RelyingParty::new(&nightly.issuer, "nightly", "wrong", "https://x.example");
    let wrong = asks(&wrong, &[("resource", ORDERS)]).await.expect(401);
    assert_eq!(wrong.error(), "invalid_client");
}

#[tokio::test]
async fn the_server_of_a_resource_asks_about_its_tokens_and_they_can_be_revoked() {
    let shared_server = shared_server().await;
    let (nightly, api) = (
        shared_server.of_apis("nightly"),
        shared_server.of_apis("orders"),
    );
    let token = async |resource: &str| {
        let answer = asks(&nightly, &[("resource", resource)]).await.expect(200);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    };
    let (first, second) = (token(ORDERS).await, token(ORDERS).await);
    let other = token("https://stock.example").await;
    let facts = api.introspect(&first).await;
    assert_eq!(facts["active"], true);
    assert_eq!(facts["client_id"], "nightly");
    assert_eq!(facts["aud"], ORDERS);
    assert_eq!(facts["scope"], "orders:read orders:write");
    assert_eq!(api.introspect(&other).await, json!({"active": false}));
    nightly.revoke(&first).await.expect(200);
    for party in [&nightly, &api] {
        assert!(!party.is_active(&first).await);
        assert!(party.is_active(&second).await, "its sibling stands");
    }
}

#[tokio::test]
async fn dex_gives_a_client_tokens_of_its_own_form() {
    let ci = shared_server().await.ci();
    let scope = ("scope", "openid profile groups email");
    let answer = asks(&ci, &[scope, ("nonce", "n")]).await.expect(200).json();
    assert_eq!(answer["token_type"], "bearer");
    assert_eq!(answer["refresh_token"], Value::Null);
    for name in ["access_token", "id_token"] {
        let claims = claims_of(answer[name].as_str().unwrap());
        for (claim, value) in [
            ("sub", json!("CgJjaQ")),
            ("aud", json!("ci")),
            ("nonce", json!("n")),
            ("name", json!("CI")),
            ("preferred_username", json!("CI")),
            ("groups", json!(["builders"])),
            ("email_verified", json!(false)),
        ] {
            assert_eq!(claims[claim], value, "{name}: {claim}");
        }
        assert_eq!(claims["email"], Value::Null);
    }
    let plain = asks(&ci, &[]).await.expect(200).json();
    assert_eq!(plain["id_token"], Value::Null, "without openid");

    for (scope, error, words) in [
        (
            "offline_access",
            "invalid_scope",
            "client_credentials grant does not support offline_access scope.",
        ),
        (
            "federated:id",
            "invalid_scope",
            "client_credentials grant does not support federated:id scope.",
        ),
        (
            "magic",
            "invalid_scope",
            "Unrecognized scope(s) [\"magic\"]",
        ),
    ] {
        let answer = asks(&ci, &[("scope", scope)]).await.expect(400);
        assert_eq!(answer.error(), error);
        assert_eq!(answer.json()["error_description"], words);
    }
    let form = [("grant_type", "client_credentials"), ("client_id", "cli")];
    let public = Agent::new().post(ci.at("/token"), &form).await.expect(400);
    assert_eq!(public.error(), "unauthorized_client");
}

#[tokio::test]
async fn discovery_names_the_grant_where_it_is_served() {
    let shared_server = shared_server().await;
    let served = async |party: RelyingParty| {
        let url = party.at("/.well-known/openid-configuration");
        let told = Agent::new().get(url).await.expect(200).json();
        let grants = told["grant_types_supported"].as_array().unwrap().clone();
        (grants.contains(&json!("client_credentials")), told)
    };
    let (apis, told) = served(shared_server.of_apis("shop")).await;
    assert!(apis && served(shared_server.ci()).await.0);
    let scopes = told["scopes_supported"].as_array().unwrap();
    assert!(scopes.contains(&json!("orders:read")), "{scopes:?}");
    assert!(!scopes.contains(&json!("stock:read")), "{scopes:?}");
    assert!(!served(shared_server.portal()).await.0);
    assert!(!served(shared_server.globex()).await.0);
}
