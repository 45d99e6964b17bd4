//! Keycloak as the upstream of the connector `oidc`. Its realms rotate refresh tokens and take each once.

use std::sync::LazyLock;
use std::time::Duration;

use futures_util::future::join_all;
use insula_tests::{Agent, Deployment, Person, Process, RelyingParty, Tokens, program, walk};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::logout::logout_url;

/// It starts beside other things, and takes its time.
const PATIENCE: Duration = Duration::from_mins(4);
const KIM: Person<'static> = Person {
    login: "kim",
    password: "right",
    connector: Some("up"),
    denies: false,
};

/// Whether it answers yet.
static ANSWERS: LazyLock<Mutex<bool>> = LazyLock::new(Mutex::default);

/// A realm of Keycloak, asked as its administrator.
struct Realm {
    url: String,
    admin: String,
}

impl Realm {
    /// Makes a realm in which the tenants of `deployment` are clients; `None` where there is no Keycloak.
    async fn make(name: &str, port: u16) -> Option<Self> {
        let keycloak = program("INSULA_TEST_KEYCLOAK")?.display().to_string();
        wait_for(&keycloak).await;
        let realm = Self {
            admin: format!("{keycloak}/admin/realms"),
            url: keycloak,
        };
        let at = |host: &str| format!("http://{host}.localhost:{port}");
        let clients = ["ours", "dexs"].map(|id| {
            let callback = if id == "dexs" { "/callback" } else { "/callback/up" };
            json!({
                "clientId": id,
                "secret": "s3cret",
                "redirectUris": [at(id) + callback],
                "attributes": {"post.logout.redirect.uris": at(id) + "/logout/callback"},
                "protocolMappers": [{
                    "name": "groups",
                    "protocol": "openid-connect",
                    "protocolMapper": "oidc-group-membership-mapper",
                    "config": {"claim.name": "groups", "full.path": "false", "id.token.claim": "true"},
                }],
            })
        });
        let description = json!({
            "realm": name,
            "enabled": true,
            "sslRequired": "none",
            "revokeRefreshToken": true,
            "groups": [{"name": "staff"}, {"name": "night"}],
            "users": [{
                "username": KIM.login,
                "enabled": true,
                "email": "kim@acme.test",
                "emailVerified": true,
                "firstName": "Kim",
                "lastName": "Lee",
                "groups": ["/staff"],
                "credentials": [{"type": "password", "value": KIM.password, "temporary": false}],
            }],
            "clients": clients,
        });
        realm.ask(Method::POST, "", Some(&description)).await;
        Some(Self {
            admin: format!("{}/{name}", realm.admin),
            url: format!("{}/realms/{name}", realm.url),
        })
    }

    /// Asks the administration's API.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let agent = Agent::new();
        let master = self.url.split("/realms/").next().unwrap();
        let token = format!("{master}/realms/master/protocol/openid-connect/token");
        let login = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "admin"),
            ("password", "admin"),
        ];
        let token = agent.post(&token, &login).await.expect(200).json();
        let token = format!("Bearer {}", token["access_token"].as_str().unwrap());
        let headers = [
            ("authorization", token.as_str()),
            ("content-type", "application/json"),
        ];
        let url = format!("{}{path}", self.admin);
        let answer = agent
            .send(method, &url, &headers, body.map(Value::to_string))
            .await;
        assert!((200..300).contains(&answer.status), "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    /// The path of the one that a list tells first.
    async fn first(&self, list: &str) -> String {
        let found = self.ask(Method::GET, list, None).await;
        found[0]["id"].as_str().unwrap().to_owned()
    }

    async fn kim(&self) -> String {
        format!("/users/{}", self.first("/users?username=kim").await)
    }

    async fn put_kim_in(&self, group: &str) {
        let group = self.first(&format!("/groups?search={group}")).await;
        let path = format!("{}/groups/{group}", self.kim().await);
        self.ask(Method::PUT, &path, None).await;
    }

    async fn disable_kim(&self) {
        let path = self.kim().await;
        let mut kim = self.ask(Method::GET, &path, None).await;
        kim["enabled"] = json!(false);
        self.ask(Method::PUT, &path, Some(&kim)).await;
    }
}

/// Keycloak's cookies ask for TLS, which this machine is as good as to a browser.
fn browser() -> Agent {
    Agent::new().trusting_this_machine()
}

