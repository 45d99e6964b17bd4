//! What Gitea answers was compared with its API description (`/api/swagger`: the definitions `User` and `Team`); pages and tokens
//! are written from memory of its documentation, "API Usage" and "OAuth2 Provider". Forgejo's are the same.

mod groups;
mod settings;

use insula_connector_kit::{Connector, ConnectorError, UpstreamIdentity, connector_contract};
use insula_model::Rules;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::Gitea;
use crate::testing::{
    CALLBACK, FakeUpstream, a_clock, a_login, a_spec, an_open_context, asked, form, local_http,
    log_in,
};

fn jane() -> Value {
    json!({"id": 42, "login": "jane", "login_name": "", "full_name": "Jane Doe",
        "email": "jane@home.test", "is_admin": false, "active": true, "prohibit_login": false,
        "restricted": false, "visibility": "private", "username": "jane"})
}

fn team(org: &str, name: &str) -> Value {
    json!({"id": 1, "name": name, "permission": "write", "includes_all_repositories": false,
        "organization": {"id": 7, "name": org, "username": org, "full_name": "", "visibility": "limited"}})
}

async fn a_gitea() -> FakeUpstream {
    let fake = FakeUpstream::new().await;
    give(&fake, "1").await;
    fake.serve("/api/v1/user", jane()).await;
    let teams = [
        team("Acme", "Owners"),
        team("Acme", "shop"),
        team("globex", "staff"),
    ];
    page(&fake, 1, json!(teams)).await;
    page(&fake, 2, json!([])).await;
    fake
}

/// A page of the list of teams.
async fn page(fake: &FakeUpstream, number: usize, teams: Value) {
    let mock = wiremock::Mock::given(wiremock::matchers::path("/api/v1/user/teams"))
        .and(wiremock::matchers::query_param("page", number.to_string()))
        .respond_with(ResponseTemplate::new(200).set_body_json(teams));
    mock.with_priority(201).mount(&fake.server).await;
}

async fn give(fake: &FakeUpstream, number: &str) {
    let tokens = json!({"access_token": format!("at{number}"), "token_type": "bearer",
        "expires_in": 3600, "refresh_token": format!("rt{number}")});
    let answer = ResponseTemplate::new(200).set_body_json(tokens);
    fake.answer("POST", "/login/oauth/access_token", answer)
        .await;
}

fn config(more: &Value) -> Value {
    let mut config = json!({"clientID": "us", "clientSecret": "s", "redirectURI": CALLBACK});
    let more = more.as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(more);
    config
}

fn open(fake: &FakeUpstream, more: &Value) -> Result<Gitea, ConnectorError> {
    open_by(fake, more, Rules::STANDARD)
}

fn open_by(fake: &FakeUpstream, more: &Value, rules: Rules) -> Result<Gitea, ConnectorError> {
    let mut all = json!({"baseURL": fake.server.uri()});
    all.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let mut ctx = an_open_context(&a_clock());
    ctx.rules = rules;
    Gitea::open(&local_http(), &a_spec("gitea", config(&all)), &ctx)
}

async fn for_contract() -> (Gitea, FakeUpstream) {
    let fake = a_gitea().await;
    (open(&fake, &json!({})).unwrap(), fake)
}

connector_contract!(contract, for_contract().await, a_login());

#[tokio::test]
async fn a_person_is_who_the_api_says_and_known_by_a_number() {
    let fake = a_gitea().await;
    let gitea = open(&fake, &json!({})).unwrap();
    let jane = log_in(&gitea, &a_login()).await.unwrap().claims;
    assert_eq!(jane.user_id.as_str(), "42");
    assert_eq!(
        (jane.username.as_str(), jane.preferred_username.as_str()),
        ("Jane Doe", "jane")
    );
    assert_eq!(
        (jane.email.as_str(), jane.email_verified),
        ("jane@home.test", true)
    );
    assert_eq!(jane.groups, Vec::<String>::new());
    let redeemed = form(&fake.calls("/login/oauth/access_token").await[0]);
    assert!(!redeemed["code_verifier"].is_empty());
    let call = &fake.calls("/api/v1/user").await[0];
    assert_eq!(call.headers["authorization"], "Bearer at1");
    assert!(fake.calls("/api/v1/user/teams").await.is_empty());
}

#[tokio::test]
async fn no_more_is_asked_for_than_to_read_the_account_and_the_teams() {
    let fake = a_gitea().await;
    // Gitea keeps what was granted first: settings that change later must not need more.
    for settings in [json!({}), json!({"orgs": [{"name": "acme"}]})] {
        let gitea = open(&fake, &settings).unwrap();
        let asked = asked(&gitea, &a_login()).await;
        assert_eq!(asked["scope"], "read:user read:organization");
        assert_eq!(asked["code_challenge_method"], "S256");
    }
}

