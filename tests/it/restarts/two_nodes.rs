//! Two processes, one PostgreSQL, one Redis: any of them answers any step.

use std::time::{Duration, Instant};

use insula_tests::{Agent, Answer, Deployment, Person, Process, service, walk};

use super::between_steps::{deployment_on, portal_of};
use crate::shared_server::{JANE, MOCK};

struct TwoNodes {
    deployment: Deployment,
    one: Process,
    other: Process,
    issuer: String,
}

impl TwoNodes {
    async fn start() -> Option<Self> {
        let database = service("INSULA_TEST_POSTGRES")?;
        let redis = service("INSULA_TEST_REDIS")?;
        let (deployment, issuer) = deployment_on(&database, &redis);
        // Born at once, on a tenant that has no keys yet.
        let (one, other) = tokio::join!(deployment.open(), deployment.open_another());
        Some(Self {
            deployment,
            one,
            other,
            issuer,
        })
    }

    fn ports(&self) -> [u16; 2] {
        [self.one.port, self.other.port]
    }
}

/// What was ended at one node is refused by the other once word of it came, and whatever word is lost
/// when it is asked for two seconds later.
const FINAL_WITHIN: Duration = Duration::from_secs(2);

/// Asks until it is refused. What is asked for after the promised time must be.
async fn is_refused_in_time(ended: Instant, what: &str, mut ask: impl AsyncFnMut() -> bool) {
    loop {
        let asked = ended.elapsed();
        if ask().await {
            return;
        }
        assert!(
            asked < FINAL_WITHIN,
            "{what} is good {asked:?} after its end"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn each_step_of_a_login_is_answered_by_the_other() {
    let Some(nodes) = TwoNodes::start().await else {
        return;
    };
    let portal = portal_of(&nodes.issuer, nodes.deployment.port).through(&nodes.ports());
    for person in [JANE, MOCK] {
        for offset in 0..2 {
            let agent = Agent::through(&nodes.ports());
            for _ in 0..offset {
                agent.get(format!("{}/keys", nodes.issuer)).await;
            }
            let login = portal.begin_with(&[("prompt", "consent")]);
            let back = walk(&agent, &login, &person).await;
            let tokens = portal.tokens(&login, &back).await;
            portal.userinfo(&tokens.access_token).await.expect(200);
            let answer = portal.refresh(tokens.refresh(), &[]).await.expect(200);
            let refreshed = portal.read(&answer).await;
            // Both know that it stands. Revoked at one, it is dead there at once, and at both soon.
            let at = |port| portal_of(&nodes.issuer, nodes.deployment.port).through(&[port]);
            let [here, there] = nodes.ports().map(at);
            for node in [&here, &there] {
                node.userinfo(&refreshed.access_token).await.expect(200);
            }
            here.revoke(refreshed.refresh()).await.expect(200);
            let ended = Instant::now();
            let access = &refreshed.access_token;
            here.userinfo(access).await.expect(401);
            assert!(!here.is_active(access).await);
            is_refused_in_time(ended, "an access token", async || {
                there.userinfo(access).await.status == 401
            })
            .await;
            for node in [&here, &there] {
                node.refresh(refreshed.refresh(), &[]).await.expect(400);
                node.userinfo(access).await.expect(401);
            }
            // Logged in at one, logged in at both; logged out at one, at both.
            for _ in 0..2 {
                let login = portal.begin_with(&[("prompt", "none")]);
                let back = walk(&agent, &login, &Person::default()).await;
                portal.tokens(&login, &back).await;
            }
            let url = portal.at(&format!("/logout?id_token_hint={}", tokens.id().token));
            let session = agent.cookie("insula_session");
            agent.get(url).await.expect(200);
            agent.plant(session);
            let ended = Instant::now();
            let is_unknown = async || {
                let login = portal.begin_with(&[("prompt", "none")]);
                let answer = agent.get(&login.url).await.expect(303);
                answer.header("location").contains("login_required")
            };
            // The agent asks the nodes in turn.
            for _ in 0..2 {
                is_refused_in_time(ended, "a session", async || is_unknown().await).await;
            }
            assert!(is_unknown().await && is_unknown().await);
        }
    }
    nodes.one.terminate().await;
    nodes.other.terminate().await;
}

#[tokio::test]
async fn both_serve_the_same_keys_from_the_first_moment() {
    let Some(nodes) = TwoNodes::start().await else {
        return;
    };
    let mut ids = Vec::new();
    for port in nodes.ports() {
        let portal = portal_of(&nodes.issuer, nodes.deployment.port).through(&[port]);
        ids.push(portal.keys().await.ids());
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_code_redeemed_at_both_at_once_is_taken_once() {
    let Some(nodes) = TwoNodes::start().await else {
        return;
    };
    let [one, other] = nodes
        .ports()
        .map(|port| portal_of(&nodes.issuer, nodes.deployment.port).through(&[port]));
    for _ in 0..5 {
        let (login, back) = one.code(&Agent::new(), &MOCK).await;
        let code = back.code();
        let (first, second) = tokio::join!(one.redeem(&login, code), other.redeem(&login, code));
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400]);
    }
}

#[tokio::test]
async fn a_refresh_token_used_at_both_at_once_never_makes_two_families() {
    let Some(nodes) = TwoNodes::start().await else {
        return;
    };
    let [one, other] = nodes
        .ports()
        .map(|port| portal_of(&nodes.issuer, nodes.deployment.port).through(&[port]));
    let tokens = one.log_in(&Agent::new(), &MOCK).await;
    let (first, second) = tokio::join!(
        one.refresh(tokens.refresh(), &[]),
        other.refresh(tokens.refresh(), &[])
    );
    // There is no reuse interval here. One that came after the other is a thief; one that still found
    // its token current and lost the race is told what the faster one got.
    match (first.status, second.status) {
        (200, 200) => {
            let told = |answer: &Answer| answer.json()["refresh_token"].clone();
            assert_eq!(told(&first), told(&second));
        }
        (200, 400) | (400, 200) => {}
        others => panic!("{others:?}"),
    }
}

#[tokio::test]
async fn one_that_dies_is_missed_by_nobody() {
    let Some(nodes) = TwoNodes::start().await else {
        return;
    };
    let agent = Agent::through(&nodes.ports());
    let portal = portal_of(&nodes.issuer, nodes.deployment.port).through(&[nodes.other.port]);
    let login = portal.begin_with(&[("connector_id", "local")]);
    let form = agent.get(&login.url).await.expect(302).location();
    nodes.one.crash();
    let survivor = Agent::through(&[nodes.other.port]);
    for cookie in agent.cookies() {
        survivor.plant(cookie);
    }
    survivor.get(&form).await.expect(200);
    let filled = [("login", JANE.login), ("password", JANE.password)];
    survivor.post(&form, &filled).await.expect(303);
    nodes.other.terminate().await;
}