async fn wait_for(keycloak: &str) {
    let mut answers = ANSWERS.lock().await;
    if *answers {
        return;
    }
    let agent = Agent::new();
    let url = format!("{keycloak}/realms/master");
    let tries = async {
        while !agent
            .try_send(Method::GET, &url, &[], None)
            .await
            .is_ok_and(|answer| answer.status == 200)
        {
            sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(PATIENCE, tries).await.expect("Keycloak starts");
    *answers = true;
}

/// A tenant of each dialect whose people are in the realm.
async fn tenants(name: &str) -> Option<(Realm, Deployment, Process)> {
    let keycloak = program("INSULA_TEST_KEYCLOAK")?.display().to_string();
    let tenant = |tenant: &str, callback: &str, head: &str| {
        let issuer = format!("http://{tenant}.localhost:PORT");
        format!(
            "{head}issuer: {issuer}
connectors:
  - type: oidc
    id: up
    name: Keycloak
    config:
      issuer: {keycloak}/realms/{name}
      clientID: {tenant}
      clientSecret: s3cret
      redirectURI: {issuer}{callback}
      scopes: [profile, email]
      insecureEnableGroups: true
oauth2: {{ skipApprovalScreen: true }}
staticClients:
  - {{ id: app, name: App, secret: s, redirectURIs: [https://app.example/cb], postLogoutRedirectURIs: [https://app.example/bye] }}
"
        )
    };
    let deployment = Deployment::build()
        .variable("DEX_SESSIONS_ENABLED", "true")
        .tenant("ours", &tenant("ours", "/callback/up", ""))
        .tenant(
            "dexs",
            &tenant("dexs", "/callback", "# dex\nstorage: { type: memory }\n"),
        )
        .done();
    let realm = Realm::make(name, deployment.port).await?;
    let process = deployment.open().await;
    Some((realm, deployment, process))
}

fn app(deployment: &Deployment, tenant: &str) -> RelyingParty {
    super::both_dialects::app(deployment, tenant)
}

fn is_kim(tokens: &Tokens, groups: &[&str]) {
    for (claim, value) in [
        ("name", json!("Kim Lee")),
        ("preferred_username", json!("kim")),
        ("email", json!("kim@acme.test")),
        ("email_verified", json!(true)),
        ("groups", json!(groups)),
    ] {
        assert_eq!(*tokens.claim(claim), value, "{claim}");
    }
}

#[tokio::test]
async fn people_of_a_realm_log_in_and_a_refresh_tells_their_groups_of_today_until_they_are_disabled()
 {
    let Some((realm, deployment, process)) = tenants("people").await else {
        return;
    };
    let mut all = Vec::new();
    for tenant in ["ours", "dexs"] {
        let app = app(&deployment, tenant);
        let tokens = app.log_in(&browser(), &KIM).await;
        is_kim(&tokens, &["staff"]);
        all.push((app, tokens));
    }
    realm.put_kim_in("night").await;
    for (app, tokens) in &mut all {
        *tokens = app.refreshed(tokens).await;
        is_kim(tokens, &["night", "staff"]);
        *tokens = app.refreshed(tokens).await;
    }
    realm.disable_kim().await;
    for (app, tokens) in &all {
        let (status, error) = if app.at_dex {
            (500, "invalid_request")
        } else {
            (400, "invalid_grant")
        };
        let refused = app.refresh(tokens.refresh(), &[]).await.expect(status);
        assert_eq!(refused.error(), error);
    }
    process.terminate().await;
}

#[tokio::test]
async fn an_app_that_refreshes_side_by_side_uses_no_token_of_a_realm_twice() {
    let Some((_realm, deployment, process)) = tenants("side-by-side").await else {
        return;
    };
    let app = app(&deployment, "ours");
    let mut tokens = app.log_in(&browser(), &KIM).await;
    for _ in 0..3 {
        let token = tokens.refresh().to_owned();
        let answers = join_all((0..5).map(|_| app.refresh(&token, &[]))).await;
        for answer in answers {
            tokens = app.read(&answer.expect(200)).await;
        }
    }
    is_kim(&tokens, &["staff"]);
    process.terminate().await;
}

#[tokio::test]
async fn a_person_who_must_prove_themselves_again_is_asked_by_the_realm() {
    let Some((_realm, deployment, process)) = tenants("again").await else {
        return;
    };
    let app = app(&deployment, "ours");
    let agent = browser();
    app.log_in(&agent, &KIM).await;
    // The realm knows the browser: nothing is asked.
    let silent = Person {
        password: "wrong",
        ..KIM
    };
    app.log_in(&agent, &silent).await;
    let login = app.begin_with(&[("prompt", "login")]);
    let back = walk(&agent, &login, &KIM).await;
    let asked = back.steps.iter().any(|step| step.starts_with("POST"));
    assert!(asked, "{:?}", back.steps);
    let tokens = app.tokens(&login, &back).await;
    is_kim(&tokens, &["staff"]);
    process.terminate().await;
}

#[tokio::test]
async fn whoever_leaves_a_tenant_with_upstream_logout_is_sent_to_the_realm_and_comes_back() {
    let Some((_realm, deployment, process)) = tenants("leaving").await else {
        return;
    };
    let app = app(&deployment, "dexs");
    let agent = browser();
    let tokens = app.log_in(&agent, &KIM).await;
    let params = [
        ("id_token_hint", tokens.id().token.as_str()),
        ("post_logout_redirect_uri", "https://app.example/bye"),
        ("state", "s"),
    ];
    let sent = agent.get(logout_url(&app, &params)).await.expect(303);
    // It was given no hint, so it asks.
    let asked = agent.get(sent.location()).await.expect(200);
    let page = asked.page();
    let form = page.form_with("session_code").unwrap();
    let values = form.filled(&[], "kc-logout");
    let values: Vec<_> = values
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let action = asked.url.join(&form.action).unwrap();
    let returned = agent.post(&action, &values).await.expect(302).location();
    assert_eq!(returned.path(), "/logout/callback");
    let answer = agent.get(returned).await;
    assert_eq!(
        answer.location().as_str(),
        "https://app.example/bye?state=s"
    );
    process.terminate().await;
}
