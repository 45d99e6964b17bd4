use insula_engine::Refusal;
use insula_engine::grants::RefreshToken;
use insula_model::CodeGrant;
use insula_oauth::Params;
use insula_oauth::Scopes;
use insula_testkit::{TenantBuilder, a_client, a_code_grant, a_resource, a_tenant};
use serde_json::{Value, json};

use crate::TenantView;
use crate::testing::{
    app, claims_of, code_form, exchange, form, reconfigured, refusal, view, with_code,
};

const ORDERS: &str = "https://orders.test";
const STOCK: &str = "https://stock.test";

fn tenant() -> TenantBuilder {
    let scopes = ["openid", "offline_access", "orders:read", "stock:read"];
    a_tenant()
        .with_client(a_client().with_scopes(&scopes))
        .with_resource(a_resource(ORDERS, &["orders:read"]))
        .with_resource(a_resource(STOCK, &["stock:read"]))
}

/// What a person granted: both APIs.
fn granted() -> CodeGrant {
    CodeGrant {
        scopes: Scopes::parse("openid offline_access orders:read stock:read"),
        resources: vec![ORDERS.to_owned(), STOCK.to_owned()],
        ..a_code_grant()
    }
}

fn with(request: &Params, more: &[(&str, &str)]) -> Params {
    Params::from_pairs(request.pairs().chain(more.iter().copied()))
}

/// Whom the access token of a request is for and with what, and the refresh token that came along.
async fn told(view: &TenantView, request: &Params) -> (Value, String, String) {
    let told = exchange(view, Some(&app()), request).await.unwrap();
    let claims = claims_of(&told.access_token);
    let scope = claims["scope"].as_str().unwrap_or_default().to_owned();
    assert_eq!(told.scope.unwrap_or_default(), scope, "RFC 6749 §5.1");
    (claims["aud"].clone(), scope, told.refresh_token.unwrap())
}

#[tokio::test]
async fn rfc_8707_2_2_a_code_and_each_refresh_narrow_to_what_was_granted() {
    let (view, _) = view(tenant());
    with_code(&view, "code", &granted()).await;
    let code = with(&code_form("code"), &[("resource", ORDERS)]);
    let (aud, scope, token) = told(&view, &code).await;
    assert_eq!((aud, scope.as_str()), (json!(ORDERS), "orders:read"));

    let refresh = |token: &str, more: &[(&str, &str)]| {
        let one = form(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
        with(&one, more)
    };
    let (aud, scope, token) = told(&view, &refresh(&token, &[("resource", STOCK)])).await;
    assert_eq!((aud, scope.as_str()), (json!(STOCK), "stock:read"));
    let (aud, scope, token) = told(&view, &refresh(&token, &[])).await;
    assert_eq!(aud, json!([ORDERS, STOCK]), "the grant keeps all");
    assert_eq!(scope, "orders:read stock:read");
    let both = [
        ("resource", ORDERS),
        ("resource", STOCK),
        ("scope", "openid orders:read"),
    ];
    let (aud, scope, token) = told(&view, &refresh(&token, &both)).await;
    assert_eq!(
        (aud, scope.as_str()),
        (json!([ORDERS, STOCK]), "orders:read")
    );
    let userinfo = [("resource", "https://acme.test")];
    let (aud, scope, token) = told(&view, &refresh(&token, &userinfo)).await;
    assert_eq!(
        (aud, scope.as_str()),
        (json!("https://acme.test"), "openid offline_access")
    );

    let other = refresh(&token, &[("resource", "https://other.test")]);
    let refused = refusal(exchange(&view, Some(&app()), &other).await);
    assert_eq!(
        refused,
        Refusal::ResourceNotGranted("https://other.test".to_owned())
    );
}

#[tokio::test]
async fn whoever_redeems_for_a_resource_that_was_not_granted_may_ask_again() {
    let (view, _) = view(tenant());
    with_code(&view, "code", &granted()).await;
    let wrong = with(&code_form("code"), &[("resource", "https://other.test")]);
    let refused = refusal(exchange(&view, Some(&app()), &wrong).await);
    let other = "https://other.test".to_owned();
    assert_eq!(refused, Refusal::ResourceNotGranted(other));
    let right = with(&code_form("code"), &[("resource", ORDERS)]);
    let (aud, ..) = told(&view, &right).await;
    assert_eq!(aud, json!(ORDERS));
}

#[tokio::test]
async fn whoever_refreshes_for_a_resource_that_was_not_granted_keeps_their_token() {
    let (view, _) = view(tenant());
    with_code(&view, "code", &granted()).await;
    let (.., token) = told(&view, &code_form("code")).await;
    let id = RefreshToken::parse(&token, view.rules()).unwrap().id;
    let before = view.effects.store.find_refresh(&id).await.unwrap();
    for more in [
        [("resource", "https://other.test")],
        [("scope", "openid stock:write")],
    ] {
        let one = form(&[("grant_type", "refresh_token"), ("refresh_token", &token)]);
        let refused = exchange(&view, Some(&app()), &with(&one, &more)).await;
        assert!(refused.is_err(), "{more:?}");
        let after = view.effects.store.find_refresh(&id).await.unwrap();
        assert_eq!(after, before, "{more:?}");
    }
}

#[tokio::test]
async fn what_a_client_was_allowed_at_the_login_may_be_withdrawn() {
    let (view, _) = view(tenant());
    with_code(&view, "code", &granted()).await;
    let (.., token) = told(&view, &code_form("code")).await;
    let less = reconfigured(&view, |spec| {
        let client = a_client()
            .with_scopes(&["openid", "offline_access", "stock:read"])
            .build();
        spec.clients.insert(client.id.clone(), client.into());
    });
    let refresh = form(&[("grant_type", "refresh_token"), ("refresh_token", &token)]);
    let (aud, scope, _) = told(&less, &refresh).await;
    assert_eq!((aud, scope.as_str()), (json!(STOCK), "stock:read"));
}

#[tokio::test]
async fn dex_does_not_know_the_parameter() {
    let (view, _) = view(tenant().dex());
    with_code(&view, "code", &granted()).await;
    let code = with(&code_form("code"), &[("resource", ORDERS)]);
    let told = exchange(&view, Some(&app()), &code).await.unwrap();
    assert_eq!(claims_of(&told.access_token)["aud"], "app");
}
