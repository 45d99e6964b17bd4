//! Several algorithms in one tenant: who gets which, and what a change of them does.

use insula_tests::{Agent, Deployment, RelyingParty, header_of, service, unique};
use serde_json::{Value, json};

use crate::shared_server::MOCK;

/// A tenant that asks nobody anything, with a client for whoever asks for an algorithm.
fn tenant(name: &str, signer: &str) -> String {
    format!(
        "issuer: http://{name}.localhost:PORT
connectors: [{{ type: mockCallback, id: mock, name: Mock }}]
oauth2: {{ skipApprovalScreen: true }}
{signer}
staticClients:
  - {{ id: plain, secret: s, redirectURIs: [\"https://app.example/callback\"] }}
  - {{ id: es256, secret: s, redirectURIs: [\"https://app.example/callback\"], idTokenSignedResponseAlg: ES256, accessTokenSignedResponseAlg: EdDSA }}
  - {{ id: eddsa, secret: s, redirectURIs: [\"https://app.example/callback\"], idTokenSignedResponseAlg: EdDSA }}
"
    )
}

fn signer(algorithms: &str) -> String {
    format!("signer: {{ type: local, config: {{ algorithms: {algorithms} }} }}")
}

fn party(issuer: &str, client: &str) -> RelyingParty {
    let party = RelyingParty::new(issuer, client, "s", "https://app.example/callback");
    party.with_scope("openid email offline_access")
}

async fn served(party: &RelyingParty) -> Value {
    let url = party.at("/.well-known/openid-configuration");
    let discovery = Agent::new().get(url).await.expect(200).json();
    discovery["id_token_signing_alg_values_supported"].clone()
}

async fn alg_of_a_login(party: &RelyingParty) -> Value {
    let tokens = party.log_in(&Agent::new(), &MOCK).await;
    tokens.id().header["alg"].clone()
}

#[tokio::test]
async fn each_client_gets_the_algorithm_it_asked_for_and_verifies_it_by_the_one_jwk_set() {
    let deployment = Deployment::build()
        .tenant("acme", &tenant("acme", &signer("[RS256, ES256, EdDSA]")))
        .done();
    let mut process = deployment.open().await;
    let issuer = format!("http://acme.localhost:{}", deployment.port);
    let mut logins = Vec::new();
    for (client, alg) in [("plain", "RS256"), ("es256", "ES256"), ("eddsa", "EdDSA")] {
        let party = party(&issuer, client);
        assert_eq!(served(&party).await, json!(["RS256", "ES256", "EdDSA"]));
        // Verified by the set, with the key it names and that key's algorithm, at_hash and all.
        let tokens = party.log_in(&Agent::new(), &MOCK).await;
        assert_eq!(tokens.id().header["alg"], alg);
        let refreshed = party.refresh(tokens.refresh(), &[]).await;
        let refreshed = party.read(&refreshed.expect(200)).await;
        assert_eq!(refreshed.id().header["alg"], alg);
        party.userinfo(&refreshed.access_token).await.expect(200);
        assert!(party.is_active(&refreshed.access_token).await);
        let access = party.keys().await;
        access.verify(&refreshed.access_token, &issuer, &issuer);
        logins.push((party, refreshed));
    }
    let ids = logins[0].0.keys().await.ids();
    assert_eq!(ids.len(), 3, "a key for each algorithm");

    deployment.restart(&mut process).await;
    for (party, tokens) in &logins {
        assert_eq!(party.keys().await.ids(), ids);
        party.userinfo(&tokens.access_token).await.expect(200);
        let again = party.refresh(tokens.refresh(), &[]).await.expect(200);
        let again = party.read(&again).await;
        assert_eq!(again.id().header, tokens.id().header);
    }
}

#[tokio::test]
async fn a_tenant_whose_file_is_silent_serves_rs256_to_whoever_asks_for_nothing() {
    let deployment = Deployment::build()
        .tenant("acme", &tenant("acme", ""))
        .done();
    // A client that asks for an algorithm which is not served is refused with its line.
    let output = deployment.run("check").await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("\"EdDSA\" is not an algorithm the tenant signs with"),
        "{said}"
    );
    let text = tenant("acme", "").replace("EdDSA", "ES256");
    deployment.write_tenant("acme", &text);
    let _process = deployment.open().await;
    let issuer = format!("http://acme.localhost:{}", deployment.port);
    let plain = party(&issuer, "plain");
    assert_eq!(served(&plain).await, json!(["RS256", "ES256"]));
    // Whoever asks for the keys first finds the one that signs a moment later.
    let before = plain.keys().await;
    assert_eq!(before.ids().len(), 2);
    let tokens = plain.log_in(&Agent::new(), &MOCK).await;
    let id_token = before.verify(&tokens.id().token, &issuer, "plain");
    assert_eq!(id_token.header["alg"], "RS256");
    assert_eq!(alg_of_a_login(&party(&issuer, "es256")).await, "ES256");
}

#[tokio::test]
async fn a_change_of_order_takes_effect_at_once_and_a_new_algorithm_when_the_log_says() {
    let text_of = |algorithms: &str| tenant("acme", &signer(algorithms)).replace("EdDSA", "ES256");
    let deployment = Deployment::build()
        .tenant("acme", &text_of("[ES256, ES384]"))
        .done();
    let process = deployment.open().await;
    let plain = party(
        &format!("http://acme.localhost:{}", deployment.port),
        "plain",
    );
    let before = plain.log_in(&Agent::new(), &MOCK).await;
    assert_eq!(before.id().header["alg"], "ES256");
    let known = plain.keys().await;

    deployment.write_tenant("acme", &text_of("[ES384, ES256]"));
    process.says("tenant acme is reloaded: signer").await;
    let after = plain.log_in(&Agent::new(), &MOCK).await;
    assert_eq!(after.id().header["alg"], "ES384");
    known.verify(&after.id().token, &plain.issuer, "plain");

    deployment.write_tenant("acme", &text_of("[RS256, ES384, ES256]"));
    process
        .says("tenant acme signs with RS256 in 1440 minutes")
        .await;
    assert_eq!(
        alg_of_a_login(&plain).await,
        "ES384",
        "which stands in for it"
    );
    assert_eq!(served(&plain).await, json!(["ES384", "ES256"]));
    // What was signed before is good.
    plain.userinfo(&before.access_token).await.expect(200);
    let again = plain.refresh(before.refresh(), &[]).await.expect(200);
    assert_eq!(plain.read(&again).await.id().header["alg"], "ES384");

    let checked = async || {
        let output = deployment.run("check").await;
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = checked().await;
    assert!(
        said.contains("RS256 signs in 14"),
        "it is announced: {said}"
    );
    deployment.write_tenant("acme", &text_of("[ES256]"));
    let said = checked().await;
    assert!(!said.contains(" signs "), "its key is known: {said}");
    deployment.write_tenant("acme", &text_of("[ES256, PS256]"));
    let said = checked().await;
    let rule = "PS256 signs 1440 minutes after a server loaded this";
    assert!(said.contains(rule), "{said}");
}

#[tokio::test]
async fn what_the_first_rsa_key_signed_at_one_node_is_good_at_the_other() {
    let (Some(database), Some(redis)) = (
        service("INSULA_TEST_POSTGRES"),
        service("INSULA_TEST_REDIS"),
    ) else {
        return;
    };
    // In dex's dialect access tokens are signed with RS256 too.
    let name = format!("t{}", unique());
    let plain = tenant(&name, "").replace(", accessTokenSignedResponseAlg: EdDSA", "");
    let plain = plain.replace("Alg: ES256", "Alg: RS256");
    let text = format!(
        "profile: dex\n{}",
        plain.replace("Alg: EdDSA", "Alg: RS256")
    );
    let deployment = Deployment::build()
        .tenant(&name, &text)
        .database(&database)
        .cache(&redis)
        .done();
    let (one, other) = tokio::join!(deployment.open(), deployment.open_another());
    let issuer = format!("http://{name}.localhost:{}", deployment.port);
    let at = |port: u16| party(&issuer, "plain").of_dex().through(&[port]);
    let (here, there) = (at(one.port), at(other.port));
    // Both are awake, and neither has made the key.
    for party in [&here, &there] {
        assert_eq!(served(party).await, json!(["RS256"]));
    }
    let (login, back) = here.code(&Agent::through(&[one.port]), &MOCK).await;
    let code = back.code();
    let answer = here.redeem(&login, code).await.expect(200).json();
    let access_token = answer["access_token"].as_str().unwrap();
    assert_eq!(header_of(access_token)["alg"], "RS256");
    there.userinfo(access_token).await.expect(200);
    let keys = there.keys().await;
    keys.verify(answer["id_token"].as_str().unwrap(), &issuer, "plain");
    assert_eq!(keys.ids(), here.keys().await.ids());
    one.terminate().await;
    other.terminate().await;
}
