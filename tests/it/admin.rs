//! `insula tenants` and `insula tenant`, which ask the running process over its admin socket.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use insula_tests::{Agent, Deployment, insula};
use serde_json::Value;

const FILE: &str = "issuer: http://acme.localhost:PORT
connectors: [{ type: mockCallback, id: mock, name: Mock }]
staticClients:
  - { id: app, secret: s, redirectURIs: [\"https://app.example/cb\"] }
";
const NEIGHBOUR: &str = "issuer: http://globex.localhost:PORT
connectors: [{ type: mockCallback, id: mock, name: Mock }]
";

/// Runs a command beside the server, with its configuration.
async fn run(deployment: &Deployment, arguments: &[&str]) -> Output {
    let mut command = Command::new(insula());
    command
        .args(arguments)
        .arg("--config")
        .arg(deployment.folder().join("insula.yaml"))
        .current_dir(deployment.folder());
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
    ran.await.unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A tenant's status, once it is as wanted.
async fn status(deployment: &Deployment, tenant: &str, phase: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let output = run(deployment, &["tenant", "status", tenant, "--json"]).await;
        assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
        let status: Value = serde_json::from_str(&said(&output)).unwrap();
        if status["phase"] == phase {
            return status;
        }
        assert!(Instant::now() < deadline, "never {phase}: {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn tenants_are_listed_with_what_their_actors_tell_and_the_socket_is_the_owners() {
    let deployment = Deployment::build()
        .tenant("acme", FILE)
        .tenant("globex", NEIGHBOUR)
        .done();
    let process = deployment.open().await;
    let discovery = format!(
        "http://acme.localhost:{}/.well-known/openid-configuration",
        deployment.port
    );
    Agent::new().get(discovery).await.expect(200);
    let socket = deployment.folder().join("insula-admin.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let acme = status(&deployment, "acme", "serving").await;
    assert_eq!((&acme["epoch"], &acme["restarts"]), (&1.into(), &0.into()));
    assert_eq!(acme["next_step"], "nothing to do");
    assert_eq!(acme["remembered"]["sessions"]["entries"], 0);
    let listed = run(&deployment, &["tenants"]).await;
    let table = said(&listed);
    let rows: Vec<_> = table.lines().collect();
    assert_eq!(rows.len(), 3, "{table}");
    assert!(rows[0].starts_with("TENANT"), "{table}");
    assert!(
        rows[1].contains("acme") && rows[1].contains("serving"),
        "{table}"
    );
    assert!(
        rows[2].contains("globex") && rows[2].contains("asleep"),
        "{table}"
    );
    let listed = run(&deployment, &["tenants", "--json"]).await;
    let listed: Vec<Value> = serde_json::from_str(&said(&listed)).unwrap();
    assert_eq!(listed[0]["keys"], acme["keys"]);

    for command in ["status", "revive"] {
        let output = run(&deployment, &["tenant", command, "nobody"]).await;
        assert_eq!(output.status.code(), Some(1));
        let complained = complained(&output);
        assert!(
            complained.contains("there is no tenant nobody"),
            "{complained}"
        );
    }
    process.terminate().await;
    assert!(!socket.exists());
    let output = run(&deployment, &["tenants"]).await;
    assert_eq!(output.status.code(), Some(4), "{}", complained(&output));
}

/// Asks a tenant for its metadata, which wakes it.
async fn wake(deployment: &Deployment, tenant: &str) {
    let port = deployment.port;
    let discovery = format!("http://{tenant}.localhost:{port}/.well-known/openid-configuration");
    Agent::new().get(discovery).await.expect(200);
}

#[tokio::test]
async fn beyond_max_awake_the_tenant_unused_for_longest_sleeps() {
    let deployment = Deployment::build()
        .tenant("acme", FILE)
        .tenant("globex", NEIGHBOUR)
        .setting("limits: { memory: 512MiB, maxAwake: 1 }")
        .done();
    let process = deployment.open().await;
    wake(&deployment, "acme").await;
    status(&deployment, "acme", "serving").await;
    wake(&deployment, "globex").await;
    status(&deployment, "acme", "asleep").await;
    status(&deployment, "globex", "serving").await;
    let told = complained(&run(&deployment, &["tenants"]).await);
    assert_eq!(told, "1 of at most 1 tenants are awake (limits.maxAwake)\n");
    wake(&deployment, "acme").await;
    process.terminate().await;
}

#[tokio::test]
async fn a_budget_of_memory_says_how_many_tenants_are_awake_and_the_command_shows_it() {
    let deployment = Deployment::build()
        .tenant("acme", FILE)
        .tenant("globex", NEIGHBOUR)
        .setting("limits: { memory: 7MiB }")
        .done();
    let process = deployment.open().await;
    wake(&deployment, "acme").await;
    status(&deployment, "acme", "serving").await;
    let listed = run(&deployment, &["tenants"]).await;
    let said_of = |count: &str| {
        format!("{count} 448 tenants are awake (7 MiB at 16 KiB a tenant: limits.memory)")
    };
    assert_eq!(complained(&listed).trim(), said_of("1 of at most"));
    assert_eq!(said(&listed).lines().count(), 3, "the list is for programs");
    let log = process.log();
    assert!(log.contains("up to 448 tenants are awake at once"), "{log}");
    process.terminate().await;
}

#[tokio::test]
async fn a_quarantined_tenant_is_shown_with_its_next_step_and_revived_by_command() {
    let deployment = Deployment::build()
        .tenant("acme", FILE)
        .tenant("globex", NEIGHBOUR)
        .done();
    let document = |host: &str| {
        let port = deployment.port;
        format!("http://{host}.localhost:{port}/.well-known/openid-configuration")
    };
    let process = deployment.open().await;
    Agent::new().get(document("acme")).await.expect(200);
    process.terminate().await;
    // The keys in the database are those of another issuer: it cannot be loaded.
    deployment.write_tenant("acme", &FILE.replace("acme.localhost", "two.localhost"));

    let process = deployment.open().await;
    let _refused = Agent::new().get(document("two")).await.expect(503);
    let quarantined = status(&deployment, "acme", "quarantined").await;
    assert_eq!(quarantined["restarts"], 5);
    let told = quarantined["last_error"].as_str().unwrap();
    assert!(told.contains("insula adopt acme"), "{told}");
    let next = quarantined["next_step"].as_str().unwrap();
    assert!(next.contains("insula tenant revive acme"), "{next}");
    process
        .says("`insula tenant revive acme` tries it at once")
        .await;

    let adopted = run(&deployment, &["adopt", "acme"]).await;
    assert_eq!(adopted.status.code(), Some(0), "{}", complained(&adopted));
    let revived = run(&deployment, &["tenant", "revive", "acme"]).await;
    assert_eq!(revived.status.code(), Some(0), "{}", complained(&revived));
    assert!(
        said(&revived).contains("tenant         acme"),
        "{}",
        said(&revived)
    );
    status(&deployment, "acme", "serving").await;
    Agent::new().get(document("two")).await.expect(200);
    process.terminate().await;
}

#[tokio::test]
async fn of_two_processes_that_start_at_once_one_has_the_socket_and_the_other_serves_without() {
    const REFUSED: &str = "another process has it";
    let deployment = Deployment::build().tenant("acme", FILE).done();
    // Each with a database of its own; what they share is the folder.
    let one_of_its_own = ["--database", "sqlite://one.db", "--master-key", "one.key"];
    let two_of_its_own = ["--database", "sqlite://two.db", "--master-key", "two.key"];
    let (one, two) = tokio::join!(
        deployment.open_another_with(&one_of_its_own),
        deployment.open_another_with(&two_of_its_own)
    );
    let (first, second) = if one.log().contains(REFUSED) {
        (two, one)
    } else {
        (one, two)
    };
    second.says(REFUSED).await;
    assert!(!first.log().contains(REFUSED), "{}", first.log());
    for process in [&first, &second] {
        let agent = Agent::through(&[process.port]);
        let issuer = format!("http://acme.localhost:{}", deployment.port);
        let document = format!("{issuer}/.well-known/openid-configuration");
        agent.get(document).await.expect(200);
    }
    // The one that ends leaves the other's in its place.
    second.terminate().await;
    status(&deployment, "acme", "serving").await;
    // One that crashed is followed.
    first.crash();
    let third = deployment.open_another().await;
    status(&deployment, "acme", "asleep").await;
    third.terminate().await;
}

#[tokio::test]
async fn with_an_empty_admin_socket_there_is_none_and_the_command_says_so() {
    let deployment = Deployment::build()
        .tenant("acme", FILE)
        .setting("adminSocket: \"\"")
        .done();
    let process = deployment.open().await;
    assert!(!deployment.folder().join("insula-admin.sock").exists());
    let output = run(&deployment, &["tenants"]).await;
    assert_eq!(output.status.code(), Some(3));
    let complained = complained(&output);
    assert!(complained.contains("adminSocket is empty"), "{complained}");
    process.terminate().await;
}
