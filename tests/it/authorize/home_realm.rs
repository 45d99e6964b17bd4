//! Identifier-first: the domain of a mail address leads to the connector of its people.

use insula_tests::scripts::{node, run};
use insula_tests::{Agent, Answer, Deployment, Login, Person, RelyingParty, program, walk_on};

use crate::shared_server;

/// `work` is for the people of kilgore.trout, whom its upstream knows; `partner` is for those of
/// globex.example, and its upstream says that they are of kilgore.trout.
const HOME: &str = r#"
issuer: http://home.localhost:PORT/path
oauth2: { skipApprovalScreen: true }
connectors:
  - { type: mockCallback, id: work, name: Kilgore Works, domains: [kilgore.trout] }
  - { type: mockCallback, id: partner, name: Globex, domains: [globex.example] }
enablePasswordDB: true
staticPasswords:
  - email: jane@home.example
    hash: "$argon2id$v=19$m=19456,t=2,p=1$4oUKJFuO1HSpp1d+6NQReQ$QdW2GtHNq+pEsYg/JHln8B0zYM6NV9J71y2Z1B/aFqE"
    userID: 08a8684b-db88-4b73-90a9-3cd1661f5466
    username: jane
staticClients:
  - { id: app, name: App, secret: s, redirectURIs: ["https://app.example/cb"] }
"#;

/// Of two connectors one cannot be opened.
const BROKEN: &str = r#"# dex
issuer: http://broken.localhost:PORT
storage: { type: memory }
connectors:
  - { type: mockCallback, id: a, name: First }
  - { type: oidc, id: b, name: Broken Works, config: { issuer: "http://127.0.0.1:1", clientID: us, rootCAs: [/nowhere/ca.pem] } }
enablePasswordDB: true
staticClients:
  - { id: app, name: App, secret: s, redirectURIs: ["https://app.example/cb"] }
"#;

fn app(deployment: &Deployment) -> RelyingParty {
    let issuer = format!("{}/path", shared_server::issuer(deployment.port, "home"));
    RelyingParty::new(&issuer, "app", "s", "https://app.example/cb")
}

/// Types an address into the page, as a browser without scripts sends it.
async fn types(agent: &Agent, page: &Answer, address: &str) -> Answer {
    let read = page.page();
    let form = read
        .form_with("submit-login")
        .expect("no address is asked for");
    assert!(read.form_with("password").is_none());
    let values = form.filled(&[("login", address)], "submit-login");
    let values: Vec<_> = values
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    agent
        .post(page.url.join(&form.action).unwrap(), &values)
        .await
}

async fn begun(agent: &Agent, login: &Login) -> Answer {
    agent.get(&login.url).await.expect(200)
}

#[tokio::test]
async fn people_type_their_address_and_log_in_at_the_connector_of_its_domain() {
    let deployment = Deployment::build().tenant("home", HOME).done();
    let process = deployment.open().await;
    let app = app(&deployment);
    let (agent, login) = (Agent::new(), app.begin());
    let page = begun(&agent, &login).await;
    let read = page.page();
    assert_eq!(
        read.attributes("#login", "autocomplete"),
        ["username webauthn"]
    );
    assert_eq!(
        read.attributes("label[for=login]", "for"),
        ["login"],
        "it has a label"
    );
    assert!(read.link_to("work").is_none() && read.link_to("local").is_some());
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'none'")
    );
    let sent = types(&agent, &page, "kilgore@kilgore.trout")
        .await
        .expect(303);
    let back = walk_on(&agent, sent, &login, &Person::default()).await;
    let tokens = app.tokens(&login, &back).await;
    assert_eq!(tokens.id().claims["email"], "kilgore@kilgore.trout");

    // The way they came in is remembered, the person is not.
    let cookie = agent.cookie("insula_last_used");
    assert_eq!(cookie.path, "/path");
    assert!(!cookie.value.contains("work"), "{}", cookie.value);
    let again = app.begin_with(&[("prompt", "select_account")]);
    let page = begun(&agent, &again).await;
    let read = page.page();
    assert!(read.has("login"), "the page is not skipped");
    assert_eq!(read.attributes("#login", "value"), [""]);
    let offered = read.text_of("#connector-work").unwrap();
    assert!(offered.contains("Last used"), "{offered}");
    process.terminate().await;
}

