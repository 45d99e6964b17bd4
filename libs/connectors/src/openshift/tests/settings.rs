use std::collections::BTreeSet;

use insula_connector_kit::Connector;
use insula_model::Issuer;
use serde_json::{Value, json};

use super::super::check;
use super::super::settings::SETTINGS;
use super::{an_openshift, config, open};
use crate::settings::paths;
use crate::testing::{a_login, a_spec, log_in};

fn problems(more: &Value) -> String {
    let issuer = Issuer::parse("https://acme.test").unwrap();
    check(&a_spec("openshift", config(more)), &issuer).join("; ")
}

#[test]
fn what_cannot_work_is_told_when_it_is_read() {
    assert_eq!(problems(&json!({})), "");
    for (settings, says) in [
        (json!({"issuer": ""}), "issuer must be the address"),
        (
            json!({"issuer": "api.cluster.test"}),
            "issuer must be the address",
        ),
        (json!({"clientID": ""}), "clientID is missing"),
        (json!({"clientSecret": ""}), "clientSecret is missing"),
        (
            json!({"redirectURI": "https://other.test/cb"}),
            "redirectURI is",
        ),
        (json!({"groups": [1]}), "groups must be a list of texts"),
        (
            json!({"insecureCA": "yes"}),
            "insecureCA must be true or false",
        ),
        (
            json!({"clientSecretFile": "/token"}),
            "clientSecretFile is not a setting",
        ),
    ] {
        let told = problems(&settings);
        assert!(told.contains(says), "{says} is not in {told}");
    }
}

/// All that can be seen of a login.
async fn seen(settings: &Value) -> Vec<String> {
    let fake = an_openshift().await;
    let openshift = match open(&fake, settings) {
        Ok(openshift) => openshift,
        Err(cause) => return vec![cause.to_string()],
    };
    let begun = openshift.begin(&a_login()).await.is_ok();
    let mut seen = vec![format!("{begun}")];
    let told = log_in(&openshift, &a_login()).await;
    let told = told.map(|told| serde_json::to_string(&told.claims).unwrap());
    seen.push(format!("{told:?}"));
    for call in fake.server.received_requests().await.unwrap() {
        let secret = call.headers.get("authorization");
        let path = call.url.path();
        let redirect = crate::testing::form(&call).get("redirect_uri").cloned();
        seen.push(format!("{path} {secret:?} {redirect:?}"));
    }
    seen
}

#[tokio::test]
async fn every_setting_changes_something() {
    let none = || json!({});
    // What insecureCA changes is seen beside a certificate.
    let rows = [
        ("issuer", json!({"issuer": "http://127.0.0.1:9"})),
        ("clientID", json!({"clientID": "other"})),
        ("clientSecret", json!({"clientSecret": "other"})),
        (
            "redirectURI",
            json!({"redirectURI": "https://other.test/cb"}),
        ),
        ("groups", json!({"groups": ["devs"]})),
        ("rootCA", json!({"rootCA": "x"})),
    ];
    let mut told: BTreeSet<_> = rows.iter().map(|(path, ..)| (*path).to_owned()).collect();
    told.insert("insecureCA".to_owned());
    assert_eq!(
        told,
        paths(SETTINGS),
        "every setting is in the table, and no other"
    );
    for (path, with) in rows {
        let before = seen(&none()).await;
        assert_eq!(
            before,
            seen(&none()).await,
            "{path}: one login is as another"
        );
        assert_ne!(before, seen(&with).await, "{path} changes nothing");
    }
}
