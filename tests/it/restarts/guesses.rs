//! Guesses at two processes of one Redis add up, wherever each was made.

use insula_tests::{Agent, Deployment, Process, RelyingParty, service, unique};

/// How many wrong ones are looked at before there is a wait.
const FREE: usize = 10;

const OURS: &str = r#"issuer: http://NAME.localhost:PORT
connectors: [{ type: mockPassword, id: directory, name: Directory, config: { username: jane, password: right } }]
staticClients:
  - { id: app, secret: app-secret, redirectURIs: ["https://app.example/cb"] }
  - { id: other, secret: other-secret, redirectURIs: ["https://other.example/cb"] }
limits: { requests: 5000/s, passwordFailures: 10/h, clientFailures: 10/h }
"#;

/// A dex file says nothing of limits, so these are the default ones.
const DEXS: &str = r#"# dex
issuer: http://NAME.localhost:PORT
storage: { type: memory }
connectors: [{ type: mockPassword, id: directory, name: Directory, config: { username: jane, password: right } }]
staticClients:
  - { id: app, name: App, secret: app-secret, redirectURIs: ["https://app.example/cb"] }
"#;

struct TwoNodes {
    deployment: Deployment,
    name: String,
    nodes: [Process; 2],
}

impl TwoNodes {
    async fn serving(tenant: &str) -> Option<Self> {
        let database = service("INSULA_TEST_POSTGRES")?;
        let redis = service("INSULA_TEST_REDIS")?;
        let name = format!("t{}", unique());
        let deployment = Deployment::build()
            .tenant(&name, &tenant.replace("NAME", &name))
            .database(&database)
            .cache(&redis)
            .done();
        let (one, other) = tokio::join!(deployment.open(), deployment.open_another());
        Some(Self {
            deployment,
            name,
            nodes: [one, other],
        })
    }

    fn at(&self, node: usize, client: &str) -> RelyingParty {
        let issuer = format!("http://{}.localhost:{}", self.name, self.deployment.port);
        let (secret, redirect_uri) = (
            format!("{client}-secret"),
            format!("https://{client}.example/cb"),
        );
        let party = RelyingParty::new(&issuer, client, &secret, &redirect_uri);
        party.through(&[self.nodes[node].port])
    }

    /// A stranger's browser at one node, which types a password there: the status of the answer, and how
    /// long it says to wait.
    async fn types(&self, node: usize, name: &str, password: &str) -> (u16, Option<u64>) {
        let agent = Agent::through(&[self.nodes[node].port]);
        let mut answer = agent.get(self.at(node, "app").begin().url).await;
        while answer.status != 200 {
            answer = agent.get(answer.location()).await;
        }
        let typed = [("login", name), ("password", password)];
        let answer = agent.post(&answer.url, &typed).await;
        (answer.status, answer.header("retry-after").parse().ok())
    }

    /// A client presents a secret at one node, with a code that there is not: 400 where it is right.
    async fn presents(&self, node: usize, client: &str, secret: &str) -> (u16, String) {
        let mut party = self.at(node, client);
        secret.clone_into(&mut party.secret);
        let form = [("grant_type", "authorization_code"), ("code", "none")];
        let answer = party.post("/token", &form).await;
        (answer.status, answer.error())
    }

    async fn passwords_add_up(&self) {
        for n in 0..FREE {
            let told = self.types(n % 2, "jane", &format!("guess-{n}")).await;
            assert_eq!(told, (401, None), "guess {n}");
        }
        for node in [0, 1] {
            for password in ["guess", "right"] {
                let (status, wait) = self.types(node, "jane", password).await;
                assert_eq!(status, 429, "{password} at node {node}");
                let wait = wait.expect("Retry-After");
                assert!((1..=900).contains(&wait), "{wait}");
            }
            let told = self.types(node, "kim", "guess").await;
            assert_eq!(told, (401, None), "somebody else at node {node}");
        }
    }
}

#[tokio::test]
async fn wrong_passwords_of_one_account_add_up_over_two_nodes() {
    for tenant in [OURS, DEXS] {
        let Some(nodes) = TwoNodes::serving(tenant).await else {
            return;
        };
        nodes.passwords_add_up().await;
    }
}

#[tokio::test]
async fn wrong_secrets_of_one_client_add_up_over_two_nodes() {
    let Some(nodes) = TwoNodes::serving(OURS).await else {
        return;
    };
    let wrong = (401, "invalid_client".to_owned());
    let right = (400, "invalid_grant".to_owned());
    let waits = (429, "temporarily_unavailable".to_owned());
    for n in 0..FREE {
        let told = nodes.presents(n % 2, "app", &format!("guess-{n}")).await;
        assert_eq!(told, wrong, "guess {n}");
    }
    // The last was counted by the second node, which looks at no secret now. The first, which saw half of
    // them, hears of the wait with the next wrong one.
    assert_eq!(nodes.presents(1, "app", "app-secret").await, waits);
    assert_eq!(nodes.presents(0, "app", "guess").await, wrong);
    for node in [0, 1] {
        for secret in ["another guess", "app-secret"] {
            let told = nodes.presents(node, "app", secret).await;
            assert_eq!(told, waits, "{secret} at node {node}");
        }
        let told = nodes.presents(node, "other", "other-secret").await;
        assert_eq!(told, right, "another client at node {node}");
    }
}
