//! Devices without a browser (RFC 8628): they ask, a person types a code elsewhere, they poll.

mod dex;
mod nodes;
mod other_clients;
mod page;
mod rfc8628;

use insula_tests::{Agent, Answer, ClientAuth, Deployment, Person, Process, RelyingParty, walk_to};
use tokio::sync::OnceCell;

use crate::shared_server::{ADMIN, JANE};

pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Our format: a public and a confidential client that may, and one that may not.
const ACME: &str = r#"issuer: http://devices.localhost:PORT
frontend: { issuer: Acme, languages: [en, de, fr] }
connectors: [{ type: mockCallback, id: mock, name: Mock }]
enablePasswordDB: true
staticPasswords:
  - email: jane@acme.example
    hash: "$argon2id$v=19$m=19456,t=2,p=1$4oUKJFuO1HSpp1d+6NQReQ$QdW2GtHNq+pEsYg/JHln8B0zYM6NV9J71y2Z1B/aFqE"
    userID: 08a8684b-db88-4b73-90a9-3cd1661f5466
    username: jane
oauth2:
  grantTypes: [authorization_code, refresh_token, "urn:ietf:params:oauth:grant-type:device_code"]
staticClients:
  - id: tv
    name: Acme TV
    public: true
    grantTypes: [refresh_token, "urn:ietf:params:oauth:grant-type:device_code"]
  - id: printer
    name: Acme Printer
    secret: printer-secret
    grantTypes: ["urn:ietf:params:oauth:grant-type:device_code"]
  - id: web
    name: Acme Web
    secret: web-secret
    redirectURIs: ["https://web.example/callback"]
    grantTypes: [authorization_code]
expiry: { deviceRequests: 7m }
limits: { requests: 5000/s, passwordFailures: 1000/m, passwordFailuresPerAddress: 10000/m }
"#;

/// dex's format, at a path.
const GLOBEX: &str = r#"# dex
issuer: http://dex-devices.localhost:PORT/dex
expiry: { deviceRequests: "6m" }
staticClients:
  - id: kubelogin
    name: Kubelogin
    public: true
  - id: cli
    name: Globex CLI
    secret: cli-secret
    redirectURIs: [/device/callback]
  - id: head
    name: Globex CLI of dex's head
    secret: head-secret
    redirectURIs: [/dex/device/callback]
  - id: web
    name: Globex Web
    secret: web-secret
    redirectURIs: ["http://127.0.0.1:5555/callback"]
connectors: [{ type: mockCallback, id: mock, name: Example }]
enablePasswordDB: true
staticPasswords:
  - email: admin@example.com
    hash: "$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W"
    username: admin
    userID: 08a8684b-db88-4b73-90a9-3cd1661f5466
"#;

/// A server that serves devices in both dialects.
pub(crate) struct DeviceServer {
    pub(crate) port: u16,
    _deployment: Deployment,
    _process: Process,
}

/// The one that tests share which change nothing but what they bring.
pub(crate) async fn device_server() -> &'static DeviceServer {
    static SERVER: OnceCell<DeviceServer> = OnceCell::const_new();
    SERVER
        .get_or_init(|| async {
            let deployment = Deployment::build()
                .tenant("acme", ACME)
                .tenant("globex", GLOBEX)
                .done();
            let process = deployment.open().await;
            DeviceServer {
                port: deployment.port,
                _deployment: deployment,
                _process: process,
            }
        })
        .await
}

impl DeviceServer {
    pub(crate) fn tv(&self) -> RelyingParty {
        ours(self.port, "tv", "")
    }

    fn printer(&self) -> RelyingParty {
        ours(self.port, "printer", "printer-secret")
    }

    fn kubelogin(&self) -> RelyingParty {
        dexs(self.port, "kubelogin", "")
    }

    fn of_dex_with_secret(&self) -> RelyingParty {
        dexs(self.port, "cli", "cli-secret")
    }
}

fn ours(port: u16, id: &str, secret: &str) -> RelyingParty {
    let issuer = format!("http://devices.localhost:{port}");
    let party = RelyingParty::new(&issuer, id, secret, "");
    party.with_scope("openid profile email offline_access")
}

fn dexs(port: u16, id: &str, secret: &str) -> RelyingParty {
    let issuer = format!("http://dex-devices.localhost:{port}/dex");
    let party = RelyingParty::new(&issuer, id, secret, "");
    let party = party.with_auth(if secret.is_empty() {
        ClientAuth::None
    } else {
        ClientAuth::Post
    });
    party
        .with_scope("openid profile email offline_access")
        .of_dex()
}

/// What a device is told when it asks.
pub(crate) struct Codes {
    pub(crate) device: String,
    pub(crate) user: String,
    pub(crate) page: String,
    pub(crate) complete: String,
}

pub(crate) async fn asks(party: &RelyingParty) -> Codes {
    let answer = party.post("/device/code", &[("scope", &party.scope)]).await;
    let told = answer.expect(200).json();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    Codes {
        device: text("device_code"),
        user: text("user_code"),
        page: text("verification_uri"),
        complete: text("verification_uri_complete"),
    }
}

pub(crate) async fn polls(party: &RelyingParty, codes: &Codes) -> Answer {
    let form = [("grant_type", DEVICE_CODE), ("device_code", &codes.device)];
    party.post("/token", &form).await
}

/// Types a code into the form of the page at `url`.
pub(crate) async fn types(agent: &Agent, url: &str, code: &str) -> Answer {
    let page = agent.get(url).await;
    let form = page.page().form_with("user_code").unwrap().clone();
    let to = page.url.join(&form.action).unwrap();
    agent.post(&to, &[("user_code", code)]).await
}

/// From the page to the word that the device is connected, or not.
pub(crate) async fn connects(agent: &Agent, codes: &Codes, person: &Person<'_>) -> Answer {
    let typed = types(agent, &codes.page, &codes.user).await;
    walk_to(agent, typed, "device-answer", person).await
}

/// Both dialects: who asks, and who may type its code.
fn both(server: &DeviceServer) -> [(RelyingParty, Person<'static>); 2] {
    [(server.tv(), JANE), (server.kubelogin(), ADMIN)]
}
