//! `prompt`, `max_age` and `id_token_hint` (OpenID Connect Core §3.1.2.1).

use insula_tests::{Agent, Back, Person, walk};

use crate::shared_server::{JANE, MOCK, shared_server};

#[tokio::test]
async fn prompt_none_asks_nobody_anything() {
    let portal = shared_server().await.portal();
    let agent = Agent::new();
    let silent = |login: &insula_tests::Login| login.url.clone();

    let login = portal.begin_with(&[("prompt", "none")]);
    let answer = agent.get(silent(&login)).await.expect(303);
    let back = Back::of(answer.location(), Vec::new());
    portal.check_response(&login, &back);
    assert_eq!(back.get("error"), "login_required");

    // Logged in at a client that asks for no consent: the portal's is missing.
    let wiki = shared_server().await.wiki();
    let stranger = Person {
        connector: Some("directory"),
        ..Person::new("kilgore", "trout")
    };
    wiki.log_in(&agent, &stranger).await;
    let scope = "openid profile email groups federated:id";
    let login = portal.begin_with(&[("prompt", "none"), ("scope", scope)]);
    let answer = agent.get(silent(&login)).await.expect(303);
    let back = Back::of(answer.location(), Vec::new());
    assert_eq!(back.get("error"), "consent_required");

    let login = wiki.begin_with(&[("prompt", "none")]);
    let answer = agent.get(silent(&login)).await.expect(303);
    let back = Back::of(answer.location(), Vec::new());
    wiki.tokens(&login, &back).await;
}

#[tokio::test]
async fn prompt_login_has_the_person_log_in_again() {
    let wiki = shared_server().await.wiki();
    let agent = Agent::new();
    wiki.log_in(&agent, &JANE).await;
    let session = agent.cookie("insula_session").value;
    let login = wiki.begin_with(&[("prompt", "login")]);
    let back = walk(&agent, &login, &JANE).await;
    assert!(
        back.steps
            .contains(&"POST /auth/local/login 303".to_owned())
    );
    assert_ne!(
        agent.cookie("insula_session").value,
        session,
        "a new session"
    );
    wiki.tokens(&login, &back).await;
}

#[tokio::test]
async fn prompt_select_account_has_the_person_choose_again() {
    let wiki = shared_server().await.wiki();
    let agent = Agent::new();
    wiki.log_in(&agent, &JANE).await;
    let login = wiki.begin_with(&[("prompt", "select_account")]);
    let back = walk(&agent, &login, &MOCK).await;
    assert_eq!(back.steps[0], "GET /auth 200");
    let tokens = wiki.tokens(&login, &back).await;
    assert_eq!(tokens.claim("name"), "Kilgore Trout");
    // One way to log in is a choice too.
    let hooli = shared_server().await.hooli();
    let login = hooli.begin_with(&[("prompt", "select_account")]);
    let page = agent.get(login.url).await.expect(200).page();
    assert!(page.has("connector-mock"));
}

#[tokio::test]
async fn max_age_has_an_old_login_made_again() {
    let wiki = shared_server().await.wiki();
    let agent = Agent::new();
    let first = wiki.log_in(&agent, &JANE).await;
    let login = wiki.begin_with(&[("max_age", "3600")]);
    let back = walk(&agent, &login, &Person::default()).await;
    assert_eq!(back.steps, ["GET /auth 303"]);
    let again = wiki.tokens(&login, &back).await;
    assert_eq!(again.claim("auth_time"), first.claim("auth_time"));

    let login = wiki.begin_with(&[("max_age", "0"), ("connector_id", "local")]);
    let answer = agent.get(login.url).await;
    // The same second is young enough for nobody: a login is asked for, or the clock has not moved.
    if answer.status == 302 {
        assert_eq!(answer.location().path(), "/auth/local/login");
    } else {
        let back = Back::of(answer.location(), Vec::new());
        assert!(back.params.contains_key("code"), "{}", back.url);
    }
}

#[tokio::test]
async fn a_hint_of_the_person_logged_in_changes_nothing() {
    let wiki = shared_server().await.wiki();
    let agent = Agent::new();
    let tokens = wiki.log_in(&agent, &JANE).await;
    let hint = tokens.id().token.as_str();
    let login = wiki.begin_with(&[("id_token_hint", hint), ("prompt", "none")]);
    let answer = agent.get(&login.url).await.expect(303);
    let back = Back::of(answer.location(), Vec::new());
    let again = wiki.tokens(&login, &back).await;
    assert_eq!(again.claim("sub"), tokens.claim("sub"));
}

#[tokio::test]
async fn a_hint_of_somebody_else_is_not_answered_with_the_person_logged_in() {
    let wiki = shared_server().await.wiki();
    let kilgore = wiki.log_in(&Agent::new(), &MOCK).await;
    let hint = kilgore.id().token.as_str();
    let agent = Agent::new();
    wiki.log_in(&agent, &JANE).await;
    let login = wiki.begin_with(&[("id_token_hint", hint), ("prompt", "none")]);
    let answer = agent.get(&login.url).await.expect(303);
    let back = Back::of(answer.location(), Vec::new());
    assert_eq!(back.get("error"), "login_required");
    // Nor with who logs in then.
    let login = wiki.begin_with(&[("id_token_hint", hint), ("connector_id", "local")]);
    let back = walk(&agent, &login, &JANE).await;
    wiki.check_response(&login, &back);
    assert_eq!(back.get("error"), "login_required");
}

#[tokio::test]
async fn acr_values_are_a_wish_that_harms_nobody() {
    let hooli = shared_server().await.hooli();
    let login = hooli.begin_with(&[("acr_values", "urn:mace:silver")]);
    let back = walk(&Agent::new(), &login, &MOCK).await;
    hooli.tokens(&login, &back).await;
}
