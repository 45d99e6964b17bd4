//! Authorization requests, and what comes of them.

use data_encoding::BASE64URL_NOPAD;
use insula_tests::{Agent, Back, Login, Page};
use serde_json::json;

use super::Client;

#[tokio::test]
async fn a_login_is_answered_by_a_posted_form_and_ends_with_tokens_and_userinfo() {
    let client = Client::new().await;
    client.log_in(&[]).await;
    let metadata = client.metadata().await;
    assert_eq!(metadata["issuer"], client.party.issuer);
    for (list, value) in [
        ("response_types_supported", "code"),
        ("response_modes_supported", "form_post"),
        (
            "token_endpoint_auth_methods_supported",
            "client_secret_basic",
        ),
        (
            "token_endpoint_auth_methods_supported",
            "client_secret_post",
        ),
        ("scopes_supported", "openid"),
        ("grant_types_supported", "refresh_token"),
    ] {
        let list = metadata[list].as_array().unwrap();
        assert!(list.contains(&value.into()), "{value} in {list:?}");
    }
}

#[tokio::test]
async fn a_request_without_a_response_type_is_an_error() {
    let client = Client::new().await;
    let login = client.request(&[("response_type", "")]);
    let back = client.answer(&login).await;
    let errors = ["invalid_request", "unsupported_response_type"];
    client.assert_is_error(&login, &back, &errors);
}

#[tokio::test]
async fn a_request_without_a_nonce_succeeds_and_the_id_token_has_none() {
    let client = Client::new().await;
    client.log_in(&[("nonce", "")]).await;
}

#[tokio::test]
async fn display_page_is_no_error() {
    Client::new().await.log_in(&[("display", "page")]).await;
}

#[tokio::test]
async fn display_popup_is_no_error() {
    Client::new().await.log_in(&[("display", "popup")]).await;
}

#[tokio::test]
async fn a_parameter_nobody_knows_is_ignored() {
    Client::new().await.log_in(&[("extra", "foobar")]).await;
}

#[tokio::test]
async fn login_hint_is_no_error() {
    let hint = [("login_hint", "buffy@openid.localhost")];
    Client::new().await.log_in(&hint).await;
}

#[tokio::test]
async fn a_language_of_ui_locales_that_nobody_has_is_no_error() {
    Client::new().await.log_in(&[("ui_locales", "se")]).await;
}

#[tokio::test]
async fn claims_locales_is_no_error() {
    Client::new()
        .await
        .log_in(&[("claims_locales", "se")])
        .await;
}

#[tokio::test]
async fn acr_values_that_are_announced_are_reached() {
    let client = Client::new().await;
    let metadata = client.metadata().await;
    let announced = metadata["acr_values_supported"].as_array().unwrap();
    let values: Vec<_> = announced.iter().map(|acr| acr.as_str().unwrap()).collect();
    let tokens = client.log_in(&[("acr_values", &values.join(" "))]).await;
    assert!(announced.contains(tokens.claim("acr")), "{:?}", tokens.id());
}

#[tokio::test]
async fn a_redirect_uri_that_is_not_registered_is_answered_by_a_page() {
    let client = Client::new().await;
    let login = client.request(&[("redirect_uri", "https://first.example/callback/other")]);
    assert_is_told_on_a_page(&login).await;
}

async fn assert_is_told_on_a_page(login: &Login) -> Page {
    let answer = Agent::new().get(&login.url).await.expect(400);
    assert_eq!(answer.header("location"), "");
    let page = answer.page();
    assert!(page.forms.is_empty(), "{}", page.html);
    assert!(page.words().contains("redirect_uri"), "{}", page.words());
    page
}

#[tokio::test]
async fn a_posted_request_succeeds() {
    let client = Client::new().await;
    let login = client.request(&[]);
    let params: Vec<_> = login
        .params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let first = client.browser.post(client.party.at("/auth"), &params).await;
    let back = client.answer_after(&login, first).await;
    client.tokens(&login, &back).await;
}

/// A request whose parameters all stand in an object that nobody signed; in the address those that
/// OAuth asks for.
fn with_object(client: &Client, name: &str, outside: &[(&str, &str)]) -> (Login, Login) {
    let inside = client.request(&[]);
    let mut claims = json!(inside.params);
    claims["aud"] = client.party.issuer.as_str().into();
    let object = BASE64URL_NOPAD.encode(claims.to_string().as_bytes());
    let object = format!("{}.{object}.", BASE64URL_NOPAD.encode(br#"{"alg":"none"}"#));
    let value = match name {
        "request" => object,
        _ => "https://first.example/request/0815".to_owned(),
    };
    let mut all = vec![
        ("state", ""),
        ("nonce", ""),
        ("response_mode", ""),
        (name, &value),
    ];
    all.extend_from_slice(outside);
    let sent = client.party.begin_with(&all);
    (sent, inside)
}

#[tokio::test]
async fn a_request_uri_is_refused_as_not_supported() {
    let client = Client::new().await;
    let (login, _) = with_object(&client, "request_uri", &[]);
    let answer = client.browser.get(&login.url).await.expect(303);
    let back = Back::of(answer.location(), Vec::new());
    assert!(back.url.as_str().starts_with(&client.party.redirect_uri));
    assert_eq!(back.get("error"), "request_uri_not_supported");
    let metadata = client.metadata().await;
    assert_eq!(metadata["request_uri_parameter_supported"], false);
}

#[tokio::test]
async fn an_unsigned_request_object_is_refused_as_not_supported() {
    let client = Client::new().await;
    let (login, inside) = with_object(&client, "request", &[]);
    let back = client.answer(&login).await;
    client.assert_is_error(&inside, &back, &["request_not_supported"]);
    let metadata = client.metadata().await;
    assert_ne!(metadata["request_parameter_supported"], true);
}

#[tokio::test]
async fn a_request_object_does_not_lead_where_a_foreign_redirect_uri_asked() {
    let client = Client::new().await;
    let foreign = [("redirect_uri", "https://first.example/callback_invalid")];
    let (login, _) = with_object(&client, "request", &foreign);
    assert_is_told_on_a_page(&login).await;
}

#[tokio::test]
async fn pkce_succeeds() {
    let mut client = Client::new().await;
    client.party.pkce = true;
    let login = client.request(&[]);
    assert_eq!(login.params["code_challenge_method"], "S256");
    let back = client.answer(&login).await;
    client.tokens(&login, &back).await;
}
