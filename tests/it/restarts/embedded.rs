//! One process, SQLite, a cache in memory: what lasts, lasts.

use std::sync::Arc;

use futures_util::future::join_all;
use insula_tests::{Agent, Back, Deployment, RelyingParty};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::shared_server::{self, JANE};

#[tokio::test]
async fn sessions_consents_keys_and_refresh_tokens_outlive_the_process() {
    let deployment = Deployment::build()
        .tenant("acme", shared_server::ACME)
        .tenant("globex", shared_server::GLOBEX)
        .done();
    let process = deployment.open().await;
    let (portal, globex) = (
        shared_server::portal(deployment.port),
        shared_server::globex(deployment.port),
    );
    let agent = Agent::new();
    let tokens = portal.log_in(&agent, &JANE).await;
    let at_dex = globex.log_in(&Agent::new(), &shared_server::ADMIN).await;
    let keys = (portal.keys().await.ids(), globex.keys().await.ids());
    process.crash();

    let process = deployment.open().await;
    assert_eq!((portal.keys().await.ids(), globex.keys().await.ids()), keys);
    portal.userinfo(&tokens.access_token).await.expect(200);
    let refreshed = portal.refresh(tokens.refresh(), &[]).await.expect(200);
    let refreshed = portal.read(&refreshed).await;
    assert_eq!(refreshed.id().header["kid"], tokens.id().header["kid"]);
    globex.refresh(at_dex.refresh(), &[]).await.expect(200);
    let login = portal.begin_with(&[("prompt", "none")]);
    let answer = agent.get(&login.url).await.expect(303);
    let back = Back::of(answer.location(), Vec::new());
    portal.tokens(&login, &back).await;
    process.terminate().await;
}

#[tokio::test]
async fn what_was_ended_stays_ended() {
    let deployment = Deployment::build()
        .tenant("acme", shared_server::ACME)
        .done();
    let process = deployment.open().await;
    let portal = shared_server::portal(deployment.port);
    let agent = Agent::new();
    let revoked = portal.log_in(&Agent::new(), &JANE).await;
    portal.revoke(revoked.refresh()).await.expect(200);
    let left = portal.log_in(&agent, &JANE).await;
    let session = agent.cookie("insula_session");
    let url = portal.at(&format!("/logout?id_token_hint={}", left.id().token));
    agent.get(url).await.expect(200);
    process.crash();

    let process = deployment.open().await;
    portal.refresh(revoked.refresh(), &[]).await.expect(400);
    portal.userinfo(&revoked.access_token).await.expect(401);
    agent.plant(session);
    let login = portal.begin_with(&[("prompt", "none")]);
    let answer = agent.get(&login.url).await.expect(303);
    assert!(answer.header("location").contains("login_required"));
    process.terminate().await;
}

/// Refreshes until nobody answers, and comes back with the token that was given out last.
async fn keep_refreshing(
    party: Arc<RelyingParty>,
    mut token: String,
    given: UnboundedSender<()>,
) -> String {
    loop {
        let form = [("grant_type", "refresh_token"), ("refresh_token", &token)];
        let Ok(answer) = party.try_post("/token", &form).await else {
            return token;
        };
        let answer = answer.expect(200).json();
        token = answer["refresh_token"].as_str().unwrap().to_owned();
        let _ = given.send(());
    }
}

#[tokio::test]
async fn every_refresh_token_that_was_given_out_outlives_a_crash_under_load() {
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .done();
    let mut process = deployment.open().await;
    let hooli = Arc::new(shared_server::hooli(deployment.port));
    let mut held = Vec::new();
    for _ in 0..8 {
        let tokens = hooli.log_in(&Agent::new(), &shared_server::MOCK).await;
        held.push(tokens.refresh().to_owned());
    }
    for _ in 0..3 {
        let (given, mut seen) = unbounded_channel();
        let chains = held.drain(..).map(|token| {
            let refreshing = keep_refreshing(Arc::clone(&hooli), token, given.clone());
            tokio::spawn(refreshing)
        });
        let chains: Vec<_> = chains.collect();
        for _ in 0..150 {
            seen.recv().await.unwrap();
        }
        process.crash();
        let last = join_all(chains).await;

        process = deployment.open().await;
        for token in last {
            let answer = hooli.refresh(&token.unwrap(), &[]).await.expect(200);
            held.push(hooli.read(&answer).await.refresh().to_owned());
        }
    }
    process.terminate().await;
}
