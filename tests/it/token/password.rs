//! The password grant (RFC 6749 §4.3).

use insula_tests::{ClientAuth, Deployment, Process, RelyingParty};
use serde_json::Value;

use crate::shared_server;

const ACME: &str = r#"
issuer: http://acme.localhost:PORT
connectors: [{ type: mockPassword, id: directory, name: Directory, config: { username: kilgore, password: trout } }]
oauth2: { grantTypes: [authorization_code, refresh_token, password], passwordConnector: directory }
staticClients:
  - { id: app, secret: app-secret, redirectURIs: ["https://app.example/cb"], grantTypes: [password, refresh_token] }
  - { id: web, secret: web-secret, redirectURIs: ["https://web.example/cb"] }
  - { id: phone, public: true, redirectURIs: ["https://phone.example/cb"], grantTypes: [password] }
limits: { passwordFailures: 3/h, passwordFailuresPerAddress: 5/h }
"#;

const SILENT: &str = r#"
issuer: http://silent.localhost:PORT
connectors: [{ type: mockPassword, id: directory, name: Directory, config: { username: kilgore, password: trout } }]
staticClients:
  - { id: app, secret: app-secret, redirectURIs: ["https://app.example/cb"] }
"#;

const GLOBEX: &str = r#"# dex
issuer: http://globex.localhost:PORT
storage: { type: memory }
connectors:
- type: mockPassword
  id: directory
  name: Directory
  config: { username: kilgore, password: trout }
oauth2: { passwordConnector: directory }
staticClients:
  - { name: App, id: app, secret: app-secret, redirectURIs: ["https://app.example/cb"] }
"#;

const UMBRELLA: &str = r#"# dex
issuer: http://umbrella.localhost:PORT
storage: { type: memory }
connectors:
- { type: mockCallback, id: mock, name: Mock }
oauth2: { passwordConnector: mock }
staticClients:
  - { name: App, id: app, secret: app-secret, redirectURIs: ["https://app.example/cb"] }
"#;

async fn opened() -> (Deployment, Process) {
    let deployment = Deployment::build()
        .tenant("acme", ACME)
        .tenant("silent", SILENT)
        .tenant("globex", GLOBEX)
        .tenant("umbrella", UMBRELLA)
        .database("sqlite://insula.db")
        .done();
    let process = deployment.open().await;
    (deployment, process)
}

fn party(deployment: &Deployment, tenant: &str, client: &str) -> RelyingParty {
    let issuer = shared_server::issuer(deployment.port, tenant);
    let secret = format!("{client}-secret");
    let party = RelyingParty::new(&issuer, client, &secret, "https://app.example/cb");
    if matches!(tenant, "globex" | "umbrella") {
        party.of_dex().without_pkce()
    } else {
        party
    }
}

fn form<'a>(name: &'a str, password: &'a str, scope: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "password"),
        ("username", name),
        ("password", password),
        ("scope", scope),
        ("nonce", "n1"),
    ]
}

#[tokio::test]
async fn a_name_and_a_password_are_exchanged_for_tokens_in_both_dialects() {
    let (deployment, _process) = opened().await;
    for tenant in ["acme", "globex"] {
        let app = party(&deployment, tenant, "app");
        let kilgore = form("kilgore", "trout", "openid email offline_access");
        let answer = app.post("/token", &kilgore).await.expect(200);
        let tokens = app.read(&answer).await;
        assert_eq!(tokens.claim("email"), "kilgore@kilgore.trout", "{tenant}");
        assert_eq!(tokens.claim("nonce"), "n1");
        assert_eq!(tokens.claim("c_hash"), &Value::Null);
        assert_eq!(tokens.claim("sid"), &Value::Null);
        let answer = app.refresh(tokens.refresh(), &[]).await.expect(200);
        let refreshed = app.read(&answer).await;
        assert_eq!(refreshed.claim("sub"), tokens.claim("sub"));
        let without = form("kilgore", "trout", "openid");
        let answer = app.post("/token", &without).await.expect(200);
        assert_eq!(answer.json()["refresh_token"], Value::Null, "{tenant}");
        let listed = app
            .http
            .get(app.at("/.well-known/openid-configuration"))
            .await;
        let grants = listed.json()["grant_types_supported"].to_string();
        assert!(grants.contains("\"password\""), "{tenant}: {grants}");
    }
    let output = deployment.run_with("events", &["acme"]).await;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        lines.contains("\"logged_in\"") && !lines.contains("trout\""),
        "{lines}"
    );
}

