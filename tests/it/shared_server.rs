//! One server with many tenants, which all tests share that change nothing but what they bring.

use insula_tests::{Deployment, Person, Process, RelyingParty, Tokens};
use tokio::sync::OnceCell;

/// The tenants of the shared server.
pub(crate) const ACME: &str = include_str!("shared_server/acme.yaml");
pub(crate) const HOOLI: &str = include_str!("shared_server/hooli.yaml");
pub(crate) const GLOBEX: &str = include_str!("shared_server/globex.yaml");
pub(crate) const UMBRELLA: &str = include_str!("shared_server/umbrella.yaml");
pub(crate) const INITECH: &str = include_str!("shared_server/initech.yaml");
/// With two clients that both ask for consent, and one person of whom much is known.
const OPENID: &str = include_str!("shared_server/openid.yaml");
/// With two APIs, and clients that may have tokens for them.
const APIS: &str = include_str!("shared_server/apis.yaml");
/// A dex config that serves client_credentials.
const CLUSTER: &str = include_str!("shared_server/cluster.yaml");
/// Both serve every response type, in our dialect and in dex's.
const TOKENS: &str = include_str!("shared_server/tokens.yaml");
const TOKENS_OF_DEX: &str = include_str!("shared_server/tokens_of_dex.yaml");

pub(crate) const JANE: Person<'static> = Person {
    login: "jane@acme.example",
    password: "password",
    connector: Some("local"),
    denies: false,
};
pub(crate) const ADMIN: Person<'static> = Person {
    login: "admin@example.com",
    password: "password",
    connector: Some("local"),
    denies: false,
};
pub(crate) const MOCK: Person<'static> = Person {
    login: "",
    password: "",
    connector: Some("mock"),
    denies: false,
};

/// The key of the client `signer`; NOT-SECRET.
pub(crate) const REQUEST_OBJECT_KEY: &str = include_str!("shared_server/request_object_key.pem");
/// The same as a JWK.
pub(crate) const REQUEST_OBJECT_JWK: &str = include_str!("shared_server/request_object_key.json");

/// The shared server.
#[derive(Debug)]
pub(crate) struct SharedServer {
    pub(crate) deployment: Deployment,
    pub(crate) process: Process,
}

/// The shared server, started by the first who asks.
pub(crate) async fn shared_server() -> &'static SharedServer {
    static SHARED_SERVER: OnceCell<SharedServer> = OnceCell::const_new();
    SHARED_SERVER
        .get_or_init(|| async {
            let mut builder = Deployment::build().setting("trustedProxies: [10.0.0.0/8]");
            for (id, text) in tenants() {
                builder = builder.tenant(id, text);
            }
            for alg in ["RS256", "PS256", "ES256", "ES384", "EdDSA"] {
                let id = format!("alg-{}", alg.to_lowercase());
                builder = builder.tenant(&id, &signing_with(alg));
            }
            let builder = builder.tenant("apis", APIS).tenant("cluster", CLUSTER);
            let builder = builder
                .tenant("tokens", TOKENS)
                .tenant("tokens-dex", TOKENS_OF_DEX);
            let deployment = builder.tenant("openid", OPENID).done();
            let process = deployment.open().await;
            SharedServer {
                deployment,
                process,
            }
        })
        .await
}

/// The tenants that several tests know by name.
pub(crate) fn tenants() -> [(&'static str, &'static str); 5] {
    [
        ("acme", ACME),
        ("hooli", HOOLI),
        ("globex", GLOBEX),
        ("umbrella", UMBRELLA),
        ("initech", INITECH),
    ]
}

