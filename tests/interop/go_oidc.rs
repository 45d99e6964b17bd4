use insula_tests::{Agent, free_port};

use crate::program::{Program, address, command, log_in};
use crate::{SOMEBODY, both_dialects};

async fn logs_in_at(tenant: &str, public: bool) {
    let Some(mut command) = command("relyingparty") else {
        return;
    };
    let port = free_port();
    let back_at = format!("http://127.0.0.1:{port}/callback");
    let secret = if public {
        "public: true"
    } else {
        "secret: web-secret"
    };
    let client =
        format!("{{ id: web, {secret}, redirectURIs: [\"{back_at}\"], skipApprovalScreen: true }}");
    let client = if tenant == "dex" {
        client.replace(", skipApprovalScreen: true", ", name: Web")
    } else {
        client
    };
    let deployment = both_dialects(&client);
    let _process = deployment.open().await;
    let issuer = format!("http://127.0.0.1:{}/{tenant}", deployment.port);
    command
        .args(["--issuer", &issuer, "--client-id", "web"])
        .args(["--listen", &format!("127.0.0.1:{port}")]);
    if !public {
        command.args(["--client-secret", "web-secret"]);
    }
    let mut web = Program::start(&mut command);
    let login = web.says(address).await;
    log_in(&Agent::new(), &login, &back_at, &SOMEBODY).await;
    let told = web.answers().await;
    for claims in ["claims", "userinfo", "refreshed"] {
        assert_eq!(told[claims]["email"], "kilgore@kilgore.trout", "{told:#}");
    }
    assert_eq!(told["claims"]["iss"], issuer);
    assert_eq!(told["claims"]["sub"], told["refreshed"]["sub"]);
    assert_eq!(told["claims"]["groups"][0], "authors", "{told:#}");
}

#[tokio::test]
async fn go_oidc_logs_in_and_refreshes_at_a_tenant_of_ours() {
    logs_in_at("ours", false).await;
}

#[tokio::test]
async fn go_oidc_logs_in_and_refreshes_as_a_public_client() {
    logs_in_at("ours", true).await;
}

#[tokio::test]
async fn go_oidc_logs_in_and_refreshes_at_a_tenant_of_dex() {
    logs_in_at("dex", false).await;
}
