//! What a login may cost: counted by the server itself, on PostgreSQL and Redis.

use insula_tests::{Agent, House, Metrics, Person, service, unique, walk};

use crate::village;

/// A code-flow login through `mockCallback`, five HTTP requests, takes at most this many SQL
/// statements that write, and this many round trips to Redis.
const MOST_WRITES: f64 = 3.0;
const MOST_ROUND_TRIPS: f64 = 6.0;

/// The connection of every chore is quiet between two pings: those are left out.
fn round_trips(metrics: &Metrics) -> f64 {
    let all = metrics.sum("insula_redis_round_trips_total", &[]);
    all - metrics.sum("insula_redis_round_trips_total", &["verb=\"ping\""])
}

fn writes(metrics: &Metrics) -> f64 {
    metrics.sum("insula_sql_statements_total", &["kind=\"write\""])
}

#[tokio::test]
async fn a_login_costs_at_most_three_writes_and_six_round_trips_to_redis() {
    let (Some(postgres), Some(redis)) = (
        service("INSULA_TEST_POSTGRES"),
        service("INSULA_TEST_REDIS"),
    ) else {
        return;
    };
    // With consent asked, which is the dearer login; in both dialects.
    let native = village::HOOLI.replace("skipApprovalScreen: true", "skipApprovalScreen: false");
    let dex = village::UMBRELLA.replace("skipApprovalScreen: true", "skipApprovalScreen: false");
    for text in [native, dex] {
        let tenant = format!("t{}", unique());
        let text = text
            .replace("hooli.localhost", &format!("{tenant}.localhost"))
            .replace("umbrella.localhost", &format!("{tenant}.localhost"));
        let house = House::build()
            .tenant(&tenant, &text)
            .database(&postgres)
            .cache(&redis)
            .done();
        let process = house.open().await;
        let issuer = format!("http://{tenant}.localhost:{}", house.port);
        let mut party = if text.contains("# dex") {
            village::globex(house.port)
        } else {
            village::hooli(house.port)
        };
        party.issuer = issuer;
        let party = party.with_scope("openid profile email");
        // Keys are made, connections opened, statements prepared.
        party.log_in(&Agent::new(), &Person::at("mock")).await;

        let agent = Agent::new();
        let login = party.begin_with(&[
            ("prompt", if party.at_dex { "" } else { "consent" }),
            ("approval_prompt", "force"),
        ]);
        let before = process.metrics().await;
        let back = walk(&agent, &login, &Person::at("mock")).await;
        let answer = party.redeem(&login, back.code()).await.expect(200);
        let after = process.metrics().await;

        assert!(
            back.steps.iter().any(|s| s.starts_with("POST /approval")),
            "{:?}",
            back.steps
        );
        let (wrote, went) = (
            writes(&after) - writes(&before),
            round_trips(&after) - round_trips(&before),
        );
        println!(
            "{:?}, POST /token: {wrote} writes, {went} round trips",
            back.steps
        );
        assert!(wrote <= MOST_WRITES, "{wrote} SQL statements that write");
        assert!(went <= MOST_ROUND_TRIPS, "{went} round trips to Redis");
        assert!(wrote >= 1.0 && went >= 3.0, "something is not counted");
        drop(answer);
        process.terminate().await;
    }
}

#[tokio::test]
async fn discovery_and_keys_cost_nothing() {
    let (Some(postgres), Some(redis)) = (
        service("INSULA_TEST_POSTGRES"),
        service("INSULA_TEST_REDIS"),
    ) else {
        return;
    };
    let tenant = format!("t{}", unique());
    let text = village::HOOLI.replace("hooli.localhost", &format!("{tenant}.localhost"));
    let house = House::build()
        .tenant(&tenant, &text)
        .database(&postgres)
        .cache(&redis)
        .done();
    let process = house.open().await;
    let issuer = format!("http://{tenant}.localhost:{}", house.port);
    Agent::new().get(format!("{issuer}/keys")).await.expect(200);
    let before = process.metrics().await;
    for _ in 0..20 {
        Agent::new().get(format!("{issuer}/keys")).await.expect(200);
        let discovery = format!("{issuer}/.well-known/openid-configuration");
        Agent::new().get(discovery).await.expect(200);
    }
    let after = process.metrics().await;
    assert_eq!(round_trips(&after) - round_trips(&before), 0.0);
    assert!(writes(&after) - writes(&before) <= 0.0);
    process.terminate().await;
}
