//! Requests that another site posts (OpenID Connect Core §3.1.2.1 allows POST): they come without
//! cookies, and are judged with them.

use insula_tests::{Agent, Answer, Back};
use reqwest::Method;

use crate::shared_server::{JANE, shared_server};

/// Posts as a browser does for a page of another site: without cookies.
async fn posted(url: &str, params: &[(&str, &str)]) -> Answer {
    let headers = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
    ];
    Agent::new().post_with(url, params, &headers).await
}

#[tokio::test]
async fn a_person_who_is_logged_in_is_known_though_another_site_posts_the_request() {
    let wiki = shared_server().await.wiki();
    let agent = Agent::new();
    wiki.log_in(&agent, &JANE).await;
    let login = wiki.begin_with(&[("prompt", "none")]);
    let params: Vec<_> = login
        .params
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let bounced = posted(&wiki.at("/auth"), &params).await.expect(303);
    let to = bounced.location();
    assert_eq!(to.path(), "/auth");
    assert!(!to.as_str().contains(&login.state), "{to}");
    let answer = agent.get(&to).await.expect(303);
    let back = Back::of(answer.location(), Vec::new());
    wiki.tokens(&login, &back).await;
}

#[tokio::test]
async fn a_logout_that_another_site_posts_ends_the_session() {
    let wiki = shared_server().await.wiki();
    let agent = Agent::new();
    let tokens = wiki.log_in(&agent, &JANE).await;
    let params = [
        ("id_token_hint", tokens.id().token.as_str()),
        ("post_logout_redirect_uri", "https://wiki.example/bye"),
        ("state", "s1"),
    ];
    let bounced = posted(&wiki.at("/logout"), &params).await.expect(303);
    let to = bounced.location();
    assert_eq!(to.path(), "/logout");
    let hint = tokens.id().token.as_str();
    assert!(
        !to.as_str().contains(hint),
        "a hint does not come into a URL"
    );
    let answer = agent.get(&to).await.expect(303);
    assert_eq!(
        answer.location().as_str(),
        "https://wiki.example/bye?state=s1"
    );
    let silent = wiki.begin_with(&[("prompt", "none")]);
    let answer = agent.get(&silent.url).await.expect(303);
    assert!(answer.header("location").contains("login_required"));
}

#[tokio::test]
async fn a_program_that_posts_is_answered_at_once() {
    let wiki = shared_server().await.wiki();
    let agent = Agent::new();
    wiki.log_in(&agent, &JANE).await;
    let login = wiki.begin_with(&[("prompt", "none")]);
    let params: Vec<_> = login
        .params
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let answer = agent.post(wiki.at("/auth"), &params).await.expect(303);
    let back = Back::of(answer.location(), Vec::new());
    wiki.tokens(&login, &back).await;
}

#[tokio::test]
async fn a_dex_tenant_shows_a_posted_request_what_it_shows_a_link() {
    let globex = shared_server().await.globex();
    let login = globex.begin();
    let params: Vec<_> = login
        .params
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let bounced = posted(&globex.at("/auth"), &params).await.expect(303);
    let agent = Agent::new();
    let page = agent.get(bounced.location()).await.expect(200).page();
    let asked = agent.send(Method::GET, &login.url, &[], None).await;
    let link = page.link_to("local");
    assert!(link.is_some());
    assert_eq!(link, asked.expect(200).page().link_to("local"));
}
