use std::collections::BTreeSet;

use insula_connector_kit::{Connector, ConnectorError};
use insula_model::Issuer;
use serde_json::{Value, json};

use super::super::settings::SETTINGS;
use super::super::{Settings, Site, check};
use super::{a_github, config, open, with_groups};
use crate::settings::paths;
use crate::testing::{a_spec, log_in};

fn problems(more: &Value) -> String {
    let issuer = Issuer::parse("https://acme.test").unwrap();
    check(&a_spec("github", config(more)), &issuer).join("; ")
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
        (
            json!({"org": "a", "orgs": [{"name": "b"}]}),
            "org stands beside orgs",
        ),
        (
            json!({"orgs": [{"teams": ["t"]}]}),
            "orgs holds one without a name",
        ),
        (
            json!({"hostName": "https://git.test"}),
            "hostName must be a host alone",
        ),
        (json!({"rootCA": "x"}), "rootCA needs hostName"),
        (json!({"teamNameField": "id"}), "teamNameField must be"),
        (
            json!({"preferredEmailDomain": "acme.*"}),
            "may not end with *",
        ),
    ] {
        let told = problems(&settings);
        assert!(told.contains(says), "{says} is not in {told}");
    }
}

#[test]
fn an_enterprise_server_has_its_pages_and_its_api_at_its_host() {
    let at = |host: &str| {
        let settings = Settings::read(&json!({ "hostName": host })).settings;
        let site = Site::of(&settings).unwrap();
        (
            site.pages.to_string(),
            site.api.to_string(),
            site.is_enterprise,
        )
    };
    assert_eq!(
        at(""),
        (
            "https://github.com/".into(),
            "https://api.github.com/".into(),
            false
        )
    );
    let git = (
        "https://git.test/".to_owned(),
        "https://git.test/api/v3/".to_owned(),
        true,
    );
    assert_eq!(at("git.test"), git);
}

/// All that can be seen of a login.
async fn seen(settings: &Value) -> Vec<String> {
    let fake = a_github().await;
    let github = match open(&fake, settings) {
        Ok(github) => github,
        Err(cause) => return vec![cause.to_string()],
    };
    let mut seen = vec![format!("{:?}", github.begin(&with_groups()).await.is_ok())];
    let told = log_in(&github, &with_groups()).await;
    let told: Result<_, ConnectorError> =
        told.map(|told| serde_json::to_string(&told.claims).unwrap());
    seen.push(format!("{told:?}"));
    for call in fake.server.received_requests().await.unwrap() {
        let secret = call.headers.get("authorization");
        let path = call.url.path();
        let redirect = super::form(&call).get("redirect_uri").cloned();
        seen.push(format!("{path} {secret:?} {redirect:?}"));
    }
    seen
}

#[tokio::test]
async fn every_setting_changes_something() {
    let teams = json!({"orgs": [{"name": "acme"}]});
    let none = || json!({});
    let rows = [
        ("clientID", none(), json!({"clientID": "other"})),
        ("clientSecret", none(), json!({"clientSecret": "other"})),
        (
            "redirectURI",
            none(),
            json!({"redirectURI": "https://other.test/cb"}),
        ),
        ("org", none(), json!({"org": "acme"})),
        ("orgs.name", none(), teams.clone()),
        (
            "orgs.teams",
            teams.clone(),
            json!({"orgs": [{"name": "acme", "teams": ["Owners"]}]}),
        ),
        ("hostName", none(), json!({"hostName": "git.test/"})),
        (
            "rootCA",
            json!({"hostName": "git.test"}),
            json!({"hostName": "git.test", "rootCA": "x"}),
        ),
        (
            "teamNameField",
            teams.clone(),
            json!({"orgs": [{"name": "acme"}], "teamNameField": "slug"}),
        ),
        ("loadAllGroups", none(), json!({"loadAllGroups": true})),
        ("useLoginAsID", none(), json!({"useLoginAsID": true})),
        (
            "preferredEmailDomain",
            none(),
            json!({"preferredEmailDomain": "eng.acme.test"}),
        ),
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
