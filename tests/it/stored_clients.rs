//! Clients that stand in the database and in no file.

use std::time::{Duration, Instant};

use data_encoding::BASE64URL_NOPAD;
use insula_tests::{
    Agent, Deployment, RedisServer, RelyingParty, execute_on, service, unique, walk,
};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::shared_server::{self, MOCK};

/// What stands in the column `secrets`.
fn secrets(all: &[&str]) -> String {
    let hash = |secret: &&str| {
        let hash = BASE64URL_NOPAD.encode(&Sha256::digest(secret));
        json!({ "sha256": hash })
    };
    json!(all.iter().map(hash).collect::<Vec<_>>()).to_string()
}

/// A tenant of its own, and the database in which its clients are.
struct Scene {
    deployment: Deployment,
    tenant: String,
    issuer: String,
    database: String,
}

impl Scene {
    fn set(database: Option<&str>, cache: &str) -> Self {
        let tenant = format!("t{}", unique());
        let host = format!("{tenant}.localhost");
        let text = shared_server::HOOLI.replace("hooli.localhost", &host);
        let mut building = Deployment::build().tenant(&tenant, &text).cache(cache);
        if let Some(database) = database {
            building = building.database(database);
        }
        let deployment = building.done();
        let database = match database {
            Some(_) => deployment.database.clone(),
            None => format!("sqlite://{}/insula.db", deployment.folder().display()),
        };
        Self {
            issuer: format!("http://{host}:{}", deployment.port),
            deployment,
            tenant,
            database,
        }
    }

    fn store(&self, id: &str, secrets: &str, redirect_uri: &str) {
        let metadata = json!({
            "name": "Stored",
            "public": false,
            "redirect_uris": [redirect_uri],
            "post_logout_redirect_uris": ["https://stored.example/bye"],
            "trusted_peers": [],
            "allowed_connectors": [],
            "grant_types": [],
            "skip_approval": false,
            "require_pkce": false,
            "sso_shared_with": null,
        });
        let tenant = &self.tenant;
        let row = format!(
            "INSERT INTO client (tenant_id, client_id, version, metadata, secrets, created_at, \
             updated_at) VALUES ('{tenant}', '{id}', 1, '{metadata}', '{secrets}', 0, 0)"
        );
        execute_on(&self.database, &row);
    }

    fn change(&self, change: &str) {
        let of = format!(
            "WHERE tenant_id = '{}' AND client_id = 'stored'",
            self.tenant
        );
        execute_on(&self.database, &format!("{change} {of}"));
    }

    /// The word with which whoever changes a client tells all processes.
    fn word(&self) -> String {
        let kind = json!({ "facts": [{ "client": "stored" }] });
        json!({ "tenant": self.tenant, "kind": kind, "origin": "a test" }).to_string()
    }

    fn party(&self, id: &str, secret: &str, ports: &[u16]) -> RelyingParty {
        let party = RelyingParty::new(&self.issuer, id, secret, "https://stored.example/cb");
        let party = party.with_scope("openid profile offline_access");
        party.through(ports)
    }
}

/// Looks until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What introspection answers a client that shows this secret.
async fn shown(party: &RelyingParty) -> u16 {
    party
        .post("/token/introspect", &[("token", "none")])
        .await
        .status
}

/// All that a client does, each time at one of the nodes.
async fn does_everything(party: &RelyingParty, agent: &Agent) {
    let tokens = party.log_in(agent, &MOCK).await;
    assert!(party.is_active(&tokens.access_token).await);
    assert!(party.is_active(tokens.refresh()).await);
    party.userinfo(&tokens.access_token).await.expect(200);
    let answer = party.refresh(tokens.refresh(), &[]).await.expect(200);
    let refreshed = party.read(&answer).await;
    party.revoke(refreshed.refresh()).await.expect(200);
    until("word of the revocation comes to each node", async || {
        !party.is_active(&refreshed.access_token).await
            && !party.is_active(&refreshed.access_token).await
    })
    .await;
    let bye = "https://stored.example/bye";
    let hint = &tokens.id().token;
    let logout = format!("/logout?id_token_hint={hint}&post_logout_redirect_uri={bye}");
    let answer = agent.get(party.at(&logout)).await.expect(303);
    assert_eq!(answer.header("location"), bye);
}

