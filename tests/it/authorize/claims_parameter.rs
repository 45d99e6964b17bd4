//! The `claims` parameter (OpenID Connect Core §5.5).

use insula_tests::{Agent, Person, walk};
use serde_json::Value;

use crate::shared_server::{JANE, KIM, MOCK, shared_server};

const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password";

#[tokio::test]
async fn claims_come_where_they_were_asked_for_and_after_a_refresh_too() {
    let portal = shared_server().await.portal();
    let login = portal.begin_with(&[
        ("scope", "openid offline_access"),
        ("response_mode", "form_post"),
        ("prompt", "consent"),
        (
            "claims",
            r#"{"userinfo":{"email":{"essential":true},"shoe_size":null},
                "id_token":{"preferred_username":null,"auth_time":{"essential":true}}}"#,
        ),
    ]);
    let back = walk(&Agent::new(), &login, &JANE).await;
    let first = portal.tokens(&login, &back).await;
    let refresh = first.refresh_token.clone().unwrap();
    let answer = portal.refresh(&refresh, &[]).await.expect(200);
    let second = portal.read(&answer).await;
    for tokens in [first, second] {
        assert_eq!(tokens.claim("preferred_username"), "jane");
        assert!(tokens.claim("auth_time").is_i64());
        let userinfo = portal.userinfo(&tokens.access_token).await.json();
        assert_eq!(userinfo["email"], "jane@acme.example");
        assert_eq!(userinfo["email_verified"], true);
        for (claim, value) in [
            ("email", tokens.claim("email")),
            ("name", tokens.claim("name")),
            ("preferred_username", &userinfo["preferred_username"]),
            ("name", &userinfo["name"]),
            ("shoe_size", &userinfo["shoe_size"]),
        ] {
            assert_eq!(value, &Value::Null, "{claim}");
        }
    }
}

#[tokio::test]
async fn a_claim_of_a_person_is_asked_of_the_person_first() {
    let portal = shared_server().await.portal();
    let joe = Person::new("claims@acme.example", "password");
    let agent = Agent::new();
    let plain = portal.begin_with(&[("scope", "openid")]);
    walk(&agent, &plain, &joe).await;
    let email = r#"{"userinfo":{"email":null}}"#;
    let silent = [("scope", "openid"), ("claims", email), ("prompt", "none")];
    let login = portal.begin_with(&silent);
    let back = walk(&agent, &login, &joe).await;
    assert_eq!(back.get("error"), "consent_required");

    let login = portal.begin_with(&[("scope", "openid"), ("claims", email)]);
    let page = agent.get(&login.url).await.expect(200).page();
    assert!(
        page.words().contains("See your email address"),
        "{}",
        page.words()
    );
    let back = walk(&agent, &login, &joe).await;
    portal.tokens(&login, &back).await;
    let login = portal.begin_with(&silent);
    let back = walk(&agent, &login, &joe).await;
    portal.tokens(&login, &back).await;
}

