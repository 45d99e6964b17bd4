//! RP-initiated logout.

mod backchannel;
mod frontchannel;
mod sessions;
mod upstream;

use insula_tests::{Agent, Answer, RelyingParty};
use url::Url;

use crate::shared_server::{JANE, shared_server};

pub(crate) fn logout_url(party: &RelyingParty, params: &[(&str, &str)]) -> String {
    let mut url = Url::parse(&party.at("/logout")).unwrap();
    url.query_pairs_mut().extend_pairs(params);
    url.into()
}

async fn confirm(agent: &Agent, answer: &Answer) -> Answer {
    say_yes(agent, answer, "submit-logout").await
}

/// Presses a button of the confirmation.
async fn say_yes(agent: &Agent, answer: &Answer, button: &str) -> Answer {
    let page = answer.page();
    let form = page.form_with("submit-logout").expect("a confirmation");
    let filled = form.filled(&[], button);
    let filled: Vec<_> = filled
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    agent
        .post(answer.url.join(&form.action).unwrap(), &filled)
        .await
}

fn has_session(agent: &Agent) -> bool {
    agent
        .cookies()
        .iter()
        .any(|c| c.name == "insula_session.acme")
}

#[tokio::test]
async fn with_a_hint_of_the_session_nobody_is_asked_and_the_browser_goes_on() {
    let wiki = shared_server().await.wiki();
    let agent = Agent::new();
    let tokens = wiki.log_in(&agent, &JANE).await;
    let url = logout_url(
        &wiki,
        &[
            ("id_token_hint", &tokens.id().token),
            ("post_logout_redirect_uri", "https://wiki.example/bye"),
            ("state", "see you"),
        ],
    );
    let answer = agent.get(url).await.expect(303);
    assert_eq!(
        answer.location().as_str(),
        "https://wiki.example/bye?state=see+you"
    );
    assert!(!has_session(&agent));
    // Every client of the tenant has to log in again, with the old cookie too.
    agent
        .get(shared_server().await.portal().begin().url)
        .await
        .expect(200);
}

#[tokio::test]
async fn without_a_hint_the_person_is_asked_first() {
    let wiki = shared_server().await.wiki();
    let agent = Agent::new();
    wiki.log_in(&agent, &JANE).await;
    let old = agent.cookie("insula_session");
    let answer = agent.get(logout_url(&wiki, &[])).await.expect(200);
    assert!(has_session(&agent), "asking ends nothing");
    let done = confirm(&agent, &answer).await.expect(200);
    assert!(!has_session(&agent));
    assert!(done.page().form_with("submit-logout").is_none());
    agent.plant(old);
    agent.get(wiki.begin().url).await.expect(200);
}

#[tokio::test]
async fn a_client_id_is_enough_for_a_redirect_once_the_person_agrees() {
    let wiki = shared_server().await.wiki();
    let agent = Agent::new();
    wiki.log_in(&agent, &JANE).await;
    let params = [
        ("client_id", "wiki"),
        ("post_logout_redirect_uri", "https://wiki.example/bye"),
        ("state", "s"),
    ];
    let answer = agent.get(logout_url(&wiki, &params)).await.expect(200);
    let done = confirm(&agent, &answer).await.expect(303);
    assert_eq!(done.location().as_str(), "https://wiki.example/bye?state=s");
}

#[tokio::test]
async fn a_stranger_cannot_post_the_confirmation() {
    let wiki = shared_server().await.wiki();
    let agent = Agent::new();
    wiki.log_in(&agent, &JANE).await;
    for form in [&[][..], &[("hmac", "AAAA")], &[("confirm", "yes")]] {
        agent.post(wiki.at("/logout"), form).await;
        assert!(has_session(&agent), "{form:?}");
    }
}

#[tokio::test]
async fn a_hint_of_another_session_does_not_do() {
    let wiki = shared_server().await.wiki();
    let other = wiki.log_in(&Agent::new(), &JANE).await;
    let agent = Agent::new();
    wiki.log_in(&agent, &JANE).await;
    let url = logout_url(&wiki, &[("id_token_hint", &other.id().token)]);
    let answer = agent.get(url).await.expect(200);
    assert!(answer.page().form_with("submit-logout").is_some());
    assert!(has_session(&agent));
}

