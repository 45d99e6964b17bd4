//! What Bitbucket answers is written from memory of its REST API description ("Users": `/user`, `/user/emails`;
//! "Workspaces": `/user/workspaces`, `/user/workspaces/{workspace}/permission`; "Pagination"), its notices
//! CHANGE-2770 and CHANGE-3022, and "Use OAuth on Bitbucket Cloud".

mod groups;
mod settings;

use insula_connector_kit::{
    Connector, ConnectorError, LoginContext, UpstreamIdentity, connector_contract,
};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::BitbucketCloud;
use crate::testing::{
    CALLBACK, FakeUpstream, a_clock, a_login, a_spec, an_open_context, asked, form, local_http,
    log_in,
};

const UUID: &str = "{a54f16da-24e9-4d7f-a3a7-b1ba2cd98aa3}";

fn emma() -> Value {
    json!({"type": "user", "uuid": UUID, "account_id": "557058:1", "username": "evzijst",
        "nickname": "evz", "display_name": "Erik van Zijst", "has_2fa_enabled": null})
}

fn address(email: &str, is_primary: bool, is_confirmed: bool) -> Value {
    json!({"type": "email", "email": email, "is_primary": is_primary, "is_confirmed": is_confirmed})
}

fn list(values: &[Value]) -> Value {
    json!({"pagelen": 100, "page": 1, "size": values.len(), "values": values})
}

fn workspace(slug: &str) -> Value {
    json!({"type": "workspace_access", "administrator": false,
        "workspace": {"type": "workspace_base", "uuid": "{1}", "slug": slug}})
}

async fn a_bitbucket() -> FakeUpstream {
    let fake = FakeUpstream::new().await;
    give(&fake, "1").await;
    fake.serve("/2.0/user", emma()).await;
    let addresses = [
        address("old@home.test", false, true),
        address("erik@home.test", true, true),
    ];
    fake.serve("/2.0/user/emails", list(&addresses)).await;
    let workspaces = [workspace("acme"), workspace("globex"), workspace("evzijst")];
    fake.serve("/2.0/user/workspaces", list(&workspaces)).await;
    for (slug, permission) in [("acme", "owner"), ("globex", "member")] {
        let told = json!({"type": "workspace_membership", "permission": permission,
            "workspace": {"slug": slug}, "user": {"uuid": UUID}});
        fake.serve(&format!("/2.0/user/workspaces/{slug}/permission"), told)
            .await;
    }
    fake
}

async fn give(fake: &FakeUpstream, number: &str) {
    let tokens = json!({"access_token": format!("at{number}"), "token_type": "bearer",
        "expires_in": 7200, "refresh_token": format!("rt{number}"), "scopes": "account email"});
    let answer = ResponseTemplate::new(200).set_body_json(tokens);
    fake.answer("POST", "/site/oauth2/access_token", answer)
        .await;
}

fn config(more: &Value) -> Value {
    let mut config = json!({"clientID": "us", "clientSecret": "s", "redirectURI": CALLBACK});
    let more = more.as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(more);
    config
}

/// A connector of which Bitbucket's addresses are those of the fake.
fn open(fake: &FakeUpstream, more: &Value) -> Result<BitbucketCloud, ConnectorError> {
    let at = fake.server.uri();
    let spec = a_spec("bitbucket-cloud", config(more));
    let ctx = an_open_context(&a_clock());
    BitbucketCloud::at((&at, &at), &local_http(), &spec, &ctx)
}

fn with_groups() -> LoginContext {
    LoginContext {
        groups: true,
        ..a_login()
    }
}

async fn for_contract() -> (BitbucketCloud, FakeUpstream) {
    let fake = a_bitbucket().await;
    (open(&fake, &json!({})).unwrap(), fake)
}

connector_contract!(contract, for_contract().await, a_login());

#[tokio::test]
async fn a_person_is_who_the_api_says_and_known_by_what_never_changes() {
    let fake = a_bitbucket().await;
    let bitbucket = open(&fake, &json!({})).unwrap();
    let erik = log_in(&bitbucket, &a_login()).await.unwrap().claims;
    assert_eq!(erik.user_id.as_str(), UUID);
    assert_eq!(erik.username, "evzijst");
    assert_eq!(
        (erik.email.as_str(), erik.email_verified),
        ("erik@home.test", true)
    );
    assert_eq!(erik.groups, Vec::<String>::new());
    let asked = asked(&bitbucket, &a_login()).await;
    assert_eq!(asked["scope"], "account email");
    assert!(!asked.contains_key("code_challenge"));
    let redeemed = form(&fake.calls("/site/oauth2/access_token").await[0]);
    assert_eq!(redeemed["code"], "c1");
    let call = &fake.calls("/2.0/user").await[0];
    assert_eq!(call.headers["authorization"], "Bearer at1");
    assert!(fake.calls("/2.0/user/workspaces").await.is_empty());
}

