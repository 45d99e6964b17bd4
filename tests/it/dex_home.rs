//! The home page of a dex tenant: what dex's has on it, at the address it has there.

use insula_tests::{Agent, Deployment, Page, Process, RelyingParty};
use reqwest::Method;

use crate::shared_server::ADMIN;

const GLOBEX: &str = r#"# dex
issuer: http://globex.localhost:PORT/dex
storage: { type: memory }
oauth2: { skipApprovalScreen: true }
web: { allowedOrigins: ["https://spa.example"] }
connectors: [{ type: mockCallback, id: mock, name: Example }]
enablePasswordDB: true
staticPasswords:
  - email: admin@example.com
    hash: "$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W"
    username: admin
    userID: 08a8684b-db88-4b73-90a9-3cd1661f5466
    groups: [operators, writers]
staticClients:
  - { id: app, name: App, secret: app-secret, redirectURIs: ["https://app.example/cb"] }
"#;

async fn opened(sessions: bool) -> (Deployment, Process, RelyingParty) {
    let builder = Deployment::build().tenant("globex", GLOBEX);
    let deployment = if sessions {
        builder.variable("DEX_SESSIONS_ENABLED", "true").done()
    } else {
        builder.done()
    };
    let process = deployment.open().await;
    let issuer = format!("http://globex.localhost:{}/dex", deployment.port);
    let party = RelyingParty::new(&issuer, "app", "app-secret", "https://app.example/cb");
    (deployment, process, party.of_dex().without_pkce())
}

fn link(page: &Page, id: &str) -> String {
    page.attributes(&format!("#{id}"), "href").remove(0)
}

#[tokio::test]
async fn the_home_page_answers_every_method_at_the_issuer_and_links_to_discovery() {
    let (_deployment, process, globex) = opened(false).await;
    let agent = Agent::new();
    let discovery = globex.at("/.well-known/openid-configuration");
    for method in ["GET", "POST", "PUT", "DELETE"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let home = agent.try_send(method.clone(), &globex.issuer, &[], None);
        let home = home.await.unwrap().expect(200);
        assert_eq!(home.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(home.header("set-cookie"), "", "{method}");
        let page = home.page();
        assert_eq!(link(&page, "discovery"), discovery, "{method}");
        agent.get(&discovery).await.expect(200);
    }
    for path in ["/home", "/index.html", "//"] {
        agent.get(globex.at(path)).await.expect(404);
    }
    process.terminate().await;
}

#[tokio::test]
async fn scripts_of_allowed_origins_read_the_home_page_and_no_other_page() {
    let (_deployment, process, globex) = opened(false).await;
    for (origin, allowed) in [
        ("https://spa.example", "https://spa.example"),
        ("https://other.example", ""),
    ] {
        let agent = Agent::new().with_header("origin", origin);
        let home = agent.get(&globex.issuer).await.expect(200);
        assert_eq!(home.header("access-control-allow-origin"), allowed);
        let device = agent.get(globex.at("/device")).await.expect(200);
        assert_eq!(device.header("access-control-allow-origin"), "");
    }
    process.terminate().await;
}

#[tokio::test]
async fn without_sessions_the_home_page_knows_nobody() {
    let (_deployment, process, globex) = opened(false).await;
    let agent = Agent::new();
    let before = agent.get(&globex.issuer).await.expect(200);
    globex.log_in(&agent, &ADMIN).await;
    let after = agent.get(&globex.issuer).await.expect(200);
    assert_eq!(before.body, after.body);
    assert!(!after.page().has("logout"));
    process.terminate().await;
}

/// What `home.html` of dex's head is given, but for the address and the program of the browser: those are
/// not kept with a session here.
#[tokio::test]
async fn with_sessions_the_home_page_tells_what_dexs_tells_of_whoever_is_logged_in() {
    let (_deployment, process, globex) = opened(true).await;
    let agent = Agent::new();
    let stranger = agent.get(&globex.issuer).await.expect(200);
    assert!(!stranger.page().has("logout"));

    globex.log_in(&agent, &ADMIN).await;
    let home = agent.get(&globex.issuer).await.expect(200);
    let page = home.page();
    let words = home.words();
    for told in [
        "signed in as admin",
        "Email admin@example.com",
        "with Email",
    ] {
        assert!(words.contains(told), "{told}: {words}");
    }
    assert!(!words.contains("not confirmed"), "{words}");
    let groups = page.text_of("#groups").unwrap();
    assert_eq!(groups, "operators, writers");
    let since = page.text_of("#since").unwrap();
    assert_eq!(since, "Less than a minute ago");
    let left = page.text_of("#left").unwrap();
    assert!(
        left.ends_with(" minutes, longer while you use it"),
        "{left}"
    );
    assert_eq!(
        link(&page, "discovery"),
        globex.at("/.well-known/openid-configuration")
    );

    let logout = home.url.join(&link(&page, "logout")).unwrap();
    assert_eq!(logout.as_str(), globex.at("/logout"));
    let asked = agent.get(&logout).await.expect(200);
    let asked_page = asked.page();
    let form = asked_page.form_with("submit-logout").unwrap();
    let filled = form.filled(&[], "submit-logout");
    let filled: Vec<_> = filled
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let to = asked.url.join(&form.action).unwrap();
    agent.post(to, &filled).await.expect(200);
    let home = agent.get(&globex.issuer).await.expect(200);
    assert_eq!(home.body, stranger.body);
    process.terminate().await;
}