/// What is wrong with each of these forbids the redirect; the person is asked, and logged out.
#[tokio::test]
async fn nobody_is_sent_where_nobody_registered_and_everybody_can_leave() {
    let wiki = shared_server().await.wiki();
    let agent = Agent::new();
    let hint = wiki.log_in(&agent, &JANE).await.id().token.clone();
    let forged = format!("{hint}A");
    let flawed: [&[(&str, &str)]; 6] = [
        &[("post_logout_redirect_uri", "https://wiki.example/bye")],
        &[
            ("id_token_hint", &hint),
            ("post_logout_redirect_uri", "https://evil.example/"),
        ],
        &[
            ("id_token_hint", &hint),
            ("post_logout_redirect_uri", "https://portal.example/bye"),
        ],
        &[
            ("id_token_hint", &hint),
            ("client_id", "portal"),
            ("post_logout_redirect_uri", "https://portal.example/bye"),
        ],
        &[("id_token_hint", "no.token.atall")],
        &[
            ("id_token_hint", &forged),
            ("post_logout_redirect_uri", "https://wiki.example/bye"),
        ],
    ];
    for params in flawed {
        let answer = agent.get(logout_url(&wiki, params)).await.expect(200);
        assert_eq!(answer.header("location"), "");
        assert!(answer.page().form_with("submit-logout").is_some());
        assert!(has_session(&agent), "{params:?}");
        let asked = agent.post(wiki.at("/logout"), params).await.expect(200);
        assert!(asked.page().form_with("submit-logout").is_some());
        assert!(has_session(&agent), "asked by POST: {params:?}");
    }
    for params in flawed {
        let agent = Agent::new();
        wiki.log_in(&agent, &JANE).await;
        let old = agent.cookie("insula_session");
        let answer = agent.get(logout_url(&wiki, params)).await.expect(200);
        let done = confirm(&agent, &answer).await.expect(200);
        assert_eq!(done.header("location"), "");
        assert!(done.page().form_with("submit-logout").is_none());
        assert!(!done.page().has("return"), "{params:?}");
        assert!(!has_session(&agent), "{params:?}");
        agent.plant(old);
        agent.get(wiki.begin().url).await.expect(200);
    }
}

#[tokio::test]
async fn both_ways_to_ask_end_the_session_of_a_good_hint() {
    let wiki = shared_server().await.wiki();
    for is_posted in [false, true] {
        let agent = Agent::new();
        let tokens = wiki.log_in(&agent, &JANE).await;
        let params = [
            ("id_token_hint", tokens.id().token.as_str()),
            ("client_id", "wiki"),
            ("post_logout_redirect_uri", "https://wiki.example/bye"),
            ("state", "s"),
            ("ui_locales", "de en"),
            ("logout_hint", JANE.login),
        ];
        let answer = if is_posted {
            agent.post(wiki.at("/logout"), &params).await
        } else {
            agent.get(logout_url(&wiki, &params)).await
        };
        let to = answer.expect(303).location();
        assert_eq!(to.as_str(), "https://wiki.example/bye?state=s");
        assert!(!has_session(&agent));
    }
}

#[tokio::test]
async fn who_is_not_logged_in_is_told_so_or_sent_on() {
    let wiki = shared_server().await.wiki();
    let agent = Agent::new();
    agent.get(wiki.at("/logout")).await.expect(200);
    let params = [
        ("client_id", "wiki"),
        ("post_logout_redirect_uri", "https://wiki.example/bye"),
    ];
    let answer = agent.get(logout_url(&wiki, &params)).await.expect(303);
    assert_eq!(answer.location().as_str(), "https://wiki.example/bye");
}

#[tokio::test]
async fn what_may_be_done_offline_goes_on_after_a_logout() {
    let portal = shared_server().await.portal();
    let agent = Agent::new();
    let tokens = portal.log_in(&agent, &JANE).await;
    let url = logout_url(&portal, &[("id_token_hint", &tokens.id().token)]);
    agent.get(url).await.expect(200);
    portal.refresh(tokens.refresh(), &[]).await.expect(200);
}
