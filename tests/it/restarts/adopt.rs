//! `insula adopt`: a tenant whose issuer changed has what lies under its name only if its operator
//! says that it is the same tenant.

use std::time::{Duration, Instant};

use insula_tests::{Agent, Deployment, Process, service, unique};
use nix::sys::signal::Signal;

const DISCOVERY: &str = "/.well-known/openid-configuration";

fn moved(name: &str) -> String {
    format!(
        "issuer: http://{name}.localhost:PORT
connectors: [{{ type: mockCallback, id: mock, name: Mock }}]
staticClients:
  - {{ id: app, secret: s, redirectURIs: [\"https://app.example/cb\"] }}
"
    )
}

/// The ids of the keys a tenant publishes, once it is served.
async fn keys(deployment: &Deployment, name: &str) -> Vec<String> {
    let url = format!("http://{name}.localhost:{}/keys", deployment.port);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = Agent::new().get(&url).await;
        if answer.status == 200 {
            let keys = answer.json()["keys"].as_array().unwrap().clone();
            return keys.iter().map(|key| key["kid"].to_string()).collect();
        }
        assert!(
            Instant::now() < deadline,
            "{}: {}",
            answer.status,
            answer.body
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Runs `insula adopt`; answers its exit code and what it said.
async fn adopt(deployment: &Deployment, tenant: &str) -> (Option<i32>, String) {
    let output = deployment.run_with("adopt", &[tenant]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

/// Whether a line of the log says that the tenant would not be loaded, and how to go on.
fn is_told(process: &Process, tenant: &str, first: &str, second: &str) -> bool {
    process.log().lines().any(|line| {
        let how = format!("insula adopt {tenant}");
        [first, second, &how].iter().all(|word| line.contains(word))
    })
}

async fn a_moved_tenant_is_adopted(database: &str) {
    let tenant = format!("t{}", unique());
    let (first, second) = (format!("a{tenant}"), format!("b{tenant}"));
    let deployment = Deployment::build()
        .tenant(&tenant, &moved(&first))
        .database(database)
        .done();
    let process = deployment.open().await;
    let before = keys(&deployment, &first).await;
    process.terminate().await;

    deployment.write_tenant(&tenant, &moved(&second));
    let process = deployment.open().await;
    // At start, before anybody asks for it.
    process.says(&format!("insula adopt {tenant}")).await;
    assert!(
        is_told(&process, &tenant, &first, &second),
        "{}",
        process.log()
    );
    let url = format!("http://{second}.localhost:{}{DISCOVERY}", deployment.port);
    Agent::new().get(&url).await.expect(503);

    let (code, said) = adopt(&deployment, &tenant).await;
    assert_eq!(code, Some(0), "{said}");
    let issuer = format!("http://{second}.localhost:{}", deployment.port);
    let wanted = format!("tenant {tenant} is {issuer} from now on; send SIGHUP");
    assert!(said.contains(&wanted), "{said}");
    process.signal(Signal::SIGHUP);
    assert_eq!(
        keys(&deployment, &second).await,
        before,
        "it has what it had"
    );
    process.terminate().await;

    let process = deployment.open().await;
    assert!(!is_told(&process, &tenant, &first, &second));
    assert_eq!(keys(&deployment, &second).await, before);
    process.terminate().await;
}

#[tokio::test]
async fn a_tenant_whose_issuer_changed_is_refused_from_the_start_until_it_is_adopted() {
    a_moved_tenant_is_adopted("sqlite://insula.db").await;
}

#[tokio::test]
async fn a_tenant_whose_issuer_changed_is_adopted_on_postgresql_too() {
    let Some(postgres) = service("INSULA_TEST_POSTGRES") else {
        return;
    };
    a_moved_tenant_is_adopted(&postgres).await;
}

#[tokio::test]
async fn what_cannot_be_adopted_is_refused_with_its_cause_and_changes_nothing() {
    let deployment = Deployment::build().tenant("mine", &moved("before")).done();
    let broken = "issuer: http://broken.localhost:PORT\nexpiry: { codes: 10h }\n";
    deployment.write_tenant("broken", broken);
    for (tenant, cause) in [
        ("nobody", "tenant nobody has no file in"),
        ("broken", "broken/tenant.yaml:2"),
        ("no/tenant", "the configuration cannot be served"),
    ] {
        let (code, said) = adopt(&deployment, tenant).await;
        assert_eq!(code, Some(3), "{tenant}: {said}");
        assert!(said.contains(cause), "{tenant}: {said}");
        assert!(!said.contains("from now on"), "{tenant}: {said}");
    }
    assert!(!deployment.folder().join("insula.db").exists());
    let process = deployment.open().await;
    keys(&deployment, "before").await;
    process.terminate().await;
}
