//! `urn:ietf:wg:oauth:2.0:oob`: the person copies the code into the app.

use insula_tests::{Agent, Back, RelyingParty};

use crate::shared_server::{ADMIN, shared_server};

const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

async fn terminal() -> RelyingParty {
    let issuer = shared_server().await.issuer("globex");
    RelyingParty::new(&issuer, "kubelogin", "", OUT_OF_BAND).of_dex()
}

/// Logs in and allows it; answers the page that shows the code.
async fn shown(agent: &Agent, party: &RelyingParty) -> (insula_tests::Login, insula_tests::Answer) {
    let login = party.begin_with(&[("connector_id", "local")]);
    let mut answer = agent.get(&login.url).await;
    while answer.status == 302 {
        answer = agent.get(answer.location()).await;
    }
    let page = answer.page();
    let form = page.form_with("password").unwrap();
    let typed = [("login", ADMIN.login), ("password", ADMIN.password)];
    let values = form.filled(&typed, "submit-login");
    let mut answer = send(agent, &answer, &form.action, &values).await;
    while answer.status == 303 {
        answer = agent.get(answer.location()).await;
    }
    let page = answer.page();
    let form = page.form_with("submit-approve").unwrap();
    let values = form.filled(&[], "submit-approve");
    let answer = send(agent, &answer, &form.action, &values).await;
    (login, answer)
}

async fn send(
    agent: &Agent,
    at: &insula_tests::Answer,
    action: &str,
    values: &[(String, String)],
) -> insula_tests::Answer {
    let to = at.url.join(action).unwrap();
    let values: Vec<_> = values
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    agent.post(&to, &values).await
}

#[tokio::test]
async fn a_terminal_that_no_redirect_reaches_gets_its_code_through_the_person() {
    let party = terminal().await;
    let (login, answer) = shown(&Agent::new(), &party).await;
    let answer = answer.expect(200);
    assert_eq!(answer.header("location"), "");
    assert_eq!(answer.header("cache-control"), "no-store");
    let code = answer.page().text_of("#code").unwrap();
    let mut back = Back::of(answer.url.clone(), Vec::new());
    back.params = [("code", code.as_str()), ("state", login.state.as_str())]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    party.tokens(&login, &back).await;
}

#[tokio::test]
async fn an_error_for_a_terminal_is_a_page_because_it_can_be_sent_nowhere() {
    let party = terminal().await;
    let login = party.begin_with(&[("scope", "email"), ("connector_id", "local")]);
    let mut answer = Agent::new().get(&login.url).await;
    while answer.status == 302 {
        answer = Agent::new().get(answer.location()).await;
    }
    assert!(answer.expect(400).page().has("error-title"));
}

#[tokio::test]
async fn only_a_public_client_without_redirect_uris_of_a_dex_tenant_has_its_code_shown() {
    let shared_server = shared_server().await;
    for party in [
        shared_server.globex(),
        shared_server.spa(),
        shared_server.portal(),
    ] {
        let login = party.begin_with(&[("redirect_uri", OUT_OF_BAND), ("connector_id", "local")]);
        let mut answer = Agent::new().get(&login.url).await;
        while answer.status == 302 {
            answer = Agent::new().get(answer.location()).await;
        }
        answer.expect(400);
    }
}
