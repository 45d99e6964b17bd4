use std::fs;

use insula_tests::{Agent, Deployment, Process, RelyingParty, free_port};
use serde_json::Value;

use crate::SOMEBODY;
use crate::program::{Program, command};

/// A deployment that serves HTTPS, as the API server demands of issuers.
struct Secure {
    deployment: Deployment,
    issuer: String,
}

impl Secure {
    fn new() -> Self {
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
"
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

    async fn id_and_access_token(
        &self,
        process: &Process,
        client: &str,
        secret: &str,
    ) -> [String; 2] {
        let party = RelyingParty::new(&self.issuer, client, secret, "https://app.example/callback")
            .with_scope("openid email groups")
            .through(&[process.port]);
        let tokens = party
            .log_in(&Agent::through(&[process.port]), &SOMEBODY)
            .await;
        [tokens.id_token.unwrap().token, tokens.access_token]
    }
}

async fn asked(api: &mut Program, token: &str) -> Value {
    api.tell(token);
    api.answers().await
}

#[tokio::test]
async fn the_api_server_of_kubernetes_knows_people_by_their_id_token_and_by_nothing_else() {
    let Some(mut command) = command("apiserver") else {
        return;
    };
    let secure = Secure::new();
    let process = secure.deployment.open().await;
    command
        .args(["--issuer", &secure.issuer, "--client-id", "kubernetes"])
        .arg("--ca")
        .arg(secure.deployment.folder().join("tls.pem"));
    let mut api = Program::start(&mut command);

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
