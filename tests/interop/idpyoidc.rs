//! The relying party of the PyPI package idpyoidc, which wants secrets of 16 characters or more.

use insula_tests::scripts::{describe, python, run};
use insula_tests::{RelyingParty, program};

use crate::{SOMEBODY, both_dialects};

const CLIENT: &str = "{ id: web, name: Web, secret: secret-of-the-web-client, redirectURIs: [\"http://web.localhost:7001/callback\"] }";

async fn logs_in_at(tenant: &str) {
    let Some(clients) = program("INSULA_TEST_CLIENTS") else {
        return;
    };
    let deployment = both_dialects(CLIENT);
    let _process = deployment.open().await;
    let issuer = format!("http://127.0.0.1:{}/{tenant}", deployment.port);
    let party = RelyingParty::new(
        &issuer,
        "web",
        "secret-of-the-web-client",
        "http://web.localhost:7001/callback",
    )
    .with_scope("openid profile email groups offline_access");
    let mut command = python(&clients, "idpyoidc_client.py");
    describe(&mut command, &party, &SOMEBODY);
    let told = run(command).await;
    assert_eq!(told["issuer"], issuer, "{told:#}");
    for claims in [
        "claims",
        "userinfo",
        "refreshed_claims",
        "refreshed_userinfo",
    ] {
        assert_eq!(told[claims]["email"], "kilgore@kilgore.trout", "{told:#}");
        assert_eq!(told[claims]["sub"], told["claims"]["sub"], "{told:#}");
    }
    assert_eq!(told["userinfo"]["groups"][0], "authors", "{told:#}");
    assert_eq!(told["rotated"], true, "{told:#}");
    let named = (tenant == "ours").then_some(issuer);
    assert_eq!(told["iss_in_response"].as_str(), named.as_deref());
}

#[tokio::test]
async fn idpyoidc_logs_in_and_refreshes_at_a_tenant_of_ours() {
    logs_in_at("ours").await;
}

#[tokio::test]
async fn idpyoidc_logs_in_and_refreshes_at_a_tenant_of_dex() {
    logs_in_at("dex").await;
}
