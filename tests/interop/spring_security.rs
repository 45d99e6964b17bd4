//! Spring Boot's login with Spring Security's OAuth2 client, every setting of which is the default.

use std::process::Command;

use insula_tests::{Agent, free_port, program};

use crate::program::{Program, log_in, wait_until_it_listens};
use crate::{SOMEBODY, both_dialects};

const SETTINGS: &str = "spring.security.oauth2.client";

/// One app of one process, with a registration for each tenant.
#[tokio::test]
async fn spring_security_with_default_settings_logs_in_at_tenants_of_both_dialects() {
    let Some(jar) = program("INSULA_TEST_JAVA") else {
        return;
    };
    let port = free_port();
    let app = format!("http://127.0.0.1:{port}");
    let back_at = |tenant: &str| format!("{app}/login/oauth2/code/{tenant}");
    let deployment = both_dialects(&format!(
        "{{ id: app, name: App, secret: app-secret, redirectURIs: [\"{}\", \"{}\"] }}",
        back_at("ours"),
        back_at("dex"),
    ));
    let _process = deployment.open().await;
    let issuer = |tenant: &str| format!("http://127.0.0.1:{}/{tenant}", deployment.port);

    let mut command = Command::new("java");
    command
        .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar"])
        .arg(jar)
        .arg("--server.address=127.0.0.1")
        .arg(format!("--server.port={port}"));
    for tenant in ["ours", "dex"] {
        let registration = format!("--{SETTINGS}.registration.{tenant}");
        let provider = format!("--{SETTINGS}.provider.{tenant}");
        command
            .arg(format!("{registration}.client-id=app"))
            .arg(format!("{registration}.client-secret=app-secret"))
            .arg(format!("{registration}.scope=openid,profile,email"))
            .arg(format!("{provider}.issuer-uri={}", issuer(tenant)));
    }
    let _app = Program::start(&mut command);
    wait_until_it_listens(port).await;

    for tenant in ["ours", "dex"] {
        let browser = Agent::new();
        let start = format!("{app}/oauth2/authorization/{tenant}");
        log_in(&browser, &start, &back_at(tenant), &SOMEBODY).await;
        let told = browser.get(format!("{app}/me")).await.expect(200).json();
        assert_eq!(told["claims"]["iss"], issuer(tenant), "{told:#}");
        for claims in ["claims", "userinfo"] {
            assert_eq!(told[claims]["email"], "kilgore@kilgore.trout", "{told:#}");
        }
    }
}
