//! One cache for one database: a process must not serve beside one whose codes it cannot know.

use insula_tests::{Deployment, execute_on, service};

use crate::shared_server;

async fn refused(deployment: &Deployment, arguments: &[&str]) -> String {
    let output = deployment.run_with("serve", arguments).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    said
}

#[tokio::test]
async fn a_second_process_with_a_cache_of_its_own_refuses_to_start_and_says_what_to_set() {
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .done();
    let one = deployment.open().await;
    let said = refused(&deployment, &[]).await;
    assert!(said.contains("cache: redis://"), "{said}");
    assert!(said.contains("waiting up to 10 s"), "{said}");
    let hooli = shared_server::hooli(deployment.port);
    hooli.keys().await;
    one.terminate().await;
    // Nobody is waited for: neither one that ended nor one that crashed on this machine.
    let next = deployment.open().await;
    next.crash();
    let next = deployment.open().await;
    hooli.keys().await;
    let said = next.terminate().await;
    assert!(!said.contains("waiting up to"), "{said}");
}

#[tokio::test]
async fn processes_on_redis_serve_beside_each_other_and_beside_nobody_without() {
    let (Some(postgres), Some(redis)) = (
        service("INSULA_TEST_POSTGRES"),
        service("INSULA_TEST_REDIS"),
    ) else {
        return;
    };
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .database(&postgres)
        .cache(&redis)
        .done();
    let (one, other) = tokio::join!(deployment.open(), deployment.open_another());
    let said = refused(&deployment, &["--cache", "memory"]).await;
    assert!(said.contains("set `cache` to the redis:// URL"), "{said}");
    one.terminate().await;
    other.terminate().await;
}

#[tokio::test]
async fn a_process_whose_database_another_one_took_over_ends() {
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .done();
    let mut process = deployment.open().await;
    let file = deployment.folder().join("insula.db");
    execute_on(
        &format!("sqlite://{}", file.display()),
        "UPDATE lease SET holder = 'memory elsewhere 7 - x', expires_at = 9000000000000 \
         WHERE name = 'cache'",
    );
    let status = process.ended().await;
    assert_eq!(status.code(), Some(4), "{}", process.log());
    let said = process.log();
    assert!(said.contains("process 7 on elsewhere"), "{said}");
}
