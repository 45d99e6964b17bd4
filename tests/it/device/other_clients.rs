//! A client that nobody here wrote.

use insula_tests::program;
use insula_tests::scripts::{node, run};

use super::{both, device_server};

#[tokio::test]
async fn openid_client_of_npm_gets_the_tokens_of_a_device() {
    let Some(clients) = program("INSULA_TEST_CLIENTS") else {
        return;
    };
    let server = device_server().await;
    for (party, person) in both(server) {
        let mut command = node(&clients, "device_client.mjs");
        command
            .env("ISSUER", &party.issuer)
            .env("CLIENT_ID", &party.client_id)
            .env("CLIENT_SECRET", &party.secret)
            .env("SCOPE", &party.scope)
            .env("LOGIN", person.login)
            .env("PASSWORD", person.password)
            .env("CONNECTOR", person.connector.unwrap_or_default());
        let told = run(command).await;
        assert_eq!(told["issuer"], party.issuer, "{told:#}");
        assert_eq!(told["claims"]["iss"], party.issuer);
        assert_eq!(told["userinfo"]["sub"], told["claims"]["sub"]);
        assert_eq!(told["refreshed"], true, "{told:#}");
    }
}
