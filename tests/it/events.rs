//! What an operator reads of a tenant with `insula events`.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use insula_tests::{Agent, Deployment, Person};
use serde_json::Value;

use crate::browsers::{BCRYPT, HASH};
use crate::shared_server::{self, JANE};

/// A tenant that signs with one algorithm: its key is promoted before anybody logs in.
fn with_one_key(tenant: &str) -> String {
    format!("{tenant}signer: {{ type: local, config: {{ algorithms: [ES256] }} }}\n")
}

/// Runs `insula events` beside the process that serves; the lines it prints.
async fn events(deployment: &Deployment, arguments: &[&str]) -> Vec<Value> {
    let output = deployment.run_with("events", arguments).await;
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn kinds(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .filter_map(|line| line["kind"].as_str())
        .collect()
}

#[tokio::test]
async fn what_happened_at_a_tenant_is_printed_line_by_line_and_goes_on_from_a_position() {
    let deployment = Deployment::build()
        .tenant("hooli", &with_one_key(shared_server::HOOLI))
        .database("sqlite://insula.db")
        .done();
    let _process = deployment.open().await;
    let party = shared_server::hooli(deployment.port);
    let agent = Agent::new();
    let tokens = party.log_in(&agent, &Person::at("mock")).await;

    let lines = events(&deployment, &["hooli"]).await;
    assert_eq!(kinds(&lines), ["key_promoted", "logged_in"]);
    assert_eq!(lines[0]["key"], party.keys().await.ids()[0]);
    let line = &lines[1];
    assert_eq!(line["tenant"], "hooli");
    assert_eq!(line["client"], "phone");
    assert_eq!(line["connector"], "mock");
    assert!(line["at"].is_i64() && line["id"].is_string() && line["user"].is_string());

    let refresh = tokens.refresh_token.unwrap();
    party.revoke(&refresh).await.expect(200);
    let position = line["position"].to_string();
    let lines = events(&deployment, &["hooli", "--after", &position]).await;
    assert_eq!(kinds(&lines), ["grant_revoked"]);
    assert_eq!(lines[0]["reason"], "asked");
    let all = events(&deployment, &["hooli"]).await;
    assert!(all.iter().all(|line| !line.to_string().contains(&refresh)));
}

#[tokio::test]
async fn who_is_not_let_in_is_told_and_nothing_of_what_they_typed() {
    let deployment = Deployment::build()
        // As dex keeps it, which a login replaces.
        .tenant("acme", &shared_server::ACME.replace(HASH, BCRYPT))
        .database("sqlite://insula.db")
        .done();
    let _process = deployment.open().await;
    let portal = shared_server::portal(deployment.port);
    let agent = Agent::new();
    let login = portal.begin_with(&[("connector_id", "local")]);
    let form = agent.get(&login.url).await.expect(302).location();
    for (name, password) in [
        (JANE.login, "typed-one"),
        ("typed-two", "typed-three"),
        (JANE.login, JANE.password),
    ] {
        agent
            .post(&form, &[("login", name), ("password", password)])
            .await;
    }
    let lines = events(&deployment, &["acme"]).await;
    let of = |kind: &str| -> Vec<&Value> {
        let lines = lines.iter();
        lines.filter(|line| line["kind"] == kind).collect()
    };
    let (denied, upgraded) = (of("login_denied"), of("password_upgraded"));
    assert_eq!(denied.len(), 2, "{lines:?}");
    assert_eq!(denied[0]["reason"], "wrong_password");
    assert_eq!(denied[0]["connector"], "local");
    assert_eq!(denied[1]["count"], 2);
    assert_eq!(denied[1]["user"], Value::Null);
    assert_eq!(upgraded.len(), 1, "{lines:?}");
    assert!(upgraded[0]["user"].is_string());
    assert_eq!(denied[0]["user"], upgraded[0]["user"]);
    let all = format!("{lines:?}");
    assert!(!all.contains("typed-"), "{all}");
}

#[tokio::test]
async fn a_tenant_that_there_is_not_is_told_and_one_that_nobody_asked_for_yet_has_no_events() {
    let deployment = Deployment::build()
        .tenant("hooli", &with_one_key(shared_server::HOOLI))
        .tenant("sleeper", &shared_server::HOOLI.replace("hooli", "sleeper"))
        .database("sqlite://insula.db")
        .done();
    deployment.open().await.terminate().await;

    for name in ["holi", "no/tenant"] {
        for more in [&[][..], &["--after", "7"], &["--follow"]] {
            let output = deployment
                .run_with("events", &[&[name], more].concat())
                .await;
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{name} {more:?}: {said}");
            assert!(output.stdout.is_empty(), "{output:?}");
            for word in [
                &format!("there is no tenant {name}: "),
                "tenants has no folder",
            ] {
                assert!(said.contains(word), "{said}");
            }
        }
    }
    let none = Vec::<Value>::new();
    assert_eq!(events(&deployment, &["sleeper"]).await, none);
}

#[tokio::test]
async fn commands_that_have_nothing_to_do_in_a_new_database_make_none() {
    let deployment = Deployment::build()
        .tenant("hooli", &with_one_key(shared_server::HOOLI))
        .database("sqlite://insula.db")
        .done();
    for (verb, arguments) in [
        ("events", "hooli"),
        ("adopt", "hooli"),
        ("reset-keys", "--confirm"),
    ] {
        let output = deployment.run_with(verb, &[arguments]).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{verb}: {said}");
        for word in [
            "insula.db: ",
            "there is no such file",
            "`insula serve` makes it",
        ] {
            assert!(said.contains(word), "{verb}: {said}");
        }
        assert!(!deployment.folder().join("insula.db").exists(), "{verb}");
    }
}

#[tokio::test]
async fn whoever_follows_is_told_what_happens_from_then_on() {
    let deployment = Deployment::build()
        .tenant("hooli", &with_one_key(shared_server::HOOLI))
        .database("sqlite://insula.db")
        .done();
    let _process = deployment.open().await;
    let party = shared_server::hooli(deployment.port);
    let mut command = deployment.command("events");
    command.args(["hooli", "--follow"]).stdout(Stdio::piped());
    let mut following = command.spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    for kind in ["key_promoted", "logged_in", "logged_in"] {
        if kind == "logged_in" {
            party.log_in(&Agent::new(), &Person::at("mock")).await;
        } else {
            party.keys().await;
        }
        let (line, rest) = tokio::task::spawn_blocking(move || (lines.next(), lines))
            .await
            .unwrap();
        lines = rest;
        let line: Value = serde_json::from_str(&line.unwrap().unwrap()).unwrap();
        assert_eq!(line["kind"], kind);
    }
    assert!(following.try_wait().unwrap().is_none(), "it follows on");
    following.kill().unwrap();
    following.wait().unwrap();
}
