//! Real browsers, and clients that send them on and on.

use insula_tests::scripts::{node, run};
use insula_tests::{Deployment, Login, RelyingParty, free_port, program};
use serde_json::{Value, json};

/// The word "password".
pub(crate) const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$4oUKJFuO1HSpp1d+6NQReQ$QdW2GtHNq+pEsYg/JHln8B0zYM6NV9J71y2Z1B/aFqE";
pub(crate) const BCRYPT: &str = "$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W";
const NATIVE: &str = "com.example.app:/cb";

/// A page that posts, and how a login comes by it.
struct Posting {
    tenant: &'static str,
    name: &'static str,
    more: &'static [(&'static str, &'static str)],
    button: &'static str,
}

const PAGES: [Posting; 6] = [
    Posting {
        tenant: "inner",
        name: "password",
        more: &[],
        button: "submit-login at /auth/local/login",
    },
    Posting {
        tenant: "inner",
        name: "consent",
        more: &[("prompt", "consent")],
        button: "submit-approve at /approval",
    },
    Posting {
        tenant: "inner",
        name: "form_post",
        more: &[("response_mode", "form_post")],
        button: "submit-login at /auth/local/login",
    },
    Posting {
        tenant: "outer",
        name: "password of an upstream",
        more: &[],
        button: "submit-login at /auth/local/login",
    },
    Posting {
        tenant: "dex",
        name: "password",
        more: &[],
        button: "submit-login at /auth/local/login",
    },
    // Asked for in spite of `skipApprovalScreen`.
    Posting {
        tenant: "dex",
        name: "consent",
        more: &[("approval_prompt", "force")],
        button: "submit-approve at /approval",
    },
];

/// Three tenants whose clients send the browser on over more origins.
struct Scene {
    deployment: Deployment,
    port: u16,
    ipv6_port: u16,
}

impl Scene {
    fn set() -> Self {
        let (port, ipv6_port) = (free_port(), free_port());
        let with_clients = |text: &str| {
            text.replace("CLIENTS", CLIENTS)
                .replace("CHAIN", &port.to_string())
                .replace("SIX", &ipv6_port.to_string())
                .replace("HASH", HASH)
                .replace("BCRYPT", BCRYPT)
        };
        let deployment = Deployment::build()
            .tenant("inner", &with_clients(INNER))
            .tenant("outer", &with_clients(OUTER))
            .tenant("dex", &with_clients(DEX))
            .done();
        Self {
            deployment,
            port,
            ipv6_port,
        }
    }

    fn party(&self, tenant: &str, client: &str) -> RelyingParty {
        let issuer = format!("http://{tenant}.localhost:{}", self.deployment.port);
        let redirect_uri = match client {
            "two" => format!("http://b.localhost:{}/two", self.port),
            "three" => format!("http://a.localhost:{}/three", self.port),
            "six" => format!("http://[::1]:{}/three", self.ipv6_port),
            _ => NATIVE.to_owned(),
        };
        RelyingParty::new(&issuer, client, "app-secret", &redirect_uri)
    }

    fn begin(&self, tenant: &str, client: &str, more: &[(&str, &str)]) -> Login {
        self.party(tenant, client).begin_with(more)
    }

    fn end_of(&self, client: &str) -> String {
        match client {
            "native" => NATIVE.to_owned(),
            _ => format!("http://c.localhost:{}/one", self.port),
        }
    }

    /// Every page that posts, towards every kind of client.
    fn walks(&self) -> Vec<(Value, Option<Login>)> {
        let mut walks = Vec::new();
        for page in PAGES {
            for client in ["two", "three", "six", "native"] {
                if page.name == "form_post" && client == "native" {
                    // Nobody posts to a private scheme.
                    continue;
                }
                let login = self.begin(page.tenant, client, page.more);
                let walk = json!({
                    "name": format!("{}: {} to {client}", page.tenant, page.name),
                    "start": login.url,
                    "end": self.end_of(client),
                    "button": page.button,
                });
                walks.push((walk, Some(login)));
            }
        }
        for client in ["two", "three", "six", "native"] {
            let party = self.party("inner", client);
            let mut after = url::Url::parse(&party.at("/logout")).unwrap();
            after
                .query_pairs_mut()
                .append_pair("client_id", client)
                .append_pair("post_logout_redirect_uri", &party.redirect_uri);
            let walk = json!({
                "name": format!("logout to {client}"),
                "start": self.begin("inner", "three", &[]).url,
                "end": self.end_of("three"),
                "after": String::from(after),
                "after_end": self.end_of(client),
                "button": "submit-logout at /logout",
            });
            walks.push((walk, None));
        }
        walks.push(self.posted_silently());
        walks.push(self.posted_logout());
        walks.push(self.going_back());
        walks
    }

    /// A page of another site that posts these parameters to `endpoint`.
    fn posting(&self, endpoint: &str, params: &[(&str, &str)]) -> String {
        let page = format!("http://elsewhere.localhost:{}/posting", self.port);
        let mut url = url::Url::parse(&page).unwrap();
        url.query_pairs_mut()
            .append_pair("to", endpoint)
            .extend_pairs(params);
        url.into()
    }

    /// Whoever is logged in is known also when another site posts the request.
    fn posted_silently(&self) -> (Value, Option<Login>) {
        let party = self.party("inner", "three");
        let login = party.begin_with(&[("prompt", "none")]);
        let params = login.params.iter();
        let params: Vec<_> = params.map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let walk = json!({
            "name": "a request that another site posts",
            "start": party.begin().url,
            "end": self.end_of("three"),
            "after": self.posting(&party.at("/auth"), &params),
            "button": "submit-listed at /posting",
        });
        (walk, Some(login))
    }

