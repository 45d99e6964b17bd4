//! Whom access tokens are for (RFC 8707, RFC 9068).

use insula_tests::{Agent, RelyingParty, claims_of, walk};
use serde_json::{Value, json};

use crate::shared_server::{MOCK, shared_server};

const ORDERS: &str = "https://orders.example";
const STOCK: &str = "https://stock.example";

/// The answer to a login with these parameters, redeemed with those.
async fn logged_in(
    party: &RelyingParty,
    asked: &[(&str, &str)],
    redeemed: &[(&str, &str)],
) -> insula_tests::Answer {
    let login = party.begin_with(asked);
    let back = walk(&Agent::new(), &login, &MOCK).await;
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", back.code()),
        ("redirect_uri", login.redirect_uri.as_str()),
    ];
    form.extend(
        login
            .verifier
            .as_deref()
            .map(|text| ("code_verifier", text)),
    );
    form.extend_from_slice(redeemed);
    party.post("/token", &form).await
}

fn access(answer: &Value) -> Value {
    claims_of(answer["access_token"].as_str().unwrap())
}

#[tokio::test]
async fn rfc_8707_a_resource_that_is_named_is_all_that_a_token_is_for() {
    let shop = shared_server().await.of_apis("shop");
    let scope = ("scope", "openid email orders:read");
    let answer = logged_in(&shop, &[scope, ("resource", ORDERS)], &[]).await;
    let answer = answer.expect(200).json();
    let claims = access(&answer);
    assert_eq!(claims["aud"], ORDERS);
    assert_eq!(claims["scope"], "orders:read");
    assert_eq!(answer["scope"], "orders:read");
    assert_eq!(
        claims_of(answer["id_token"].as_str().unwrap())["aud"],
        "shop"
    );
    let token = answer["access_token"].as_str().unwrap();
    let told = shop.userinfo(token).await.expect(401);
    assert_eq!(told.error(), "invalid_token");

    // Where the scopes say it, userinfo may be asked with it too.
    let answer = logged_in(&shop, &[scope], &[]).await.expect(200).json();
    let claims = access(&answer);
    assert_eq!(claims["aud"], json!([ORDERS, shop.issuer]));
    assert_eq!(claims["scope"], "openid email orders:read");
    let token = answer["access_token"].as_str().unwrap();
    let told = shop.userinfo(token).await.expect(200).json();
    assert_eq!(told["email"], "kilgore@kilgore.trout");
    assert_eq!(claims.get("email"), None);
}

#[tokio::test]
async fn rfc_8707_2_2_code_and_refresh_token_narrow_to_what_was_granted() {
    let shop = shared_server().await.of_apis("shop");
    let scope = ("scope", "openid offline_access groups orders:read");
    let narrowed = logged_in(&shop, &[scope], &[("resource", ORDERS)]).await;
    let answer = narrowed.expect(200).json();
    let claims = access(&answer);
    assert_eq!(
        (&claims["aud"], &claims["scope"]),
        (&json!(ORDERS), &json!("orders:read"))
    );
    assert_eq!(
        claims["groups"],
        json!(["authors"]),
        "the API is to have them"
    );
    let token = answer["refresh_token"].as_str().unwrap();
    let userinfo = [("resource", shop.issuer.as_str())];
    let answer = shop.refresh(token, &userinfo).await.expect(200).json();
    let claims = access(&answer);
    assert_eq!(claims["aud"], *shop.issuer);
    assert_eq!(claims["scope"], "openid offline_access groups");
    assert_eq!(claims.get("groups"), None);
    let token = answer["refresh_token"].as_str().unwrap();
    let answer = shop
        .refresh(token, &[("resource", STOCK)])
        .await
        .expect(400);
    assert_eq!(answer.error(), "invalid_target");
}

#[tokio::test]
async fn rfc_8707_2_what_a_client_may_not_have_is_told_at_its_redirect_uri() {
    let shop = shared_server().await.of_apis("shop");
    for (asked, error) in [
        (
            &[("resource", "https://elsewhere.example")][..],
            "invalid_target",
        ),
        (&[("resource", "/orders")], "invalid_target"),
        (&[("scope", "openid orders:write")], "invalid_scope"),
        (&[("scope", "openid phone")], "invalid_scope"),
        (
            &[("scope", "openid orders:read"), ("resource", STOCK)],
            "invalid_scope",
        ),
    ] {
        let login = shop.begin_with(asked);
        assert_eq!(
            refused(&login.url).await.as_deref(),
            Some(error),
            "{asked:?}"
        );
    }
    let login = shop.begin_with(&[("scope", "openid orders:read"), ("resource", ORDERS)]);
    assert_eq!(refused(&login.url).await, None);
}

/// The error that a request of the authorization endpoint is answered with at the redirect URI.
async fn refused(url: &str) -> Option<String> {
    let back = Agent::new().get(url).await.location();
    let mut told = back.query_pairs();
    let error = told.find(|(name, _)| name == "error");
    error.map(|(_, error)| error.into_owned())
}

/// What a program does that takes a JWT for a login: kube-apiserver with `--oidc-client-id`,
/// oauth2-proxy with `--skip-jwt-bearer-tokens`. It knows no `typ` and checks signature, issuer and
/// whether the audience is the client.
async fn passes_for_a_login(party: &RelyingParty, token: &str) -> bool {
    let keys = party.keys().await;
    keys.accept(token, &party.issuer, &party.client_id)
}

#[tokio::test]
async fn an_access_token_of_ours_passes_for_no_login() {
    let shared_server = shared_server().await;
    let (portal, shop) = (shared_server.hooli(), shared_server.of_apis("shop"));
    for (party, scope) in [
        (&portal, "openid email"),
        (&shop, "openid orders:read"),
        (&shop, "orders:read"),
    ] {
        let answer = logged_in(party, &[("scope", scope)], &[])
            .await
            .expect(200)
            .json();
        let access_token = answer["access_token"].as_str().unwrap();
        assert!(!passes_for_a_login(party, access_token).await, "{scope}");
        if let Some(id_token) = answer["id_token"].as_str() {
            assert!(passes_for_a_login(party, id_token).await, "{scope}");
        }
    }
    let nightly = shared_server.of_apis("nightly");
    let form = [("grant_type", "client_credentials"), ("resource", ORDERS)];
    let answer = nightly.post("/token", &form).await.expect(200).json();
    let token = answer["access_token"].as_str().unwrap();
    assert!(!passes_for_a_login(&nightly, token).await);
}

#[tokio::test]
async fn dex_keeps_its_form_and_does_not_know_the_parameter() {
    let globex = shared_server().await.globex();
    let resource = ("resource", ORDERS);
    let answer = logged_in(&globex, &[resource], &[resource]).await;
    let answer = answer.expect(200).json();
    let claims = access(&answer);
    assert_eq!(claims["aud"], "example-app");
    assert_eq!(claims["email"], "kilgore@kilgore.trout");
    let token = answer["access_token"].as_str().unwrap();
    assert!(passes_for_a_login(&globex, token).await, "as dex's do");
}