#[tokio::test]
async fn a_stored_client_is_served_like_a_configured_one_which_wins_over_a_stored_one() {
    let scene = Scene::set(None, "memory");
    let mut process = scene.deployment.open().await;
    let ports = [process.port];
    let stored = scene.party("stored", "s3cret-of-stored", &ports);
    assert_eq!(shown(&stored).await, 401);
    let page = Agent::new().get(stored.begin().url).await;
    assert_eq!(page.status, 400, "nobody has that id yet");

    let both = secrets(&["s3cret-of-stored", "the-next-one"]);
    scene.store("stored", &both, "https://stored.example/cb");
    does_everything(&stored, &Agent::new()).await;
    does_everything(
        &scene.party("stored", "the-next-one", &ports),
        &Agent::new(),
    )
    .await;
    assert_eq!(shown(&scene.party("stored", "neither", &ports)).await, 401);

    // A row that no verb of ours would have written.
    scene.store("leaky", &both, "http://stored.example/cb");
    let mut leaky = scene.party("leaky", "the-next-one", &ports);
    leaky.redirect_uri = "http://stored.example/cb".to_owned();
    assert_eq!(shown(&leaky).await, 401);
    Agent::new().get(leaky.begin().url).await.expect(400);
    process.says("client leaky of tenant").await;
    assert!(process.log().contains("is stored but not served"));

    // The configured one goes on as it was, and its secret is not the stored one's.
    scene.store("phone", &both, "https://stored.example/cb");
    scene.deployment.restart(&mut process).await;
    let phone = RelyingParty::new(
        &scene.issuer,
        "phone",
        "phone-secret",
        "https://phone.example/callback",
    );
    phone.log_in(&Agent::new(), &MOCK).await;
    let metrics = process.metrics().await;
    let lookups = metrics.sum(
        "insula_sql_operation_duration_seconds_count",
        &["operation=\"find_client\""],
    );
    assert!(lookups.abs() < 0.5, "a configured client costs none");
    let other = scene.party("phone", "the-next-one", &ports);
    assert_eq!(shown(&other).await, 401);
    Agent::new().get(other.begin().url).await.expect(400);
    process
        .says("is configured, and hides a stored one of the same id")
        .await;
    process.terminate().await;
}

#[tokio::test]
async fn a_stored_client_that_is_changed_or_deleted_is_so_at_both_nodes() {
    let Some(postgres) = service("INSULA_TEST_POSTGRES") else {
        return;
    };
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let scene = Scene::set(Some(&postgres), &redis.url());
    let one = scene.deployment.open().await;
    let other = scene.deployment.open_another().await;
    let ports = [one.port, other.port];
    scene.store("stored", &secrets(&["old"]), "https://stored.example/cb");
    for offset in 0..2 {
        let agent = Agent::through(&ports);
        for _ in 0..offset {
            agent.get(format!("{}/keys", scene.issuer)).await;
        }
        does_everything(&scene.party("stored", "old", &ports), &agent).await;
    }

    scene.change(&format!(
        "UPDATE client SET secrets = '{}'",
        secrets(&["new"])
    ));
    redis.publish("insula:changes", &scene.word());
    for port in ports {
        let old = scene.party("stored", "old", &[port]);
        until("the old secret is refused", async || {
            shown(&old).await == 401
        })
        .await;
        assert_eq!(shown(&scene.party("stored", "new", &[port])).await, 200);
    }
    let party = scene.party("stored", "new", &ports);
    let login = party.begin();
    let back = walk(&Agent::through(&ports), &login, &MOCK).await;

    scene.change("DELETE FROM client");
    redis.publish("insula:changes", &scene.word());
    for port in ports {
        let party = scene.party("stored", "new", &[port]);
        until("nobody has that id", async || shown(&party).await == 401).await;
        party.redeem(&login, back.code()).await.expect(401);
        let page = Agent::through(&[port]).get(party.begin().url).await;
        assert_eq!(page.status, 400);
    }
    one.terminate().await;
    other.terminate().await;
}
