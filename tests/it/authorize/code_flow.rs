//! A login, from the client and back to it.

use insula_tests::{Agent, Back, Person, walk};

use crate::shared_server::{ADMIN, JANE, MOCK, shared_server};

#[tokio::test]
async fn a_person_with_a_password_logs_in_at_a_tenant_of_our_format() {
    let portal = shared_server().await.portal();
    let agent = Agent::new();
    let login = portal.begin_with(&[("prompt", "consent")]);
    let back = walk(&agent, &login, &JANE).await;
    assert_eq!(
        back.steps,
        [
            "GET /auth 200",
            "GET /auth/local 302",
            "GET /auth/local/login 200",
            "POST /auth/local/login 303",
            "GET /approval 200",
            "POST /approval 303",
        ]
    );
    let tokens = portal.tokens(&login, &back).await;
    assert_eq!(tokens.claim("email"), "jane@acme.example");
    assert_eq!(tokens.claim("name"), "Jane Doe");
    assert_eq!(
        tokens.claim("groups"),
        &serde_json::json!(["staff", "engineering"])
    );
}

#[tokio::test]
async fn a_person_an_upstream_knows_logs_in_at_a_tenant_of_our_format() {
    let hooli = shared_server().await.hooli();
    let (login, back) = hooli.code(&Agent::new(), &MOCK).await;
    assert_eq!(back.steps, ["GET /auth 303", "GET /callback/mock 303"]);
    let tokens = hooli.tokens(&login, &back).await;
    assert_eq!(tokens.claim("name"), "Kilgore Trout");
}

#[tokio::test]
async fn a_person_with_a_password_logs_in_at_a_dex_tenant() {
    let globex = shared_server().await.globex();
    let tokens = globex.log_in(&Agent::new(), &ADMIN).await;
    assert_eq!(tokens.claim("email"), "admin@example.com");
    assert_eq!(tokens.claim("email_verified"), true);
}

#[tokio::test]
async fn a_person_an_upstream_knows_logs_in_at_a_dex_tenant() {
    let globex = shared_server().await.globex();
    let login = globex.begin_with(&[("approval_prompt", "force")]);
    let back = walk(&Agent::new(), &login, &MOCK).await;
    assert_eq!(
        back.steps,
        [
            "GET /auth 200",
            "GET /auth/mock 302",
            "GET /callback 303",
            "GET /approval 200",
            "POST /approval 303",
        ]
    );
    let tokens = globex.tokens(&login, &back).await;
    assert_eq!(tokens.claim("name"), "Kilgore Trout");
    assert_eq!(tokens.claim("groups"), &serde_json::json!(["authors"]));
}

#[tokio::test]
async fn a_person_the_directory_knows_logs_in_at_either() {
    let shared_server = shared_server().await;
    let kilgore = Person {
        connector: Some("directory"),
        ..Person::new("kilgore", "trout")
    };
    for party in [shared_server.portal(), shared_server.globex()] {
        let tokens = party.log_in(&Agent::new(), &kilgore).await;
        assert_eq!(tokens.claim("email"), "kilgore@kilgore.trout");
    }
}

#[tokio::test]
async fn an_issuer_with_a_path_is_logged_in_at_below_its_path() {
    let printer = shared_server().await.initech();
    let agent = Agent::new();
    let (login, back) = printer.code(&agent, &crate::shared_server::KIM).await;
    assert!(
        back.steps
            .iter()
            .all(|step| step.contains(" /initech/auth"))
    );
    printer.tokens(&login, &back).await;
    for cookie in agent.cookies() {
        assert_eq!(cookie.path, "/initech", "{}", cookie.name);
    }
}

#[tokio::test]
async fn a_request_may_be_posted() {
    let shared_server = shared_server().await;
    for party in [shared_server.hooli(), shared_server.umbrella()] {
        let login = party.begin();
        let agent = Agent::new();
        let form: Vec<_> = login
            .params
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        let mut answer = agent.post(party.at("/auth"), &form).await;
        while !answer
            .location()
            .as_str()
            .starts_with(login.redirect_uri.as_str())
        {
            answer = agent.get(answer.location()).await;
        }
        let back = Back::of(answer.location(), Vec::new());
        party.tokens(&login, &back).await;
    }
}

