use std::path::Path;
use std::process::Command;

use insula_tests::{Agent, claims_of, free_port, walk_to};
use serde_json::Value;

use crate::program::{Program, address, command, log_in};
use crate::{SOMEBODY, both_dialects, both_dialects_with};

const CLIENT: &str = "{ id: kubernetes, name: Kubernetes, secret: kube-secret, redirectURIs: [\"http://localhost:LISTEN\", \"http://127.0.0.1:LISTEN\"] }";

fn get_token(command: &mut Command, issuer: &str, cache: &Path, port: u16) {
    command
        .arg("get-token")
        .arg(format!("--oidc-issuer-url={issuer}"))
        .args([
            "--oidc-client-id=kubernetes",
            "--oidc-client-secret=kube-secret",
        ])
        .args([
            "--oidc-extra-scope=email",
            "--oidc-extra-scope=groups",
            "--oidc-extra-scope=offline_access",
        ])
        .arg(format!("--token-cache-dir={}", cache.display()))
        .arg(format!("--listen-address=127.0.0.1:{port}"))
        .arg(format!("--oidc-redirect-url=http://127.0.0.1:{port}"))
        .arg("--skip-open-browser");
}

fn token_of(credential: &Value) -> String {
    assert_eq!(credential["kind"], "ExecCredential", "{credential:#}");
    credential["status"]["token"].as_str().unwrap().to_owned()
}

async fn logs_in_by_code_at(tenant: &str) {
    let Some(mut first) = command("kubelogin") else {
        return;
    };
    let port = free_port();
    let deployment = both_dialects(&CLIENT.replace("LISTEN", &port.to_string()));
    let _process = deployment.open().await;
    let issuer = format!("http://127.0.0.1:{}/{tenant}", deployment.port);
    let cache = tempfile::tempdir().unwrap();
    get_token(&mut first, &issuer, cache.path(), port);
    let mut kubelogin = Program::start(&mut first);
    let here = kubelogin.says(address).await;
    let agent = Agent::new();
    log_in(
        &agent,
        &here,
        &format!("http://127.0.0.1:{port}/"),
        &SOMEBODY,
    )
    .await;
    let token = token_of(&kubelogin.answers().await);
    assert_eq!(claims_of(&token)["email"], "kilgore@kilgore.trout");
    assert_eq!(claims_of(&token)["aud"], "kubernetes");
    // The second time it has a refresh token, and nobody opens a browser.
    let mut second = command("kubelogin").unwrap();
    get_token(&mut second, &issuer, cache.path(), port);
    second.arg("--force-refresh");
    let refreshed = token_of(&Program::start(&mut second).answers().await);
    assert_ne!(refreshed, token);
    assert_eq!(claims_of(&refreshed)["sub"], claims_of(&token)["sub"]);
}

#[tokio::test]
async fn kubelogin_logs_in_by_code_and_refreshes_at_a_tenant_of_ours() {
    logs_in_by_code_at("ours").await;
}

#[tokio::test]
async fn kubelogin_logs_in_by_code_and_refreshes_at_a_tenant_of_dex() {
    logs_in_by_code_at("dex").await;
}

async fn logs_in_on_another_device_at(tenant: &str) {
    let Some(mut command) = command("kubelogin") else {
        return;
    };
    let port = free_port();
    // Where dex's tenants lead the browser of a device's person.
    let client = "{ id: kubernetes, name: Kubernetes, public: true, redirectURIs: [\"http://127.0.0.1/callback\", \"/device/callback\"] }";
    let ours = client.replace(", \"/device/callback\"", "");
    let deployment = both_dialects_with(&ours, client, "");
    let _process = deployment.open().await;
    let issuer = format!("http://127.0.0.1:{}/{tenant}", deployment.port);
    let cache = tempfile::tempdir().unwrap();
    get_token(&mut command, &issuer, cache.path(), port);
    command.args(["--grant-type=device-code", "--oidc-client-secret="]);
    let mut kubelogin = Program::start(&mut command);
    let there = kubelogin.says(address).await;
    let browser = Agent::new();
    let mut page = browser.get(&there).await.expect(200);
    // Ours asks whether the code is of the person's own device; dex's has the form filled in.
    if page.page().form_with("submit-approve").is_none() {
        let form = page.page().form_with("user_code").unwrap().clone();
        let code = form.value("user_code").unwrap_or_default();
        let to = page.url.join(&form.action).unwrap();
        page = browser.post(to, &[("user_code", code)]).await;
    }
    walk_to(&browser, page, "device-answer", &SOMEBODY).await;
    let token = token_of(&kubelogin.answers().await);
    assert_eq!(claims_of(&token)["email"], "kilgore@kilgore.trout");
}

#[tokio::test]
async fn kubelogin_logs_in_on_another_device_at_a_tenant_of_ours() {
    logs_in_on_another_device_at("ours").await;
}

#[tokio::test]
async fn kubelogin_logs_in_on_another_device_at_a_tenant_of_dex() {
    logs_in_on_another_device_at("dex").await;
}
