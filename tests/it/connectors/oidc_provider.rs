//! `oidc-provider` of npm as the upstream of the connectors `oidc` and `oauth`.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use futures_util::future::join_all;
use insula_tests::scripts::node;
use insula_tests::{Agent, Deployment, Person, Process, RelyingParty, Tokens, free_port, program};
use reqwest::Method;
use serde_json::json;

const ACME: &str = r#"
issuer: http://127.0.0.1:PORT/acme
connectors:
  - type: oidc
    id: oidc
    name: Works
    config:
      issuer: http://127.0.0.1:UPSTREAM
      clientID: insula
      clientSecret: "s:cret & co"
      scopes: [profile, email, groups, offline_access]
      insecureEnableGroups: true
  - type: oauth
    id: oauth
    name: Plain Works
    config:
      clientID: insula
      clientSecret: "s:cret & co"
      authorizationURL: http://127.0.0.1:UPSTREAM/auth
      tokenURL: http://127.0.0.1:UPSTREAM/token
      userInfoURL: http://127.0.0.1:UPSTREAM/me
      scopes: [openid, profile, email, groups]
      userIDKey: sub
      claimMapping: { userNameKey: name }
oauth2: { skipApprovalScreen: true }
staticClients:
  - { id: app, secret: app-secret, redirectURIs: ["https://app.example/callback"] }
"#;

/// The upstream, killed when this goes.
struct Upstream {
    port: u16,
    program: Child,
}

impl Upstream {
    /// Starts it, for a tenant at that port.
    fn start(tenants_port: u16, port: u16) -> Option<Self> {
        let clients = program("INSULA_TEST_CLIENTS")?;
        let callback = |id: &str| format!("http://127.0.0.1:{tenants_port}/acme/callback/{id}");
        let client = json!([{
            "client_id": "insula",
            "client_secret": "s:cret & co",
            "redirect_uris": [callback("oidc"), callback("oauth")],
            "grant_types": ["authorization_code", "refresh_token"],
        }]);
        let mut program = node(&clients, "upstream_oidc_provider.mjs")
            .env("PORT", port.to_string())
            .env("CLIENTS", client.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = program.stdout.take().unwrap();
        let mut lines = BufReader::new(said).lines();
        assert!(lines.any(|line| line.unwrap() == "listening"), "it ended");
        // Nobody may close what it writes to.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { port, program })
    }

    async fn tell(&self, path: &str, body: &str) {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let (agent, body) = (Agent::new(), Some(body.to_owned()));
        agent.send(Method::POST, &url, &[], body).await.expect(200);
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

async fn a_tenant_of_it() -> Option<(Upstream, Deployment, Process, RelyingParty)> {
    let port = free_port();
    let deployment = Deployment::build()
        .tenant("acme", &ACME.replace("UPSTREAM", &port.to_string()))
        .done();
    let upstream = Upstream::start(deployment.port, port)?;
    let process = deployment.open().await;
    let issuer = format!("http://127.0.0.1:{}/acme", deployment.port);
    let app = RelyingParty::new(&issuer, "app", "app-secret", "https://app.example/callback");
    let app = app.with_scope("openid profile email groups offline_access");
    Some((upstream, deployment, process, app))
}

fn is_kim(tokens: &Tokens, groups: &[&str]) {
    for (claim, value) in [
        ("name", json!("Kim Lee")),
        ("preferred_username", json!("kim")),
        ("email", json!("kim@idp.test")),
        ("email_verified", json!(true)),
        ("groups", json!(groups)),
    ] {
        assert_eq!(*tokens.claim(claim), value, "{claim}");
    }
}

#[tokio::test]
async fn people_of_a_provider_log_in_and_a_refresh_tells_their_groups_of_today() {
    let Some((upstream, _deployment, _process, app)) = a_tenant_of_it().await else {
        return;
    };
    let tokens = app.log_in(&Agent::new(), &Person::at("oidc")).await;
    is_kim(&tokens, &["staff"]);
    upstream.tell("/test/groups", "night,board").await;
    let tokens = app.refreshed(&tokens).await;
    is_kim(&tokens, &["night", "board"]);
    // The upstream rotates its own refresh token: the second refresh shows the one it gave last.
    let tokens = app.refreshed(&tokens).await;
    is_kim(&tokens, &["night", "board"]);

    upstream.tell("/test/gone", "").await;
    let refused = app.refresh(tokens.refresh(), &[]).await.expect(400);
    assert_eq!(refused.error(), "invalid_grant");
}

/// It takes a refresh token once, and ends the login at the second use.
#[tokio::test]
async fn an_app_that_refreshes_side_by_side_uses_no_token_of_the_provider_twice() {
    let Some((_upstream, _deployment, _process, app)) = a_tenant_of_it().await else {
        return;
    };
    let mut tokens = app.log_in(&Agent::new(), &Person::at("oidc")).await;
    for _ in 0..3 {
        let token = tokens.refresh().to_owned();
        let answers = join_all((0..5).map(|_| app.refresh(&token, &[]))).await;
        let mut told = BTreeSet::new();
        for answer in answers {
            tokens = app.read(&answer.expect(200)).await;
            told.insert(tokens.refresh().to_owned());
        }
        assert_eq!(told.len(), 1);
    }
    is_kim(&tokens, &["staff"]);
}

#[tokio::test]
async fn people_of_an_oauth_server_log_in_by_what_its_userinfo_says() {
    let Some((upstream, _deployment, _process, app)) = a_tenant_of_it().await else {
        return;
    };
    let tokens = app.log_in(&Agent::new(), &Person::at("oauth")).await;
    is_kim(&tokens, &["staff"]);
    upstream.tell("/test/groups", "night").await;
    let tokens = app.refreshed(&tokens).await;
    is_kim(&tokens, &["night"]);
}

#[tokio::test]
async fn a_provider_that_is_down_is_trouble_for_now_and_ends_no_login() {
    let Some((upstream, _deployment, _process, app)) = a_tenant_of_it().await else {
        return;
    };
    let tokens = app.log_in(&Agent::new(), &Person::at("oidc")).await;
    let port = upstream.port;
    drop(upstream);
    let answer = app.refresh(tokens.refresh(), &[]).await.expect(502);
    assert_eq!(answer.error(), "temporarily_unavailable");
    let login = app.begin_with(&[("connector_id", "oauth")]);
    // Nobody asks the upstream before the browser comes back from it.
    let sent = Agent::new().get(&login.url).await.expect(303).location();
    assert_eq!(sent.port(), Some(port));
}
