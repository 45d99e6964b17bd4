//! What OpenShift answers is written from memory of its documentation: "Configuring the internal OAuth server" (metadata,
//! life of tokens), "Configuring OAuth clients", and of the API reference "User [user.openshift.io/v1]".

mod settings;

use insula_connector_kit::connector_contract;
use insula_connector_kit::{Challenge, Connector, ConnectorError, UpstreamIdentity};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::Openshift;
use crate::testing::{
    CALLBACK, FakeUpstream, a_clock, a_login, a_spec, an_open_context, asked, form, local_http,
    log_in,
};

const USER: &str = "/apis/user.openshift.io/v1/users/~";
const METADATA: &str = "/.well-known/oauth-authorization-server";

fn jdoe() -> Value {
    json!({"kind": "User", "apiVersion": "user.openshift.io/v1",
        "metadata": {"name": "jdoe", "uid": "6f7e9c2d-11a8-4f05-9d0a-0a4b7a5f6a11",
            "resourceVersion": "4711", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "fullName": "Jane Doe", "identities": ["htpasswd:jdoe"],
        "groups": ["system:authenticated", "admins"]})
}

async fn metadata(fake: &FakeUpstream, challenges: Value) {
    // The OAuth server has a host of its own, and its name is the issuer.
    let at = |path: &str| fake.url(path).to_string();
    let told = json!({"issuer": "https://oauth-openshift.apps.cluster.test",
        "authorization_endpoint": at("/oauth/authorize"), "token_endpoint": at("/oauth/token"),
        "scopes_supported": ["user:check-access", "user:full", "user:info"],
        "response_types_supported": ["code", "token"],
        "grant_types_supported": ["authorization_code", "implicit"],
        "code_challenge_methods_supported": challenges});
    fake.serve(METADATA, told).await;
}

async fn an_openshift() -> FakeUpstream {
    let fake = FakeUpstream::new().await;
    metadata(&fake, json!(["plain", "S256"])).await;
    let tokens = json!({"access_token": "sha256~1", "expires_in": 86400, "scope": "user:info",
        "token_type": "Bearer"});
    let answer = ResponseTemplate::new(200).set_body_json(tokens);
    fake.answer("POST", "/oauth/token", answer).await;
    fake.serve(USER, jdoe()).await;
    fake
}

fn config(more: &Value) -> Value {
    let mut config = json!({"issuer": "https://api.cluster.test:6443",
        "clientID": "system:serviceaccount:login:insula", "clientSecret": "s",
        "redirectURI": CALLBACK});
    let more = more.as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(more);
    config
}

fn open(fake: &FakeUpstream, more: &Value) -> Result<Openshift, ConnectorError> {
    let mut all = json!({"issuer": fake.server.uri()});
    all.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let spec = a_spec("openshift", config(&all));
    Openshift::open(&local_http(), &spec, &an_open_context(&a_clock()))
}

async fn for_contract() -> (Openshift, FakeUpstream) {
    let fake = an_openshift().await;
    (open(&fake, &json!({})).unwrap(), fake)
}

connector_contract!(contract, for_contract().await, a_login());

#[tokio::test]
async fn a_person_is_who_the_api_server_says_with_all_groups() {
    let fake = an_openshift().await;
    let openshift = open(&fake, &json!({})).unwrap();
    let told = log_in(&openshift, &a_login()).await.unwrap().claims;
    assert_eq!(
        told.user_id.as_str(),
        "6f7e9c2d-11a8-4f05-9d0a-0a4b7a5f6a11"
    );
    assert_eq!(
        (told.username.as_str(), told.preferred_username.as_str()),
        ("jdoe", "jdoe")
    );
    assert_eq!((told.email.as_str(), told.email_verified), ("jdoe", false));
    assert_eq!(told.groups, ["system:authenticated", "admins"]);
    let call = &fake.calls(USER).await[0];
    assert_eq!(call.headers["authorization"], "Bearer sha256~1");
    let redeemed = form(&fake.calls("/oauth/token").await[0]);
    assert!(!redeemed["code_verifier"].is_empty());
}

#[tokio::test]
async fn people_are_sent_where_the_metadata_says_which_is_asked_for_once() {
    let fake = an_openshift().await;
    let openshift = open(&fake, &json!({})).unwrap();
    let Challenge::Redirect { to, .. } = openshift.begin(&a_login()).await.unwrap() else {
        panic!("nobody is sent anywhere");
    };
    assert!(
        to.starts_with(fake.url("/oauth/authorize?").as_str()),
        "{to}"
    );
    let told = asked(&openshift, &a_login()).await;
    assert_eq!(told["scope"], "user:info");
    assert_eq!(told["client_id"], "system:serviceaccount:login:insula");
    assert_eq!(told["code_challenge_method"], "S256");
    assert!(log_in(&openshift, &a_login()).await.is_ok());
    assert_eq!(fake.calls(METADATA).await.len(), 1);
    // An older cluster says nothing of challenges.
    metadata(&fake, Value::Null).await;
    let older = open(&fake, &json!({})).unwrap();
    assert!(
        !asked(&older, &a_login())
            .await
            .contains_key("code_challenge")
    );
}

#[tokio::test]
async fn metadata_that_leads_nowhere_safe_is_refused() {
    let fake = an_openshift().await;
    for (told, says) in [
        (json!([]), "not a JSON object"),
        (json!({}), "authorization_endpoint"),
        (
            json!({"authorization_endpoint": "https://o.test/a", "token_endpoint": "ftp://o.test"}),
            "token_endpoint",
        ),
        (
            json!({"authorization_endpoint": "javascript:a", "token_endpoint": "https://o.test/t"}),
            "authorization_endpoint",
        ),
    ] {
        fake.serve(METADATA, told).await;
        let openshift = open(&fake, &json!({})).unwrap();
        let refused = openshift.begin(&a_login()).await.unwrap_err();
        let is_said = matches!(&refused, ConnectorError::BadReply(why) if why.contains(says));
        assert!(is_said, "{refused:?}");
    }
    // An API server that is asked by TLS does not lead to one that is not.
    let safe = Openshift::open(
        &local_http(),
        &a_spec("openshift", config(&json!({}))),
        &an_open_context(&a_clock()),
    );
    let unsafe_ones = json!({"authorization_endpoint": "http://o.test/a",
        "token_endpoint": "https://o.test/t"});
    let unsafe_ones = unsafe_ones.as_object().unwrap().clone();
    let metadata = insula_connector_kit::Document::of("metadata", unsafe_ones);
    assert!(safe.unwrap().read(&metadata).is_err());
}

#[tokio::test]
async fn the_address_of_the_oauth_server_in_place_of_the_api_server_is_told() {
    let fake = FakeUpstream::new().await;
    let openshift = open(&fake, &json!({})).unwrap();
    let failed = openshift.begin(&a_login()).await.unwrap_err();
    assert!(matches!(failed, ConnectorError::Upstream(_)), "{failed:?}");
    assert!(failed.to_string().contains("API server"), "{failed}");
}

#[tokio::test]
async fn who_is_in_no_group_that_is_required_is_not_let_in() {
    let fake = an_openshift().await;
    let with = |group: &str| json!({ "groups": ["devs", group] });
    let openshift = open(&fake, &with("admins")).unwrap();
    let known = log_in(&openshift, &a_login()).await.unwrap();
    assert_eq!(known.claims.groups, ["system:authenticated", "admins"]);
    let refused = log_in(&open(&fake, &with("admin")).unwrap(), &a_login()).await;
    assert_eq!(refused, Err(ConnectorError::NotInGroup));
    let mut alone = jdoe();
    alone["groups"] = Value::Null;
    fake.serve(USER, alone).await;
    let left = openshift.refresh(&a_login(), &known).await;
    assert_eq!(left, Err(ConnectorError::NotInGroup));
    let anybody = open(&fake, &json!({})).unwrap();
    let told = log_in(&anybody, &a_login()).await.unwrap();
    assert_eq!(told.claims.groups, Vec::<String>::new());
}

#[tokio::test]
async fn the_temporary_administrator_is_not_let_in_under_a_name_that_others_may_get() {
    let fake = an_openshift().await;
    let mut admin = jdoe();
    admin["metadata"] = json!({"name": "kube:admin", "uid": ""});
    fake.serve(USER, admin).await;
    let openshift = open(&fake, &json!({})).unwrap();
    let refused = log_in(&openshift, &a_login()).await.unwrap_err();
    assert!(matches!(refused, ConnectorError::Denied(_)), "{refused:?}");
}

#[tokio::test]
async fn trouble_at_the_cluster_is_for_now_and_a_token_that_ran_out_is_for_good() {
    let fake = an_openshift().await;
    let openshift = open(&fake, &json!({})).unwrap();
    let known = log_in(&openshift, &a_login()).await.unwrap();
    for (status, says) in [
        (503, "it answered 503"),
        (429, "too much is asked of it"),
        (403, "it answered 403"),
    ] {
        fake.answer("GET", USER, ResponseTemplate::new(status))
            .await;
        let failed = openshift.refresh(&a_login(), &known).await.unwrap_err();
        let is_said = matches!(&failed, ConnectorError::Upstream(why) if why.contains(says));
        assert!(is_said, "{failed:?}");
    }
    fake.answer("GET", USER, ResponseTemplate::new(401)).await;
    let ended = openshift.refresh(&a_login(), &known).await.unwrap_err();
    assert!(matches!(ended, ConnectorError::Denied(_)), "{ended:?}");
    assert!(!ended.to_string().contains("sha256~1"), "{ended}");
}

#[tokio::test]
async fn what_dex_kept_of_a_login_is_read_and_is_of_the_same_person() {
    let (openshift, fake) = for_contract().await;
    let data =
        r#"{"access_token":"sha256~1","token_type":"Bearer","expiry":"2026-01-01T00:00:00Z"}"#;
    let known = UpstreamIdentity {
        connector_data: Some(data.as_bytes().to_vec()),
        ..log_in(&openshift, &a_login()).await.unwrap()
    };
    assert!(openshift.refresh(&a_login(), &known).await.is_ok());
    let mut other = jdoe();
    other["metadata"]["uid"] = "another".into();
    fake.serve(USER, other).await;
    let ended = openshift.refresh(&a_login(), &known).await.unwrap_err();
    assert!(matches!(ended, ConnectorError::Denied(_)), "{ended:?}");
}
