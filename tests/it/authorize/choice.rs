//! The choice among connectors: a stored login, which its links name.

use insula_tests::{Agent, Back, Page, Person};
use url::Url;

use crate::shared_server::{ADMIN, JANE, MOCK, shared_server};

fn link(at: &Url, page: &Page, connector: &str) -> Url {
    at.join(&page.link_to(connector).unwrap()).unwrap()
}

fn names(url: &Url) -> Vec<String> {
    url.query_pairs().map(|(n, _)| n.into_owned()).collect()
}

#[tokio::test]
async fn the_links_of_our_choice_are_short_and_those_of_dex_repeat_the_request() {
    let shared_server = shared_server().await;
    let portal = shared_server.portal();
    let answer = Agent::new().get(portal.begin().url).await.expect(200);
    let page = answer.page();
    for connector in ["mock", "directory", "local"] {
        let to = link(&answer.url, &page, connector);
        assert_eq!(to.path(), format!("/auth/{connector}"));
        assert_eq!(names(&to), ["req"], "{to}");
        assert!(to.as_str().len() < 100, "{to}");
    }

    // Programs read the links out of dex's page and follow them whenever they like, without cookies.
    let globex = shared_server.globex();
    let login = globex.begin();
    let answer = Agent::new().get(&login.url).await.expect(200);
    let to = link(&answer.url, &answer.page(), "local");
    assert_eq!(to.path(), "/auth/local");
    for (name, value) in &login.params {
        assert!(to.query_pairs().any(|(n, v)| n == *name && v == *value));
    }
    let agent = Agent::new();
    let form = agent.get(&to).await.expect(302).location();
    let right = [("login", ADMIN.login), ("password", ADMIN.password)];
    let mut answer = agent.post(&form, &right).await.expect(303);
    while answer.location().path() == "/approval" {
        let page = agent.get(answer.location()).await.expect(200);
        let yes = [("approval", "approve")];
        answer = agent.post(&page.url, &yes).await.expect(303);
    }
    let back = Back::of(answer.location(), Vec::new());
    globex.tokens(&login, &back).await;
}

#[tokio::test]
async fn another_way_leads_back_to_the_choice_of_the_same_login() {
    let portal = shared_server().await.portal();
    let agent = Agent::new();
    let login = portal.begin();
    let chooser = agent.get(&login.url).await.expect(200);
    let local = link(&chooser.url, &chooser.page(), "local");
    let form = agent.get(&local).await.expect(302).location();
    let form = agent.get(&form).await.expect(200);
    let page = form.page();
    let back = page.links.iter().find(|to| to.contains("/auth?req="));
    let back = form.url.join(back.unwrap()).unwrap();
    let again = agent.get(&back).await.expect(200);
    let mock = link(&again.url, &again.page(), "mock");
    assert_eq!(mock, link(&chooser.url, &chooser.page(), "mock"));
    let mut answer = agent.get(&mock).await;
    while (300..400).contains(&answer.status) && answer.location().path().starts_with("/callback") {
        answer = agent.get(answer.location()).await;
    }
    if answer.status == 200 {
        let page = answer.page();
        let form = page.form_with("submit-approve").unwrap();
        let filled = form.filled(&[], "submit-approve");
        let yes = filled.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let yes: Vec<_> = yes.collect();
        let action = answer.url.join(&form.action).unwrap();
        answer = agent.post(action, &yes).await;
    }
    let back = Back::of(answer.expect(303).location(), Vec::new());
    let tokens = portal.tokens(&login, &back).await;
    assert_eq!(tokens.claim("name"), "Kilgore Trout");
    // The login is finished: its choice leads to the app, in the browser that finished it alone.
    let over = agent.get(&mock).await.expect(400);
    assert!(over.words().contains("portal.example"), "{}", over.words());
    let over = Agent::new().get(&mock).await.expect(400);
    assert!(!over.words().contains("portal.example"), "{}", over.words());
}

#[tokio::test]
async fn the_choice_of_another_browser_is_not_ours() {
    let portal = shared_server().await.portal();
    let chooser = Agent::new().get(portal.begin().url).await.expect(200);
    let mock = link(&chooser.url, &chooser.page(), "mock");
    let stranger = Agent::new();
    stranger.get(&mock).await.expect(400);
    stranger.get(portal.begin().url).await.expect(200);
    stranger.get(&mock).await.expect(400);
    let unknown = portal.at("/auth?req=abcdefghijklmnopqrstuvwxy");
    stranger.get(unknown).await.expect(400);
}

#[tokio::test]
async fn nobody_is_logged_in_before_there_is_an_answer_nor_by_a_no() {
    let portal = shared_server().await.portal();
    for person in [JANE, MOCK] {
        let agent = Agent::new();
        let denying = Person {
            denies: true,
            ..person
        };
        let login = portal.begin_with(&[("prompt", "consent")]);
        let back = insula_tests::walk(&agent, &login, &denying).await;
        assert_eq!(back.get("error"), "access_denied");
        let is_session = |name: &str| name.contains("insula_session");
        assert!(!agent.cookies().iter().any(|c| is_session(&c.name)));
        let login = portal.begin_with(&[("prompt", "none")]);
        let back = insula_tests::walk(&agent, &login, &person).await;
        assert_eq!(back.get("error"), "login_required");
    }
}
