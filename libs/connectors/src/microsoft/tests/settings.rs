//! Every setting changes what Microsoft is asked, or what comes of its answers; or it is said to have no
//! effect.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::super::settings::{SETTINGS, Settings};
use super::*;
use crate::settings::paths;
use crate::testing::an_issuer;

/// The settings around one, and itself.
fn rows(elsewhere: &FakeUpstream) -> Vec<(&'static str, Value, Value)> {
    let none = || json!({});
    vec![
        ("clientID", none(), json!({"clientID": "other"})),
        ("clientSecret", none(), json!({"clientSecret": "other"})),
        (
            "redirectURI",
            none(),
            json!({"redirectURI": "https://other.test/cb"}),
        ),
        ("tenant", none(), json!({"tenant": "common"})),
        (
            "onlySecurityGroups",
            none(),
            json!({"onlySecurityGroups": true}),
        ),
        ("groups", none(), json!({"groups": ["Owners"]})),
        ("groupNameFormat", none(), json!({"groupNameFormat": "id"})),
        (
            "useGroupsAsWhitelist",
            json!({"groups": ["Staff"]}),
            json!({"useGroupsAsWhitelist": true}),
        ),
        (
            "emailToLowercase",
            none(),
            json!({"emailToLowercase": true}),
        ),
        ("apiURL", none(), json!({"apiURL": elsewhere.server.uri()})),
        (
            "graphURL",
            none(),
            json!({"graphURL": elsewhere.server.uri()}),
        ),
        ("promptType", none(), json!({"promptType": "consent"})),
        ("domainHint", none(), json!({"domainHint": "contoso.com"})),
        (
            "scopes",
            none(),
            json!({"scopes": ["user.read", "mail.read"]}),
        ),
        (
            "preferredUsernameField",
            none(),
            json!({"preferredUsernameField": "mailNickname"}),
        ),
        (
            "clientAssertion",
            json!({"clientSecret": null}),
            json!({"clientAssertion": "eyJh.eyJp.c2ln"}),
        ),
        (
            "batchGroupLookups",
            none(),
            json!({"batchGroupLookups": true}),
        ),
    ]
}

/// All that can be seen of a login; chance is the same every time.
async fn seen(more: &Value) -> String {
    let fake = a_microsoft().await;
    let Ok(microsoft) = open_by(Rules::STANDARD, &fake, more) else {
        return "is not opened".to_owned();
    };
    let ctx = wanting_groups();
    let sent = microsoft.begin(&ctx).await;
    let mut all = format!("{sent:?}\n");
    match log_in(&microsoft, &ctx).await {
        Ok(who) => all.push_str(&json!(who.claims).to_string()),
        Err(cause) => all.push_str(&cause.to_string()),
    }
    for call in fake.server.received_requests().await.unwrap() {
        let body = String::from_utf8_lossy(&call.body);
        let _ = write!(all, "\n{} {body}", call.url.path());
    }
    all.replace(&fake.server.uri(), "https://fake")
}

#[tokio::test]
async fn every_setting_changes_something_or_is_said_not_to() {
    let elsewhere = FakeUpstream::new().await;
    let mut names = BTreeSet::new();
    for (name, around, with) in rows(&elsewhere) {
        names.insert(name.to_owned());
        let (without, with) = (around.clone(), merged(around, &with));
        let ignored = Settings::read(&with).settings.ignored();
        if let [ignored] = ignored[..] {
            assert!(ignored.starts_with(name), "{ignored}");
            continue;
        }
        assert_ne!(
            seen(&without).await,
            seen(&with).await,
            "{name} changes nothing"
        );
    }
    assert_eq!(names, paths(SETTINGS));
    assert_eq!(seen(&json!({})).await, seen(&json!({})).await);
}

#[tokio::test]
async fn each_field_can_be_the_preferred_user_name() {
    for (field, expected) in [
        ("name", "Adele Vance"),
        ("email", "Adele.Vance@contoso.com"),
        ("mailNickname", "AdeleV"),
        ("onPremisesSamAccountName", "adelev"),
    ] {
        let fake = a_microsoft().await;
        let microsoft = open(&fake, &json!({ "preferredUsernameField": field }));
        let who = log_in(&microsoft, &a_login()).await.unwrap().claims;
        assert_eq!(who.preferred_username, expected);
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_told_at_once() {
    let fake = a_microsoft().await;
    let wrong = json!({"clientID": "", "clientSecret": null, "tenant": "a/b", "apiURL": "login",
        "graphURL": "ftp://graph.test", "groupNameFormat": "mail", "preferredUsernameField": "id",
        "emailToLowerCases": true, "redirectURI": "https://other.test/cb"});
    let spec = a_spec("microsoft", config(&fake, &wrong));
    let all = super::super::check(&spec, &an_issuer()).join("\n");
    for part in [
        "clientID is missing",
        "clientSecret is missing",
        "tenant must be",
        "apiURL must be an address",
        "graphURL must be an address",
        "groupNameFormat must be name or id",
        "preferredUsernameField must be",
        "did you mean emailToLowercase?",
        "https://other.test/cb",
    ] {
        assert!(all.contains(part), "{part} is not in:\n{all}");
    }
    let path = json!({"clientAssertion": "/run/secrets/no-token"});
    let spec = a_spec("microsoft", config(&fake, &path));
    let all = super::super::check(&spec, &an_issuer()).join("\n");
    assert!(all.contains("clientAssertion is neither the path"), "{all}");
}

#[tokio::test]
async fn a_signed_assertion_stands_in_place_of_the_secret_at_logins_and_refreshes() {
    let fake = a_microsoft().await;
    give(&fake, &json!({"refresh_token": "0.AXrt"})).await;
    let with = json!({"clientAssertion": " eyJh.eyJp.c2ln\n"});
    let microsoft = open(&fake, &with);
    let known = log_in(&microsoft, &a_login()).await.unwrap();
    // Microsoft takes the token of the login no more, and it is renewed.
    let refused = ResponseTemplate::new(401);
    wiremock::Mock::given(wiremock::matchers::path(ME))
        .respond_with(refused)
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&fake.server)
        .await;
    microsoft.refresh(&a_login(), &known).await.unwrap();
    let calls = fake.calls(TOKEN).await;
    assert_eq!(calls.len(), 2);
    for call in calls {
        let sent = form(&call);
        assert_eq!(
            sent["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        assert_eq!(sent["client_assertion"], "eyJh.eyJp.c2ln");
        assert_eq!(sent["client_id"], "us");
        assert!(!sent.contains_key("client_secret"));
        assert!(!call.headers.contains_key("authorization"));
    }
    let ignored = Settings::read(&config(&fake, &with)).settings.ignored();
    assert!(ignored[0].starts_with("clientSecret"), "{ignored:?}");
    let alone = merged(with, &json!({"clientSecret": null}));
    let spec = a_spec("microsoft", config(&fake, &alone));
    assert_eq!(
        super::super::check(&spec, &an_issuer()),
        Vec::<String>::new()
    );
}