#[tokio::test]
async fn who_has_no_username_is_called_by_another_name() {
    let fake = a_bitbucket().await;
    let bitbucket = open(&fake, &json!({})).unwrap();
    let mut user = emma();
    for (missing, name) in [("username", "evz"), ("nickname", "Erik van Zijst")] {
        user[missing] = Value::Null;
        fake.serve("/2.0/user", user.clone()).await;
        let told = log_in(&bitbucket, &a_login()).await.unwrap().claims;
        assert_eq!(told.username, name);
    }
}

#[tokio::test]
async fn an_address_is_primary_and_confirmed_or_nobody_is_let_in() {
    let fake = a_bitbucket().await;
    let bitbucket = open(&fake, &json!({})).unwrap();
    for addresses in [
        vec![],
        vec![
            address("a@home.test", true, false),
            address("b@home.test", false, true),
        ],
    ] {
        fake.serve("/2.0/user/emails", list(&addresses)).await;
        let refused = log_in(&bitbucket, &a_login()).await.unwrap_err();
        assert!(
            refused.to_string().contains("no confirmed, primary"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn trouble_at_bitbucket_is_for_now_and_a_token_it_takes_no_more_is_for_good() {
    let fake = a_bitbucket().await;
    let bitbucket = open(&fake, &json!({})).unwrap();
    let known = log_in(&bitbucket, &a_login()).await.unwrap();
    for (status, says) in [
        (502, "it answered 502"),
        (429, "too much is asked of it"),
        (403, "it answered 403"),
        (410, "it answered 410"),
    ] {
        fake.answer("GET", "/2.0/user", ResponseTemplate::new(status))
            .await;
        let failed = bitbucket.refresh(&a_login(), &known).await.unwrap_err();
        let is_said = matches!(&failed, ConnectorError::Upstream(why) if why.contains(says));
        assert!(is_said, "{failed:?}");
    }
    fake.answer("GET", "/2.0/user", ResponseTemplate::new(401))
        .await;
    let revoked = json!({"error": "invalid_grant", "error_description": "Invalid refresh_token"});
    let revoked = ResponseTemplate::new(400).set_body_json(revoked);
    fake.answer("POST", "/site/oauth2/access_token", revoked)
        .await;
    let ended = bitbucket.refresh(&a_login(), &known).await.unwrap_err();
    assert!(matches!(ended, ConnectorError::Denied(_)), "{ended:?}");
    assert!(!ended.to_string().contains("at1"), "{ended}");
}

#[tokio::test]
async fn a_token_is_renewed_after_two_hours_and_what_comes_of_it_kept() {
    let fake = a_bitbucket().await;
    let bitbucket = open(&fake, &json!({})).unwrap();
    let known = log_in(&bitbucket, &a_login()).await.unwrap();
    fake.answer("GET", "/2.0/user", ResponseTemplate::new(401))
        .await;
    wiremock::Mock::given(wiremock::matchers::path("/2.0/user"))
        .and(wiremock::matchers::header("authorization", "Bearer at2"))
        .respond_with(ResponseTemplate::new(200).set_body_json(emma()))
        .with_priority(1)
        .mount(&fake.server)
        .await;
    give(&fake, "2").await;
    let renewed = bitbucket.refresh(&a_login(), &known).await.unwrap();
    let kept: Value = serde_json::from_slice(renewed.connector_data.as_deref().unwrap()).unwrap();
    assert_eq!(kept, json!({"accessToken": "at2", "refreshToken": "rt2"}));
    let call = form(
        fake.calls("/site/oauth2/access_token")
            .await
            .last()
            .unwrap(),
    );
    assert_eq!(call["refresh_token"], "rt1");
}

#[tokio::test]
async fn a_token_that_was_renewed_is_not_lost_where_its_first_use_fails() {
    let fake = a_bitbucket().await;
    let bitbucket = open(&fake, &json!({})).unwrap();
    let known = log_in(&bitbucket, &a_login()).await.unwrap();
    let refused = ResponseTemplate::new(401);
    fake.answer("GET", "/2.0/user", refused).await;
    wiremock::Mock::given(wiremock::matchers::path("/2.0/user"))
        .and(wiremock::matchers::header("authorization", "Bearer at2"))
        .respond_with(ResponseTemplate::new(503))
        .with_priority(1)
        .mount(&fake.server)
        .await;
    give(&fake, "2").await;
    let failed = bitbucket.refresh(&a_login(), &known).await.unwrap_err();
    let ConnectorError::AfterRenewal {
        connector_data,
        cause,
    } = failed
    else {
        panic!("{failed:?}");
    };
    let kept: Value = serde_json::from_slice(connector_data.reveal()).unwrap();
    assert_eq!(kept, json!({"accessToken": "at2", "refreshToken": "rt2"}));
    assert!(matches!(*cause, ConnectorError::Upstream(_)), "{cause:?}");
}

#[tokio::test]
async fn what_dex_kept_of_a_login_is_read() {
    let (bitbucket, _fake) = for_contract().await;
    let data = r#"{"accessToken":"at1","refreshToken":"rt1","expiry":"2026-01-01T00:00:00Z"}"#;
    let known = UpstreamIdentity {
        connector_data: Some(data.as_bytes().to_vec()),
        ..log_in(&bitbucket, &a_login()).await.unwrap()
    };
    assert!(bitbucket.refresh(&a_login(), &known).await.is_ok());
}
