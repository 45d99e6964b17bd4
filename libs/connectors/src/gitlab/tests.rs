//! What GitLab answers is written from memory of its documentation: "OAuth 2.0 identity provider API", "GitLab as
//! OpenID Connect identity provider", "Users API", "Groups API", "Members API", and of "REST API" the
//! parts "Pagination" and "Status codes".

mod exchange;
mod groups;
mod settings;

use insula_connector_kit::{
    Connector, ConnectorError, LoginContext, UpstreamIdentity, connector_contract,
};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::Gitlab;
use crate::testing::{
    CALLBACK, FakeUpstream, a_clock, a_login, a_spec, an_open_context, asked, form, local_http,
    log_in,
};

fn john() -> Value {
    json!({"id": 4_711_000, "username": "john_smith", "name": "John Smith", "state": "active",
        "email": "john@example.com", "commit_email": "john-codes@example.com", "is_admin": false,
        "confirmed_at": "2012-05-23T09:05:22.000Z", "two_factor_enabled": true})
}

fn userinfo() -> Value {
    json!({"sub": "4711000", "name": "John Smith", "nickname": "john_smith",
        "email": "john@example.com", "email_verified": true,
        "groups": ["acme", "acme/shop", "acme/shop/web", "globex", "acme-labs"],
        "https://gitlab.org/claims/groups/owner": ["acme/shop"],
        "https://gitlab.org/claims/groups/maintainer": ["acme"],
        "https://gitlab.org/claims/groups/developer": ["acme", "globex"]})
}

async fn a_gitlab() -> FakeUpstream {
    let fake = FakeUpstream::new().await;
    give(&fake, "1").await;
    fake.serve("/api/v4/user", john()).await;
    fake.serve("/oauth/userinfo", userinfo()).await;
    fake
}

async fn give(fake: &FakeUpstream, number: &str) {
    let tokens = json!({"access_token": format!("at{number}"), "token_type": "bearer",
        "expires_in": 7200, "refresh_token": format!("rt{number}"), "created_at": 1_607_635_748});
    let answer = ResponseTemplate::new(200).set_body_json(tokens);
    fake.answer("POST", "/oauth/token", answer).await;
}

fn config(more: &Value) -> Value {
    let mut config = json!({"clientID": "us", "clientSecret": "s", "redirectURI": CALLBACK});
    let more = more.as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(more);
    config
}

fn open(fake: &FakeUpstream, more: &Value) -> Result<Gitlab, ConnectorError> {
    let mut all = json!({"baseURL": fake.server.uri()});
    all.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let spec = a_spec("gitlab", config(&all));
    Gitlab::open(&local_http(), &spec, &an_open_context(&a_clock()))
}

fn with_groups() -> LoginContext {
    LoginContext {
        groups: true,
        ..a_login()
    }
}

async fn for_contract() -> (Gitlab, FakeUpstream) {
    let fake = a_gitlab().await;
    (open(&fake, &json!({})).unwrap(), fake)
}

connector_contract!(contract, for_contract().await, a_login());

#[tokio::test]
async fn a_person_is_who_the_api_says_and_known_by_a_number() {
    let fake = a_gitlab().await;
    let gitlab = open(&fake, &json!({})).unwrap();
    let john = log_in(&gitlab, &a_login()).await.unwrap().claims;
    assert_eq!(john.user_id.as_str(), "4711000");
    assert_eq!(
        (john.username.as_str(), john.preferred_username.as_str()),
        ("John Smith", "john_smith")
    );
    assert_eq!(
        (john.email.as_str(), john.email_verified),
        ("john@example.com", true)
    );
    assert_eq!(john.groups, Vec::<String>::new());

    let asked = asked(&gitlab, &a_login()).await;
    assert_eq!(asked["scope"], "read_user");
    assert_eq!(asked["code_challenge_method"], "S256");
    let redeemed = form(&fake.calls("/oauth/token").await[0]);
    assert_eq!(
        (redeemed["code"].as_str(), redeemed["redirect_uri"].as_str()),
        ("c1", CALLBACK)
    );
    assert!(!redeemed["code_verifier"].is_empty());
    let call = &fake.calls("/api/v4/user").await[0];
    assert_eq!(call.headers["authorization"], "Bearer at1");
    assert!(
        fake.calls("/oauth/userinfo").await.is_empty(),
        "nobody wants groups"
    );
}

#[tokio::test]
async fn an_address_that_nobody_confirmed_is_not_said_to_be_verified() {
    let fake = a_gitlab().await;
    let gitlab = open(&fake, &json!({})).unwrap();
    let mut unconfirmed = john();
    unconfirmed["confirmed_at"] = Value::Null;
    unconfirmed["name"] = Value::Null;
    fake.serve("/api/v4/user", unconfirmed).await;
    let john = log_in(&gitlab, &a_login()).await.unwrap().claims;
    assert_eq!(
        (john.email.as_str(), john.email_verified),
        ("john@example.com", false)
    );
    assert_eq!(john.username, "john@example.com", "who has no name");
}

