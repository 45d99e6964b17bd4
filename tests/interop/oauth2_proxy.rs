use std::process::Command;

use insula_tests::scripts::{node, run};
use insula_tests::{Agent, RelyingParty, free_port, program};

use crate::program::{Program, command, log_in, wait_until_it_listens};
use crate::{SOMEBODY, both_dialects};

fn configure(command: &mut Command, issuer: &str, port: u16, back_at: &str) {
    command
        .args([
            "--provider=oidc",
            "--client-id=proxy",
            "--client-secret=proxy-secret",
        ])
        .arg(format!("--oidc-issuer-url={issuer}"))
        .arg(format!("--http-address=127.0.0.1:{port}"))
        .arg(format!("--redirect-url={back_at}"))
        .args([
            "--upstream=static://202",
            "--email-domain=*",
            "--cookie-secure=false",
        ])
        .args([
            "--code-challenge-method=S256",
            "--skip-provider-button",
            "--skip-jwt-bearer-tokens",
        ])
        .arg("--cookie-secret=0123456789abcdef0123456789abcdef")
        .arg("--insecure-oidc-allow-unverified-email=false");
}

async fn guards_an_app_at(tenant: &str) {
    let Some(mut command) = command("oauth2-proxy") else {
        return;
    };
    let port = free_port();
    let app = format!("http://127.0.0.1:{port}");
    let back_at = format!("{app}/oauth2/callback");
    let client = format!(
        "{{ id: proxy, name: Proxy, secret: proxy-secret, redirectURIs: [\"{back_at}\"] }}"
    );
    let deployment = both_dialects(&client);
    let _process = deployment.open().await;
    let issuer = format!("http://127.0.0.1:{}/{tenant}", deployment.port);
    configure(&mut command, &issuer, port, &back_at);
    let _proxy = Program::start(&mut command);
    wait_until_it_listens(port).await;

    let browser = Agent::new();
    let refused = Agent::new().get(&app).await;
    assert_eq!(refused.status, 302, "{}", refused.body);
    log_in(&browser, &app, &back_at, &SOMEBODY).await;
    let inside = browser.get(&app).await;
    assert_eq!(inside.status, 202, "{}", inside.body);

    // An app in front of it sends the ID token as a bearer token.
    let party = RelyingParty::new(&issuer, "proxy", "proxy-secret", &back_at);
    let party = if tenant == "dex" {
        party.of_dex()
    } else {
        party
    };
    let tokens = party.log_in(&Agent::new(), &SOMEBODY).await;
    let bearer = |token: &str| format!("Bearer {token}");
    let id_token = bearer(&tokens.id_token.unwrap().token);
    let machine = Agent::new().with_header("authorization", &id_token);
    assert_eq!(machine.get(&app).await.status, 202);
}

#[tokio::test]
async fn oauth2_proxy_guards_an_app_with_a_tenant_of_ours() {
    guards_an_app_at("ours").await;
}

#[tokio::test]
async fn oauth2_proxy_guards_an_app_with_a_tenant_of_dex() {
    guards_an_app_at("dex").await;
}

/// The proxy logs people in at one origin for an app at another, so that what a form of ours
/// leads to goes on and on.
async fn leads_a_browser_over_two_origins_at(tenant: &str) {
    let (Some(mut command), Some(clients), Some(chromium)) = (
        command("oauth2-proxy"),
        program("INSULA_TEST_CLIENTS"),
        program("INSULA_TEST_CHROMIUM"),
    ) else {
        return;
    };
    let port = free_port();
    let (proxy, app) = (
        format!("http://login.apps.localhost:{port}"),
        format!("http://wiki.apps.localhost:{port}/"),
    );
    let back_at = format!("{proxy}/oauth2/callback");
    let client = format!(
        "{{ id: proxy, name: Proxy, secret: proxy-secret, redirectURIs: [\"{back_at}\"] }}"
    );
    let deployment = both_dialects(&client);
    let _process = deployment.open().await;
    let issuer = format!("http://127.0.0.1:{}/{tenant}", deployment.port);
    configure(&mut command, &issuer, port, &back_at);
    command
        .arg("--cookie-domain=.apps.localhost")
        .arg(format!("--whitelist-domain=.apps.localhost:{port}"));
    let _proxy = Program::start(&mut command);
    wait_until_it_listens(port).await;

    let mut person = node(&clients, "guarded_app.mjs");
    person
        .env("INSULA_TEST_CHROMIUM", chromium)
        .env("START", format!("{proxy}/oauth2/start?rd={app}"))
        .env("END", app);
    let told = run(person).await;
    assert_eq!(told["status"], 202, "{told:#}");
    // It asks for consent with dex's own `approval_prompt=force`.
    assert_eq!(told["pressed"][0], "submit-approve", "{told:#}");
}

#[tokio::test]
async fn oauth2_proxy_leads_chromium_over_two_origins_from_a_tenant_of_ours() {
    leads_a_browser_over_two_origins_at("ours").await;
}

#[tokio::test]
async fn oauth2_proxy_leads_chromium_over_two_origins_from_a_tenant_of_dex() {
    leads_a_browser_over_two_origins_at("dex").await;
}
