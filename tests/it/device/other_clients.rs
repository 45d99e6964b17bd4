//! Clients that nobody here wrote.

use futures_util::future::join_all;
use insula_tests::program;
use insula_tests::scripts::{describe, node, python, run};

use super::{both, device_server};
use crate::shared_server::{ADMIN, JANE};

#[tokio::test]
async fn openid_client_of_npm_gets_the_tokens_of_a_device() {
    let Some(clients) = program("INSULA_TEST_CLIENTS") else {
        return;
    };
    let server = device_server().await;
    for (party, person) in both(server) {
        let mut command = node(&clients, "device_client.mjs");
        describe(&mut command, &party, &person);
        let told = run(command).await;
        assert_eq!(told["issuer"], party.issuer, "{told:#}");
        assert_eq!(told["claims"]["iss"], party.issuer);
        assert_eq!(told["userinfo"]["sub"], told["claims"]["sub"]);
        assert_eq!(told["refreshed"], true, "{told:#}");
    }
}

#[tokio::test]
async fn authlib_of_pypi_gets_the_tokens_of_a_device() {
    let Some(clients) = program("INSULA_TEST_CLIENTS") else {
        return;
    };
    let server = device_server().await;
    let [ours, dexs] = both(server);
    let confidential = [
        (server.printer(), JANE),
        (server.of_dex_with_secret(), ADMIN),
    ];
    // Beside each other: each waits as long between two polls as it was told to.
    let devices = [ours, dexs].into_iter().chain(confidential);
    join_all(devices.map(async |(party, person)| {
        let mut command = python(&clients, "authlib_device.py");
        describe(&mut command, &party, &person);
        let told = run(command).await;
        assert_eq!(told["issuer"], party.issuer, "{told:#}");
        assert_eq!(told["before"], "authorization_pending", "{told:#}");
        assert_eq!(told["claims"]["email"], person.login, "{told:#}");
        assert_eq!(told["userinfo"]["sub"], told["claims"]["sub"], "{told:#}");
        if party.client_id == "printer" {
            assert!(told["refreshed"].is_null(), "it may not refresh: {told:#}");
        } else {
            assert_eq!(told["refreshed"]["sub"], told["claims"]["sub"], "{told:#}");
        }
        assert!(told["after"].is_string(), "tokens are given once: {told:#}");
    }))
    .await;
}