#[tokio::test]
async fn a_client_may_name_the_connector() {
    let shared_server = shared_server().await;
    for party in [shared_server.portal(), shared_server.globex()] {
        let login = party.begin_with(&[("connector_id", "mock")]);
        let back = walk(&Agent::new(), &login, &Person::default()).await;
        let tokens = party.tokens(&login, &back).await;
        assert_eq!(tokens.claim("name"), "Kilgore Trout");
    }
}

#[tokio::test]
async fn a_person_chooses_among_the_connectors_their_client_may_use() {
    let shared_server = shared_server().await;
    let page = Agent::new()
        .get(shared_server.portal().begin().url)
        .await
        .expect(200)
        .page();
    for id in ["mock", "directory", "initech", "local"] {
        assert!(page.has(&format!("connector-{id}")), "{id}");
    }
    let mut kiosk = shared_server.portal();
    kiosk.client_id = "kiosk".to_owned();
    kiosk.redirect_uri = "https://kiosk.example/callback".to_owned();
    let answer = Agent::new().get(kiosk.begin().url).await.expect(302);
    assert_eq!(answer.location().path(), "/auth/directory/login");
}

#[tokio::test]
async fn the_name_a_client_hints_at_stands_in_the_form() {
    let portal = shared_server().await.portal();
    let agent = Agent::new();
    let login = portal.begin_with(&[
        ("login_hint", "jane@acme.example"),
        ("connector_id", "local"),
    ]);
    let answer = agent.get(login.url).await.expect(302);
    let page = agent.get(answer.location()).await.expect(200).page();
    let form = page.form_with("password").unwrap();
    assert_eq!(form.value("login"), Some("jane@acme.example"));
}

#[tokio::test]
async fn pages_speak_the_language_a_client_asks_for_from_the_first_to_the_last() {
    let portal = shared_server().await.portal();
    let agent = Agent::new().with_header("accept-language", "en");
    let login = portal.begin_with(&[
        ("ui_locales", "de fr"),
        ("connector_id", "local"),
        ("prompt", "consent"),
    ]);
    let form = agent.get(agent.get(login.url).await.location()).await;
    assert_eq!(form.header("content-language"), "de");
    assert!(form.body.contains("<html lang=\"de\""));
    let page = form.page();
    let filled = page.form_with("password").unwrap().filled(
        &[("login", JANE.login), ("password", JANE.password)],
        "submit-login",
    );
    let filled: Vec<_> = filled
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let action = form
        .url
        .join(&page.form_with("password").unwrap().action)
        .unwrap();
    let consent = agent.post(action, &filled).await.expect(303);
    let consent = agent.get(consent.location()).await.expect(200);
    assert_eq!(consent.header("content-language"), "de");
}

#[tokio::test]
async fn a_wrong_password_is_told_on_the_form_and_nothing_else_is() {
    let shared_server = shared_server().await;
    for (party, name) in [
        (shared_server.portal(), "jane@acme.example"),
        (shared_server.portal(), "nobody@acme.example"),
        (shared_server.globex(), "admin@example.com"),
        (shared_server.globex(), "nobody@example.com"),
    ] {
        let agent = Agent::new();
        let login = party.begin_with(&[("connector_id", "local")]);
        let mut answer = agent.get(login.url).await;
        while answer.status == 302 {
            answer = agent.get(answer.location()).await;
        }
        let action = answer
            .url
            .join(&answer.page().form_with("password").unwrap().action)
            .unwrap();
        let form = [("login", name), ("password", "wrong")];
        let refused = agent.post(action, &form).await.expect(401);
        let page = refused.page();
        assert_eq!(
            page.form_with("password").unwrap().value("login"),
            Some(name)
        );
        let words = page.words();
        assert!(
            !words.contains("exist") && !words.contains("unknown"),
            "{words}"
        );
    }
}

#[tokio::test]
async fn a_name_rests_after_too_many_wrong_passwords() {
    let shared_server = shared_server().await;
    let printer = shared_server.initech();
    let agent = Agent::new();
    let answer = agent.get(printer.begin().url).await.expect(302);
    let form = agent.get(answer.location()).await.expect(200);
    let action = form
        .url
        .join(&form.page().form_with("password").unwrap().action)
        .unwrap();
    let wrong = [("login", "mallory@initech.example"), ("password", "x")];
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(agent.post(&action, &wrong).await.status);
    }
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10], 429);
    // Somebody else is not kept out by it.
    let kim = [("login", "kim@initech.example"), ("password", "password")];
    agent.post(&action, &kim).await.expect(303);
}
