//! A tenant whose file is broken when the process starts goes on with what it said last.

use std::process::Command;
use std::time::{Duration, Instant};

use insula_tests::{Agent, Deployment, insula, service, unique};
use serde_json::Value;

fn file(name: &str) -> String {
    format!(
        "issuer: http://{name}.localhost:PORT
connectors: [{{ type: mockCallback, id: mock, name: Mock }}]
staticClients:
  - {{ id: app, secret: {{ file: portal }}, redirectURIs: [\"https://app.example/cb\"] }}
"
    )
}

/// The ids of the keys a tenant publishes, once it is served.
async fn keys(deployment: &Deployment, name: &str) -> Vec<String> {
    let url = format!("http://{name}.localhost:{}/keys", deployment.port);
    let answer = Agent::new().get(&url).await.expect(200);
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    keys.iter().map(|key| key["kid"].to_string()).collect()
}

async fn status(deployment: &Deployment, tenant: &str) -> Value {
    let mut command = Command::new(insula());
    command
        .args(["tenant", "status", tenant, "--json", "--config"])
        .arg(deployment.folder().join("insula.yaml"))
        .current_dir(deployment.folder());
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = ran.await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn a_broken_file_is_started_over(database: &str) {
    let tenant = format!("t{}", unique());
    let deployment = Deployment::build()
        .tenant(&tenant, &file(&tenant))
        .database(database)
        .done();
    let portal = deployment.tenant_file(&tenant).with_file_name("portal");
    std::fs::write(portal, "s3cret-of-the-portal").unwrap();
    let process = deployment.open().await;
    let before = keys(&deployment, &tenant).await;
    process.terminate().await;

    let broken = file(&tenant).replace("staticClients", "clients: 7\nstaticClients");
    deployment.write_tenant(&tenant, &broken);
    let checked = deployment.run_with("check", &[]).await;
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(checked.status.code(), Some(3), "{said}");
    assert!(
        said.contains("goes on with its last good configuration"),
        "{said}"
    );

    let process = deployment.open().await;
    process.says("it goes on with its last good one").await;
    assert!(
        status(&deployment, &tenant).await["on_last_good"]
            .as_bool()
            .unwrap()
    );
    assert_eq!(keys(&deployment, &tenant).await, before);
    let status = status(&deployment, &tenant).await;
    let error = status["last_error"].as_str().unwrap();
    assert!(error.contains("clients"), "{error}");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let ready = Agent::new()
            .get(process.telemetry("/healthz/ready"))
            .await
            .expect(200);
        let told = ready.json()["checks"]["tenants"]["message"].clone();
        if told.as_str().is_some_and(|told| told.contains(&tenant)) {
            assert_eq!(ready.json()["status"], "degraded");
            break;
        }
        assert!(Instant::now() < deadline, "{}", ready.body);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    deployment.write_tenant(&tenant, &file(&tenant));
    process
        .says("is served by its present configuration again")
        .await;
    let log = process.terminate().await;
    assert!(!log.contains("s3cret-of-the-portal"), "{log}");
}

#[tokio::test]
async fn a_broken_file_is_started_over_on_sqlite() {
    a_broken_file_is_started_over("sqlite://insula.db").await;
}

#[tokio::test]
async fn a_broken_file_is_started_over_on_postgres() {
    if let Some(database) = service("INSULA_TEST_POSTGRES") {
        a_broken_file_is_started_over(&database).await;
    }
}

#[tokio::test]
async fn a_tenant_on_its_last_good_configuration_is_out_of_service_once_its_folder_is_removed() {
    let names = ["first", "second", "third"];
    let mut deployment = Deployment::build();
    for name in names {
        deployment = deployment.tenant(name, &file(name).replace("{ file: portal }", "portal"));
    }
    let deployment = deployment.database("sqlite://insula.db").done();
    let process = deployment.open().await;
    keys(&deployment, "first").await;
    process.terminate().await;

    // Another's file under the same name, and a bad one.
    let others = "issuer: http://other.localhost:PORT\nclients: 7\n";
    deployment.write_tenant("first", others);
    let process = deployment.open().await;
    process.says("it goes on with its last good one").await;
    keys(&deployment, "first").await;
    deployment.remove_tenant("first");
    process.says("tenant first is gone").await;
    let url = format!("http://first.localhost:{}/keys", deployment.port);
    Agent::new().get(&url).await.expect(404);
    process.terminate().await;

    deployment.write_tenant("first", others);
    let process = deployment.open().await;
    process.says("tenant first cannot be routed to").await;
    Agent::new().get(&url).await.expect(404);
    keys(&deployment, "second").await;
    process.terminate().await;
}
