//! What a login may cost: counted by the server itself, on PostgreSQL and Redis.

use std::time::Instant;

use insula_tests::{
    Agent, Deployment, Metrics, Person, Process, RelyingParty, service, unique, walk,
};

use crate::shared_server;

/// What something cost: SQL statements that write, and round trips to Redis.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cost {
    writes: f64,
    round_trips: f64,
}

/// What was spent until now. The probes of the health check go on beside it and are left out.
fn spent(metrics: &Metrics) -> Cost {
    let trips = |labels: &[&str]| metrics.sum("insula_redis_round_trips_total", labels);
    Cost {
        writes: metrics.sum("insula_sql_statements_total", &["kind=\"write\""]),
        round_trips: trips(&[]) - trips(&["verb=\"probe\""]),
    }
}

/// Three rows, and one statement for the events of the login.
const WRITES: f64 = 4.0;

/// A tenant with two upstreams: at the second, somebody logs in to warm everything up.
struct Scene {
    _deployment: Deployment,
    process: Process,
    party: RelyingParty,
}

impl Scene {
    async fn set(text: &str, party: fn(u16) -> RelyingParty) -> Option<Self> {
        let database = service("INSULA_TEST_POSTGRES")?;
        let redis = service("INSULA_TEST_REDIS")?;
        let tenant = format!("t{}", unique());
        let host = format!("{tenant}.localhost");
        let text = text
            .replace("hooli.localhost", &host)
            .replace("umbrella.localhost", &host)
            .replace(
                "connectors:\n",
                "connectors:\n  - { type: mockCallback, id: warm, name: Warm }\n",
            );
        let deployment = Deployment::build()
            .tenant(&tenant, &text)
            .database(&database)
            .cache(&redis)
            .done();
        let process = deployment.open().await;
        let mut party = party(deployment.port).with_scope("openid profile email");
        party.issuer = format!("http://{host}:{}", deployment.port);
        party.log_in(&Agent::new(), &Person::at("warm")).await;
        Some(Self {
            _deployment: deployment,
            process,
            party,
        })
    }

    /// What the first login of a new person costs, from the client's redirect to its tokens.
    async fn login(&self, more: &[(&str, &str)]) -> (Cost, Vec<String>) {
        let mut params = vec![("connector_id", "mock")];
        params.extend_from_slice(more);
        self.login_by(&params).await
    }

    /// The same where nothing is added to the request.
    async fn login_by(&self, params: &[(&str, &str)]) -> (Cost, Vec<String>) {
        let agent = Agent::new();
        let login = self.party.begin_with(params);
        let before = spent(&self.process.metrics().await);
        let back = walk(&agent, &login, &Person::at("mock")).await;
        let answer = self.party.redeem(&login, back.code()).await.expect(200);
        let after = spent(&self.process.metrics().await);
        self.party.check_response(&login, &back);
        assert!(answer.json()["id_token"].is_string());
        let cost = Cost {
            writes: after.writes - before.writes,
            round_trips: after.round_trips - before.round_trips,
        };
        println!("{:?}, POST /token: {cost:?}", back.steps);
        (cost, back.steps)
    }
}

fn with_consent(text: &str) -> String {
    text.replace("skipApprovalScreen: true", "skipApprovalScreen: false")
}

#[tokio::test]
async fn a_login_with_consent_costs_at_most_three_writes_its_events_and_seven_round_trips() {
    let text = with_consent(shared_server::HOOLI);
    let Some(scene) = Scene::set(&text, shared_server::hooli).await else {
        return;
    };
    let (cost, steps) = scene.login(&[]).await;
    assert!(steps.iter().any(|step| step.starts_with("POST /approval")));
    assert!(cost.writes <= WRITES && cost.round_trips <= 7.0, "{cost:?}");
    assert!(cost.writes >= 2.0 && cost.round_trips >= 5.0, "{cost:?}");
}

