use std::collections::BTreeSet;

use insula_connector_kit::{Challenge, Connector};
use insula_model::Issuer;
use serde_json::{Value, json};

use super::super::check;
use super::super::settings::SETTINGS;
use super::{a_gitea, config, open};
use crate::settings::paths;
use crate::testing::{a_login, a_spec, log_in};

fn problems(more: &Value) -> String {
    let issuer = Issuer::parse("https://acme.test").unwrap();
    check(&a_spec("gitea", config(more)), &issuer).join("; ")
}

#[test]
fn what_cannot_work_is_told_when_it_is_read() {
    assert_eq!(problems(&json!({})), "");
    for (settings, says) in [
        (json!({"clientID": ""}), "clientID is missing"),
        (json!({"clientSecret": ""}), "clientSecret is missing"),
        (
            json!({"redirectURI": "https://other.test/cb"}),
            "redirectURI is",
        ),
        (json!({"baseURL": "git.test"}), "baseURL must be an address"),
        (
            json!({"orgs": [{"teams": ["t"]}]}),
            "orgs holds one without a name",
        ),
        (
            json!({"orgs": ["acme"]}),
            "orgs must be a list of groups of settings",
        ),
    ] {
        let told = problems(&settings);
        assert!(told.contains(says), "{says} is not in {told}");
    }
}

#[tokio::test]
async fn people_are_sent_to_the_public_gitea_unless_another_is_named() {
    let fake = a_gitea().await;
    let gitea = open(&fake, &json!({"baseURL": ""})).unwrap();
    let Challenge::Redirect { to, .. } = gitea.begin(&a_login()).await.unwrap() else {
        panic!("nobody is sent anywhere");
    };
    assert!(
        to.starts_with("https://gitea.com/login/oauth/authorize?"),
        "{to}"
    );
}

/// All that can be seen of a login.
async fn seen(settings: &Value) -> Vec<String> {
    let fake = a_gitea().await;
    let gitea = match open(&fake, settings) {
        Ok(gitea) => gitea,
        Err(cause) => return vec![cause.to_string()],
    };
    let told = log_in(&gitea, &a_login()).await;
    let told = told.map(|told| serde_json::to_string(&told.claims).unwrap());
    let mut seen = vec![format!("{told:?}")];
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
    let rows = [
        ("baseURL", none(), json!({"baseURL": "http://127.0.0.1:9"})),
        ("clientID", none(), json!({"clientID": "other"})),
        ("clientSecret", none(), json!({"clientSecret": "other"})),
        (
            "redirectURI",
            none(),
            json!({"redirectURI": "https://other.test/cb"}),
        ),
        ("orgs.name", none(), json!({"orgs": [{"name": "acme"}]})),
        (
            "orgs.teams",
            json!({"orgs": [{"name": "acme"}]}),
            json!({"orgs": [{"name": "acme", "teams": ["shop"]}]}),
        ),
        ("loadAllGroups", none(), json!({"loadAllGroups": true})),
        ("useLoginAsID", none(), json!({"useLoginAsID": true})),
    ];
    let told: BTreeSet<_> = rows.iter().map(|(path, ..)| (*path).to_owned()).collect();
    assert_eq!(
        told,
        paths(SETTINGS),
        "every setting is in the table, and no other"
    );
    for (path, without, with) in rows {
        let before = seen(&without).await;
        assert_eq!(
            before,
            seen(&without).await,
            "{path}: one login is as another"
        );
        assert_ne!(before, seen(&with).await, "{path} changes nothing");
    }
}
