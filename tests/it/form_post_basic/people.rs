//! What scopes and single claims release.

use serde_json::{Value, json};

use super::Client;

const EMAIL: [&str; 2] = ["email", "email_verified"];
const PHONE: [&str; 2] = ["phone_number", "phone_number_verified"];
/// All of the scope but `updated_at`, which nobody knows of people who stand in a file: there the
/// plan warns.
const PROFILE: [&str; 13] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
];

/// Asks for a scope: userinfo has its claims.
async fn assert_releases(scope: &str, claims: &[&str]) {
    let client = Client::new().await.with_scope(scope);
    let tokens = client.log_in(&[]).await;
    let userinfo = client.userinfo(&tokens).await;
    for claim in claims {
        assert!(!userinfo[claim].is_null(), "{claim} of {scope}: {userinfo}");
    }
    let announced = &client.metadata().await["scopes_supported"];
    for scope in scope.split(' ') {
        assert!(announced.as_array().unwrap().contains(&scope.into()));
    }
}

#[tokio::test]
async fn the_scope_profile_releases_its_claims() {
    assert_releases("openid profile", &PROFILE).await;
}

#[tokio::test]
async fn the_scope_email_releases_its_claims() {
    assert_releases("openid email", &EMAIL).await;
}

#[tokio::test]
async fn the_scope_address_releases_each_member_of_its_claim() {
    assert_releases("openid address", &["address"]).await;
    let client = Client::new().await.with_scope("openid address");
    let tokens = client.log_in(&[]).await;
    let written = json!({
        "formatted": "Am Platz 1, 10115 Berlin",
        "street_address": "Am Platz 1",
        "locality": "Berlin",
        "region": "Berlin State",
        "postal_code": "10115",
        "country": "Germany",
    });
    assert_eq!(client.userinfo(&tokens).await["address"], written);
}

#[tokio::test]
async fn the_scope_phone_releases_its_claims() {
    assert_releases("openid phone", &PHONE).await;
}

#[tokio::test]
async fn all_scopes_at_once_release_all_claims() {
    let all = [&PROFILE[..], &EMAIL, &["address"], &PHONE].concat();
    assert_releases("openid profile email address phone", &all).await;
}

#[tokio::test]
async fn scopes_may_come_in_any_order() {
    assert_releases("email openid", &EMAIL).await;
}

#[tokio::test]
async fn an_essential_claim_of_userinfo_is_there_and_not_in_the_id_token() {
    let client = Client::new().await;
    let essential = r#"{"userinfo":{"name":{"essential":true}}}"#;
    let tokens = client.log_in(&[("claims", essential)]).await;
    let userinfo = client.userinfo(&tokens).await;
    assert_eq!(userinfo["name"], "Jane Middle Doe");
    assert_eq!(tokens.claim("name"), &Value::Null);
}