/// The stored login is written to show the choice, and read to follow it.
#[tokio::test]
async fn a_choice_that_is_shown_costs_two_round_trips_more_and_at_a_dex_tenant_none() {
    for (text, party, more) in [
        (
            with_consent(shared_server::HOOLI),
            shared_server::hooli as fn(u16) -> RelyingParty,
            2.0,
        ),
        (
            shared_server::UMBRELLA.to_owned(),
            shared_server::globex,
            0.0,
        ),
    ] {
        let Some(scene) = Scene::set(&text, party).await else {
            return;
        };
        let (cost, steps) = scene.login_by(&[]).await;
        assert_eq!(steps[0], "GET /auth 200");
        let trips = cost.round_trips;
        assert!(cost.writes <= WRITES && trips <= 7.0 + more, "{cost:?}");
    }
}

#[tokio::test]
async fn a_login_that_brings_a_refresh_token_costs_no_more() {
    let Some(scene) = Scene::set(shared_server::HOOLI, shared_server::hooli).await else {
        return;
    };
    let scope = [("scope", "openid profile email offline_access")];
    let (cost, _) = scene.login(&scope).await;
    assert!(cost.writes <= WRITES && cost.round_trips <= 7.0, "{cost:?}");
}

#[tokio::test]
async fn a_login_at_a_dex_tenant_costs_no_more() {
    let Some(scene) = Scene::set(shared_server::UMBRELLA, shared_server::globex).await else {
        return;
    };
    let (cost, _) = scene.login(&[]).await;
    assert!(cost.writes <= WRITES && cost.round_trips <= 7.0, "{cost:?}");
}

/// dex asks in a page of its own: two requests more, and two looks at the login under way.
#[tokio::test]
async fn dexs_page_of_consent_costs_two_round_trips_more() {
    let text = with_consent(shared_server::UMBRELLA);
    let Some(scene) = Scene::set(&text, shared_server::globex).await else {
        return;
    };
    let (cost, steps) = scene.login(&[]).await;
    assert!(steps.iter().any(|step| step.starts_with("GET /approval")));
    assert!(cost.writes <= WRITES && cost.round_trips <= 9.0, "{cost:?}");
}

/// Of an access token that is good, and what is asked of the database is whether it is revoked.
#[tokio::test]
async fn a_token_that_is_asked_about_ten_times_is_looked_up_once_in_two_seconds() {
    let Some(scene) = Scene::set(shared_server::HOOLI, shared_server::hooli).await else {
        return;
    };
    let tokens = scene.party.log_in(&Agent::new(), &Person::at("mock")).await;
    let lookups = async || {
        let metrics = scene.process.metrics().await;
        let counted = "insula_sql_operation_duration_seconds_count";
        metrics.sum(counted, &["operation=\"is_revoked\""])
    };
    let (before, began) = (lookups().await, Instant::now());
    for _ in 0..5 {
        assert!(scene.party.is_active(&tokens.access_token).await);
        let userinfo = scene.party.userinfo(&tokens.access_token);
        userinfo.await.expect(200);
    }
    let asked = lookups().await - before;
    let spans = began.elapsed().as_secs_f64() / 2.0;
    assert!(
        (1.0..=1.0 + spans).contains(&asked),
        "{asked} in {spans} spans of 2 s"
    );
    let metrics = scene.process.metrics().await;
    let hits = "insula_remembered_rows_lookups_total";
    let of = |found| metrics.sum(hits, &["kind=\"revocations\"", found]);
    assert!(of("found=\"yes\"") >= 10.0 - asked && of("found=\"no\"") >= asked);
}

#[tokio::test]
async fn discovery_and_keys_cost_nothing() {
    let Some(scene) = Scene::set(shared_server::HOOLI, shared_server::hooli).await else {
        return;
    };
    let before = spent(&scene.process.metrics().await);
    for _ in 0..20 {
        for path in ["/keys", "/.well-known/openid-configuration"] {
            let url = scene.party.at(path);
            Agent::new().get(url).await.expect(200);
        }
    }
    let after = spent(&scene.process.metrics().await);
    assert_eq!(after.round_trips, before.round_trips);
    // What runs by the clock may have written meanwhile, but not once for each of forty requests.
    assert!(after.writes - before.writes < 10.0);
}