#[tokio::test]
async fn who_has_no_name_is_called_by_the_address_and_who_hides_it_by_nothing_else() {
    let fake = a_gitea().await;
    let gitea = open(&fake, &json!({})).unwrap();
    let mut nameless = jane();
    nameless["full_name"] = "".into();
    fake.serve("/api/v1/user", nameless.clone()).await;
    let told = log_in(&gitea, &a_login()).await.unwrap().claims;
    assert_eq!(told.username, "jane@home.test");
    nameless["email"] = "".into();
    fake.serve("/api/v1/user", nameless).await;
    let told = log_in(&gitea, &a_login()).await.unwrap().claims;
    assert_eq!((told.email.as_str(), told.email_verified), ("", false));
}

#[tokio::test]
async fn trouble_at_gitea_is_for_now_and_a_token_it_takes_no_more_is_for_good() {
    let fake = a_gitea().await;
    let gitea = open(&fake, &json!({})).unwrap();
    let known = log_in(&gitea, &a_login()).await.unwrap();
    for (status, says) in [
        (502, "it answered 502"),
        (429, "too much is asked of it"),
        (404, "it answered 404"),
    ] {
        fake.answer("GET", "/api/v1/user", ResponseTemplate::new(status))
            .await;
        let failed = gitea.refresh(&a_login(), &known).await.unwrap_err();
        let is_said = matches!(&failed, ConnectorError::Upstream(why) if why.contains(says));
        assert!(is_said, "{failed:?}");
    }
    let revoked = json!({"error": "invalid_grant", "error_description": "grant does not exist"});
    let revoked = ResponseTemplate::new(400).set_body_json(revoked);
    fake.answer("POST", "/login/oauth/access_token", revoked)
        .await;
    for status in [401, 403] {
        fake.answer("GET", "/api/v1/user", ResponseTemplate::new(status))
            .await;
        let ended = gitea.refresh(&a_login(), &known).await.unwrap_err();
        assert!(matches!(ended, ConnectorError::Denied(_)), "{ended:?}");
        assert!(!ended.to_string().contains("at1"), "{ended}");
    }
}

#[tokio::test]
async fn a_token_is_renewed_after_its_hour_and_what_comes_of_it_kept() {
    let fake = a_gitea().await;
    let gitea = open(&fake, &json!({})).unwrap();
    let known = log_in(&gitea, &a_login()).await.unwrap();
    fake.answer("GET", "/api/v1/user", ResponseTemplate::new(401))
        .await;
    wiremock::Mock::given(wiremock::matchers::path("/api/v1/user"))
        .and(wiremock::matchers::header("authorization", "Bearer at2"))
        .respond_with(ResponseTemplate::new(200).set_body_json(jane()))
        .with_priority(1)
        .mount(&fake.server)
        .await;
    give(&fake, "2").await;
    let renewed = gitea.refresh(&a_login(), &known).await.unwrap();
    let kept: Value = serde_json::from_slice(renewed.connector_data.as_deref().unwrap()).unwrap();
    assert_eq!(kept, json!({"accessToken": "at2", "refreshToken": "rt2"}));
    let call = form(
        fake.calls("/login/oauth/access_token")
            .await
            .last()
            .unwrap(),
    );
    assert_eq!(call["refresh_token"], "rt1");
}

#[tokio::test]
async fn gitea_has_a_word_of_its_own_for_a_refresh_token_that_is_worth_nothing() {
    let fake = a_gitea().await;
    let gitea = open(&fake, &json!({})).unwrap();
    let known = log_in(&gitea, &a_login()).await.unwrap();
    fake.answer("GET", "/api/v1/user", ResponseTemplate::new(401))
        .await;
    let spent = json!({"error": "unauthorized_client",
        "error_description": "unable to parse refresh token"});
    let spent = ResponseTemplate::new(400).set_body_json(spent);
    fake.answer("POST", "/login/oauth/access_token", spent)
        .await;
    let ended = gitea.refresh(&a_login(), &known).await.unwrap_err();
    assert!(matches!(ended, ConnectorError::Denied(_)), "{ended:?}");
    // It has the same word for a wrong secret: while it never took ours, nobody is logged out for it.
    let fresh = open(&fake, &json!({})).unwrap();
    let failed = fresh.refresh(&a_login(), &known).await.unwrap_err();
    assert!(matches!(failed, ConnectorError::Upstream(_)), "{failed:?}");
}

#[tokio::test]
async fn what_dex_kept_of_a_login_is_read() {
    let (gitea, _fake) = for_contract().await;
    let data = r#"{"accessToken":"at1","refreshToken":"rt1","expiry":"2026-01-01T00:00:00Z"}"#;
    let known = UpstreamIdentity {
        connector_data: Some(data.as_bytes().to_vec()),
        ..log_in(&gitea, &a_login()).await.unwrap()
    };
    assert!(gitea.refresh(&a_login(), &known).await.is_ok());
}
