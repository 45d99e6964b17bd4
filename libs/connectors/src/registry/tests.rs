use serde_json::{Value, json};

use super::*;
use crate::testing::{a_clock, a_spec, an_issuer, an_open_context, strict_http};

fn a_registry() -> Registry {
    Registry::new(Arc::new(strict_http()))
}

fn check(kind: &str, config: Value) -> Vec<String> {
    a_registry().check(&a_spec(kind, config), &an_issuer())
}

#[tokio::test]
async fn every_kind_opens_without_its_upstream() {
    let oidc = json!({"issuer": "https://idp.test", "clientID": "us", "clientSecret": "s",
        "redirectURI": "https://acme.test/callback"});
    let oauth = json!({"clientID": "us", "clientSecret": "s",
        "authorizationURL": "https://idp.test/a", "tokenURL": "https://idp.test/t",
        "userInfoURL": "https://idp.test/me"});
    let registered = json!({"clientID": "us", "clientSecret": "s"});
    let saml = json!({"ssoURL": "https://idp.test/sso", "usernameAttr": "name", "emailAttr": "mail",
        "caData": include_str!("../../../saml/fixtures/idp.crt")});
    for (kind, config) in [
        (
            "atlassian-crowd",
            json!({"baseURL": "https://crowd.test/", "clientID": "us", "clientSecret": "s"}),
        ),
        ("authproxy", Value::Null),
        (
            "bitbucket-cloud",
            json!({"clientID": "us", "clientSecret": "s"}),
        ),
        ("gitea", json!({"clientID": "us", "clientSecret": "s"})),
        ("github", json!({"clientID": "us", "clientSecret": "s"})),
        ("gitlab", json!({"clientID": "us", "clientSecret": "s"})),
        ("google", registered.clone()),
        (
            "keystone",
            json!({"keystoneHost": "https://cloud.test:5000", "keystoneUsername": "u",
                "keystonePassword": "p"}),
        ),
        ("linkedin", registered.clone()),
        ("microsoft", registered),
        ("local", Value::Null),
        ("mockCallback", Value::Null),
        ("mockPassword", json!({"username": "u", "password": "p"})),
        ("oauth", oauth),
        ("oidc", oidc),
        (
            "openshift",
            json!({"issuer": "https://api.test:6443", "clientID": "us", "clientSecret": "s"}),
        ),
        ("saml", saml.clone()),
        ("samlExperimental", saml),
    ] {
        assert_eq!(check(kind, config.clone()), Vec::<String>::new(), "{kind}");
        let opened = a_registry()
            .open(&a_spec(kind, config), &an_open_context(&a_clock()))
            .await;
        assert!(opened.is_ok(), "{kind}");
    }
}

#[test]
fn every_kind_has_a_guide_and_a_line_in_the_list_of_them() {
    let guides =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/connectors");
    let list = std::fs::read_to_string(guides.join("README.md")).unwrap();
    for kind in KINDS {
        let name = kind.name;
        let guide = match name {
            "mockCallback" | "mockPassword" => "mock",
            "samlExperimental" => "saml",
            name => name,
        };
        let text = std::fs::read_to_string(guides.join(format!("{guide}.md")));
        let text = text.unwrap_or_else(|error| panic!("{name} has no guide: {error}"));
        let needs_no_entry = ["local", "samlExperimental"].contains(&name);
        assert!(
            needs_no_entry || text.contains(&format!("type: {name}")),
            "{name}: no example"
        );
        assert!(
            list.contains(&format!("`{name}`")),
            "{name} is not in the list"
        );
    }
}

#[tokio::test]
async fn an_unknown_kind_is_told_with_what_may_be_meant() {
    let problems = check("oicd", Value::Null);
    assert_eq!(
        problems,
        [
            "connector type \"oicd\" is unknown; did you mean \"oidc\"? \
          (known: atlassian-crowd, authproxy, bitbucket-cloud, gitea, github, gitlab, google, keystone, ldap, linkedin, local, microsoft, mockCallback, mockPassword, oauth, oidc, openshift, saml, samlExperimental)"
        ]
    );
    let opened = a_registry()
        .open(&a_spec("xyz", Value::Null), &an_open_context(&a_clock()))
        .await;
    assert!(matches!(opened.err(), Some(ConnectorError::Settings(_))));
}

#[tokio::test]
async fn every_problem_of_an_oidc_connector_is_told_at_once() {
    let problems = check(
        "oidc",
        json!({
            "issuer": "idp.test",
            "redirectURI": "https://other.test/callback",
            "clientSecret": 4711,
            "hostedDomains": ["acme.test"],
            "pkceChallenge": "S512",
            "claimModifications": {"filterGroupClaims": {"groupsFilter": "("}},
            "getUserinfos": true,
        }),
    );
    let all = problems.join("\n");
    for part in [
        "issuer must be an address",
        "clientID is missing",
        "\"https://other.test/callback\"",
        "\"https://acme.test/callback\"",
        "clientSecret must be a text",
        "hostedDomains is not served",
        "pkceChallenge must be S256 or plain",
        "groupsFilter is not a regular expression",
        "did you mean getUserInfo?",
    ] {
        assert!(all.contains(part), "{part} is not in:\n{all}");
    }
    assert!(!all.contains("4711"), "a value was printed");
}

#[tokio::test]
async fn an_inner_address_that_is_not_allowed_is_told_before_anybody_logs_in() {
    for (kind, config, is_told) in [
        ("oidc", json!({"issuer": "http://10.0.0.1"}), true),
        ("oidc", json!({"issuer": "https://idp.test"}), false),
        (
            "oidc",
            json!({"redirectURI": "http://127.0.0.1/callback"}),
            false,
        ),
        ("ldap", json!({"host": "10.0.0.1:636"}), true),
        ("ldap", json!({"hosts": ["a.test", "10.0.0.1:636"]}), true),
        ("ldap", json!({"hosts": ["a.test", "b.test:636"]}), false),
        ("ldap", json!({"HOST": "[fd00::1]"}), true),
        ("ldap", json!({"host": "localhost:389"}), true),
        ("ldap", json!({"host": "ldap.test:389"}), false),
        ("saml", json!({"ssoURL": "http://10.0.0.1/sso"}), false),
    ] {
        let told = a_registry().out_of_reach(&a_spec(kind, config.clone()));
        assert_eq!(told.len(), usize::from(is_told), "{config}: {told:?}");
    }
}

#[tokio::test]
async fn settings_of_connectors_without_any_are_problems() {
    assert_eq!(
        check("local", json!({"a": 1})),
        ["a is not a setting of this connector"]
    );
    assert_eq!(
        check("mockPassword", json!({"username": "u"})),
        ["password is missing"]
    );
}
