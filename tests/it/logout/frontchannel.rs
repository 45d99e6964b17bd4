//! Clients are told by the browser (OpenID Connect Front-Channel Logout 1.0).

use insula_tests::scripts::{node, run};
use insula_tests::{Agent, Deployment, RelyingParty, free_port, program};
use serde_json::{Value, json};

use super::{logout_url, say_yes};
use crate::browsers::HASH;
use crate::shared_server::ADMIN;

/// A tenant with two clients that want frames, and one that hangs.
fn deployment(port: u16) -> Deployment {
    let tenant = format!(
        "issuer: http://acme.localhost:PORT
enablePasswordDB: true
staticPasswords: [{{ email: admin@example.com, hash: \"{HASH}\", userID: \"1\", username: admin }}]
oauth2: {{ skipApprovalScreen: true }}
staticClients:
  - id: app
    name: App
    secret: s
    redirectURIs: [http://app.localhost:{port}/cb]
    postLogoutRedirectURIs: [http://app.localhost:{port}/bye]
    frontchannelLogoutURI: http://app.localhost:{port}/out?app=1
  - id: wiki
    name: Wiki
    secret: s
    redirectURIs: [http://wiki.localhost:{port}/cb]
    frontchannelLogoutURI: http://wiki.localhost:{port}/out
    frontchannelLogoutSessionRequired: false
  - id: slow
    name: Slow
    secret: s
    redirectURIs: [http://slow.localhost:{port}/cb]
    frontchannelLogoutURI: http://slow.localhost:{port}/never
"
    );
    Deployment::build().tenant("acme", &tenant).done()
}

fn party(deployment: &Deployment, port: u16, client: &str) -> RelyingParty {
    let issuer = format!("http://acme.localhost:{}", deployment.port);
    let redirect_uri = format!("http://{client}.localhost:{port}/cb");
    RelyingParty::new(&issuer, client, "s", &redirect_uri)
}

#[tokio::test]
async fn the_page_after_a_logout_loads_what_the_clients_want_and_nothing_else() {
    let port = free_port();
    let deployment = deployment(port);
    let process = deployment.open().await;
    let app = party(&deployment, port, "app");
    let agent = Agent::new();
    let tokens = app.log_in(&agent, &ADMIN).await;
    let wiki = party(&deployment, port, "wiki");
    insula_tests::walk(&agent, &wiki.begin(), &ADMIN).await;

    let bye = format!("http://app.localhost:{port}/bye");
    let params = [
        ("id_token_hint", tokens.id().token.as_str()),
        ("post_logout_redirect_uri", &bye),
        ("state", "s"),
    ];
    let answer = agent.get(logout_url(&app, &params)).await.expect(200);
    let policy = answer.header("content-security-policy");
    let allowed = format!("frame-src http://app.localhost:{port} http://wiki.localhost:{port}");
    assert!(policy.ends_with(&allowed), "{policy}");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = answer.page();
    let issuer = url::form_urlencoded::byte_serialize(app.issuer.as_bytes()).collect::<String>();
    let sid = tokens.claim("sid").as_str().unwrap();
    let frames = [
        format!("http://app.localhost:{port}/out?app=1&iss={issuer}&sid={sid}"),
        format!("http://wiki.localhost:{port}/out"),
    ];
    assert_eq!(page.attributes("iframe", "data-src"), frames);
    let without_script = answer.body.matches("<noscript><iframe src=\"http").count();
    assert_eq!(without_script, 2, "{}", answer.body);
    assert_eq!(
        page.attributes("#return", "href"),
        [format!("{bye}?state=s")]
    );
    let login = app.begin_with(&[("prompt", "none")]);
    let again = agent.get(&login.url).await.expect(303);
    assert!(again.header("location").contains("login_required"));
    process.terminate().await;
}

#[tokio::test]
async fn a_page_that_asks_loads_no_frames() {
    let port = free_port();
    let deployment = deployment(port);
    let process = deployment.open().await;
    let app = party(&deployment, port, "app");
    let agent = Agent::new();
    app.log_in(&agent, &ADMIN).await;
    let asked = agent.get(logout_url(&app, &[])).await.expect(200);
    assert_eq!(asked.page().attributes("iframe", "src"), [] as [&str; 0]);
    let done = say_yes(&agent, &asked, "submit-logout").await.expect(200);
    assert_eq!(done.page().attributes("iframe", "src").len(), 1);
    assert!(!done.page().has("return"), "no page was asked for");
    process.terminate().await;
}

/// Logs in to these clients in Chromium, leaves at the first, and tells how that went.
async fn leaves(clients: &[&str], javascript: &str) -> Option<(Value, u16)> {
    let programs = program("INSULA_TEST_CLIENTS")?;
    let chromium = program("INSULA_TEST_CHROMIUM")?;
    let port = free_port();
    let deployment = deployment(port);
    let process = deployment.open().await;
    let logins: Vec<_> = clients
        .iter()
        .map(|client| party(&deployment, port, client).begin().url)
        .collect();
    let app = party(&deployment, port, "app");
    let bye = format!("http://app.localhost:{port}/bye");
    let params = [
        ("client_id", "app"),
        ("post_logout_redirect_uri", &bye),
        ("state", "s"),
    ];
    let plan = json!({
        "port": port,
        "logins": logins,
        "logout": logout_url(&app, &params),
        "end": bye,
    });
    let shots = tempfile::tempdir().unwrap();
    let mut command = node(&programs, "frontchannel_logout.mjs");
    command
        .env("INSULA_TEST_CHROMIUM", chromium)
        .env("PLAN", plan.to_string())
        .env("LOGIN", ADMIN.login)
        .env("PASSWORD", ADMIN.password)
        .env("JAVASCRIPT", javascript)
        .env("SHOTS_DIR", shots.path());
    let told = run(command).await;
    process.terminate().await;
    Some((told, port))
}

#[tokio::test]
async fn chromium_tells_every_client_and_goes_on() {
    let Some((told, port)) = leaves(&["app", "wiki"], "on").await else {
        return;
    };
    let frames: Vec<_> = told["frames"]
        .as_array()
        .unwrap()
        .iter()
        .map(|frame| frame.as_str().unwrap())
        .collect();
    assert_eq!(frames.len(), 2, "{told}");
    assert!(
        frames
            .iter()
            .any(|url| url.contains("app=1&iss=http") && url.contains("&sid="))
    );
    assert!(
        frames
            .iter()
            .any(|url| url.ends_with(&format!("wiki.localhost:{port}/out")))
    );
    assert_eq!(told["violations"], json!([]), "{told}");
    assert_eq!(
        told["url"],
        format!("http://app.localhost:{port}/bye?state=s")
    );
    assert_eq!(told["clicked"], false, "{told}");
}

#[tokio::test]
async fn chromium_goes_on_once_all_have_loaded_however_late_the_script_comes() {
    let Some((told, port)) = leaves(&["app", "wiki"], "late").await else {
        return;
    };
    assert_eq!(told["frames"].as_array().unwrap().len(), 2, "{told}");
    assert_eq!(told["violations"], json!([]), "{told}");
    assert_eq!(
        told["url"],
        format!("http://app.localhost:{port}/bye?state=s")
    );
}

#[tokio::test]
async fn chromium_goes_on_also_where_a_client_never_answers() {
    let Some((told, port)) = leaves(&["app", "slow"], "on").await else {
        return;
    };
    assert_eq!(
        told["url"],
        format!("http://app.localhost:{port}/bye?state=s")
    );
    assert_eq!(told["clicked"], false, "{told}");
}

#[tokio::test]
async fn chromium_without_javascript_tells_every_client_and_has_a_link() {
    let Some((told, port)) = leaves(&["app", "wiki"], "off").await else {
        return;
    };
    assert_eq!(told["frames"].as_array().unwrap().len(), 2, "{told}");
    assert_eq!(told["clicked"], true, "{told}");
    assert_eq!(
        told["url"],
        format!("http://app.localhost:{port}/bye?state=s")
    );
}
