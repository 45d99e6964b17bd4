//! Connectors that come, change, go and fail while people log in.

use std::time::{Duration, Instant};

use insula_tests::{Agent, Answer, Deployment, Login, Person, Process, RelyingParty, walk_on};
use nix::sys::signal::Signal;

use crate::shared_server;

fn tenant(more: &str) -> String {
    format!(
        "issuer: http://live.localhost:PORT
oauth2: {{ skipApprovalScreen: true }}
connectors:
  - {{ type: mockCallback, id: a, name: First }}
  - {{ type: mockCallback, id: z, name: Last }}
{more}staticClients:
  - {{ id: app, secret: s, redirectURIs: [\"https://app.example/cb\"] }}
"
    )
}

fn app(deployment: &Deployment) -> RelyingParty {
    let issuer = shared_server::issuer(deployment.port, "live");
    RelyingParty::new(&issuer, "app", "s", "https://app.example/cb")
}

async fn chooser(app: &RelyingParty) -> Answer {
    Agent::new().get(&app.begin().url).await.expect(200)
}

/// Asks for the chooser again until it is as wanted.
async fn shows(app: &RelyingParty, what: &str, wanted: impl Fn(&Answer) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !wanted(&chooser(app).await) {
        assert!(Instant::now() < deadline, "never shown: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A login whose browser is at the upstream of a connector: its next step is to come back.
struct Away {
    agent: Agent,
    login: Login,
    back: url::Url,
}

async fn away_at(app: &RelyingParty, connector: &str) -> Away {
    let (agent, login) = (Agent::new(), app.begin());
    let page = agent.get(&login.url).await.expect(200).page();
    let chosen = page.link_to(connector).unwrap();
    let sent = agent.get(app.at(&chosen)).await.expect(303);
    let back = sent.location();
    Away { agent, login, back }
}

async fn comes_back(app: &RelyingParty, away: Away) {
    let first = away.agent.get(&away.back).await;
    let back = walk_on(&away.agent, first, &away.login, &Person::at("a")).await;
    app.tokens(&away.login, &back).await;
}

fn write(deployment: &Deployment, process: &Process, more: &str) {
    deployment.write_tenant("live", &tenant(more));
    process.signal(Signal::SIGHUP);
}

#[tokio::test]
async fn a_login_goes_on_while_other_connectors_are_added_changed_and_removed() {
    let deployment = Deployment::build().tenant("live", &tenant("")).done();
    let process = deployment.open().await;
    let app = app(&deployment);
    let through_all = away_at(&app, "a").await;
    let named = |name: &'static str| {
        move |page: &Answer| page.page().link_to("b").is_some() && page.words().contains(name)
    };

    let during = away_at(&app, "a").await;
    write(
        &deployment,
        &process,
        "  - { type: mockCallback, id: b, name: Second }\n",
    );
    shows(&app, "the new connector", named("Second")).await;
    comes_back(&app, during).await;
    let at_the_new = away_at(&app, "b").await;
    comes_back(&app, at_the_new).await;

    let during = away_at(&app, "a").await;
    write(
        &deployment,
        &process,
        "  - { type: mockCallback, id: b, name: Renamed }\n",
    );
    shows(&app, "the changed connector", named("Renamed")).await;
    comes_back(&app, during).await;

    let during = away_at(&app, "a").await;
    write(&deployment, &process, "");
    shows(&app, "no second connector", |page| {
        page.page().link_to("b").is_none()
    })
    .await;
    comes_back(&app, during).await;
    comes_back(&app, through_all).await;
    process.terminate().await;
}

#[tokio::test]
async fn a_login_at_a_connector_that_is_removed_is_led_to_the_other_ways() {
    let b = "  - { type: mockCallback, id: b, name: Second }\n";
    let deployment = Deployment::build().tenant("live", &tenant(b)).done();
    let process = deployment.open().await;
    let app = app(&deployment);
    let Away { agent, login, back } = away_at(&app, "b").await;
    let old_page = Agent::new();
    let old_link = old_page
        .get(&app.begin().url)
        .await
        .page()
        .link_to("b")
        .unwrap();
    write(&deployment, &process, "");
    shows(&app, "no second connector", |page| {
        page.page().link_to("b").is_none()
    })
    .await;

    let page = agent.get(&back).await.expect(410).page();
    assert!(
        page.words().contains("This way to sign in is gone"),
        "{}",
        page.words()
    );
    let other_ways = page.attributes("#another", "href").remove(0);
    let chooser = agent.get(app.at(&other_ways)).await.expect(200);
    let back = walk_on(&agent, chooser, &login, &Person::at("a")).await;
    app.tokens(&login, &back).await;

    let page = old_page.get(app.at(&old_link)).await.expect(410).page();
    assert!(page.has("another"), "a page that was left open");
    process.terminate().await;
}

#[tokio::test]
async fn a_connector_that_does_not_open_is_told_where_people_choose_and_keeps_nobody_else_out() {
    let dexs = "# dex
issuer: http://live.localhost:PORT
storage: { type: memory }
oauth2: { skipApprovalScreen: true }
connectors:
  - { type: mockCallback, id: a, name: First }
  - type: oidc
    id: broken
    name: Broken Works
    config: { issuer: \"http://127.0.0.1:1\", clientID: us, rootCAs: [/nowhere/ca.pem] }
staticClients:
  - { id: app, name: App, secret: s, redirectURIs: [\"https://app.example/cb\"] }
";
    let deployment = Deployment::build().tenant("live", dexs).done();
    let checked = deployment.run("check").await;
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        said.contains("connectors[1]") && said.contains("/nowhere/ca.pem"),
        "{said}"
    );
    let process = deployment.open().await;
    let app = app(&deployment).of_dex().without_pkce();

    let page = chooser(&app).await.page();
    assert_eq!(
        page.attributes("#connector-broken", "aria-disabled"),
        ["true"]
    );
    assert!(page.link_to("broken").is_none(), "it leads nowhere");
    let why = page.text_of("#why-broken").unwrap();
    assert!(why.contains("Not set up right"), "{why}");
    app.log_in(&Agent::new(), &Person::at("a")).await;

    let insisting = app.begin_with(&[("connector_id", "broken")]);
    let agent = Agent::new();
    let mut answer = agent.get(&insisting.url).await;
    while (300..400).contains(&answer.status) {
        answer = agent.get(answer.location()).await;
    }
    assert_eq!(answer.status, 503);
    let words = answer.page().words();
    assert!(words.contains("choose another way in"), "{words}");
    let metrics = process.metrics().await;
    let labels = ["tenant=\"live\"", "connector=\"broken\""];
    assert!((metrics.sum("insula_connector_unavailable", &labels) - 1.0).abs() < 0.1);
    process.terminate().await;
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_told_where_people_choose() {
    let down = "  - type: oidc
    id: down
    name: Down Works
    config: { issuer: \"http://127.0.0.1:1\", clientID: us }
";
    let deployment = Deployment::build().tenant("live", &tenant(down)).done();
    let process = deployment.open().await;
    let app = app(&deployment);
    let page = chooser(&app).await.page();
    let link = page.link_to("down");
    assert!(link.is_some(), "nobody asked it yet");
    let agent = Agent::new();
    let login = app.begin();
    let page = agent.get(&login.url).await.page();
    let link = page.link_to("down").unwrap();
    let told = agent.get(app.at(&link)).await.expect(502);
    assert!(
        told.words().contains("choose another way in"),
        "{}",
        told.words()
    );

    let page = chooser(&app).await.page();
    assert_eq!(
        page.attributes("#connector-down", "aria-disabled"),
        ["true"]
    );
    let why = page.text_of("#why-down").unwrap();
    assert!(why.contains("Not answering at the moment"), "{why}");
    app.log_in(&Agent::new(), &Person::at("a")).await;
    let metrics = process.metrics().await;
    let calls = |outcome| metrics.sum("insula_connector_calls_total", &["type=\"oidc\"", outcome]);
    assert!(calls("outcome=\"unreachable\"") >= 1.0);
    assert!((metrics.sum("insula_connectors_unavailable", &[]) - 1.0).abs() < 0.1);

    // Taken out, it is nobody's trouble any more.
    write(&deployment, &process, "");
    shows(&app, "the others alone", |page| {
        !page.page().has("connector-down")
    })
    .await;
    let metrics = process.metrics().await;
    assert!(metrics.sum("insula_connectors_unavailable", &[]).abs() < 0.1);
    assert!(
        !metrics.has("insula_connector_unavailable"),
        "no series is left behind"
    );
    process.terminate().await;
}
