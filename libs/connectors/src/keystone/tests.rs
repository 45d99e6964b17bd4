//! Keystone in a laboratory, for what a real one is hard to bring to. Its answers are those of
//! OpenStack's "Identity API v3 (CURRENT)": "Password authentication with unscoped authorization",
//! "Multi-Step Authentication" (the receipt), "Show user details" and "List groups to which a user
//! belongs". Logins at a real one are among the end-to-end tests.

mod tls;

use std::collections::BTreeSet;

use insula_connector_kit::{
    Challenge, Connector, ConnectorError, LoginContext, Memory, Reply, UpstreamIdentity,
    connector_contract,
};
use insula_model::Password;
use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, header, method, path};
use wiremock::{Mock, ResponseTemplate};

use super::settings::SETTINGS;
use super::{Keystone, check};
use crate::settings::paths;
use crate::testing::{FakeUpstream, a_clock, a_login, a_spec, an_open_context, local_http};

const TOKENS: &str = "/v3/auth/tokens";
const KIM: &str = "ee4dfb6e5540447cb3741905149d9b6e";
const KIMS: &str = "/v3/users/ee4dfb6e5540447cb3741905149d9b6e";
const GROUPS: &str = "/v3/users/ee4dfb6e5540447cb3741905149d9b6e/groups";

fn error(status: u16) -> ResponseTemplate {
    let said = json!({"error": {"code": status, "title": "<kim>", "message": "about <kim>"}});
    ResponseTemplate::new(status).set_body_json(said)
}

/// A token, with roles where it has some.
fn token(id: &str, name: &str, roles: &[&str]) -> ResponseTemplate {
    let roles: Vec<_> = roles
        .iter()
        .map(|role| json!({"id": "r", "name": role}))
        .collect();
    let mut token = json!({"methods": ["password"], "issued_at": "2015-11-06T14:32:17.893769Z",
        "expires_at": "2015-11-06T15:32:17.893797Z", "audit_ids": ["3T2dc1CGQxyJsHdDu1xkcw"],
        "user": {"id": id, "name": name, "domain": {"id": "default", "name": "Default"},
            "password_expires_at": null}});
    if !roles.is_empty() {
        token["roles"] = json!(roles);
    }
    ResponseTemplate::new(201)
        .insert_header("x-subject-token", format!("token-of-{name}").as_str())
        .set_body_json(json!({ "token": token }))
}

/// Answers whoever proves to be somebody.
async fn prove(fake: &FakeUpstream, user: Value, answer: ResponseTemplate) {
    let asked =
        json!({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}});
    Mock::given(method("POST"))
        .and(path(TOKENS))
        .and(body_partial_json(asked))
        .respond_with(answer)
        .with_priority(1)
        .mount(&fake.server)
        .await;
}

/// A Keystone that knows Kim, and a reader who looks people up.
async fn a_keystone() -> FakeUpstream {
    let fake = FakeUpstream::new().await;
    fake.answer("POST", TOKENS, error(401)).await;
    let kim = json!({"name": "kim", "password": "pass & word", "domain": {"id": "default"}});
    prove(&fake, kim, token(KIM, "kim", &[])).await;
    let reader = json!({"name": "reader", "password": "r", "domain": {"id": "default"}});
    prove(&fake, reader, token("r1", "reader", &["reader"])).await;
    let user = json!({"user": {"default_project_id": "263fd9", "domain_id": "default",
        "enabled": true, "id": KIM, "links": {}, "name": "kim", "email": "kim@acme.test",
        "description": null, "password_expires_at": null, "options": {}}});
    fake.serve(KIMS, user).await;
    let group =
        |name: &str| json!({"description": "", "domain_id": "default", "id": "g", "name": name});
    let groups = json!({"groups": [group("staff"), group("cloud-users")],
        "links": {"self": "x", "previous": null, "next": null}});
    fake.serve(GROUPS, groups).await;
    fake
}

fn config(fake: &FakeUpstream, more: &Value) -> Value {
    let mut config = json!({"keystoneHost": fake.server.uri(), "domain": "default",
        "keystoneUsername": "reader", "keystonePassword": "r"});
    let more = more.as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(more);
    config
}

fn open(fake: &FakeUpstream, more: &Value) -> Result<Keystone, ConnectorError> {
    let spec = a_spec("keystone", config(fake, more));
    Keystone::open(&local_http(), &spec, &an_open_context(&a_clock()))
}

