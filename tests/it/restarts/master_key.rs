//! The key that secrets at rest are sealed under: kept, lost, and found again.

use insula_tests::{Agent, House};

use crate::village::{self, JANE};

/// Runs a command that is to fail as one of a wrong configuration; answers what it said.
async fn refused(house: &House, verb: &str, arguments: &[&str]) -> String {
    let output = house.run_with(verb, arguments).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    said
}

#[tokio::test]
async fn a_lost_master_key_stops_the_start_and_the_old_one_brings_everything_back() {
    let house = House::build().tenant("hooli", village::HOOLI).done();
    let process = house.open().await;
    let hooli = village::hooli(house.port);
    let keys = hooli.keys().await.ids();
    process.terminate().await;
    let key = house.folder().join("insula.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    for _ in 0..2 {
        let said = refused(&house, "serve", &[]).await;
        assert!(said.contains("insula.key is not there"), "{said}");
        assert!(said.contains("backup"), "{said}");
        assert!(!key.exists(), "a new key was made");
    }
    // Another node, with a key of its own.
    std::fs::write(&key, "00".repeat(32)).unwrap();
    let said = refused(&house, "serve", &[]).await;
    assert!(said.contains("this is another key"), "{said}");
    // With the right one, everything is as it was.
    std::fs::write(&key, kept).unwrap();
    let process = house.open().await;
    assert_eq!(hooli.keys().await.ids(), keys);
    process.terminate().await;
}

#[tokio::test]
async fn who_lost_the_master_key_for_good_starts_over_by_saying_so() {
    let house = House::build().tenant("acme", village::ACME).done();
    let process = house.open().await;
    let portal = village::portal(house.port);
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    let keys = portal.keys().await.ids();
    let said = refused(&house, "reset-keys", &["--confirm"]).await;
    assert!(said.contains("stop it first"), "{said}");
    process.terminate().await;
    std::fs::remove_file(house.folder().join("insula.key")).unwrap();
    let said = refused(&house, "reset-keys", &[]).await;
    assert!(said.contains("--confirm"), "{said}");
    refused(&house, "serve", &[]).await;
    let reset = house.run_with("reset-keys", &["--confirm"]).await;
    assert!(reset.status.success(), "{reset:?}");

    let process = house.open().await;
    assert_ne!(portal.keys().await.ids(), keys);
    portal.refresh(tokens.refresh(), &[]).await.expect(400);
    portal.log_in(&Agent::new(), &JANE).await;
    process.terminate().await;
}