    /// Whoever is logged in is asked, and not told goodbye for nothing.
    fn posted_logout(&self) -> (Value, Option<Login>) {
        let party = self.party("inner", "three");
        let params = [
            ("client_id", "three"),
            ("post_logout_redirect_uri", party.redirect_uri.as_str()),
        ];
        let walk = json!({
            "name": "a logout that another site posts",
            "start": party.begin().url,
            "end": self.end_of("three"),
            "after": self.posting(&party.at("/logout"), &params),
            "button": "submit-logout at /logout",
        });
        (walk, None)
    }

    fn going_back(&self) -> (Value, Option<Login>) {
        let login = self.begin("inner", "three", &[]);
        let walk = json!({
            "name": "back",
            "start": login.url,
            "end": self.end_of("three"),
            "back": true,
            "button": "submit-login at /auth/local/login",
        });
        (walk, Some(login))
    }
}

const CLIENTS: &str = "
  - { id: two, name: Client two, secret: app-secret, redirectURIs: [\"http://b.localhost:CHAIN/two\"], postLogoutRedirectURIs: [\"http://b.localhost:CHAIN/two\"] }
  - { id: three, name: Client three, secret: app-secret, redirectURIs: [\"http://a.localhost:CHAIN/three\"], postLogoutRedirectURIs: [\"http://a.localhost:CHAIN/three\"] }
  - { id: six, name: Client six, secret: app-secret, redirectURIs: [\"http://[::1]:SIX/three\"], postLogoutRedirectURIs: [\"http://[::1]:SIX/three\"] }
  - { id: native, name: Client native, secret: app-secret, redirectURIs: [\"com.example.app:/cb\"], postLogoutRedirectURIs: [\"com.example.app:/cb\"] }";

const INNER: &str = "issuer: http://inner.localhost:PORT
enablePasswordDB: true
staticPasswords:
  - { email: jane@inner.example, hash: \"HASH\", userID: \"1\", username: jane }
oauth2: { skipApprovalScreen: true }
staticClients:
  - { id: outer, name: Outer, secret: outer-secret, redirectURIs: [\"http://outer.localhost:PORT/callback\", \"http://outer.localhost:PORT/callback/inner\"] }CLIENTS
";

const OUTER: &str = "issuer: http://outer.localhost:PORT
connectors:
  - type: oidc
    id: inner
    name: Inner
    config:
      issuer: http://inner.localhost:PORT
      clientID: outer
      clientSecret: outer-secret
      redirectURI: http://outer.localhost:PORT/callback
oauth2: { skipApprovalScreen: true }
staticClients:CLIENTS
";

const DEX: &str = "# dex
issuer: http://dex.localhost:PORT
storage: { type: memory }
enablePasswordDB: true
staticPasswords:
  - { email: jane@inner.example, hash: \"BCRYPT\", userID: \"1\", username: jane }
oauth2: { skipApprovalScreen: true }
staticClients:CLIENTS
";

/// Every walk of the scene in one browser, and one under a policy with a list of origins.
async fn walked(browser: &str, executable: &str) -> Option<(Scene, Vec<Option<Login>>, Value)> {
    let clients = program("INSULA_TEST_CLIENTS")?;
    let executable = program(executable)?;
    let scene = Scene::set();
    let process = scene.deployment.open().await;
    let (mut walks, logins): (Vec<Value>, Vec<_>) = scene.walks().into_iter().unzip();
    walks.push(json!({
        "name": "a list of origins",
        "start": format!("http://x.localhost:{}/listed", scene.port),
        "end": scene.end_of("three"),
    }));
    let plan = json!({ "port": scene.port, "ipv6_port": scene.ipv6_port, "walks": walks });
    let mut command = node(&clients, "redirect_chains.mjs");
    command
        .env("BROWSER", browser)
        .env("EXECUTABLE", executable)
        .env("PLAN", plan.to_string())
        .env("LOGIN", "jane@inner.example")
        .env("PASSWORD", "password");
    let told = run(command).await;
    let told_walks = told["walks"].as_array().unwrap();
    for ((walk, planned), login) in told_walks.iter().zip(&walks).zip(&logins) {
        assert_ne!(walk["violated"], true, "{walk}");
        let pressed = walk["pressed"].as_array().unwrap();
        assert!(pressed.contains(&planned["button"]), "{walk}");
        let answered_in_url = |login: &&Login| !login.params.contains_key("response_mode");
        if let Some(login) = login.as_ref().filter(answered_in_url) {
            let url = url::Url::parse(walk["url"].as_str().unwrap()).unwrap();
            let back = insula_tests::Back::of(url, Vec::new());
            assert_eq!(back.get("state"), login.state, "{walk}");
            assert!(!back.code().is_empty(), "{walk}");
        }
    }
    let back = &told_walks[logins.len() - 1]["back"];
    assert_eq!(back["heading"], "This sign-in is finished");
    assert_eq!(back["app"], format!("http://a.localhost:{}/", scene.port));
    drop(process);
    Some((scene, logins, told))
}

#[tokio::test]
async fn chromium_follows_a_login_over_as_many_origins_as_the_client_has() {
    let Some((_, logins, told)) = walked("chrome", "INSULA_TEST_CHROMIUM").await else {
        return;
    };
    let listed = &told["walks"][logins.len()];
    assert_eq!(
        listed["violated"], true,
        "a list would have stopped it: {listed}"
    );
}

#[tokio::test]
async fn firefox_follows_a_login_over_as_many_origins_as_the_client_has() {
    walked("firefox", "INSULA_TEST_FIREFOX").await;
}
