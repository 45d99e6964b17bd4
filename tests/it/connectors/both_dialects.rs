//! Tenants of both dialects whose people log in at one upstream.

use insula_tests::{Agent, Deployment, DeploymentBuilder, Person, RelyingParty};
use serde_json::Value;

use super::vendor::{CLIENT, SECRET};

/// A tenant of each dialect whose people log in at the connector `up`, of this kind and with these
/// settings more, in YAML's flow style.
pub(super) fn deployment(kind: &str, more: &str) -> Deployment {
    building(kind, more).done()
}

/// The same, to which more can be added.
pub(super) fn building(kind: &str, more: &str) -> DeploymentBuilder {
    let tenant = |tenant: &str, callback: &str, head: &str| {
        let issuer = format!("http://{tenant}.localhost:PORT");
        format!(
            "{head}issuer: {issuer}
connectors:
  - type: mockCallback
    id: mock
    name: Mock
  - type: {kind}
    id: up
    name: Up
    config: {{ clientID: {CLIENT}, clientSecret: {SECRET}, redirectURI: \"{issuer}{callback}\", {more} }}
oauth2: {{ skipApprovalScreen: true }}
staticClients:
  - {{ id: app, name: App, secret: s, redirectURIs: [https://app.example/cb] }}
"
        )
    };
    let of_dex = "# dex\nstorage: { type: memory }\n";
    Deployment::build()
        .tenant("ours", &tenant("ours", "/callback/up", ""))
        .tenant("dexs", &tenant("dexs", "/callback", of_dex))
}

/// An app of a tenant.
pub(super) fn app(deployment: &Deployment, tenant: &str) -> RelyingParty {
    let issuer = format!("http://{tenant}.localhost:{}", deployment.port);
    let app = RelyingParty::new(&issuer, "app", "s", "https://app.example/cb");
    let app = app.with_scope("openid profile email groups offline_access");
    if tenant == "dexs" {
        app.of_dex().without_pkce()
    } else {
        app
    }
}

/// Chooses `up` on the login page of each tenant, logs in, and refreshes: what the last ID token of each
/// says.
async fn logged_in(deployment: &Deployment) -> Vec<Value> {
    let mut told = Vec::new();
    for tenant in ["ours", "dexs"] {
        let app = app(deployment, tenant);
        let tokens = app.log_in(&Agent::new(), &Person::at("up")).await;
        let refresh_token = tokens.refresh_token.as_deref().unwrap();
        let again = app.refresh(refresh_token, &[]).await.expect(200);
        let again = app.read(&again).await;
        let (first, again) = (&tokens.id().claims, &again.id().claims);
        for claim in ["sub", "name", "groups"] {
            assert_eq!(first[claim], again[claim], "{tenant}: {claim}");
        }
        told.push(again.clone());
    }
    told
}

/// Fails unless both tenants were told this of the person.
pub(super) async fn tells(deployment: &Deployment, expected: &Value) {
    let process = deployment.open().await;
    for told in logged_in(deployment).await {
        for (claim, value) in expected.as_object().unwrap() {
            assert_eq!(&told[claim], value, "{claim} in {told}");
        }
    }
    process.terminate().await;
}
