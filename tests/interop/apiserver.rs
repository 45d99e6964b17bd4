use std::fs;
use std::time::{Duration, Instant};

use insula_tests::{Agent, Deployment, Process, RelyingParty, free_port, header_of, program};

use crate::SOMEBODY;
use crate::program::{Program, asked, command};

/// A deployment that serves HTTPS, as the API server demands of issuers.
struct Secure {
    deployment: Deployment,
    issuer: String,
}

impl Secure {
    fn new() -> Self {
        Self::with("")
    }

    /// The same with more lines for the tenant.
    fn with(more: &str) -> Self {
        let port = free_port();
        let issuer = format!("https://127.0.0.1:{port}");
        let deployment = Deployment::build()
            .tenant(
                "acme",
                &format!(
                    "issuer: {issuer}
connectors: [{{ type: mockCallback, id: mock, name: Mock }}]
staticClients:
  - {{ id: kubernetes, secret: kube-secret, redirectURIs: [\"https://app.example/callback\"] }}
  - {{ id: other, secret: other-secret, redirectURIs: [\"https://app.example/callback\"] }}
{more}"
                ),
            )
            .setting(&format!("listen: {{ https: \"127.0.0.1:{port}\" }}"))
            .setting("tls: { cert: tls.pem, key: tls.key }")
            .done();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        fs::write(deployment.folder().join("tls.pem"), made.cert.pem()).unwrap();
        fs::write(
            deployment.folder().join("tls.key"),
            made.signing_key.serialize_pem(),
        )
        .unwrap();
        Self { deployment, issuer }
    }

    /// The authenticator for the client `kubernetes`, which has fetched the tenant's keys.
    fn authenticator(&self) -> Option<Program> {
        let mut command = command("apiserver")?;
        command
            .args(["--issuer", &self.issuer, "--client-id", "kubernetes"])
            .arg("--ca")
            .arg(self.deployment.folder().join("tls.pem"));
        Some(Program::start(&mut command))
    }

    fn party(&self, process: &Process, client: &str, secret: &str) -> RelyingParty {
        RelyingParty::new(&self.issuer, client, secret, "https://app.example/callback")
            .with_scope("openid email groups")
            .through(&[process.port])
    }

    /// Waits until so many keys are published: one that is slow to make is made in the background.
    async fn publishes(&self, process: &Process, keys: usize) {
        let party = self.party(process, "kubernetes", "kube-secret");
        let deadline = Instant::now() + Duration::from_secs(30);
        while party.keys().await.ids().len() != keys {
            assert!(Instant::now() < deadline, "never {keys} keys");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn id_and_access_token(
        &self,
        process: &Process,
        client: &str,
        secret: &str,
    ) -> [String; 2] {
        let tokens = self
            .party(process, client, secret)
            .log_in(&Agent::through(&[process.port]), &SOMEBODY)
            .await;
        [tokens.id_token.unwrap().token, tokens.access_token]
    }
}

#[tokio::test]
async fn the_api_server_of_kubernetes_knows_people_by_their_id_token_and_by_nothing_else() {
    let secure = Secure::new();
    let process = secure.deployment.open().await;
    let Some(mut api) = secure.authenticator() else {
        return;
    };

    let [id_token, access_token] = secure
        .id_and_access_token(&process, "kubernetes", "kube-secret")
        .await;
    let said = asked(&mut api, &id_token).await;
    assert_eq!(said["authenticated"], true, "{said:#}");
    assert_eq!(said["name"], "kilgore@kilgore.trout");
    assert_eq!(said["groups"][0], "authors");

    let said = asked(&mut api, &access_token).await;
    assert_eq!(
        said["authenticated"], false,
        "an access token is no login: {said:#}"
    );

    let [of_another, _] = secure
        .id_and_access_token(&process, "other", "other-secret")
        .await;
    let said = asked(&mut api, &of_another).await;
    assert_eq!(said["authenticated"], false, "{said:#}");
    assert!(
        said["error"].as_str().unwrap().contains("audience"),
        "{said:#}"
    );
}

/// The authenticator keeps keys for as long as it was told it may, and fetches no others sooner. It sees
/// the real time; the server is shown another one.
#[tokio::test]
async fn the_api_server_of_kubernetes_knows_a_new_key_before_it_signs_and_the_old_one_until_it_goes()
 {
    let Some(clock) = program("INSULA_TEST_FAKETIME") else {
        return;
    };
    let secure = Secure::with(
        "expiry: { idTokens: 24h }
signer: { type: local, config: { algorithm: RS256, keysRotationPeriod: 2h, publishAhead: 1h } }
",
    );
    let at = |offset| secure.deployment.open_by_another_clock(&clock, offset);

    let process = at("-3h").await;
    let [by_first, _] = secure
        .id_and_access_token(&process, "kubernetes", "kube-secret")
        .await;
    process.terminate().await;

    // The second key is announced; the first still signs.
    let process = at("-90m").await;
    secure.publishes(&process, 2).await;
    let Some(mut api) = secure.authenticator() else {
        return;
    };
    let said = asked(&mut api, &by_first).await;
    assert_eq!(said["authenticated"], true, "{said:#}");
    let [meanwhile, _] = secure
        .id_and_access_token(&process, "kubernetes", "kube-secret")
        .await;
    assert_eq!(key_of(&meanwhile), key_of(&by_first));
    process.terminate().await;

    // It signs. Nobody is there who could be asked for keys when its token is judged.
    let process = at("-20m").await;
    let [by_second, _] = secure
        .id_and_access_token(&process, "kubernetes", "kube-secret")
        .await;
    assert_ne!(key_of(&by_second), key_of(&by_first));
    process.terminate().await;
    for token in [&by_second, &by_first] {
        let said = asked(&mut api, token).await;
        assert_eq!(said["authenticated"], true, "{said:#}");
        assert_eq!(said["name"], "kilgore@kilgore.trout");
    }

    // By the server's clock no token of the first key is alive; by the authenticator's this one is.
    let process = at("+25h").await;
    let mut fresh = secure.authenticator().unwrap();
    let said = asked(&mut fresh, &by_second).await;
    assert_eq!(said["authenticated"], true, "{said:#}");
    let said = asked(&mut fresh, &by_first).await;
    assert_eq!(said["authenticated"], false, "{said:#}");
    let error = said["error"].as_str().unwrap();
    assert!(error.contains("failed to verify signature"), "{said:#}");
    process.terminate().await;
}

fn key_of(token: &str) -> String {
    header_of(token)["kid"].as_str().unwrap().to_owned()
}
