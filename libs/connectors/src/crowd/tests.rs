//! What Crowd answers is written from memory of Atlassian's "Crowd REST Resources" and "JSON requests and responses":
//! the resources `authentication`, `user` and `user/group/nested` of `usermanagement/1`.

use std::collections::BTreeSet;

use insula_connector_kit::{
    Challenge, Connector, ConnectorError, Memory, Reply, UpstreamIdentity, connector_contract,
};
use insula_model::Password;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::settings::SETTINGS;
use super::{Crowd, check};
use crate::settings::paths;
use crate::testing::{FakeUpstream, a_clock, a_login, a_spec, an_open_context, local_http};

const API: &str = "/crowd/rest/usermanagement/1";

fn kim() -> Value {
    json!({"expand": "attributes", "name": "kim", "key": "557058:9d3b", "first-name": "Kim", "last-name": "Lee",
        "display-name": "Kim Lee", "email": "kim@acme.test", "active": true, "link": {"rel": "self"}})
}

fn refused(reason: &str) -> ResponseTemplate {
    let said = json!({"reason": reason, "message": "<kim> is not let in"});
    ResponseTemplate::new(400).set_body_json(said)
}

async fn a_crowd() -> FakeUpstream {
    let fake = FakeUpstream::new().await;
    let right = ResponseTemplate::new(200).set_body_json(kim());
    let wrong = refused("INVALID_USER_AUTHENTICATION");
    fake.answer("POST", &format!("{API}/authentication"), wrong)
        .await;
    let mock = wiremock::Mock::given(wiremock::matchers::path(format!("{API}/authentication")))
        .and(wiremock::matchers::query_param("username", "Kim"))
        .and(wiremock::matchers::body_json(
            json!({"value": "pass & word"}),
        ))
        .respond_with(right);
    mock.with_priority(1).mount(&fake.server).await;
    fake.serve(&format!("{API}/user"), kim()).await;
    let groups = json!({"groups": [{"name": "crowd-users"}, {"name": "staff"}]});
    fake.serve(&format!("{API}/user/group/nested"), groups)
        .await;
    fake
}

fn config(fake: &FakeUpstream, more: &Value) -> Value {
    let mut config = json!({"baseURL": fake.url("/crowd/"), "clientID": "us", "clientSecret": "s"});
    let more = more.as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(more);
    config
}

fn open(fake: &FakeUpstream, more: &Value) -> Result<Crowd, ConnectorError> {
    let spec = a_spec("atlassian-crowd", config(fake, more));
    Crowd::open(&local_http(), &spec, &an_open_context(&a_clock()))
}

async fn typed(
    crowd: &Crowd,
    name: &str,
    password: &str,
) -> Result<UpstreamIdentity, ConnectorError> {
    let reply = Reply::Password {
        username: name.to_owned(),
        password: Password::new(password.to_owned()),
    };
    crowd.complete(&a_login(), &Memory::Null, reply).await
}

async fn login(crowd: &Crowd) -> Result<UpstreamIdentity, ConnectorError> {
    typed(crowd, "Kim", "pass & word").await
}

async fn for_contract() -> (Crowd, FakeUpstream) {
    let fake = a_crowd().await;
    (open(&fake, &json!({})).unwrap(), fake)
}

connector_contract!(contract, for_contract().await, a_login());

#[tokio::test]
async fn a_person_is_who_crowd_says_whatever_way_they_wrote_their_name() {
    let fake = a_crowd().await;
    let crowd = open(&fake, &json!({})).unwrap();
    let told = login(&crowd).await.unwrap();
    assert_eq!(told.amr, ["pwd"]);
    let told = told.claims;
    assert_eq!(told.user_id.as_str(), "557058:9d3b");
    assert_eq!(
        (told.username.as_str(), told.preferred_username.as_str()),
        ("kim", "")
    );
    assert_eq!(
        (told.email.as_str(), told.email_verified),
        ("kim@acme.test", true)
    );
    assert_eq!(told.groups, ["crowd-users", "staff"]);
    let asked = &fake.calls(&format!("{API}/user/group/nested")).await[0];
    assert_eq!(asked.url.query(), Some("username=kim"));
    // As the application and never as the person.
    assert_eq!(asked.headers["authorization"], "Basic dXM6cw==");
}

#[tokio::test]
async fn a_wrong_password_is_told_apart_from_trouble_with_our_application() {
    let fake = a_crowd().await;
    let crowd = open(&fake, &json!({})).unwrap();
    assert_eq!(
        typed(&crowd, "Kim", "wrong").await,
        Err(ConnectorError::WrongPassword)
    );
    for reason in ["USER_NOT_FOUND", "INACTIVE_ACCOUNT", "EXPIRED_CREDENTIAL"] {
        fake.answer("POST", &format!("{API}/authentication"), refused(reason))
            .await;
        assert_eq!(
            typed(&crowd, "Lee", "x").await,
            Err(ConnectorError::WrongPassword)
        );
    }
    for (answer, says) in [
        (
            ResponseTemplate::new(401),
            "compare clientID and clientSecret",
        ),
        (
            ResponseTemplate::new(403),
            "does not take our application from this address",
        ),
        (refused("OPERATION_FAILED"), "it answered 400"),
        (ResponseTemplate::new(500), "it answered 500"),
    ] {
        fake.answer("POST", &format!("{API}/authentication"), answer)
            .await;
        let failed = typed(&crowd, "Lee", "x").await.unwrap_err();
        let is_said = matches!(&failed, ConnectorError::Upstream(why) if why.contains(says));
        assert!(is_said, "{failed:?}");
    }
}

