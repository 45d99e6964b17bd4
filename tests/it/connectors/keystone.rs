//! People of an OpenStack cloud, at its own Keystone. Each test has a domain of its own there.

use std::time::Duration;

use insula_tests::{Agent, Answer, Deployment, Person, Relay, RelyingParty, service, walk_to};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

/// The longest anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A domain of a Keystone: its reader, and Kim, who is in a group.
struct Cloud {
    url: String,
    http: reqwest::Client,
    token: String,
    domain: String,
    name: String,
    reader: String,
    kim: String,
    staff: String,
}

impl Cloud {
    /// `None` where there is no Keystone.
    async fn open(name: &str) -> Option<Self> {
        let url = service("INSULA_TEST_KEYSTONE")?;
        // The first agent installs what every client of this process needs for TLS.
        drop(Agent::new());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let admin =
            json!({"name": "admin", "domain": {"id": "default"}, "password": "admin-secret"});
        let identity = json!({"methods": ["password"], "password": {"user": admin}});
        let asked = json!({"auth": {"identity": identity, "scope": {"system": {"all": true}}}});
        let asking = http.post(format!("{url}/v3/auth/tokens")).json(&asked);
        let answer = asking.send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let token = answer.headers()["x-subject-token"].to_str().unwrap();
        let mut cloud = Self {
            token: token.to_owned(),
            url,
            http,
            name: name.to_owned(),
            domain: String::new(),
            reader: String::new(),
            kim: String::new(),
            staff: String::new(),
        };
        cloud.domain = cloud.make("domain", json!({ "name": name })).await;
        cloud.reader = cloud.person("reader", "reader-secret").await;
        cloud.kim = cloud.person("kim", "pass & word").await;
        let roles = cloud.told("GET", "roles?name=reader", &Value::Null).await;
        let role = roles["roles"][0]["id"].as_str().unwrap();
        let right = format!(
            "domains/{}/users/{}/roles/{role}",
            cloud.domain, cloud.reader
        );
        cloud.told("PUT", &right, &Value::Null).await;
        cloud.staff = cloud.group("staff").await;
        let staff = cloud.staff.clone();
        cloud.joins(&staff).await;
        Some(cloud)
    }

