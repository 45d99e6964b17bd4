//! The key that secrets at rest are sealed under: kept, lost, and found again.

use insula_tests::{Agent, Deployment};

use crate::shared_server::{self, JANE};

/// Runs a command that is to fail as one of a wrong configuration; answers what it said.
async fn refused(deployment: &Deployment, verb: &str, arguments: &[&str]) -> String {
    let output = deployment.run_with(verb, arguments).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    said
}

#[tokio::test]
async fn a_lost_master_key_stops_the_start_and_the_old_one_brings_everything_back() {
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .done();
    let process = deployment.open().await;
    let hooli = shared_server::hooli(deployment.port);
    let keys = hooli.keys().await.ids();
    process.terminate().await;
    let key = deployment.folder().join("insula.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    for _ in 0..2 {
        let said = refused(&deployment, "serve", &[]).await;
        assert!(said.contains("insula.key is not there"), "{said}");
        assert!(said.contains("backup"), "{said}");
        assert!(!key.exists(), "a new key was made");
    }
    // Another node, with a key of its own.
    std::fs::write(&key, "00".repeat(32)).unwrap();
    let said = refused(&deployment, "serve", &[]).await;
    assert!(said.contains("this is another key"), "{said}");
    // With the right one, everything is as it was.
    std::fs::write(&key, kept).unwrap();
    let process = deployment.open().await;
    assert_eq!(hooli.keys().await.ids(), keys);
    process.terminate().await;
}

#[tokio::test]
async fn who_lost_the_master_key_for_good_starts_over_by_saying_so() {
    let deployment = Deployment::build()
        .tenant("acme", shared_server::ACME)
        .done();
    let process = deployment.open().await;
    let portal = shared_server::portal(deployment.port);
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    let keys = portal.keys().await.ids();
    let said = refused(&deployment, "reset-keys", &["--confirm"]).await;
    assert!(said.contains("stop it first"), "{said}");
    process.terminate().await;
    std::fs::remove_file(deployment.folder().join("insula.key")).unwrap();
    let said = refused(&deployment, "reset-keys", &[]).await;
    assert!(said.contains("--confirm"), "{said}");
    refused(&deployment, "serve", &[]).await;
    let reset = deployment.run_with("reset-keys", &["--confirm"]).await;
    assert!(reset.status.success(), "{reset:?}");
    let told = deployment.run_with("events", &["acme"]).await.stdout;
    let told = String::from_utf8_lossy(&told).into_owned();
    assert!(told.contains(r#""kind":"keys_reset""#), "{told}");

    let process = deployment.open().await;
    assert_ne!(portal.keys().await.ids(), keys);
    portal.refresh(tokens.refresh(), &[]).await.expect(400);
    portal.log_in(&Agent::new(), &JANE).await;
    process.terminate().await;
}
