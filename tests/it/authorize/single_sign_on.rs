//! Logged in once, at every client of the tenant.

use insula_tests::{Agent, Person, walk};

use crate::shared_server::{JANE, MOCK, shared_server};

#[tokio::test]
async fn a_login_at_one_client_serves_the_next() {
    let shared_server = shared_server().await;
    let agent = Agent::new();
    let first = shared_server.portal().log_in(&agent, &JANE).await;
    let wiki = shared_server.wiki();
    let (login, back) = wiki.code(&agent, &Person::default()).await;
    assert_eq!(back.steps, ["GET /auth 303"], "nobody was asked anything");
    let second = wiki.tokens(&login, &back).await;
    for claim in ["sub", "sid", "auth_time"] {
        assert_eq!(second.claim(claim), first.claim(claim), "{claim}");
    }
}

#[tokio::test]
async fn another_browser_is_another_matter() {
    let shared_server = shared_server().await;
    shared_server.portal().log_in(&Agent::new(), &JANE).await;
    let answer = Agent::new().get(shared_server.wiki().begin().url).await;
    answer.expect(200);
}

#[tokio::test]
async fn a_session_through_a_connector_the_client_may_not_use_does_not_serve_it() {
    let shared_server = shared_server().await;
    let agent = Agent::new();
    shared_server.portal().log_in(&agent, &JANE).await;
    let mut kiosk = shared_server.portal();
    kiosk.client_id = "kiosk".to_owned();
    kiosk.redirect_uri = "https://kiosk.example/callback".to_owned();
    let answer = agent.get(kiosk.begin().url).await.expect(302);
    assert_eq!(answer.location().path(), "/auth/directory/login");
}

#[tokio::test]
async fn a_login_as_somebody_else_takes_the_place_of_the_first() {
    let shared_server = shared_server().await;
    let wiki = shared_server.wiki();
    let agent = Agent::new();
    wiki.log_in(&agent, &JANE).await;
    let old = agent.cookie("insula_session");
    let login = wiki.begin_with(&[("prompt", "login"), ("connector_id", "mock")]);
    let back = walk(&agent, &login, &MOCK).await;
    wiki.tokens(&login, &back).await;
    // The cookie of before is worth nothing any more.
    let thief = Agent::new();
    thief.plant(old);
    thief.get(wiki.begin().url).await.expect(200);
}

#[tokio::test]
async fn cookies_are_for_this_tenant_and_for_no_script() {
    let shared_server = shared_server().await;
    let agent = Agent::new();
    shared_server.wiki().log_in(&agent, &JANE).await;
    let cookies = agent.cookies();
    let names: Vec<_> = cookies.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(
        names.len(),
        5,
        "browser, known device, last used, session, finished logins: {names:?}"
    );
    for cookie in cookies {
        assert!(cookie.http_only, "{}", cookie.name);
        assert_eq!(cookie.same_site.as_deref(), Some("Lax"));
        assert_eq!(cookie.domain, None);
        assert_eq!(cookie.path, "/");
        assert!(cookie.value.len() >= 25);
    }
}