#[tokio::test]
async fn a_server_below_a_path_is_asked_below_it() {
    let fake = FakeUpstream::new().await;
    let tokens = json!({"access_token": "at1", "token_type": "bearer"});
    let answer = ResponseTemplate::new(200).set_body_json(tokens);
    fake.answer("POST", "/git/oauth/token", answer).await;
    fake.serve("/git/api/v4/user", john()).await;
    fake.serve("/git/oauth/userinfo", userinfo()).await;
    let base = fake.url("/git/").to_string();
    let gitlab = open(&fake, &json!({ "baseURL": base })).unwrap();
    assert!(log_in(&gitlab, &with_groups()).await.is_ok());
}

#[tokio::test]
async fn trouble_at_gitlab_is_for_now_and_a_token_it_takes_no_more_is_for_good() {
    let fake = a_gitlab().await;
    let gitlab = open(&fake, &json!({})).unwrap();
    let known = log_in(&gitlab, &a_login()).await.unwrap();
    let short = json!({"error": "insufficient_scope", "scope": "api read_user"});
    for (answer, says) in [
        (ResponseTemplate::new(502), "it answered 502"),
        (
            ResponseTemplate::new(429).insert_header("retry-after", "60"),
            "too much is asked of it",
        ),
        (ResponseTemplate::new(404), "it answered 404"),
        (
            ResponseTemplate::new(403).set_body_json(short),
            "it wants the scope read_user",
        ),
    ] {
        fake.answer("GET", "/api/v4/user", answer).await;
        let failed = gitlab.refresh(&a_login(), &known).await.unwrap_err();
        let is_said = matches!(&failed, ConnectorError::Upstream(why) if why.contains(says));
        assert!(is_said, "{failed:?}");
    }
    let blocked = json!({"message": "403 Forbidden - Your account has been blocked."});
    let revoked = json!({"error": "invalid_grant"});
    let revoked = ResponseTemplate::new(400).set_body_json(revoked);
    fake.answer("POST", "/oauth/token", revoked).await;
    for answer in [
        ResponseTemplate::new(403).set_body_json(blocked),
        ResponseTemplate::new(401),
    ] {
        fake.answer("GET", "/api/v4/user", answer).await;
        let ended = gitlab.refresh(&a_login(), &known).await.unwrap_err();
        assert!(matches!(ended, ConnectorError::Denied(_)), "{ended:?}");
        assert!(!ended.to_string().contains("at1"), "{ended}");
    }
}

#[tokio::test]
async fn what_is_no_user_logs_nobody_in() {
    for (user, says) in [
        (json!([]), "not a JSON object"),
        (json!({"username": "john"}), "no \"id\""),
        (json!({"id": 1}), "no \"username\""),
        (json!({"id": {"a": 1}, "username": "john"}), "\"id\""),
    ] {
        let fake = a_gitlab().await;
        fake.serve("/api/v4/user", user).await;
        let gitlab = open(&fake, &json!({})).unwrap();
        let refused = log_in(&gitlab, &a_login()).await.unwrap_err();
        let is_said = matches!(&refused, ConnectorError::BadReply(why) if why.contains(says));
        assert!(is_said, "{refused:?}");
    }
}

#[tokio::test]
async fn both_tokens_are_replaced_two_hours_later() {
    let fake = a_gitlab().await;
    let gitlab = open(&fake, &json!({})).unwrap();
    let known = log_in(&gitlab, &a_login()).await.unwrap();
    fake.answer("GET", "/api/v4/user", ResponseTemplate::new(401))
        .await;
    wiremock::Mock::given(wiremock::matchers::path("/api/v4/user"))
        .and(wiremock::matchers::header("authorization", "Bearer at2"))
        .respond_with(ResponseTemplate::new(200).set_body_json(john()))
        .with_priority(1)
        .mount(&fake.server)
        .await;
    give(&fake, "2").await;
    let renewed = gitlab.refresh(&a_login(), &known).await.unwrap();
    let kept: Value = serde_json::from_slice(renewed.connector_data.as_deref().unwrap()).unwrap();
    assert_eq!(kept, json!({"accessToken": "at2", "refreshToken": "rt2"}));
    let call = form(fake.calls("/oauth/token").await.last().unwrap());
    assert_eq!(call["refresh_token"], "rt1");
}

#[tokio::test]
async fn what_dex_kept_of_a_login_is_read() {
    let (gitlab, _fake) = for_contract().await;
    let known = log_in(&gitlab, &a_login()).await.unwrap();
    for data in [
        r#"{"refreshToken":"","accessToken":"at1"}"#,
        r#"{"refreshToken":"rt1","accessToken":""}"#,
    ] {
        let known = UpstreamIdentity {
            connector_data: Some(data.as_bytes().to_vec()),
            ..known.clone()
        };
        assert!(gitlab.refresh(&a_login(), &known).await.is_ok(), "{data}");
    }
}