#[tokio::test]
async fn passwords_are_taken_only_where_tenant_and_client_both_say_so() {
    let (deployment, _process) = opened().await;
    let kilgore = form("kilgore", "trout", "openid");
    let web = party(&deployment, "acme", "web");
    let answer = web.post("/token", &kilgore).await.expect(400);
    assert_eq!(answer.error(), "unauthorized_client");
    let silent = party(&deployment, "silent", "app");
    let answer = silent.post("/token", &kilgore).await.expect(400);
    assert_eq!(answer.error(), "unsupported_grant_type");
    let listed = silent
        .http
        .get(silent.at("/.well-known/openid-configuration"))
        .await;
    let grants = listed.json()["grant_types_supported"].to_string();
    assert!(!grants.contains("password"), "{grants}");
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_too_many_make_the_name_rest() {
    let (deployment, _process) = opened().await;
    let app = party(&deployment, "acme", "app");
    for (name, password) in [("kilgore", "salmon"), ("nobody", "trout")] {
        let answer = app.post("/token", &form(name, password, "openid")).await;
        assert_eq!(answer.expect(400).error(), "invalid_grant", "RFC 6749 §5.2");
    }
    for missing in [form("", "trout", "openid"), form("kilgore", "", "openid")] {
        let answer = app.post("/token", &missing).await.expect(400);
        assert_eq!(answer.error(), "invalid_request");
    }
    for _ in 0..2 {
        app.post("/token", &form("kilgore", "salmon", "openid"))
            .await
            .expect(400);
    }
    // The right one does not help now either, or guessing could go on.
    for password in ["salmon", "trout"] {
        let answer = app
            .post("/token", &form("kilgore", password, "openid"))
            .await;
        let answer = answer.expect(429);
        assert!(!answer.header("retry-after").is_empty());
    }
}

#[tokio::test]
async fn wrong_passwords_at_the_form_of_an_app_do_not_hold_up_its_other_people() {
    let (deployment, process) = opened().await;
    let app = party(&deployment, "acme", "app");
    // They all come from the server of the app, whoever typed them there.
    for n in 0..8 {
        let name = format!("nobody{n}");
        let wrong = form(&name, "salmon", "openid");
        app.post("/token", &wrong).await.expect(400);
    }
    let kilgore = form("kilgore", "trout", "openid");
    app.post("/token", &kilgore).await.expect(200);
    // Who proves nothing about the client is counted by address, as at our own form.
    let phone = party(&deployment, "acme", "phone").with_auth(ClientAuth::None);
    for n in 0..5 {
        let name = format!("nobody{n}");
        let wrong = form(&name, "salmon", "openid");
        phone.post("/token", &wrong).await.expect(400);
    }
    let waits = phone.post("/token", &kilgore).await.expect(429);
    assert!(!waits.header("retry-after").is_empty());
    let metrics = process.metrics().await;
    let told = metrics.sum("insula_throttled_total", &["what=\"programs\""]);
    assert!(told >= 1.0, "{told}");
}

#[tokio::test]
async fn dexs_refusals_of_passwords_are_dexs_to_the_letter() {
    let (deployment, _process) = opened().await;
    let app = party(&deployment, "globex", "app");
    let peer = "openid audience:server:client_id:other";
    for (name, password, scope, status, error, text) in [
        (
            "kilgore",
            "salmon",
            "openid",
            401,
            "access_denied",
            "Invalid username or password",
        ),
        (
            "",
            "",
            "openid",
            401,
            "access_denied",
            "Invalid username or password",
        ),
        (
            "kilgore",
            "trout",
            "email",
            400,
            "invalid_request",
            "Missing required scope(s) [\"openid\"].",
        ),
        (
            "kilgore",
            "trout",
            "openid magic",
            400,
            "invalid_request",
            "Unrecognized scope(s) [\"magic\"]",
        ),
        (
            "kilgore",
            "trout",
            peer,
            400,
            "invalid_request",
            "Client can't request scope(s) [\"audience:server:client_id:other\"]",
        ),
    ] {
        let answer = app.post("/token", &form(name, password, scope)).await;
        let answer = answer.expect(status);
        assert_eq!(answer.error(), error);
        assert_eq!(answer.json()["error_description"], text);
    }
    let app = party(&deployment, "umbrella", "app");
    let answer = app
        .post("/token", &form("kilgore", "trout", "openid"))
        .await
        .expect(400);
    assert_eq!(answer.error(), "invalid_request");
    let text = "Requested password connector does not correct type.";
    assert_eq!(answer.json()["error_description"], text);
}
