//! How many connections one address and all may hold.

use insula_tests::attack::{Crowd, Scale, Silence, assert_held, silent_connections};

use super::{
    DISCOVERY, a_neighbour_is_served, ask, closed_for, connect, deployment_with, get, until_closed,
};

#[tokio::test]
async fn an_address_at_its_limit_gives_up_what_waits_and_keeps_what_works() {
    let deployment = deployment_with("connections: { perPeer: 8 }");
    let process = deployment.open().await;
    let mut used = connect(&process).await;
    ask(&mut used, &get(DISCOVERY)).await;
    let mut silent = Vec::new();
    for _ in 0..7 {
        silent.push(connect(&process).await);
    }
    let mut late = Vec::new();
    for _ in 0..7 {
        let mut io = connect(&process).await;
        ask(&mut io, &get(DISCOVERY)).await;
        late.push(io);
    }
    ask(&mut used, &get(DISCOVERY)).await;
    for io in &mut silent {
        until_closed(io).await;
    }
    assert_eq!(closed_for(&process, "crowded").await, 7.0);
    let open = process.metrics().await.sum("insula_connections_open", &[]);
    assert!(open <= 8.0, "{open}");
}

#[tokio::test]
async fn at_the_limit_of_all_health_is_told_and_a_newcomer_is_served() {
    let deployment = deployment_with("connections: { max: 4, headTimeout: 1m }");
    let process = deployment.open().await;
    let crowd = Crowd::gather(process.port, 50, &Silence::Nothing).await;
    let mut crowd = crowd.unwrap();
    a_neighbour_is_served(&process).await;
    assert!(crowd.still_open() <= 4);
}

#[tokio::test]
async fn a_trusted_proxy_has_no_limit_of_its_own() {
    let deployment = deployment_with("connections: { perPeer: 4 }\ntrustedProxies: [127.0.0.1]");
    let process = deployment.open().await;
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut io = connect(&process).await;
        ask(&mut io, &get(DISCOVERY)).await;
        open.push(io);
    }
    for io in &mut open {
        ask(io, &get(DISCOVERY)).await;
    }
    assert_eq!(closed_for(&process, "crowded").await, 0.0);
}

/// In short what `cargo xtask attack` does in full.
#[tokio::test]
async fn silent_connections_and_slow_readers_do_not_keep_a_person_from_logging_in() {
    assert_held(&silent_connections(Scale::Short).await);
}

#[tokio::test]
async fn as_many_threads_serve_as_were_asked_for() {
    let mut threads = Vec::new();
    for workers in ["workers: 1", "workers: 4"] {
        let deployment = deployment_with(workers);
        let process = deployment.open().await;
        let tasks = std::fs::read_dir(format!("/proc/{}/task", process.pid())).unwrap();
        let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")));
        // Threads that end meanwhile have no name, and none of them serves.
        let names = names.map(Result::unwrap_or_default);
        threads.push(names.filter(|name| name.starts_with("actix-rt|")).count());
        process.terminate().await;
    }
    assert_eq!(threads[1], threads[0] + 3, "{threads:?}");
}
