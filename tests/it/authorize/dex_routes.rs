//! A tenant from a dex file, route by route, as dex answers (reference: dex §1.6 to §1.11).

use insula_tests::Agent;

use crate::shared_server::{ADMIN, MOCK, shared_server};

#[tokio::test]
async fn one_connector_is_gone_to_at_once_with_all_parameters_but_its_name() {
    let umbrella = shared_server().await.umbrella();
    let login = umbrella.begin();
    let answer = Agent::new().get(&login.url).await.expect(302);
    let to = answer.location();
    assert_eq!(to.path(), "/auth/mock");
    for (name, value) in &login.params {
        assert!(to.query_pairs().any(|(n, v)| n == *name && v == *value));
    }
    let globex = shared_server().await.globex();
    let login = globex.begin_with(&[("connector_id", "mock")]);
    let answer = Agent::new().get(&login.url).await.expect(302);
    assert_eq!(answer.location().path(), "/auth/mock");
    assert!(!answer.location().as_str().contains("connector_id"));
}

#[tokio::test]
async fn a_callback_connector_is_sent_to_with_302_and_comes_back_with_303() {
    let umbrella = shared_server().await.umbrella();
    let agent = Agent::new();
    let login = umbrella.begin();
    let at = login.url.replace("/auth?", "/auth/mock?");
    let answer = agent.get(at).await.expect(302);
    let to = answer.location();
    assert_eq!(to.path(), "/callback");
    let state = to.query_pairs().find(|(n, _)| n == "state").unwrap().1;
    assert!(
        state.len() >= 25,
        "an auth request's id is as long as dex's"
    );
    assert!(
        state
            .bytes()
            .all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b))
    );
    let answer = agent.get(&to).await.expect(303);
    let back = answer.location();
    assert!(back.as_str().starts_with(&umbrella.redirect_uri));
    let names: Vec<_> = back.query_pairs().map(|(n, _)| n.into_owned()).collect();
    assert_eq!(names, ["code", "state"], "sorted, and no iss");
    let code = back.query_pairs().next().unwrap().1;
    assert!(code.len() >= 25);
}

#[tokio::test]
async fn a_password_connector_is_sent_to_its_form_and_the_consent_follows() {
    let globex = shared_server().await.globex();
    let agent = Agent::new();
    let login = globex.begin_with(&[("approval_prompt", "force")]);
    let at = login.url.replace("/auth?", "/auth/local?");
    let answer = agent.get(at).await.expect(302);
    let form = answer.location();
    assert_eq!(form.path(), "/auth/local/login");
    let names: Vec<_> = form.query_pairs().map(|(n, _)| n.into_owned()).collect();
    assert_eq!(names, ["back", "state"]);
    let (_, back) = form.query_pairs().next().unwrap();
    assert!(back.starts_with("/auth?"), "{back}");

    let page = agent.get(&form).await.expect(200);
    for id in ["login", "password", "submit-login"] {
        assert!(page.page().has(id), "{id}");
    }
    let wrong = [("login", ADMIN.login), ("password", "wrong")];
    let again = agent.post(&form, &wrong).await.expect(401);
    assert!(again.page().has("login-error"));

    let right = [("login", ADMIN.login), ("password", ADMIN.password)];
    let answer = agent.post(&form, &right).await.expect(303);
    let approval = answer.location();
    assert_eq!(approval.path(), "/approval");
    let names: Vec<_> = approval
        .query_pairs()
        .map(|(n, _)| n.into_owned())
        .collect();
    assert_eq!(names, ["req", "hmac"]);
    agent.get(&approval).await.expect(200);
    let answer = agent
        .post(&approval, &[("approval", "approve")])
        .await
        .expect(303);
    assert!(answer.location().as_str().starts_with(&globex.redirect_uri));
}

#[tokio::test]
async fn back_is_empty_where_there_is_nothing_to_choose() {
    let printer = shared_server().await.initech();
    let answer = Agent::new().get(printer.begin().url).await.expect(302);
    let form = answer.location();
    assert_eq!(
        form.query_pairs().next().unwrap(),
        ("back".into(), "".into())
    );
}

#[tokio::test]
async fn state_comes_back_even_if_it_is_empty_but_not_in_our_dialect() {
    let shared_server = shared_server().await;
    let umbrella = shared_server.umbrella();
    let url = umbrella
        .begin_with(&[("state", ""), ("scope", "email")])
        .url;
    let answer = Agent::new().get(url).await.expect(303);
    let to = answer.location();
    assert!(
        to.query_pairs().any(|(n, v)| n == "state" && v.is_empty()),
        "{to}"
    );
    let hooli = shared_server.hooli();
    let url = hooli.begin_with(&[("state", ""), ("prompt", "none")]).url;
    let answer = Agent::new().get(url).await.expect(303);
    assert!(!answer.location().query_pairs().any(|(n, _)| n == "state"));
}

