//! People of a directory who are logged in to their machine: a realm of MIT Kerberos, OpenLDAP's own
//! server, and curl as the browser.

mod realm;
mod refusals;

use std::fs;

use insula_tests::scripts::{node, run};
use insula_tests::{Back, Deployment, Login, RelyingParty, program};
use url::Url;

use self::realm::{Curl, Heard, Realm};
use super::ldap::Directory;
use crate::shared_server;

const ACME: &str = r#"
issuer: http://acme.localhost:PORT
oauth2: { skipApprovalScreen: true }
connectors:
  - type: ldap
    id: directory
    name: Directory
    config:
      host: localhost:LDAP
      insecureNoSSL: true
      bindDN: cn=reader,dc=acme,dc=test
      bindPW: reader-secret
      userSearch: { baseDN: "ou=people,dc=acme,dc=test", username: uid, nameAttr: cn, preferredUsernameAttr: uid }
      groupSearch:
        baseDN: ou=groups,dc=acme,dc=test
        userMatchers: [{ userAttr: DN, groupAttr: member }]
        nameAttr: cn
      kerberos:
        enabled: true
        keytabPath: service.keytab
        fallbackToPassword: true
staticClients:
  - { id: app, secret: app-secret, redirectURIs: ["https://app.example/cb"] }
"#;

/// The same of dex's head.
fn of_dex() -> String {
    let text = ACME.replace(
        "nameAttr: cn, preferred",
        "idAttr: uid, emailAttr: mail, nameAttr: cn, preferred",
    );
    let text = text.replace("- { id: app,", "- { name: App, id: app,");
    format!("# dex\nstorage: {{ type: memory }}{text}")
}

/// A server of one tenant, with the keytab of the service beside its file.
fn deployment(directory: &Directory, realm: &Realm, text: &str) -> Deployment {
    let text = directory.tenant(text);
    let deployment = Deployment::build().tenant("acme", &text).done();
    let keytab = realm.keytab("HTTP/acme.localhost");
    let beside = deployment.tenant_file("acme");
    fs::copy(keytab, beside.with_file_name("service.keytab")).unwrap();
    deployment
}

fn party(deployment: &Deployment, is_dex: bool) -> RelyingParty {
    let issuer = shared_server::issuer(deployment.port, "acme");
    let party = RelyingParty::new(&issuer, "app", "app-secret", "https://app.example/cb")
        .with_scope("openid email profile groups offline_access");
    if is_dex {
        return party.of_dex().without_pkce();
    }
    party
}

/// Goes as far as the page of the directory, without a ticket: its address.
async fn to_the_form(curl: &Curl<'_>, login: &Login) -> String {
    let mut at = Url::parse(&login.url).unwrap();
    for _ in 0..4 {
        let heard = curl.asks(at.as_str(), &[]).await;
        let Some(next) = at
            .join(heard.header("location"))
            .ok()
            .filter(|_| heard.status < 400)
        else {
            panic!("{heard:?}");
        };
        at = next;
        if at.path().ends_with("/login") {
            return at.into();
        }
    }
    panic!("no form is reached from {}", login.url);
}

/// Follows redirects from an answer to the client.
async fn back(curl: &Curl<'_>, mut heard: Heard, from: &str) -> Back {
    let mut at = Url::parse(from).unwrap();
    for _ in 0..4 {
        at = at.join(heard.header("location")).unwrap();
        if at.host_str() == Some("app.example") {
            return Back::of(at, Vec::new());
        }
        heard = curl.asks(at.as_str(), &[]).await;
    }
    panic!("{heard:?}");
}

#[tokio::test]
async fn who_has_a_ticket_logs_in_without_typing_in_both_dialects() {
    let Some(directory) = Directory::start().await else {
        return;
    };
    for (text, is_dex) in [(ACME.to_owned(), false), (of_dex(), true)] {
        let Some(realm) = Realm::start("ACME.TEST").await else {
            return;
        };
        let deployment = deployment(&directory, &realm, &text);
        let process = deployment.open().await;
        let party = party(&deployment, is_dex);
        realm.log_in("jane", "1h");
        let curl = realm.curl();
        let login = party.begin_with(&[("connector_id", "directory")]);
        let form = to_the_form(&curl, &login).await;
        let asked = curl.asks(&form, &[]).await;
        assert_eq!(asked.status, 401, "{asked:?}");
        assert_eq!(asked.header("www-authenticate"), "Negotiate");
        assert!(asked.body.contains("id=\"password\""), "{}", asked.body);

        let heard = curl.negotiates(&form).await;
        assert!((302..=303).contains(&heard.status), "{heard:?}");
        let answer = heard.header("www-authenticate").to_owned();
        assert!(answer.starts_with("Negotiate oY"), "{answer}");
        let back = back(&curl, heard, &form).await;
        let tokens = party.tokens(&login, &back).await;
        assert_eq!(tokens.claim("name"), "Jane Doe");
        assert_eq!(tokens.claim("email"), "jane@acme.test");
        assert_eq!(tokens.claim("groups"), &serde_json::json!(["developers"]));
        if !is_dex {
            assert_eq!(tokens.claim("amr"), &serde_json::json!(["wia"]));
        }
        party.refresh(tokens.refresh(), &[]).await.expect(200);
        process.says("login successful").await;
    }
}

#[tokio::test]
async fn chromium_logs_in_by_a_ticket() {
    let Some(directory) = Directory::start().await else {
        return;
    };
    let (Some(realm), Some(clients)) = (
        Realm::start("ACME.TEST").await,
        program("INSULA_TEST_CLIENTS"),
    ) else {
        return;
    };
    if program("INSULA_TEST_CHROMIUM").is_none() {
        return;
    }
    let deployment = deployment(&directory, &realm, ACME);
    let _process = deployment.open().await;
    let party = party(&deployment, false);
    realm.log_in("jane", "1h");
    let login = party.begin_with(&[("connector_id", "directory")]);
    let profile = tempfile::tempdir().unwrap();
    let mut browser = node(&clients, "ticket.mjs");
    realm.lends_its_tickets(&mut browser);
    browser
        .env("LOGIN_URL", &login.url)
        .env("REDIRECT_URI", &login.redirect_uri)
        .env("PROFILE", profile.path())
        .env("ALLOWED", "acme.localhost");
    let told = run(browser).await;
    let url = Url::parse(told["url"].as_str().unwrap()).unwrap();
    let tokens = party.tokens(&login, &Back::of(url, Vec::new())).await;
    assert_eq!(tokens.claim("name"), "Jane Doe");
}
