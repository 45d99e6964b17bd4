//! A process that is told to end leaves its balancer first.

use std::time::{Duration, Instant};

use insula_tests::{Agent, Deployment};
use nix::sys::signal::Signal;

use super::{DISCOVERY, HOST, ask, connect, deployment_with, get, until_closed};
use crate::shared_server;

#[tokio::test]
async fn told_to_end_it_is_not_ready_serves_on_and_ends_connections_with_their_answers() {
    // Long enough for whatever is asked meanwhile, on a machine that has much else to do.
    const DELAY: Duration = Duration::from_secs(10);
    let deployment = deployment_with("shutdown: { delay: 10s, grace: 5s }");
    let mut process = deployment.open().await;
    let mut used = connect(&process).await;
    let answer = ask(&mut used, &get(DISCOVERY)).await;
    assert!(!answer.contains("connection: close"), "{answer}");
    let mut idle = connect(&process).await;
    ask(&mut idle, &get(DISCOVERY)).await;

    let began = Instant::now();
    process.signal(Signal::SIGTERM);
    process.says("draining").await;
    let ready = process.telemetry("/healthz/ready");
    let answer = Agent::new().get(&ready).await.expect(503);
    assert!(answer.body.contains("draining"), "{}", answer.body);

    let answer = ask(&mut used, &get(DISCOVERY)).await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    until_closed(&mut used).await;
    let mut new = connect(&process).await;
    let answer = ask(&mut new, &get(DISCOVERY)).await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(began.elapsed() < DELAY, "too slow to tell");

    // What waits is closed at the end of the delay and not before.
    until_closed(&mut idle).await;
    assert!(began.elapsed() >= DELAY);
    assert!(process.ended().await.success());
}

#[tokio::test]
async fn an_http_2_connection_is_told_to_go_and_its_client_comes_again() {
    let deployment = deployment_with("shutdown: { delay: 10m }");
    let mut process = deployment.open().await;
    let client = super::client().http2_prior_knowledge().build().unwrap();
    let url = format!("http://{HOST}:{}{DISCOVERY}", process.port);
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    process.signal(Signal::SIGTERM);
    process.says("draining").await;
    for _ in 0..20 {
        let answer = client.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    process.signal(Signal::SIGTERM);
    assert_eq!(process.ended().await.code(), Some(1), "told twice");
}

#[tokio::test]
async fn what_is_under_way_at_the_end_has_its_grace_and_no_more() {
    // Long enough for one answer on a machine that has much else to do.
    const GRACE: Duration = Duration::from_secs(8);
    // Nothing but the end of the grace ends a request that hangs.
    let never = "bodyTimeout: 1h, idleTimeout: 1h, headTimeout: 1h, writeTimeout: 1h";
    let deployment = deployment_with(&format!(
        "shutdown: {{ grace: 8s }}\nconnections: {{ {never} }}"
    ));
    let mut process = deployment.open().await;
    let mut io = connect(&process).await;
    let head = format!(
        "POST /token HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\n\r\n"
    );
    let mut stuck = connect(&process).await;
    for io in [&mut io, &mut stuck] {
        let said = ask(io, &head).await;
        assert_eq!(said, "http/1.1 100 continue", "it has our request");
    }
    let began = Instant::now();
    process.signal(Signal::SIGTERM);
    process.says("draining").await;
    let answer = ask(&mut io, &"a".repeat(100)).await;
    assert!(answer.starts_with("http/1.1 4"), "{answer}");
    assert!(began.elapsed() < GRACE, "too slow to tell");
    assert!(process.ended().await.success());
    assert!(began.elapsed() >= GRACE, "what hangs has its grace");
    until_closed(&mut stuck).await;
}

#[tokio::test]
async fn told_twice_it_ends_at_once() {
    let deployment = deployment_with("shutdown: { delay: 10m }");
    let mut process = deployment.open().await;
    process.signal(Signal::SIGTERM);
    process.says("draining").await;
    process.signal(Signal::SIGINT);
    let began = Instant::now();
    assert_eq!(process.ended().await.code(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn services_that_come_up_late_are_waited_for_with_a_line_for_every_try() {
    let port = insula_tests::free_port();
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .database(&format!("postgres://nobody@127.0.0.1:{port}/none"))
        .setting("startup: { wait: 4s }")
        .setting("databasePool: { acquireTimeout: 1s }")
        .done();
    let output = deployment.run("serve").await;
    assert_eq!(output.status.code(), Some(4));
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(said.matches("trying again").count() >= 2, "{said}");
}