/// A tenant that signs with an algorithm, and asks nobody anything.
fn signing_with(alg: &str) -> String {
    let path = alg.to_lowercase();
    format!(
        "issuer: http://alg.localhost:PORT/{path}
connectors: [{{ type: mockCallback, id: mock, name: Mock }}]
oauth2: {{ skipApprovalScreen: true }}
signer: {{ type: local, config: {{ algorithm: {alg} }} }}
staticClients:
  - {{ id: app, secret: app-secret, redirectURIs: [\"https://app.example/callback\"] }}
"
    )
}

impl SharedServer {
    /// The issuer of a tenant with a host of its own.
    pub(crate) fn issuer(&self, tenant: &str) -> String {
        issuer(self.deployment.port, tenant)
    }

    /// Acme's portal: asks for consent, may refresh.
    pub(crate) fn portal(&self) -> RelyingParty {
        portal(self.deployment.port)
    }

    /// Acme's wiki: asks for no consent; what the portal asks for in its name, it trusts.
    pub(crate) fn wiki(&self) -> RelyingParty {
        let issuer = self.issuer("acme");
        RelyingParty::new(
            &issuer,
            "wiki",
            "wiki-secret",
            "https://wiki.example/callback",
        )
    }

    /// Acme's single-page app: public.
    pub(crate) fn spa(&self) -> RelyingParty {
        RelyingParty::new(&self.issuer("acme"), "spa", "", "https://spa.example/cb")
    }

    /// Hooli's one client; its refresh tokens may be used again for a while.
    pub(crate) fn hooli(&self) -> RelyingParty {
        hooli(self.deployment.port)
    }

    /// Globex's client, at a dex config with three ways to log in.
    pub(crate) fn globex(&self) -> RelyingParty {
        globex(self.deployment.port)
    }

    /// Umbrella's client, at a dex config with one way to log in, and nobody asked for consent.
    pub(crate) fn umbrella(&self) -> RelyingParty {
        let issuer = self.issuer("umbrella");
        let party = RelyingParty::new(
            &issuer,
            "example-app",
            "ZXhhbXBsZS1hcHAtc2VjcmV0",
            "http://127.0.0.1:5555/callback",
        );
        party.of_dex().without_pkce()
    }

    /// A client of the tenant with APIs, whose redirect URI is at `{id}.example`.
    pub(crate) fn of_apis(&self, id: &str) -> RelyingParty {
        RelyingParty::new(
            &self.issuer("apis"),
            id,
            &format!("{id}-secret"),
            &format!("https://{id}.example/callback"),
        )
    }

    /// The client of a dex config that serves client_credentials.
    pub(crate) fn ci(&self) -> RelyingParty {
        let issuer = self.issuer("cluster");
        let party = RelyingParty::new(&issuer, "ci", "ci-secret", "http://127.0.0.1:5555/callback");
        party.of_dex().without_pkce()
    }

    /// A client that gets tokens from the authorization endpoint.
    pub(crate) fn tokens(&self) -> RelyingParty {
        let issuer = self.issuer("tokens");
        RelyingParty::new(
            &issuer,
            "legacy",
            "legacy-secret",
            "https://legacy.example/callback",
        )
    }

    /// A client of the same tenant that signs its requests with [`REQUEST_OBJECT_KEY`].
    pub(crate) fn signer(&self) -> RelyingParty {
        let issuer = self.issuer("tokens");
        RelyingParty::new(
            &issuer,
            "signer",
            "signer-secret",
            "https://signer.example/callback",
        )
    }

    /// The same at a dex config.
    pub(crate) fn tokens_of_dex(&self) -> RelyingParty {
        let issuer = self.issuer("tokens-dex");
        RelyingParty::new(
            &issuer,
            "legacy",
            "legacy-secret",
            "https://legacy.example/callback",
        )
        .of_dex()
        .without_pkce()
    }

    /// Initech's client, at a path.
    pub(crate) fn initech(&self) -> RelyingParty {
        initech(self.deployment.port)
    }
}

pub(crate) fn issuer(port: u16, tenant: &str) -> String {
    match tenant {
        "initech" => format!("http://login.localhost:{port}/initech"),
        _ => format!("http://{tenant}.localhost:{port}"),
    }
}

pub(crate) fn portal(port: u16) -> RelyingParty {
    let party = RelyingParty::new(
        &issuer(port, "acme"),
        "portal",
        "portal-secret",
        "https://portal.example/callback",
    );
    party.with_scope("openid profile email groups offline_access")
}

pub(crate) fn hooli(port: u16) -> RelyingParty {
    let party = RelyingParty::new(
        &issuer(port, "hooli"),
        "phone",
        "phone-secret",
        "https://phone.example/callback",
    );
    party.with_scope("openid profile email groups offline_access")
}

pub(crate) fn globex(port: u16) -> RelyingParty {
    let party = RelyingParty::new(
        &issuer(port, "globex"),
        "example-app",
        "ZXhhbXBsZS1hcHAtc2VjcmV0",
        "http://127.0.0.1:5555/callback",
    );
    let party = party.with_scope("openid profile email groups offline_access");
    party.of_dex().without_pkce()
}

pub(crate) fn initech(port: u16) -> RelyingParty {
    let party = RelyingParty::new(
        &issuer(port, "initech"),
        "printer",
        "printer-secret",
        "https://printer.example/callback",
    );
    party.with_scope("openid profile email groups offline_access")
}

/// Whether everything that came of a login still works.
pub(crate) async fn tokens_live(party: &RelyingParty, tokens: &Tokens) -> (bool, bool) {
    let userinfo = party.userinfo(&tokens.access_token).await.status == 200;
    let refresh = match &tokens.refresh_token {
        Some(token) => party.is_active(token).await,
        None => false,
    };
    (userinfo, refresh)
}

/// Kim, whom only initech knows.
pub(crate) const KIM: Person<'static> = Person {
    login: "kim@initech.example",
    password: "password",
    connector: Some("local"),
    denies: false,
};
