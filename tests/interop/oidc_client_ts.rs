//! A single-page app of the npm package oidc-client-ts, at an origin of its own, in Chromium.

use insula_tests::scripts::{describe, node, run};
use insula_tests::{RelyingParty, free_port, program};
use serde_json::Value;

use crate::{SOMEBODY, both_dialects_with};

/// What the app is told, and what its scripts asked of the tenant.
async fn lives_at(tenant: &str) -> Option<(Value, Vec<String>)> {
    let clients = program("INSULA_TEST_CLIENTS")?;
    let chromium = program("INSULA_TEST_CHROMIUM")?;
    let origin = format!("http://app.localhost:{}", free_port());
    let back_at = format!("{origin}/callback");
    let client = format!("id: app, name: App, public: true, redirectURIs: [\"{back_at}\"]");
    let deployment = both_dialects_with(
        &format!("{{ {client}, postLogoutRedirectURIs: [\"{origin}/\"] }}"),
        &format!("{{ {client} }}"),
        &format!("web: {{ http: 127.0.0.1:PORT, allowedOrigins: [\"{origin}\"] }}"),
    );
    let _process = deployment.open().await;
    let issuer = format!("http://127.0.0.1:{}/{tenant}", deployment.port);
    let party = RelyingParty::new(&issuer, "app", "", &back_at)
        .with_scope("openid profile email offline_access");
    let mut command = node(&clients, "single_page_app.mjs");
    describe(&mut command, &party, &SOMEBODY);
    command.env("INSULA_TEST_CHROMIUM", chromium);
    let told = run(command).await;
    assert_eq!(told["profile"]["iss"], issuer, "{told:#}");
    for profile in ["profile", "renewed"] {
        assert_eq!(told[profile]["email"], "kilgore@kilgore.trout", "{told:#}");
    }
    assert_eq!(told["rotated"], true, "{told:#}");
    let asked = told["asked"].as_array().unwrap().iter();
    let asked = asked.map(|line| line.as_str().unwrap().replace(&format!("/{tenant}"), ""));
    let asked = asked.collect();
    Some((told, asked))
}

#[tokio::test]
async fn an_app_of_another_origin_logs_in_refreshes_and_logs_out_at_a_tenant_of_ours() {
    let Some((told, asked)) = lives_at("ours").await else {
        return;
    };
    assert_eq!(told["logged_out"], true, "{told:#}");
    let life = [
        "POST /token 200",
        "GET /userinfo 200",
        "POST /token 200",
        "GET /userinfo 200",
        "POST /revoke 200",
        "POST /revoke 200",
    ];
    assert!(asked.ends_with(&life.map(str::to_owned)), "{told:#}");
    assert_eq!(asked[0], "GET /.well-known/openid-configuration 200");
}

#[tokio::test]
async fn an_app_of_an_allowed_origin_logs_in_and_refreshes_at_a_tenant_of_dex() {
    let Some((told, asked)) = lives_at("dex").await else {
        return;
    };
    let life = [
        "POST /token 200",
        "GET /userinfo 200",
        "POST /token 200",
        "GET /userinfo 200",
    ];
    assert!(asked.ends_with(&life.map(str::to_owned)), "{told:#}");
    assert_eq!(asked[0], "GET /.well-known/openid-configuration 200");
}
