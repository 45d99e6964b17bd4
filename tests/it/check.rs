//! `insula check` and its neighbours on the command line.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use insula_tests::{Deployment, insula};
use nix::sys::signal::Signal;

use crate::shared_server;
use crate::tls::until_it_says;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

#[test]
fn the_examples_that_are_shipped_would_be_served() {
    let output = Command::new(insula())
        .args(["check", "--config", "tenants.example/insula.yaml"])
        .current_dir(repository())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!said.contains("error: "), "{said}");
}

#[tokio::test]
async fn every_problem_is_told_with_its_file_and_line_and_no_secret() {
    let broken = "issuer: http://broken.localhost:PORT
enablePasswordDB: true
staticClients:
  - id: app
    secret: hunter2-hunter2
    redirectURIs: [\"not a uri\"]
    skipAprovalScreen: true
expiry: { codes: 10h }
";
    let deployment = Deployment::build()
        .tenant("broken", broken)
        .tenant("hooli", shared_server::HOOLI)
        .done();
    let output = deployment.run("check").await;
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    for line in [6, 7, 8] {
        let place = format!("broken/tenant.yaml:{line}");
        assert!(said.contains(&place), "{place} is not in:\n{said}");
    }
    assert!(said.contains("skipApprovalScreen"), "did you mean:\n{said}");
    assert!(!said.contains("hunter2-hunter2"), "{said}");
    assert!(
        !deployment.folder().join("insula.db").exists(),
        "check touches nothing"
    );
}

#[tokio::test]
async fn a_dex_file_with_a_word_nobody_knows_is_served_with_a_warning() {
    let text = format!("{}\nunknownWord: true\n", shared_server::UMBRELLA);
    let deployment = Deployment::build().tenant("umbrella", &text).done();
    let output = deployment.run("check").await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("unknownWord"), "{said}");
}

#[tokio::test]
async fn two_tenants_with_one_issuer_are_a_clash() {
    let deployment = Deployment::build()
        .tenant("one", shared_server::HOOLI)
        .tenant("two", shared_server::HOOLI)
        .done();
    let output = deployment.run("check").await;
    assert_eq!(output.status.code(), Some(3));
}

