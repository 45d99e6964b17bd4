//! Pages as they leave the server: their weight, their languages, their hooks, their files.

use insula_tests::{Agent, Answer, Deployment};
use reqwest::Method;

use crate::shared_server::{self, shared_server};

#[tokio::test]
async fn every_page_is_under_thirty_kilobytes_on_the_wire() {
    let shared_server = shared_server().await;
    let portal = shared_server.portal();
    let agent = Agent::new();
    let packed = [("accept-encoding", "gzip")];
    let form = agent
        .get(portal.begin_with(&[("connector_id", "local")]).url)
        .await
        .location();
    for url in [
        portal.begin().url,
        form.into(),
        portal.at("/"),
        portal.at("/approval"),
    ] {
        let answer = agent.send(Method::GET, &url, &packed, None).await;
        let mut bytes = length(&answer);
        let files = answer.page().files();
        assert!(files.len() >= 2, "{url}: {files:?}");
        for file in files {
            let file = answer.url.join(&file).unwrap();
            let file = agent.send(Method::GET, file.as_str(), &packed, None).await;
            assert!(file.header("cache-control").contains("immutable"));
            bytes += length(&file);
        }
        assert!(bytes < 30_000, "{url}: {bytes}");
    }
}

/// How long the body of an answer was on its way.
fn length(answer: &Answer) -> usize {
    match answer.header("content-length") {
        "" => answer.body.len(),
        length => length.parse().unwrap(),
    }
}

#[tokio::test]
async fn a_page_is_in_the_language_the_browser_prefers_among_the_tenants() {
    let portal = shared_server().await.portal();
    for (accepted, lang) in [
        ("de-CH, de;q=0.9, en;q=0.5", "de"),
        ("fr", "fr"),
        ("ja, en;q=0.1", "en"),
        ("ja", "en"),
        ("*", "en"),
    ] {
        let headers = [("accept-language", accepted)];
        let url = portal.begin().url;
        let answer = Agent::new().send(Method::GET, &url, &headers, None).await;
        assert_eq!(answer.header("content-language"), lang, "{accepted}");
        let opening = format!("<html lang=\"{lang}\" dir=\"ltr\"");
        assert!(answer.body.contains(&opening), "{accepted}");
    }
}

#[tokio::test]
async fn password_managers_find_what_they_look_for() {
    let shared_server = shared_server().await;
    for party in [
        shared_server.portal(),
        shared_server.globex(),
        shared_server.initech(),
    ] {
        let agent = Agent::new();
        let mut answer = agent
            .get(party.begin_with(&[("connector_id", "local")]).url)
            .await;
        while answer.status == 302 {
            answer = agent.get(answer.location()).await;
        }
        let page = answer.page();
        let form = page.form_with("password").unwrap();
        assert_eq!(form.method, "post");
        let field = |name: &str| form.fields.iter().find(|f| f.name == name).unwrap();
        assert_eq!(field("login").id, "login");
        assert_eq!(field("login").autocomplete, "username");
        assert_eq!(field("password").id, "password");
        assert_eq!(field("password").kind, "password");
        assert_eq!(field("password").autocomplete, "current-password");
        assert_eq!(field("password").value, "");
        assert_eq!(form.buttons[0].id, "submit-login");
    }
}

#[tokio::test]
async fn a_tenants_overlay_is_laid_over_its_theme() {
    let tenant = "issuer: http://branded.localhost:PORT
frontend:
  issuer: Branded & Sons
  logoURL: theme/logo.svg
  colors: { light: { accent: \"#b4235a\" } }
  links: { support: \"mailto:help@branded.example\" }
connectors:
  - { type: mockCallback, id: mock, name: Mock }
  - { type: mockPassword, id: directory, name: Directory, config: { username: a, password: b } }
staticClients:
  - { id: app, secret: s, redirectURIs: [\"https://app.example/cb\"] }
";
    let deployment = Deployment::build().done();
    let overlay = deployment.folder().join("tenants/branded/theme");
    std::fs::create_dir_all(&overlay).unwrap();
    let logo =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"><path d=\"M0 0\"/></svg>";
    std::fs::write(overlay.join("logo.svg"), logo).unwrap();
    deployment.write_tenant("branded", tenant);
    let _process = deployment.open().await;
    let issuer = shared_server::issuer(deployment.port, "branded");
    let app = insula_tests::RelyingParty::new(&issuer, "app", "s", "https://app.example/cb");
    let answer = Agent::new().get(app.begin().url).await.expect(200);
    assert!(answer.body.contains("Branded &amp; Sons"));
    let colours = answer.url.join(&answer.page().files()[0]).unwrap();
    let colours = Agent::new().get(&colours).await.expect(200);
    assert!(
        colours.body.contains("--accent:#b4235a"),
        "{}",
        colours.body
    );
    assert!(answer.body.contains("mailto:help@branded.example"));
    let images = answer.page().attributes("img", "src");
    let source = images[0].as_str();
    if !source.starts_with("data:") {
        let file = Agent::new()
            .get(answer.url.join(source).unwrap())
            .await
            .expect(200);
        assert_eq!(file.header("content-type"), "image/svg+xml");
        assert_eq!(file.header("x-content-type-options"), "nosniff");
        assert!(file.header("content-security-policy").contains("sandbox"));
        let known = [("if-none-match", file.header("etag"))];
        let url = answer.url.join(source).unwrap();
        let again = Agent::new()
            .send(Method::GET, url.as_str(), &known, None)
            .await;
        assert_eq!(again.status, 304);
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_theme() {
    let portal = shared_server().await.portal();
    for path in [
        "/static/../tenant.yaml",
        "/static/..%2ftenant.yaml",
        "/static/%2e%2e%2f%2e%2e%2finsula.key",
        "/theme/..%5c..%5cinsula.yaml",
        "/static//etc/passwd",
        "/static/%00",
    ] {
        let answer = Agent::new().get(portal.at(path)).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_page_asks_nobody_else_for_anything() {
    let shared_server = shared_server().await;
    for party in [shared_server.portal(), shared_server.globex()] {
        let answer = Agent::new().get(party.begin().url).await.expect(200);
        for name in ["src", "href"] {
            for source in answer.page().attributes(&format!("[{name}]"), name) {
                let is_ours = source.starts_with(['/', '#'])
                    || source.starts_with("data:")
                    || source.starts_with(&party.issuer);
                assert!(is_ours, "{source}");
            }
        }
    }
}

#[tokio::test]
async fn an_error_says_what_happened_and_names_no_machine() {
    let portal = shared_server().await.portal();
    let login = portal.begin_with(&[("client_id", "nobody")]);
    let answer = Agent::new().get(login.url).await.expect(400);
    let page = answer.page();
    assert!(page.has("error-title") && page.has("error-message"));
    let words = page.words();
    for leak in ["panick", "src/", "sqlx", "redis", "Error:"] {
        assert!(!words.contains(leak), "{words}");
    }
    assert_eq!(answer.header("server"), "");
}

#[tokio::test]
async fn the_front_page_and_the_robots_are_there() {
    let portal = shared_server().await.portal();
    let answer = Agent::new().get(portal.at("/")).await.expect(200);
    assert!(answer.page().has("discovery"));
    let robots = Agent::new().get(portal.at("/robots.txt")).await.expect(200);
    assert!(robots.body.contains("Disallow: /"));
    let health = Agent::new().get(portal.at("/healthz")).await.expect(200);
    assert_eq!(health.body, "Health check passed");
}
