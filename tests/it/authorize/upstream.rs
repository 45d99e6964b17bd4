//! One tenant as another's upstream: the whole chain, through the same process.

use insula_tests::{Agent, Person, walk};

use crate::shared_server::{KIM, shared_server};

const THROUGH_INITECH: Person<'static> = Person {
    connector: Some("initech"),
    ..KIM
};

#[tokio::test]
async fn people_of_initech_log_in_at_acme() {
    let shared_server = shared_server().await;
    let portal = shared_server
        .portal()
        .with_scope("openid profile email groups offline_access federated:id");
    let agent = Agent::new();
    let (login, back) = portal.code(&agent, &THROUGH_INITECH).await;
    assert!(
        back.steps
            .contains(&"GET /initech/auth/local/login 200".to_owned()),
        "{:?}",
        back.steps
    );
    let tokens = portal.tokens(&login, &back).await;
    assert_eq!(tokens.claim("iss"), shared_server.issuer("acme").as_str());
    assert_eq!(tokens.claim("email"), "kim@initech.example");
    assert_eq!(tokens.claim("name"), "Kim Lee");
    assert_eq!(tokens.claim("groups"), &serde_json::json!(["printers"]));
    assert_eq!(tokens.claim("federated_claims")["connector_id"], "initech");
    let names: Vec<_> = agent
        .cookies()
        .into_iter()
        .map(|c| (c.host, c.name))
        .collect();
    assert_eq!(names.len(), 8, "a session at each: {names:?}");
    let remembered = names
        .iter()
        .find(|(_, name)| name.contains("insula_last_used"));
    assert_eq!(
        remembered.unwrap().0,
        "acme.localhost",
        "where there is a choice"
    );
    let devices = names
        .iter()
        .filter(|(_, name)| name.contains("insula_known_device"));
    assert_eq!(
        devices.count(),
        1,
        "where the password was typed: {names:?}"
    );
    let finished = names
        .iter()
        .filter(|(_, name)| name.contains("insula_finished"));
    assert_eq!(finished.count(), 2, "a finished login at each: {names:?}");

    // The upstream is asked again when tokens are refreshed.
    let refreshed = portal.refresh(tokens.refresh(), &[]).await.expect(200);
    let refreshed = portal.read(&refreshed).await;
    assert_eq!(refreshed.claim("sub"), tokens.claim("sub"));
    assert_eq!(refreshed.claim("email"), "kim@initech.example");
}

#[tokio::test]
async fn a_session_upstream_saves_the_password() {
    let shared_server = shared_server().await;
    let agent = Agent::new();
    shared_server.initech().log_in(&agent, &KIM).await;
    let login = shared_server
        .wiki()
        .begin_with(&[("connector_id", "initech")]);
    let back = walk(&agent, &login, &Person::default()).await;
    assert!(back.steps.iter().all(|step| step.starts_with("GET ")));
    shared_server.wiki().tokens(&login, &back).await;
}

#[tokio::test]
async fn an_answer_the_upstream_never_gave_is_refused() {
    let shared_server = shared_server().await;
    let agent = Agent::new();
    let login = shared_server
        .wiki()
        .begin_with(&[("connector_id", "initech")]);
    let answer = agent.get(login.url).await.expect(303);
    let to = answer.location();
    let state = to.query_pairs().find(|(n, _)| n == "state").unwrap().1;
    let forged = format!(
        "{}/callback/initech?code=forged&state={state}",
        shared_server.issuer("acme")
    );
    let answer = agent.get(forged).await;
    let answer = answer.expect(400);
    assert_eq!(answer.header("location"), "");
}