#[tokio::test]
async fn nobody_is_asked_about_an_empty_name_or_password() {
    let fake = a_crowd().await;
    let crowd = open(&fake, &json!({})).unwrap();
    for (name, password) in [("", "x"), ("Kim", "")] {
        assert_eq!(
            typed(&crowd, name, password).await,
            Err(ConnectorError::WrongPassword)
        );
    }
    assert!(fake.server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn required_groups_hold_whatever_the_client_asks_and_however_they_are_spelled() {
    let fake = a_crowd().await;
    let staff = open(&fake, &json!({"groups": ["Staff", "board"]})).unwrap();
    assert_eq!(login(&staff).await.unwrap().claims.groups, ["staff"]);
    let board = open(&fake, &json!({"groups": ["board"]})).unwrap();
    assert_eq!(login(&board).await, Err(ConnectorError::NotInGroup));
}

#[tokio::test]
async fn a_refresh_asks_again_and_ends_with_the_account() {
    let fake = a_crowd().await;
    let crowd = open(&fake, &json!({})).unwrap();
    let known = login(&crowd).await.unwrap();
    assert_eq!(
        known.connector_data.as_deref(),
        Some(&br#"{"username":"kim"}"#[..])
    );
    fake.serve(
        &format!("{API}/user/group/nested"),
        json!({"groups": [{"name": "night"}]}),
    )
    .await;
    let today = crowd.refresh(&a_login(), &known).await.unwrap();
    assert_eq!(today.claims.groups, ["night"]);

    let user = format!("{API}/user");
    let mut other = kim();
    other["key"] = "another".into();
    let mut inactive = kim();
    inactive["active"] = false.into();
    for answer in [
        ResponseTemplate::new(200).set_body_json(other),
        ResponseTemplate::new(200).set_body_json(inactive),
        ResponseTemplate::new(404)
            .set_body_json(json!({"reason": "USER_NOT_FOUND", "message": ""})),
    ] {
        fake.answer("GET", &user, answer).await;
        let ended = crowd.refresh(&a_login(), &known).await.unwrap_err();
        assert!(matches!(ended, ConnectorError::Denied(_)), "{ended:?}");
    }
    fake.answer("GET", &user, ResponseTemplate::new(503)).await;
    let failed = crowd.refresh(&a_login(), &known).await.unwrap_err();
    assert!(matches!(failed, ConnectorError::Upstream(_)), "{failed:?}");
}

#[tokio::test]
async fn what_cannot_work_is_told_when_it_is_read() {
    let fake = a_crowd().await;
    let problems = |more: Value| check(&a_spec("atlassian-crowd", config(&fake, &more))).join("; ");
    assert_eq!(problems(json!({})), "");
    for (settings, says) in [
        (json!({"baseURL": ""}), "baseURL is missing"),
        (
            json!({"baseURL": "crowd.test"}),
            "baseURL must be an address",
        ),
        (json!({"clientID": ""}), "clientID is missing"),
        (json!({"clientSecret": ""}), "clientSecret is missing"),
        (
            json!({"preferredUsernameField": "login"}),
            "preferredUsernameField must be",
        ),
    ] {
        let told = problems(settings);
        assert!(told.contains(says), "{says} is not in {told}");
    }
}

/// All that can be seen of a login.
async fn seen(settings: &Value) -> Vec<String> {
    let fake = a_crowd().await;
    let crowd = match open(&fake, settings) {
        Ok(crowd) => crowd,
        Err(cause) => return vec![cause.to_string()],
    };
    let Ok(Challenge::AskPassword { label }) = crowd.begin(&a_login()).await else {
        panic!("a password is asked for");
    };
    let told = login(&crowd).await;
    let told = told.map(|told| serde_json::to_string(&told.claims).unwrap());
    let mut seen = vec![
        label,
        format!("{told:?}").replace(&fake.server.uri(), "UPSTREAM"),
    ];
    for call in fake.server.received_requests().await.unwrap() {
        seen.push(format!(
            "{} {:?}",
            call.url.path(),
            call.headers.get("authorization")
        ));
    }
    seen
}

#[tokio::test]
async fn every_setting_changes_something() {
    let rows = [
        ("baseURL", json!({"baseURL": "http://127.0.0.1:9"})),
        ("clientID", json!({"clientID": "other"})),
        ("clientSecret", json!({"clientSecret": "other"})),
        ("groups", json!({"groups": ["staff"]})),
        (
            "preferredUsernameField",
            json!({"preferredUsernameField": "email"}),
        ),
        ("usernamePrompt", json!({"usernamePrompt": "Crowd name"})),
    ];
    let told: BTreeSet<_> = rows.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(
        told,
        paths(SETTINGS),
        "every setting is in the table, and no other"
    );
    let before = seen(&json!({})).await;
    assert_eq!(before, seen(&json!({})).await, "one login is as another");
    for (path, with) in rows {
        assert_ne!(before, seen(&with).await, "{path} changes nothing");
    }
}