    /// Asks as administrator of the cloud.
    async fn told(&self, method: &str, at: &str, body: &Value) -> Value {
        let method = method.parse().unwrap();
        let mut asking = self
            .http
            .request(method, format!("{}/v3/{at}", self.url))
            .header("x-auth-token", &self.token);
        if !body.is_null() {
            asking = asking.json(body);
        }
        let answer = asking.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{at}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn make(&self, what: &str, of: Value) -> String {
        let made = self
            .told("POST", &format!("{what}s"), &json!({ what: of }))
            .await;
        made[what]["id"].as_str().unwrap().to_owned()
    }

    async fn person(&self, name: &str, password: &str) -> String {
        let person = json!({"name": name, "password": password, "domain_id": self.domain,
            "email": format!("{name}@acme.test")});
        self.make("user", person).await
    }

    async fn group(&self, name: &str) -> String {
        let group = json!({"name": name, "domain_id": self.domain});
        self.make("group", group).await
    }

    async fn joins(&self, group: &str) {
        let at = format!("groups/{group}/users/{}", self.kim);
        self.told("PUT", &at, &Value::Null).await;
    }

    async fn change(&self, user: &str, to: Value) {
        let at = format!("users/{user}");
        self.told("PATCH", &at, &json!({ "user": to })).await;
    }

    /// A tenant of each dialect: one names the domain, the other its id.
    fn deployment(&self, url: &str) -> Deployment {
        let tenant = |name: &str, head: &str, domain: &str| {
            format!(
                "{head}issuer: http://{name}.localhost:PORT
connectors:
  - type: keystone
    id: cloud
    name: Cloud
    config: {{ keystoneHost: \"{url}\", domain: \"{domain}\", keystoneUsername: reader, keystonePassword: reader-secret }}
  - {{ type: mockCallback, id: mock, name: Mock }}
oauth2: {{ skipApprovalScreen: true }}
staticClients:
  - {{ id: app, name: App, secret: s, redirectURIs: [https://app.example/cb] }}
"
            )
        };
        let of_dex = "# dex\nstorage: { type: memory }\n";
        Deployment::build()
            .tenant("ours", &tenant("ours", "", &self.name))
            .tenant("dexs", &tenant("dexs", of_dex, &self.domain))
            .done()
    }
}

fn app(deployment: &Deployment, tenant: &str) -> RelyingParty {
    let issuer = format!("http://{tenant}.localhost:{}", deployment.port);
    let app = RelyingParty::new(&issuer, "app", "s", "https://app.example/cb");
    let app = app.with_scope("openid profile email groups offline_access");
    if tenant == "dexs" {
        app.of_dex().without_pkce()
    } else {
        app
    }
}

fn kim() -> Person<'static> {
    Person {
        login: "kim",
        password: "pass & word",
        ..Person::at("cloud")
    }
}

/// Types a name and a password at Keystone's form.
async fn types(app: &RelyingParty, login: &str, password: &str) -> Answer {
    let agent = Agent::new();
    let begun = app.begin_with(&[("connector_id", "cloud")]);
    let first = agent.get(&begun.url).await;
    let shown = walk_to(&agent, first, "password", &kim()).await;
    let page = shown.page();
    let form = page.form_with("password").expect("a password form");
    let values = form.filled(&[("login", login), ("password", password)], "submit-login");
    let values: Vec<_> = values.iter().map(|(n, v)| (&n[..], &v[..])).collect();
    agent
        .post(shown.url.join(&form.action).unwrap(), &values)
        .await
}

#[tokio::test]
async fn a_person_of_a_cloud_logs_in_and_a_refresh_brings_the_groups_of_today() {
    let Some(cloud) = Cloud::open("Acme of groups").await else {
        return;
    };
    let deployment = cloud.deployment(&cloud.url);
    let _process = deployment.open().await;
    let more = cloud.group("operators").await;
    for tenant in ["ours", "dexs"] {
        let app = app(&deployment, tenant);
        let tokens = app.log_in(&Agent::new(), &kim()).await;
        let claims = &tokens.id().claims;
        assert_eq!(claims["name"], "kim", "{tenant}");
        assert_eq!(claims["email"], "kim@acme.test", "{tenant}");
        assert_eq!(claims["email_verified"], true, "{tenant}");
        assert_eq!(claims["groups"], json!(["staff"]), "{tenant}");
        cloud.joins(&more).await;
        let again = app.refresh(tokens.refresh(), &[]).await.expect(200);
        let again = app.read(&again).await;
        let again = &again.id().claims;
        assert_eq!(again["sub"], claims["sub"], "{tenant}");
        let mut groups: Vec<String> = serde_json::from_value(again["groups"].clone()).unwrap();
        groups.sort();
        assert_eq!(groups, ["operators", "staff"], "{tenant}");
        let leaves = format!("groups/{more}/users/{}", cloud.kim);
        cloud.told("DELETE", &leaves, &Value::Null).await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_asked_for_again_and_a_disabled_account_ends_the_login() {
    let Some(cloud) = Cloud::open("Acme of passwords").await else {
        return;
    };
    let deployment = cloud.deployment(&cloud.url);
    let _process = deployment.open().await;
    for tenant in ["ours", "dexs"] {
        let app = app(&deployment, tenant);
        for (login, password) in [("kim", "wrong"), ("nobody", "pass & word")] {
            let answer = types(&app, login, password).await.expect(401);
            assert!(answer.page().has("password"), "{tenant}: {login}");
        }
        let tokens = app.log_in(&Agent::new(), &kim()).await;
        cloud.change(&cloud.kim, json!({"enabled": false})).await;
        types(&app, "kim", "pass & word").await.expect(401);
        let (status, error) = if app.at_dex {
            (500, "invalid_request")
        } else {
            (400, "invalid_grant")
        };
        let refused = app.refresh(tokens.refresh(), &[]).await;
        assert_eq!(refused.status, status, "{tenant}: {}", refused.body);
        assert_eq!(refused.json()["error"], error, "{tenant}");
        cloud.change(&cloud.kim, json!({"enabled": true})).await;
        let ended = app.refresh(tokens.refresh(), &[]).await;
        assert_eq!(ended.status, 400, "{tenant}: {}", ended.body);
    }
}

#[tokio::test]
async fn an_ended_token_of_the_reader_is_replaced_and_a_lost_right_is_nobodys_fault() {
    let Some(cloud) = Cloud::open("Acme of readers").await else {
        return;
    };
    let deployment = cloud.deployment(&cloud.url);
    let process = deployment.open().await;
    let app = app(&deployment, "ours");
    let tokens = app.log_in(&Agent::new(), &kim()).await;
    // Keystone takes tokens back from an account that was disabled.
    cloud.change(&cloud.reader, json!({"enabled": false})).await;
    let refused = app.refresh(tokens.refresh(), &[]).await;
    assert_eq!(refused.status, 502, "{}", refused.body);
    process.says("refuses keystoneUsername").await;
    cloud.change(&cloud.reader, json!({"enabled": true})).await;
    // What it gives within the second in which it took tokens back, it takes back as well.
    let tries = async {
        loop {
            let again = app.refresh(tokens.refresh(), &[]).await;
            if again.status == 200 {
                return again;
            }
            sleep(Duration::from_millis(200)).await;
        }
    };
    let again = timeout(PATIENCE, tries)
        .await
        .expect("Keystone takes a new token");
    let again = app.read(&again).await;
    assert_eq!(again.id().claims["groups"], json!(["staff"]));
}

#[tokio::test]
async fn a_keystone_that_is_down_is_trouble_for_now_and_no_wrong_password() {
    let Some(cloud) = Cloud::open("Acme of outages").await else {
        return;
    };
    let (relay, url) = Relay::before(&cloud.url).await;
    let deployment = cloud.deployment(&url);
    let _process = deployment.open().await;
    let app = app(&deployment, "ours");
    let tokens = app.log_in(&Agent::new(), &kim()).await;
    relay.cut();
    let away = types(&app, "kim", "pass & word").await;
    assert!(away.status >= 500, "{}", away.status);
    assert!(
        !away.body.contains("127.0.0.1"),
        "the page tells where it is"
    );
    let refused = app.refresh(tokens.refresh(), &[]).await;
    assert!(refused.status >= 500, "{}", refused.body);
    relay.mend();
    app.refresh(tokens.refresh(), &[]).await.expect(200);
    app.log_in(&Agent::new(), &kim()).await;
}