fn with_groups() -> LoginContext {
    LoginContext {
        groups: true,
        ..a_login()
    }
}

async fn typed(
    keystone: &Keystone,
    name: &str,
    password: &str,
) -> Result<UpstreamIdentity, ConnectorError> {
    let reply = Reply::Password {
        username: name.to_owned(),
        password: Password::new(password.to_owned()),
    };
    keystone
        .complete(&with_groups(), &Memory::Null, reply)
        .await
}

async fn login(keystone: &Keystone) -> Result<UpstreamIdentity, ConnectorError> {
    typed(keystone, "kim", "pass & word").await
}

async fn for_contract() -> (Keystone, FakeUpstream) {
    let fake = a_keystone().await;
    (open(&fake, &json!({})).unwrap(), fake)
}

connector_contract!(contract, for_contract().await, a_login());

#[tokio::test]
async fn a_person_is_looked_up_by_the_reader_and_never_by_themselves() {
    let fake = a_keystone().await;
    let keystone = open(&fake, &json!({})).unwrap();
    for _ in 0..2 {
        let told = login(&keystone).await.unwrap();
        assert_eq!(
            (told.amr.as_slice(), told.connector_data.as_deref()),
            (["pwd".to_owned()].as_slice(), Some(b"{}".as_slice()))
        );
        let told = told.claims;
        assert_eq!(told.user_id.as_str(), KIM);
        assert_eq!(
            (told.username.as_str(), told.preferred_username.as_str()),
            ("kim", "")
        );
        assert_eq!(
            (told.email.as_str(), told.email_verified),
            ("kim@acme.test", true)
        );
        assert_eq!(told.groups, ["staff", "cloud-users"]);
    }
    for call in fake.calls(KIMS).await {
        assert_eq!(call.headers["x-auth-token"], "token-of-reader");
    }
    // Twice Kim, and once the reader, whose token serves on.
    assert_eq!(fake.calls(TOKENS).await.len(), 3);
}

#[tokio::test]
async fn groups_are_asked_for_where_the_client_wants_them_and_a_short_list_is_no_list() {
    let fake = a_keystone().await;
    let keystone = open(&fake, &json!({})).unwrap();
    let known = login(&keystone).await.unwrap();
    let asked = fake.calls(GROUPS).await.len();
    let told = keystone.refresh(&a_login(), &known).await.unwrap();
    assert!(told.claims.groups.is_empty());
    assert_eq!(fake.calls(GROUPS).await.len(), asked);
    let cut = json!({"groups": [{"id": "g", "name": "staff"}], "truncated": true, "links": {}});
    fake.serve(GROUPS, cut).await;
    let failed = keystone.refresh(&with_groups(), &known).await;
    assert!(matches!(&failed, Err(ConnectorError::Upstream(why)) if why.contains("list_limit")));
}

#[tokio::test]
async fn somebody_without_an_address_logs_in_and_nothing_is_verified() {
    let fake = a_keystone().await;
    let user = json!({"user": {"id": KIM, "name": "kim", "enabled": true, "domain_id": "default"}});
    fake.serve(KIMS, user).await;
    let told = login(&open(&fake, &json!({})).unwrap())
        .await
        .unwrap()
        .claims;
    assert_eq!((told.email.as_str(), told.email_verified), ("", false));
}

