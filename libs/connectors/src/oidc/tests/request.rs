use std::time::Duration;

use insula_connector_kit::{
    Challenge, Connector, ConnectorError, LoginContext, connector_contract,
};
use insula_oauth::{CodeChallenge, CodeChallengeMethod, CodeVerifier};
use serde_json::json;
use wiremock::matchers::path;
use wiremock::{Mock, ResponseTemplate};

use super::super::Oidc;
use super::lab::{Lab, begin};
use crate::testing::{CALLBACK, a_login};

async fn an_oidc() -> (Oidc, Lab) {
    let lab = Lab::new().await;
    (lab.open(&json!({})), lab)
}

connector_contract!(contract, an_oidc().await, a_login());

#[tokio::test]
async fn the_question_carries_state_nonce_and_a_challenge() {
    let (oidc, _lab) = an_oidc().await;
    let (asked, memory) = begin(&oidc, &a_login()).await;
    for (name, value) in [
        ("tenant", "t"),
        ("client_id", "us & co"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid profile email"),
        ("state", "state1"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(asked.get(name).map(String::as_str), Some(value), "{name}");
    }
    for absent in [
        "prompt",
        "max_age",
        "access_type",
        "login_hint",
        "acr_values",
    ] {
        assert_eq!(asked.get(absent), None, "{absent}");
    }
    assert_eq!(memory["nonce"], asked["nonce"].as_str());
    let challenge = CodeChallenge {
        method: CodeChallengeMethod::S256,
        value: asked["code_challenge"].clone(),
    };
    assert!(challenge.matches(&CodeVerifier::new(memory["verifier"].as_str().unwrap())));

    let (again, _) = begin(&oidc, &a_login()).await;
    assert_ne!(again["nonce"], asked["nonce"]);
    assert_ne!(again["code_challenge"], asked["code_challenge"]);
}

#[tokio::test]
async fn what_a_login_needs_beyond_that_is_asked_for() {
    let lab = Lab::new().await;
    let settings = json!({"scopes": ["email", "openid", "offline_access"],
        "acrValues": ["gold", "silver"]});
    let oidc = lab.open(&settings);
    let demanding = LoginContext {
        offline_access: true,
        force_login: true,
        login_hint: Some("jane@idp.test".to_owned()),
        ..a_login()
    };
    let (asked, _) = begin(&oidc, &demanding).await;
    for (name, value) in [
        ("scope", "openid email offline_access"),
        ("acr_values", "gold silver"),
        ("access_type", "offline"),
        ("prompt", "login consent"),
        ("max_age", "0"),
        ("login_hint", "jane@idp.test"),
    ] {
        assert_eq!(asked.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[tokio::test]
async fn contexts_the_client_asked_for_go_before_those_of_the_settings() {
    let lab = Lab::new().await;
    let asking = LoginContext {
        acr_values: vec!["phr".to_owned(), "silver".to_owned()],
        ..a_login()
    };
    for (settings, acr_values) in [
        (json!({"acrValues": ["gold", "silver"]}), "phr silver gold"),
        (json!({}), "phr silver"),
    ] {
        let (asked, _) = begin(&lab.open(&settings), &asking).await;
        let sent = asked.get("acr_values").map(String::as_str);
        assert_eq!(sent, Some(acr_values));
    }
    let (asked, _) = begin(&lab.open(&json!({})), &a_login()).await;
    assert_eq!(asked.get("acr_values"), None);
}

#[tokio::test]
async fn the_prompt_follows_what_is_wanted_and_what_is_configured() {
    let lab = Lab::new().await;
    for (prompt_type, offline_access, force_login, prompt) in [
        (None, false, false, None),
        (None, true, false, Some("consent")),
        (None, false, true, Some("login")),
        (Some("select_account"), true, false, Some("select_account")),
        (Some("none"), true, true, Some("login")),
        (Some("login consent"), true, true, Some("login consent")),
        (Some(""), true, false, None),
    ] {
        let oidc = lab.open(&json!({"promptType": prompt_type}));
        let ctx = LoginContext {
            offline_access,
            force_login,
            ..a_login()
        };
        let (asked, _) = begin(&oidc, &ctx).await;
        assert_eq!(
            asked.get("prompt").map(String::as_str),
            prompt,
            "{prompt_type:?}"
        );
    }
}

#[tokio::test]
async fn a_challenge_is_made_if_the_upstream_takes_it_or_the_settings_demand_it() {
    for (offered, configured, made) in [
        (json!([]), "", None),
        (json!(["plain"]), "", Some("plain")),
        (json!(["plain", "S256"]), "", Some("S256")),
        (json!([]), "S256", Some("S256")),
        (json!(["S256"]), "plain", Some("plain")),
    ] {
        let metadata = json!({"code_challenge_methods_supported": offered});
        let lab = Lab::with_metadata(metadata).await;
        let oidc = lab.open(&json!({"pkceChallenge": configured}));
        let (asked, memory) = begin(&oidc, &a_login()).await;
        assert_eq!(asked.get("code_challenge_method").map(String::as_str), made);
        assert_eq!(memory.get("verifier").is_some(), made.is_some());
    }
}

#[tokio::test]
async fn endpoints_can_be_elsewhere_than_discovery_says() {
    let lab = Lab::new().await;
    let overrides = json!({"AuthURL": "https://other.test/auth"});
    let oidc = lab.open(&json!({"providerDiscoveryOverrides": overrides}));
    let Challenge::Redirect { to, .. } = oidc.begin(&a_login()).await.unwrap() else {
        panic!("no redirect");
    };
    assert!(to.starts_with("https://other.test/auth?client_id="), "{to}");
}

#[tokio::test]
async fn another_callback_than_ours_is_a_settings_error_naming_both() {
    let (oidc, _lab) = an_oidc().await;
    let elsewhere = LoginContext {
        callback_url: "https://new.test/callback".to_owned(),
        ..a_login()
    };
    let refused = oidc.begin(&elsewhere).await.unwrap_err();
    let ConnectorError::Settings(said) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        said.contains(CALLBACK) && said.contains("https://new.test/callback"),
        "{said}"
    );
}

#[tokio::test]
async fn metadata_of_another_issuer_are_refused_unless_it_is_the_alias() {
    let lab = Lab::with_metadata(json!({"issuer": "https://idp.test/{tenant}"})).await;
    let refused = lab.open(&json!({})).begin(&a_login()).await;
    assert!(
        matches!(refused, Err(ConnectorError::Upstream(_))),
        "{refused:?}"
    );
    let aliased = lab.open(&json!({"issuerAlias": "https://idp.test/{tenant}"}));
    assert!(aliased.begin(&a_login()).await.is_ok());
}

#[tokio::test]
async fn an_upstream_that_was_down_is_asked_again() {
    let lab = Lab::new().await;
    lab.server.reset().await;
    let down = Mock::given(path("/.well-known/openid-configuration"))
        .respond_with(ResponseTemplate::new(503))
        .mount_as_scoped(&lab.server)
        .await;
    let oidc = lab.open(&json!({}));
    for _ in 0..3 {
        let refused = oidc.begin(&a_login()).await;
        assert!(matches!(refused, Err(ConnectorError::Upstream(_))));
    }
    assert_eq!(
        down.received_requests().await.len(),
        1,
        "a failure is remembered for a while"
    );
    drop(down);
    lab.serve_metadata(json!({})).await;
    lab.clock.advance(Duration::from_secs(10));
    assert!(oidc.begin(&a_login()).await.is_ok());
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_when_it_is_opened() {
    let lab = Lab::new().await;
    for settings in [
        json!({"hostedDomains": ["acme.test"]}),
        json!({"clientID": ""}),
        json!({"issuer": "idp"}),
        json!({"issuer": "https://idp.test\n"}),
        json!({"rootCAs": ["/no/such/file"]}),
        json!({"redirectURI": "https://other.test/callback"}),
    ] {
        let refused = lab.try_open(&settings).err();
        assert!(
            matches!(refused, Some(ConnectorError::Settings(_))),
            "{settings}"
        );
    }
}
