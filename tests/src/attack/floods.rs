//! Floods by strangers who never log in: of authorization requests, and of requests from one address.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::{Proof, Scale};
use crate::{Agent, Deployment, Person, RelyingParty, service, walk};

const REDIRECT_URI: &str = "https://app.example/callback";

fn tenant(name: &str, limits: &str) -> String {
    format!(
        "issuer: http://{name}.localhost:PORT
connectors: [{{ type: mockCallback, id: mock, name: Mock }}]
staticClients:
  - {{ id: app, name: App, secret: s, redirectURIs: ['{REDIRECT_URI}'], skipApprovalScreen: true }}
limits: {limits}
"
    )
}

/// Logins that nobody finishes, begun at one tenant beyond its room, in the shared Redis.
pub async fn logins_that_nobody_finishes(scale: Scale) -> Vec<Proof> {
    let (Some(redis), Some(database)) = (
        service("INSULA_TEST_REDIS"),
        service("INSULA_TEST_POSTGRES"),
    ) else {
        return Vec::new();
    };
    let room = scale.of(50, 2_000);
    let loud = tenant(
        "loud",
        &format!("{{ requests: 100000/s, loginsUnderWay: {room} }}"),
    );
    let deployment = Deployment::build()
        .tenant("loud", &loud)
        .tenant("quiet", &tenant("quiet", "{ requests: 100000/s }"))
        .database(&database)
        .cache(&redis)
        .log("warn")
        .done();
    let _process = deployment.open().await;
    let party = |name: &str| {
        let issuer = format!("http://{name}.localhost:{}", deployment.port);
        RelyingParty::new(&issuer, "app", "s", REDIRECT_URI)
    };
    let (loud, quiet) = (party("loud"), party("quiet"));
    // One login stays under way at the neighbour all the while.
    let patient = Agent::new();
    let login = quiet.begin();
    let upstream = patient.get(&login.url).await.location();
    let agent = Agent::new();
    for _ in 0..room * 3 {
        let state = "s".repeat(400);
        let begun = loud.begin_with(&[("state", &state)]);
        let answer = agent.get(&begun.url).await;
        assert!(answer.status < 400, "{} {}", answer.status, answer.words());
        agent.forget();
    }
    let back = patient.get(&upstream).await.location();
    let is_let_in = back.as_str().starts_with(REDIRECT_URI) || {
        let back = patient.get(&back).await.location();
        back.as_str().starts_with(REDIRECT_URI)
    };
    let own = walk(&Agent::new(), &loud.begin(), &Person::at("mock")).await;
    vec![Proof {
        attack: format!(
            "{} logins begun at one tenant with room for {room}, in a shared Redis",
            room * 3
        ),
        seen: format!(
            "a neighbour's login that was under way ended with a code: {is_let_in}; so did a new one of the tenant itself: {}",
            !own.code().is_empty()
        ),
        bound: "both do".to_owned(),
        held: is_let_in && !own.code().is_empty(),
    }]
}

/// One address that asks without a pause, and another that asks now and then.
pub async fn one_address_that_asks_without_a_pause(scale: Scale) -> Vec<Proof> {
    let deployment = Deployment::build()
        .tenant("acme", &tenant("acme", "{ requests: 200/s }"))
        .tenant("other", &tenant("other", "{ requests: 200/s }"))
        .setting("trustedProxies: [127.0.0.0/8]")
        .log("warn")
        .done();
    let _process = deployment.open().await;
    let issuer = format!("http://acme.localhost:{}", deployment.port);
    let url = Arc::new(
        RelyingParty::new(&issuer, "app", "s", REDIRECT_URI)
            .begin()
            .url,
    );
    let is_over = Arc::new(AtomicBool::new(false));
    let (asked, refused) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let mut strangers = Vec::new();
    for _ in 0..2 {
        let (url, is_over) = (Arc::clone(&url), Arc::clone(&is_over));
        let (asked, refused) = (Arc::clone(&asked), Arc::clone(&refused));
        strangers.push(tokio::spawn(async move {
            let agent = Agent::new().with_header("x-forwarded-for", "203.0.113.9");
            while !is_over.load(Ordering::Relaxed) {
                let answer = agent.get(url.as_str()).await;
                agent.forget();
                asked.fetch_add(1, Ordering::Relaxed);
                refused.fetch_add(usize::from(answer.status == 429), Ordering::Relaxed);
            }
        }));
    }
    while refused.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let agent = Agent::new().with_header("x-forwarded-for", "198.51.100.7");
    let tries = scale.of(20, 200);
    let mut served = 0;
    for _ in 0..tries {
        served += usize::from(agent.get(url.as_str()).await.status < 400);
        agent.forget();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    is_over.store(true, Ordering::Relaxed);
    for stranger in strangers {
        stranger.await.unwrap();
    }
    vec![Proof {
        attack: format!(
            "two connections of one address ask a tenant of 200 requests a second without a pause: {} requests, {} refused",
            asked.load(Ordering::Relaxed),
            refused.load(Ordering::Relaxed)
        ),
        seen: format!("of another address's {tries} requests {served} were served"),
        bound: "all".to_owned(),
        held: served == tries,
    }]
}
