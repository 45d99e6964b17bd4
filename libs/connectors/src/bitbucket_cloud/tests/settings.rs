use std::collections::BTreeSet;

use insula_connector_kit::{Challenge, Connector};
use insula_model::Issuer;
use serde_json::{Value, json};

use super::super::settings::SETTINGS;
use super::super::{BitbucketCloud, check};
use super::{a_bitbucket, config, open, with_groups};
use crate::settings::paths;
use crate::testing::{a_clock, a_spec, an_open_context, log_in, strict_http};

fn problems(more: &Value) -> String {
    let issuer = Issuer::parse("https://acme.test").unwrap();
    check(&a_spec("bitbucket-cloud", config(more)), &issuer).join("; ")
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
        (json!({"teams": [1]}), "teams must be a list of texts"),
        (
            json!({"includeTeamGroups": true}),
            "includeTeamGroups has no effect",
        ),
    ] {
        let told = problems(&settings);
        assert!(told.contains(says), "{says} is not in {told}");
    }
}

#[tokio::test]
async fn a_setting_of_dex_that_bitbucket_ended_is_told_and_serves() {
    let fake = a_bitbucket().await;
    let bitbucket = open(&fake, &json!({"includeTeamGroups": true})).unwrap();
    assert!(log_in(&bitbucket, &with_groups()).await.is_ok());
}

#[tokio::test]
async fn people_are_sent_to_bitbucket() {
    let spec = a_spec("bitbucket-cloud", config(&json!({})));
    let ctx = an_open_context(&a_clock());
    let bitbucket = BitbucketCloud::open(&strict_http(), &spec, &ctx).unwrap();
    let Challenge::Redirect { to, .. } = bitbucket.begin(&with_groups()).await.unwrap() else {
        panic!("nobody is sent anywhere");
    };
    assert!(
        to.starts_with("https://bitbucket.org/site/oauth2/authorize?"),
        "{to}"
    );
}

/// All that can be seen of a login.
async fn seen(settings: &Value) -> Vec<String> {
    let fake = a_bitbucket().await;
    let bitbucket = match open(&fake, settings) {
        Ok(bitbucket) => bitbucket,
        Err(cause) => return vec![cause.to_string()],
    };
    let told = log_in(&bitbucket, &with_groups()).await;
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
        ("clientID", json!({"clientID": "other"})),
        ("clientSecret", json!({"clientSecret": "other"})),
        (
            "redirectURI",
            json!({"redirectURI": "https://other.test/cb"}),
        ),
        ("teams", json!({"teams": ["acme"]})),
        (
            "getWorkspacePermissions",
            json!({"getWorkspacePermissions": true}),
        ),
    ];
    let told: BTreeSet<_> = rows.iter().map(|(path, ..)| (*path).to_owned()).collect();
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