#[tokio::test]
async fn an_address_of_no_known_domain_stands_in_the_password_form_whoever_has_it() {
    let deployment = Deployment::build().tenant("home", HOME).done();
    let process = deployment.open().await;
    let app = app(&deployment);
    let mut seen = Vec::new();
    for address in ["jane@home.example", "nobody@home.example"] {
        let (agent, login) = (Agent::new(), app.begin());
        let page = begun(&agent, &login).await;
        let sent = types(&agent, &page, address).await;
        let form = agent.get(sent.location()).await.expect(200);
        assert_eq!(form.page().attributes("#login", "value"), [address]);
        seen.push((sent.status, form.page().words().replace(address, "")));
        if address.starts_with("jane") {
            let jane = Person::new(address, "password");
            let back = walk_on(&agent, form, &login, &jane).await;
            app.tokens(&login, &back).await;
        }
    }
    assert_eq!(seen[0], seen[1], "nobody learns who has an account");

    let (agent, login) = (Agent::new(), app.begin());
    let page = begun(&agent, &login).await;
    let again = types(&agent, &page, "no address").await.expect(200);
    assert!(again.words().contains("doesn’t look like an email address"));
    assert_eq!(again.page().attributes("#login", "value"), ["no address"]);
    process.terminate().await;
}

#[tokio::test]
async fn clients_skip_the_page_by_hint_and_by_connector_and_no_domain_vouches_for_another() {
    let deployment = Deployment::build().tenant("home", HOME).done();
    let process = deployment.open().await;
    let app = app(&deployment);
    for more in [
        vec![("login_hint", "kilgore@kilgore.trout")],
        vec![
            ("login_hint", "bob@globex.example"),
            ("connector_id", "work"),
        ],
    ] {
        let (agent, login) = (Agent::new(), app.begin_with(&more));
        let sent = agent.get(&login.url).await.expect(303);
        let back = walk_on(&agent, sent, &login, &Person::default()).await;
        app.tokens(&login, &back).await;
    }
    let (agent, login) = (Agent::new(), app.begin());
    let page = begun(&agent, &login).await;
    let sent = types(&agent, &page, "bob@globex.example").await.expect(303);
    let back = walk_on(&agent, sent, &login, &Person::default()).await;
    assert_eq!(back.get("error"), "access_denied", "{}", back.url);
    process
        .says("named a mail address of a domain that is not among its domains")
        .await;
    process.terminate().await;
}

#[tokio::test]
async fn axe_finds_nothing_wrong_with_the_page_that_asks_for_an_address() {
    let (Some(clients), Some(chromium)) = (
        program("INSULA_TEST_CLIENTS"),
        program("INSULA_TEST_CHROMIUM"),
    ) else {
        return;
    };
    let guests = "connectors:\n  - { type: mockCallback, id: guest, name: Guests }";
    let deployment = Deployment::build()
        .tenant("home", &HOME.replace("connectors:", guests))
        .tenant("broken", BROKEN)
        .done();
    let process = deployment.open().await;
    let app = app(&deployment);
    let issuer = shared_server::issuer(deployment.port, "broken");
    let broken = RelyingParty::new(&issuer, "app", "s", "https://app.example/cb");
    let hinted = app.begin_with(&[("login_hint", "kilgore@kilgore.trout")]);
    let mut command = node(&clients, "home_realm.mjs");
    command
        .env("INSULA_TEST_CHROMIUM", chromium)
        .env("AUTHORIZATION_URL", app.begin().url)
        .env("HINTED_URL", hinted.url)
        .env("BROKEN_URL", broken.of_dex().without_pkce().begin().url);
    let told = run(command).await;
    assert_eq!(
        told["pages"].as_array().unwrap().len(),
        16,
        "four pages in four looks"
    );
    for kind in ["violations", "doubts"] {
        assert_eq!(
            told[kind].as_array().unwrap().len(),
            0,
            "{kind}: {:#}",
            told[kind]
        );
    }
    process.terminate().await;
}
