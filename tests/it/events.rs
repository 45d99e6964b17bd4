//! What an operator reads of a tenant with `insula events`.

use insula_tests::{Agent, House, Person};
use serde_json::Value;

use crate::village;

/// Runs `insula events` beside the process that serves; the lines it prints.
async fn events(house: &House, arguments: &[&str]) -> Vec<Value> {
    let output = house.run_with("events", arguments).await;
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
    let house = House::build()
        .tenant("hooli", village::HOOLI)
        .database("sqlite://insula.db")
        .done();
    let _process = house.open().await;
    let party = village::hooli(house.port);
    let agent = Agent::new();
    let tokens = party.log_in(&agent, &Person::at("mock")).await;

    let lines = events(&house, &["hooli"]).await;
    assert_eq!(kinds(&lines), ["logged_in"]);
    let line = &lines[0];
    assert_eq!(line["tenant"], "hooli");
    assert_eq!(line["client"], "phone");
    assert_eq!(line["connector"], "mock");
    assert!(line["at"].is_i64() && line["id"].is_string() && line["user"].is_string());

    let refresh = tokens.refresh_token.unwrap();
    party.revoke(&refresh).await.expect(200);
    let position = line["position"].to_string();
    let lines = events(&house, &["hooli", "--after", &position]).await;
    assert_eq!(kinds(&lines), ["grant_revoked"]);
    assert_eq!(lines[0]["reason"], "asked");
    let all = events(&house, &["hooli"]).await;
    assert!(all.iter().all(|line| !line.to_string().contains(&refresh)));
    assert_eq!(events(&house, &["nobody"]).await, Vec::<Value>::new());
}