#[tokio::test]
async fn a_domain_is_named_by_its_id_where_that_is_written_else_by_its_name() {
    for (domain, sent) in [
        (json!({}), json!({"id": "default"})),
        (json!({"domain": ""}), json!({"id": "default"})),
        (json!({"domain": "Default"}), json!({"name": "Default"})),
        (json!({"domain": "Acme"}), json!({"name": "Acme"})),
        (
            json!({"domain": "6c99cb725ab84a4d8bf5ec72f5d2bd1b"}),
            json!({"id": "6c99cb725ab84a4d8bf5ec72f5d2bd1b"}),
        ),
        (
            json!({"domain": "6c99cb72-5ab8-4a4d-8bf5-ec72f5d2bd1b"}),
            json!({"id": "6c99cb72-5ab8-4a4d-8bf5-ec72f5d2bd1b"}),
        ),
    ] {
        let fake = a_keystone().await;
        let keystone = open(&fake, &domain).unwrap();
        let _ = typed(&keystone, "lee", "x").await;
        let asked: Value = fake.calls(TOKENS).await[0].body_json().unwrap();
        let user = &asked["auth"]["identity"]["password"]["user"];
        assert_eq!(user["domain"], sent, "{domain}");
        assert_eq!(asked["auth"].get("scope"), None);
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_apart_from_trouble_and_from_a_second_proof() {
    let fake = a_keystone().await;
    let keystone = open(&fake, &json!({})).unwrap();
    assert_eq!(
        typed(&keystone, "kim", "x").await,
        Err(ConnectorError::WrongPassword)
    );
    assert_eq!(
        typed(&keystone, "", "x").await,
        Err(ConnectorError::WrongPassword)
    );
    assert_eq!(
        typed(&keystone, "kim", "").await,
        Err(ConnectorError::WrongPassword)
    );
    let receipt = error(401).insert_header("openstack-auth-receipt", "gAAAAABb");
    fake.answer("POST", TOKENS, receipt).await;
    let more = typed(&keystone, "lee", "x").await;
    assert!(
        matches!(&more, Err(ConnectorError::Denied(why)) if why.contains("more than a password"))
    );
    for (answer, says) in [
        (error(400), "it answered 400"),
        (error(404), "it answered 404"),
        (error(429), "too much is asked"),
        (error(500), "it answered 500"),
        (error(503), "it answered 503"),
    ] {
        fake.answer("POST", TOKENS, answer).await;
        let failed = typed(&keystone, "lee", "x").await.unwrap_err();
        let is_said = matches!(&failed, ConnectorError::Upstream(why) if why.contains(says));
        assert!(is_said, "{says}: {failed:?}");
        assert!(!failed.to_string().contains("kim"), "{failed}");
    }
    fake.answer(
        "POST",
        TOKENS,
        ResponseTemplate::new(201).set_body_json(json!({})),
    )
    .await;
    let odd = typed(&keystone, "lee", "x").await;
    assert!(matches!(odd, Err(ConnectorError::BadReply(_))), "{odd:?}");
}

#[tokio::test]
async fn trouble_with_the_reader_is_never_told_as_a_persons() {
    for (look_up, says) in [
        (error(403), "may not look up the user"),
        (error(401), "refuses a new token"),
        (error(429), "too much is asked"),
        (error(500), "it answered 500"),
    ] {
        let fake = a_keystone().await;
        fake.answer("GET", KIMS, look_up).await;
        let failed = login(&open(&fake, &json!({})).unwrap()).await.unwrap_err();
        let is_said = matches!(&failed, ConnectorError::Upstream(why) if why.contains(says));
        assert!(is_said, "{says}: {failed:?}");
    }
    let fake = a_keystone().await;
    let refused = login(&open(&fake, &json!({"keystonePassword": "other"})).unwrap()).await;
    assert!(
        matches!(refused, Err(ConnectorError::Upstream(why)) if why.contains("refuses keystoneUsername"))
    );
    let reader = json!({"name": "totp"});
    let receipt = error(401).insert_header("openstack-auth-receipt", "gAAAAABb");
    prove(&fake, reader, receipt).await;
    let more = login(&open(&fake, &json!({"keystoneUsername": "totp"})).unwrap()).await;
    assert!(
        matches!(more, Err(ConnectorError::Upstream(why)) if why.contains("more than a password"))
    );
}

#[tokio::test]
async fn a_reader_without_a_default_project_gets_a_right_in_the_domain_or_in_the_cloud() {
    for (scope, other) in [
        (
            json!({"domain": {"id": "default"}}),
            json!({"system": {"all": true}}),
        ),
        (
            json!({"system": {"all": true}}),
            json!({"domain": {"id": "default"}}),
        ),
    ] {
        let fake = a_keystone().await;
        let scoped = |scope: &Value, answer: ResponseTemplate| {
            let asked = json!({"auth": {"scope": scope, "identity": {"password": {"user": {"name": "poor"}}}}});
            Mock::given(path(TOKENS))
                .and(body_partial_json(asked))
                .respond_with(answer)
                .with_priority(1)
        };
        scoped(&scope, token("p", "scoped", &["reader"]))
            .mount(&fake.server)
            .await;
        scoped(&other, error(401)).mount(&fake.server).await;
        prove(&fake, json!({"name": "poor"}), token("p", "unscoped", &[])).await;
        Mock::given(path(KIMS))
            .and(header("x-auth-token", "token-of-unscoped"))
            .respond_with(error(403))
            .with_priority(1)
            .mount(&fake.server)
            .await;
        let keystone = open(&fake, &json!({"keystoneUsername": "poor"})).unwrap();
        assert!(login(&keystone).await.is_ok(), "{scope}");
    }
}

#[tokio::test]
async fn who_is_gone_or_disabled_is_denied_at_a_refresh() {
    let fake = a_keystone().await;
    let keystone = open(&fake, &json!({})).unwrap();
    let known = login(&keystone).await.unwrap();
    let disabled =
        json!({"user": {"id": KIM, "name": "kim", "enabled": false, "domain_id": "default"}});
    fake.serve(KIMS, disabled).await;
    let told = keystone.refresh(&with_groups(), &known).await;
    assert!(matches!(told, Err(ConnectorError::Denied(_))));
    fake.answer("GET", KIMS, error(404)).await;
    let told = keystone.refresh(&with_groups(), &known).await;
    assert!(matches!(told, Err(ConnectorError::Denied(_))));
    fake.answer("GET", KIMS, error(503)).await;
    let told = keystone.refresh(&with_groups(), &known).await;
    assert!(matches!(told, Err(ConnectorError::Upstream(_))));
}

#[tokio::test]
async fn an_ended_token_of_the_reader_is_replaced_once() {
    let fake = a_keystone().await;
    let keystone = open(&fake, &json!({})).unwrap();
    let known = login(&keystone).await.unwrap();
    Mock::given(path(KIMS))
        .respond_with(error(401))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&fake.server)
        .await;
    assert!(keystone.refresh(&with_groups(), &known).await.is_ok());
    assert_eq!(fake.calls(TOKENS).await.len(), 3);
}

#[test]
fn what_cannot_work_is_told_when_it_is_read() {
    let problems = |more: Value| {
        let mut config = json!({"keystoneHost": "https://cloud.test:5000", "keystoneUsername": "u",
            "keystonePassword": "hunter2"});
        config
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        check(&a_spec("keystone", config)).join("; ")
    };
    assert_eq!(problems(json!({})), "");
    assert_eq!(
        problems(json!({"keystoneHost": "https://cloud.test/identity/"})),
        ""
    );
    for (settings, says) in [
        (json!({"keystoneHost": ""}), "keystoneHost is missing"),
        (json!({"keystoneHost": "cloud.test"}), "must be an address"),
        (
            json!({"keystoneHost": "https://cloud.test/v3/"}),
            "without /v3",
        ),
        (
            json!({"keystoneUsername": ""}),
            "keystoneUsername is missing",
        ),
        (
            json!({"keystonePassword": ""}),
            "keystonePassword is missing",
        ),
    ] {
        let told = problems(settings);
        assert!(told.contains(says), "{says} is not in {told}");
        assert!(!told.contains("hunter2"));
    }
}

/// All that can be seen of a login.
async fn seen(settings: &Value) -> Vec<String> {
    let fake = a_keystone().await;
    let keystone = match open(&fake, settings) {
        Ok(keystone) => keystone,
        Err(cause) => return vec![cause.to_string()],
    };
    let told = login(&keystone).await;
    let told = told.map(|told| serde_json::to_string(&told.claims).unwrap());
    let mut seen = vec![format!("{told:?}")];
    for call in fake.server.received_requests().await.unwrap() {
        let body = String::from_utf8(call.body).unwrap();
        let token = call.headers.get("x-auth-token").cloned();
        seen.push(format!("{} {token:?} {body}", call.url.path()));
    }
    seen
}

#[tokio::test]
async fn every_setting_changes_something() {
    let rows = [
        (
            "keystoneHost",
            json!({"keystoneHost": "http://127.0.0.1:1"}),
        ),
        ("domain", json!({"domain": "Acme"})),
        ("keystoneUsername", json!({"keystoneUsername": "other"})),
        ("keystonePassword", json!({"keystonePassword": "other"})),
    ];
    let mut told: BTreeSet<_> = rows.iter().map(|(path, _)| (*path).to_owned()).collect();
    // That one has a test over TLS.
    told.insert("insecureSkipVerify".to_owned());
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

#[tokio::test]
async fn people_are_asked_for_a_username() {
    let (keystone, _fake) = for_contract().await;
    let asked = keystone.begin(&a_login()).await.unwrap();
    let label = "username".to_owned();
    assert_eq!(asked, Challenge::AskPassword { label });
}
