//! What a person allows a client, and for how long it is known.

use insula_tests::{Agent, Person, walk};

use crate::shared_server::{JANE, MOCK, shared_server};

fn asked(steps: &[String]) -> bool {
    steps.iter().any(|step| step.contains("/approval"))
}

#[tokio::test]
async fn what_was_allowed_is_not_asked_again_and_what_is_more_is() {
    let portal = shared_server().await.portal().with_scope("openid email");
    let joe = Person::new("joe@acme.example", "password");
    let (_, first) = portal.code(&Agent::new(), &joe).await;
    assert!(asked(&first.steps));
    // In another browser, because it is the person who allowed it.
    let (_, again) = portal.code(&Agent::new(), &joe).await;
    assert!(!asked(&again.steps), "{:?}", again.steps);
    let less = shared_server().await.portal().with_scope("openid");
    let (_, less) = less.code(&Agent::new(), &joe).await;
    assert!(!asked(&less.steps));
    let more = shared_server()
        .await
        .portal()
        .with_scope("openid email groups");
    let (_, more) = more.code(&Agent::new(), &joe).await;
    assert!(asked(&more.steps));
}

#[tokio::test]
async fn a_client_may_have_it_asked_again() {
    let portal = shared_server().await.portal();
    let agent = Agent::new();
    portal.log_in(&agent, &JANE).await;
    let login = portal.begin_with(&[("prompt", "consent")]);
    let back = walk(&agent, &login, &JANE).await;
    assert!(asked(&back.steps));
    let globex = shared_server().await.globex();
    globex.log_in(&agent, &MOCK).await;
    let login = globex.begin_with(&[("approval_prompt", "force")]);
    let back = walk(&agent, &login, &MOCK).await;
    assert!(asked(&back.steps));
}

#[tokio::test]
async fn a_refusal_is_told_to_the_client_but_in_dex_to_the_person() {
    let shared_server = shared_server().await;
    let portal = shared_server.portal();
    let denying = Person {
        denies: true,
        ..JANE
    };
    let login = portal.begin_with(&[("prompt", "consent")]);
    let back = walk(&Agent::new(), &login, &denying).await;
    portal.check_response(&login, &back);
    assert_eq!(back.get("error"), "access_denied");

    let globex = shared_server.globex();
    let agent = Agent::new();
    let login = globex.begin_with(&[("connector_id", "mock"), ("approval_prompt", "force")]);
    let mut answer = agent.get(login.url).await;
    while answer.status != 200 {
        answer = agent.get(answer.location()).await;
    }
    let form = answer.page().form_with("submit-deny").unwrap().clone();
    let filled = form.filled(&[], "submit-deny");
    let filled: Vec<_> = filled
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let action = answer.url.join(&form.action).unwrap();
    agent.post(&action, &filled).await.expect(500);
    // The login was given up: saying yes afterwards is too late.
    let yes = form.filled(&[], "submit-approve");
    let yes: Vec<_> = yes.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    agent.post(&action, &yes).await.expect(400);
}

#[tokio::test]
async fn a_consent_posted_twice_makes_one_code() {
    let portal = shared_server().await.portal();
    let agent = Agent::new();
    let login = portal.begin_with(&[("connector_id", "mock"), ("prompt", "consent")]);
    let mut answer = agent.get(login.url).await;
    while answer.status != 200 {
        answer = agent.get(answer.location()).await;
    }
    let form = answer.page().form_with("submit-approve").unwrap().clone();
    let yes = form.filled(&[], "submit-approve");
    let yes: Vec<_> = yes.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let action = answer.url.join(&form.action).unwrap();
    let (one, other) = tokio::join!(agent.post(&action, &yes), agent.post(&action, &yes));
    let codes = [one, other]
        .iter()
        .filter(|answer| answer.status == 303 && answer.header("location").contains("code="))
        .count();
    assert_eq!(codes, 1);
}

#[tokio::test]
async fn the_page_says_who_asks_for_what() {
    let portal = shared_server().await.portal();
    let agent = Agent::new();
    let scope = "openid email offline_access audience:server:client_id:wiki";
    let login = portal.begin_with(&[
        ("connector_id", "mock"),
        ("prompt", "consent"),
        ("scope", scope),
    ]);
    let mut answer = agent.get(login.url).await;
    while answer.status != 200 {
        answer = agent.get(answer.location()).await;
    }
    let words = answer.words();
    for said in [
        "Acme Portal",
        "Kilgore Trout",
        "portal.example",
        "Acme Wiki",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
}
