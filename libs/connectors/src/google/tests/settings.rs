use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use insula_connector_kit::Connector;
use serde_json::{Value, json};

use super::super::check;
use super::super::settings::SETTINGS;
use super::{
    a_google, config, form, key_file, log_in_as, merged, open, with_directory, with_groups,
};
use crate::settings::paths;
use crate::testing::{FakeUpstream, a_login, a_spec, an_issuer, asked};

fn problems(more: &Value) -> String {
    check(&a_spec("google", config(more)), &an_issuer()).join("; ")
}

#[tokio::test]
async fn what_cannot_work_is_told_when_it_is_read_without_what_is_secret() {
    let fake = FakeUpstream::new().await;
    let key = |more: Value| merged(key_file(&fake), &more).to_string();
    let admins = json!({"*": "admin@acme.test"});
    assert_eq!(problems(&json!({})), "");
    assert_eq!(problems(&with_directory(&fake, &json!({}))), "");
    let file = |text: String| json!({"serviceAccountFilePath": text, "domainToAdminEmail": admins});
    for (settings, says) in [
        (json!({"clientID": ""}), "clientID is missing"),
        (json!({"clientSecret": ""}), "clientSecret is missing"),
        (
            json!({"redirectURI": "https://other.test/cb"}),
            "redirectURI is",
        ),
        (
            json!({"domainToAdminEmail": admins}),
            "serviceAccountFilePath is missing",
        ),
        (
            json!({"adminEmail": "admin@acme.test"}),
            "serviceAccountFilePath is missing",
        ),
        (
            json!({"serviceAccountFilePath": key(json!({}))}),
            "domainToAdminEmail is missing",
        ),
        (
            json!({"serviceAccountFilePath": key(json!({})), "domainToAdminEmail": {"*": "admin"}}),
            "by their mail address",
        ),
        (
            json!({"domainToAdminEmail": ["admin@acme.test"]}),
            "domainToAdminEmail must be a group of names",
        ),
        (
            json!({"groups": ["staff@acme.test"]}),
            "groups are required",
        ),
        (
            file("/etc/google.json".to_owned()),
            "neither the path of a file",
        ),
        (
            file(key(json!({"type": "external_account"}))),
            "its \"type\" is another one",
        ),
        (
            file(key(json!({"client_email": null}))),
            "holds no \"client_email\"",
        ),
        (
            file(key(json!({"private_key_id": null}))),
            "holds no \"private_key_id\"",
        ),
        (
            file(key(json!({"private_key": "hunter2"}))),
            "is no PEM of a private key",
        ),
        (
            file(key(
                json!({"private_key": "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n"}),
            )),
            "is no RSA key",
        ),
        (
            file(key(json!({"token_uri": "oauth2.test/token"}))),
            "holds no \"token_uri\"",
        ),
    ] {
        let told = problems(&settings);
        assert!(told.contains(says), "{says} is not in {told}");
        assert!(
            !told.contains("hunter2") && !told.contains("BEGIN"),
            "{told}"
        );
    }
}

/// All that can be seen of a login, and what is said of the settings.
async fn seen(settings: impl Fn(&FakeUpstream) -> Value) -> Vec<String> {
    let fake = a_google().await;
    let settings = settings(&fake);
    let mut seen = vec![problems(&settings)];
    let google = match open(&fake, &settings) {
        Ok(google) => google,
        Err(cause) => return vec![cause.to_string()],
    };
    let offline = insula_connector_kit::LoginContext {
        offline_access: true,
        ..a_login()
    };
    seen.push(format!("{:?}", google.begin(&offline).await.is_ok()));
    if google.begin(&offline).await.is_ok() {
        let mut asked: Vec<_> = asked(&google, &offline).await.into_iter().collect();
        asked.retain(|(name, _)| !matches!(name.as_str(), "nonce" | "code_challenge"));
        asked.sort();
        seen.push(format!("{asked:?}"));
    }
    let told = log_in_as(&google, &fake, &with_groups(), &json!({})).await;
    let told = told.map(|told| serde_json::to_string(&told.claims).unwrap());
    seen.push(format!("{told:?}"));
    for call in fake.server.received_requests().await.unwrap() {
        let at = call.url.path();
        let mut sent = form(&call);
        sent.remove("code_verifier");
        // Signed, it is told by whom it speaks for.
        let payload = sent.remove("assertion").map(|jwt| {
            let payload = jwt.split('.').nth(1).unwrap().to_owned();
            let claims = BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap();
            let claims: Value = serde_json::from_slice(&claims).unwrap();
            claims["sub"].clone()
        });
        let sent: std::collections::BTreeMap<_, _> = sent.into_iter().collect();
        let query = call.url.query().unwrap_or_default();
        let secret = call.headers.get("authorization");
        seen.push(format!("{at} {query} {secret:?} {sent:?} {payload:?}"));
    }
    let host = fake.server.uri();
    seen.into_iter()
        .map(|line| line.replace(&host, "GOOGLE"))
        .collect()
}

#[tokio::test]
async fn every_setting_changes_something() {
    let rows = [
        ("clientID", json!({}), json!({"clientID": "other"})),
        ("clientSecret", json!({}), json!({"clientSecret": "other"})),
        (
            "redirectURI",
            json!({}),
            json!({"redirectURI": "https://other.test/cb"}),
        ),
        ("scopes", json!({}), json!({"scopes": ["email"]})),
        (
            "promptType",
            json!({}),
            json!({"promptType": "select_account"}),
        ),
        (
            "hostedDomains",
            json!({}),
            json!({"hostedDomains": ["acme.test"]}),
        ),
        ("groups", json!({}), json!({"groups": ["staff@acme.test"]})),
        (
            "serviceAccountFilePath",
            json!({}),
            json!({"serviceAccountFilePath": null}),
        ),
        (
            "domainToAdminEmail",
            json!({}),
            json!({"domainToAdminEmail": {"acme.test": "root@acme.test"}}),
        ),
        (
            "adminEmail",
            json!({"domainToAdminEmail": null, "adminEmail": "one@acme.test"}),
            json!({"domainToAdminEmail": null, "adminEmail": "two@acme.test"}),
        ),
        (
            "fetchTransitiveGroupMembership",
            json!({}),
            json!({"fetchTransitiveGroupMembership": true}),
        ),
    ];
    let told: BTreeSet<_> = rows.iter().map(|(path, ..)| (*path).to_owned()).collect();
    assert_eq!(
        told,
        paths(SETTINGS),
        "every setting is in the table, and no other"
    );
    for (path, without, with) in rows {
        let settings = |more: &Value| {
            let more = more.clone();
            move |fake: &FakeUpstream| with_directory(fake, &more)
        };
        let before = seen(settings(&without)).await;
        assert_eq!(
            before,
            seen(settings(&without)).await,
            "{path}: one login is as another"
        );
        assert_ne!(
            before,
            seen(settings(&with)).await,
            "{path} changes nothing"
        );
    }
}

#[test]
fn an_outdated_administrator_is_told_and_one_who_reads_nothing() {
    let remarks = |config: Value| {
        super::super::settings::Settings::read(&config)
            .settings
            .remarks()
    };
    assert!(remarks(json!({"adminEmail": "a@acme.test"}))[0].starts_with("adminEmail is outdated"));
    let idle = remarks(json!({"fetchTransitiveGroupMembership": true}));
    assert!(idle[0].starts_with("fetchTransitiveGroupMembership is without effect"));
    assert!(remarks(json!({})).is_empty());
}
