use insula_tests::{Agent, Deployment, Person, RelyingParty};

use crate::shared_server::issuer;

const OURS: &str = r#"
issuer: http://acme.localhost:PORT
connectors: [{ type: authproxy, id: proxy, name: Intranet, config: {} }]
staticClients:
  - { id: app, secret: app-secret, redirectURIs: ["https://app.example/callback"] }
"#;

const DEXS: &str = r#"# dex
issuer: http://globex.localhost:PORT
storage: { type: memory }
oauth2: { skipApprovalScreen: true }
connectors: [{ type: authproxy, id: proxy, name: Intranet, config: {} }]
staticClients:
  - { id: app, name: App, secret: app-secret, redirectURIs: ["https://app.example/callback"] }
"#;

/// Somebody who is no proxy, and writes what a proxy would.
fn forger() -> Agent {
    Agent::new().with_header("x-remote-user", "admin")
}

#[tokio::test]
async fn who_is_no_trusted_proxy_is_not_believed_and_the_page_says_what_helps() {
    let deployment = Deployment::build().tenant("acme", OURS).done();
    let _process = deployment.open().await;
    let issuer = issuer(deployment.port, "acme");
    let app = RelyingParty::new(&issuer, "app", "app-secret", "https://app.example/callback");
    let forger = forger();
    let at_callback = forger.get(app.begin().url).await.expect(303).location();
    let told = forger.get(&at_callback).await.expect(400).words();
    assert!(
        told.contains("the header X-Remote-User is missing"),
        "{told}"
    );
    assert!(told.contains("trustedProxies"), "{told}");
}

#[tokio::test]
async fn dexs_dialect_believes_the_header_of_anybody_as_dex_does() {
    let deployment = Deployment::build().tenant("globex", DEXS).done();
    let _process = deployment.open().await;
    let issuer = issuer(deployment.port, "globex");
    let app = RelyingParty::new(&issuer, "app", "app-secret", "https://app.example/callback");
    let app = app.of_dex().without_pkce();
    let tokens = app.log_in(&forger(), &Person::at("proxy")).await;
    assert_eq!(*tokens.claim("name"), "admin");
}