#[tokio::test]
async fn a_connector_nobody_has_is_told_on_a_page() {
    let globex = shared_server().await.globex();
    let login = globex.begin_with(&[("connector_id", "nobody")]);
    Agent::new().get(&login.url).await.expect(400);
    let at = globex.begin().url.replace("/auth?", "/auth/nobody?");
    Agent::new().get(at).await.expect(400);
}

#[tokio::test]
async fn a_login_that_is_not_there_or_not_proven_is_told_on_a_page() {
    let globex = shared_server().await.globex();
    let agent = Agent::new();
    for (path, status) in [
        ("/auth/local/login", 400),
        ("/auth/local/login?state=unknown", 400),
        ("/callback", 400),
        ("/callback?state=unknown", 400),
        ("/approval?req=unknown", 401),
        ("/approval?req=unknown&hmac=AAAA", 401),
    ] {
        agent.get(globex.at(path)).await.expect(status);
    }
}

#[tokio::test]
async fn a_dex_without_sessions_remembers_nobody_and_binds_the_login_to_its_browser() {
    let globex = shared_server().await.globex();
    let agent = Agent::new();
    globex.log_in(&agent, &ADMIN).await;
    let mut names: Vec<_> = agent.cookies().into_iter().map(|c| c.name).collect();
    names.sort_unstable();
    let expected =
        ["browser", "finished", "known_device"].map(|name| format!("insula_{name}.globex"));
    assert_eq!(names, expected);
    let cookie = agent.cookie("insula_browser");
    assert_eq!(cookie.max_age, None);
    assert!(cookie.http_only && cookie.same_site.as_deref() == Some("Lax"));
    let silent = globex.begin_with(&[("prompt", "none")]);
    let page = agent.get(&silent.url).await.expect(200).page();
    assert!(page.has("connector-local"), "everybody is asked");
}

#[tokio::test]
async fn a_browser_that_takes_no_cookies_logs_in_as_at_dex() {
    let globex = shared_server().await.globex();
    for person in [ADMIN, MOCK] {
        let agent = Agent::new().without_cookies();
        let login = globex.begin();
        let back = insula_tests::walk(&agent, &login, &person).await;
        assert_eq!(agent.cookies(), []);
        globex.tokens(&login, &back).await;
    }
}

#[tokio::test]
async fn no_slash_is_forgiven() {
    let shared_server = shared_server().await;
    for party in [shared_server.globex(), shared_server.portal()] {
        for path in ["/auth/", "/token/", "/keys/", "/nothing"] {
            Agent::new().get(party.at(path)).await.expect(404);
        }
    }
}

/// `DEX_SESSIONS_ENABLED`: what the next dex does, for a process that asks for it.
#[tokio::test]
async fn a_dex_with_its_sessions_flag_remembers_the_browser_for_each_client() {
    let deployment = insula_tests::Deployment::build()
        .tenant("globex", crate::shared_server::GLOBEX)
        .variable("DEX_SESSIONS_ENABLED", "true")
        .done();
    let process = deployment.open().await;
    let globex = crate::shared_server::globex(deployment.port);
    let agent = Agent::new();
    let tokens = globex.log_in(&agent, &ADMIN).await;
    assert!(tokens.claim("sid").is_string());
    assert!(agent.cookie("dex_session").http_only);
    let login = globex.begin_with(&[("prompt", "none")]);
    let back = insula_tests::walk(&agent, &login, &ADMIN).await;
    globex.tokens(&login, &back).await;
    // No client shares its login with another unless it says so.
    let mut kubernetes = crate::shared_server::globex(deployment.port);
    kubernetes.client_id = "kubernetes".to_owned();
    kubernetes.redirect_uri = "http://127.0.0.1:8000".to_owned();
    let url = kubernetes.begin_with(&[("prompt", "none")]).url;
    let mut answer = agent.get(url).await;
    while answer.location().host_str() != Some("127.0.0.1") {
        answer = agent.get(answer.location()).await;
    }
    assert!(answer.header("location").contains("login_required"));
    let url = globex.at("/.well-known/openid-configuration");
    let discovery = agent.get(url).await.json();
    assert_eq!(discovery["end_session_endpoint"], globex.at("/logout"));
    assert_eq!(discovery["backchannel_logout_supported"], true);
    assert_eq!(discovery["backchannel_logout_session_supported"], true);
    assert_eq!(discovery.get("frontchannel_logout_supported"), None);
    process.terminate().await;
}