#[tokio::test]
async fn an_essential_acr_is_reached_or_the_login_fails() {
    let portal = shared_server().await.portal();
    let asking =
        |acr: &str| format!(r#"{{"id_token":{{"acr":{{"essential":true,"values":["{acr}"]}}}}}}"#);
    let agent = Agent::new();
    let login = portal.begin_with(&[("claims", &asking(PASSWORD))]);
    let back = walk(&agent, &login, &JANE).await;
    let tokens = portal.tokens(&login, &back).await;
    assert_eq!(tokens.claim("acr"), PASSWORD);

    let stronger = asking("https://acr.example/hardware");
    for (prompt, error) in [
        ("none", "login_required"),
        ("", "unmet_authentication_requirements"),
    ] {
        let login = portal.begin_with(&[("claims", &stronger), ("prompt", prompt)]);
        let back = walk(&agent, &login, &JANE).await;
        portal.check_response(&login, &back);
        assert_eq!(back.get("error"), error);
    }
}

#[tokio::test]
async fn an_upstreams_acr_that_the_tenant_takes_is_told_everywhere_and_meets_the_demand() {
    let acr = "https://acme.example/acr/initech";
    let portal = shared_server().await.portal();
    let url = portal.at("/.well-known/openid-configuration");
    let announced = Agent::new().get(url).await.json();
    let announced = announced["acr_values_supported"]
        .as_array()
        .unwrap()
        .clone();
    assert!(announced.contains(&acr.into()), "{announced:?}");

    let claims = format!(r#"{{"id_token":{{"acr":{{"essential":true,"value":"{acr}"}}}}}}"#);
    let kim = Person {
        connector: Some("initech"),
        ..KIM
    };
    let agent = Agent::new();
    for prompt in ["", "none"] {
        let login = portal.begin_with(&[("claims", &claims), ("prompt", prompt)]);
        let back = walk(&agent, &login, &kim).await;
        let first = portal.tokens(&login, &back).await;
        let refresh = first.refresh_token.clone().unwrap();
        let answer = portal.refresh(&refresh, &[]).await.expect(200);
        let second = portal.read(&answer).await;
        for tokens in [first, second] {
            assert_eq!(tokens.claim("acr"), acr);
            let facts = portal.introspect(&tokens.access_token).await;
            assert_eq!(facts["acr"], acr, "RFC 9470 §6.2");
            assert_eq!(&facts["auth_time"], tokens.claim("auth_time"));
        }
    }
    // Who comes another way does not reach it.
    let login = portal.begin_with(&[("claims", &claims)]);
    let back = walk(&Agent::new(), &login, &JANE).await;
    assert_eq!(back.get("error"), "unmet_authentication_requirements");
}

#[tokio::test]
async fn the_sub_of_claims_admits_nobody_else() {
    let portal = shared_server().await.portal();
    let agent = Agent::new();
    let jane = portal.log_in(&agent, &JANE).await;
    let sub = jane.claim("sub").as_str().unwrap();
    let asking = |sub: &str| format!(r#"{{"id_token":{{"sub":{{"value":"{sub}"}}}}}}"#);
    let login = portal.begin_with(&[("claims", &asking(sub)), ("prompt", "none")]);
    let back = walk(&agent, &login, &JANE).await;
    portal.tokens(&login, &back).await;

    let login = portal.begin_with(&[("claims", &asking("Cg0wLTM4NS"))]);
    let back = walk(&agent, &login, &MOCK).await;
    portal.check_response(&login, &back);
    assert_eq!(back.get("error"), "login_required");
}

#[tokio::test]
async fn claims_that_cannot_be_read_are_refused_in_the_mode_and_with_the_state_asked() {
    let hooli = shared_server().await.hooli();
    let bad = [
        ("claims", r#"{"userinfo":["email"]}"#),
        ("response_mode", "form_post"),
    ];
    let login = hooli.begin_with(&bad);
    let page = Agent::new().get(&login.url).await.expect(200).page();
    let form = &page.forms[0];
    assert_eq!(form.action, hooli.redirect_uri);
    assert_eq!(form.value("error"), Some("invalid_request"));
    assert_eq!(form.value("state"), Some(login.state.as_str()));
    assert!(
        form.value("error_description")
            .unwrap()
            .starts_with("claims ")
    );
}

#[tokio::test]
async fn dex_does_not_know_the_claims_parameter() {
    let umbrella = shared_server().await.umbrella();
    for claims in [
        "{",
        r#"{"id_token":{"email":null,"sub":{"value":"nobody"}}}"#,
    ] {
        let login = umbrella.begin_with(&[("scope", "openid"), ("claims", claims)]);
        let back = walk(&Agent::new(), &login, &MOCK).await;
        let tokens = umbrella.tokens(&login, &back).await;
        assert_eq!(tokens.claim("email"), &Value::Null);
    }
}