/// Starts the server where it cannot start. Answers its exit code and what it said.
async fn started(deployment: &Deployment, arguments: &[&str]) -> (Option<i32>, String) {
    let output = deployment.run_with("serve", arguments).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

#[tokio::test]
async fn a_service_that_is_not_there_is_told_with_4() {
    for (database, cache, named) in [
        (
            "postgres://nobody:hunter2@127.0.0.1:9/none",
            "memory",
            "127.0.0.1:9",
        ),
        (
            "sqlite://insula.db",
            "redis://:hunter2@127.0.0.1:9",
            "127.0.0.1:9",
        ),
        (
            "sqlite:///no/such/folder/insula.db",
            "memory",
            "/no/such/folder",
        ),
    ] {
        let deployment = Deployment::build()
            .tenant("hooli", shared_server::HOOLI)
            .database(database)
            .cache(cache)
            .setting("startup: { wait: 1s }")
            .done();
        let (code, said) = started(&deployment, &[]).await;
        assert_eq!(code, Some(4), "{said}");
        assert!(said.contains(named), "{said}");
        assert!(said.contains("start it, or name another"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn a_port_that_somebody_has_is_told_with_4() {
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .done();
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap().to_string();
    for setting in ["listen.http", "listen.telemetry"] {
        let flag = format!("--{setting}");
        let mut arguments = vec![flag.as_str(), taken.as_str()];
        if setting != "listen.http" {
            arguments.extend(["--listen.http", "127.0.0.1:0"]);
        }
        let (code, said) = started(&deployment, &arguments).await;
        assert_eq!(code, Some(4), "{said}");
        let told = format!("{setting}: cannot listen on {taken}; is something else there?");
        assert!(said.contains(&told), "{said}");
    }
}

#[tokio::test]
async fn what_no_waiting_mends_is_told_with_3() {
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .done();
    let key = deployment.folder().join("bad.key");
    std::fs::write(&key, "hunter2").unwrap();
    for (flag, value, named) in [
        ("--tenants", "./nowhere", "nowhere"),
        ("--themes", "./no-themes", "no-themes"),
        ("--master-key", "file:bad.key", "bad.key"),
        (
            "--master-key",
            "env:INSULA_NO_SUCH_KEY",
            "INSULA_NO_SUCH_KEY",
        ),
        ("--master-key", "file:no/such/folder/key", "no/such/folder"),
        ("--database", "mongodb://x", "database"),
        ("--listen.http", "everywhere", "listen.http"),
    ] {
        let (code, said) = started(&deployment, &[flag, value]).await;
        assert_eq!(code, Some(3), "{flag} {value}: {said}");
        assert!(said.contains(named), "{flag} {value}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn migrate_makes_the_database_and_may_be_run_again() {
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .done();
    for _ in 0..2 {
        let output = deployment.run("migrate").await;
        assert_eq!(output.status.code(), Some(0));
    }
    assert!(deployment.folder().join("insula.db").exists());
}

#[test]
fn a_password_is_hashed_from_standard_input() {
    let mut child = Command::new(insula())
        .arg("hash-password")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"secret\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(
        output
            .stdout
            .starts_with(b"$argon2id$v=19$m=19456,t=2,p=1$")
    );
}

#[test]
fn wrong_usage_is_told_with_2_and_the_version_with_0() {
    let status = |args: &[&str]| {
        let output = Command::new(insula()).args(args).output().unwrap();
        output.status.code()
    };
    assert_eq!(status(&["version"]), Some(0));
    assert_eq!(status(&["--help"]), Some(0));
    assert_eq!(status(&["dance"]), Some(2));
    assert_eq!(status(&["serve", "--no-such-flag", "x"]), Some(2));
}

#[tokio::test]
async fn a_master_key_is_made_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .done();
    let process = deployment.open().await;
    let key = deployment.folder().join("insula.key");
    let mode = std::fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let log = process.terminate().await;
    assert!(log.contains("WARN") && log.contains("master key"), "{log}");
    let secret = std::fs::read_to_string(&key).unwrap();
    assert!(!log.contains(secret.trim()));
}

fn with_algorithms(names: &str) -> String {
    format!(
        "{}\nsigner: {{ type: local, config: {{ algorithms: [{names}] }} }}\n",
        shared_server::HOOLI
    )
}

/// What lies in a deployment's folder.
fn files(deployment: &Deployment) -> Vec<String> {
    let entries = std::fs::read_dir(deployment.folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

async fn checked(deployment: &Deployment) -> String {
    let output = deployment.run("check").await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    said
}

#[tokio::test]
async fn a_check_tells_when_a_changed_algorithm_signs_by_the_keys_that_are_stored() {
    let deployment = Deployment::build()
        .tenant("hooli", &with_algorithms("ES256"))
        .database("sqlite://insula.db")
        .done();
    let party = shared_server::hooli(deployment.port);
    let unserved = checked(&deployment).await;
    assert!(
        !unserved.contains(" signs "),
        "no key is stored: {unserved}"
    );

    let mut process = deployment.open().await;
    party.keys().await;
    let unchanged = checked(&deployment).await;
    assert!(
        !unchanged.contains(" signs "),
        "nothing changes: {unchanged}"
    );

    // What holds unless written, which this tenant has no key for.
    deployment.write_tenant("hooli", shared_server::HOOLI);
    let changed = checked(&deployment).await;
    let rule = "signer.config.algorithms: RS256 signs 1440 minutes after a server loaded this";
    assert!(changed.contains(rule), "{changed}");
    assert!(!changed.contains("ES256 signs"), "{changed}");

    deployment.restart(&mut process).await;
    party.keys().await;
    until_it_says(&process, "signs with RS256 in", 1).await;
    let announced = checked(&deployment).await;
    // With nobody serving, SQLite would make files of its own beside the database, which might be the
    // wrong user's.
    process.signal(Signal::SIGTERM);
    assert!(process.ended().await.success());
    let before = files(&deployment);
    assert_eq!(checked(&deployment).await, announced);
    assert_eq!(files(&deployment), before);
    let is_counted = (1_430..=1_440)
        .any(|minutes| announced.contains(&format!("RS256 signs in {minutes} minutes")));
    assert!(is_counted, "{announced}");
}

#[tokio::test]
async fn a_check_beside_a_database_that_cannot_be_read_says_so_and_checks_the_files() {
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .database("sqlite://insula.db")
        .done();
    std::fs::write(deployment.folder().join("insula.db"), "no database").unwrap();
    let said = checked(&deployment).await;
    assert!(said.contains("insula.db: "), "{said}");
    assert!(said.contains("in the server's log"), "{said}");
}
