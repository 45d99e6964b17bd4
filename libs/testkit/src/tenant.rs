use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use insula_model::{
    ClaimSet, Client, ClockSkew, ConnectorId, ConnectorSpec, Cors, CorsOrigins, Dialect, Expiry,
    Frontend, HttpPolicy, Issuer, Limits, OAuth2Policy, PasswordRecord, People, Rate,
    RefreshPolicy, Resource, ResourceScope, Rules, SessionPolicy, SignerPolicy, SsoDefault,
    TenantId, TenantSpec, UserId,
};
use insula_oauth::{CodeChallengeMethod, GrantType, ResponseType};

use crate::a_client;

const HOUR: Duration = Duration::from_hours(1);

/// A tenant to be: `acme` at `https://acme.test`, our dialect, the client of
/// [`a_client`](crate::a_client) and the connector `mock`, ES256, ID tokens for an hour, access
/// tokens for ten minutes, rotation with a reuse interval of three seconds.
#[derive(Debug, Clone)]
pub struct TenantBuilder(TenantSpec);

/// Begins a tenant.
pub fn a_tenant() -> TenantBuilder {
    let app = a_client().build();
    TenantBuilder(TenantSpec {
        id: TenantId::parse("acme").expect("a word is an id"),
        issuer: Issuer::parse("https://acme.test").expect("an https URL is an issuer"),
        hosts: Vec::new(),
        is_default: false,
        dialect: Dialect::Standard,
        rules: Rules::STANDARD,
        clients: BTreeMap::from([(app.id.clone(), Arc::new(app))]),
        resources: Vec::new(),
        connectors: vec![Arc::new(a_connector("mock"))],
        password_db: false,
        passwords: People::default(),
        oauth2: OAuth2Policy {
            response_types: vec![ResponseType::CODE],
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            skip_approval_screen: false,
            remember_native_consent: false,
            always_show_login_screen: false,
            password_connector: None,
            pkce_enforce: false,
            pkce_methods: vec![CodeChallengeMethod::S256, CodeChallengeMethod::Plain],
        },
        signer: SignerPolicy {
            algorithms: vec!["ES256".to_owned()],
            rotation_period: 720 * HOUR,
            publish_ahead: 24 * HOUR,
        },
        expiry: Expiry {
            id_tokens: HOUR,
            access_tokens: Duration::from_mins(10),
            auth_requests: Duration::from_mins(10),
            codes: Duration::from_mins(1),
            device_requests: Duration::from_mins(10),
            refresh: RefreshPolicy {
                rotate: true,
                reuse_interval: Duration::from_secs(3),
                valid_if_not_used_for: Some(2160 * HOUR),
                absolute_lifetime: Some(3960 * HOUR),
            },
        },
        sessions: SessionPolicy {
            enabled: true,
            cookie_name: "insula_session".to_owned(),
            absolute_lifetime: 24 * HOUR,
            valid_if_not_used_for: HOUR,
            sso_default: SsoDefault::All,
            remember_me_by_default: true,
        },
        frontend: Frontend {
            theme: "base".to_owned(),
            issuer_name: "Acme".to_owned(),
            languages: vec!["en".to_owned(), "de".to_owned()],
            ..Frontend::default()
        },
        http: HttpPolicy {
            cors: Cors {
                origins: CorsOrigins::Any,
                headers: None,
            },
            ..HttpPolicy::default()
        },
        limits: Limits {
            requests: Some(Rate {
                count: 200,
                per: Duration::from_secs(1),
            }),
            logins_under_way: 10_000,
            remembered_rows: 2_000,
            password_failures: Rate {
                count: 10,
                per: Duration::from_mins(5),
            },
            password_failures_per_address: Rate {
                count: 100,
                per: Duration::from_mins(10),
            },
            password_failures_per_tenant: Rate {
                count: 5_000,
                per: Duration::from_mins(10),
            },
            client_failures: Rate {
                count: 20,
                per: Duration::from_mins(10),
            },
            longest_delay: Duration::from_mins(15),
            known_devices: Duration::from_hours(90 * 24),
            password_hashes: 4,
            upstream_calls: 16,
        },
        log_exclude: Vec::new(),
        passivate_after: Duration::from_mins(30),
    })
}

/// A connector of the kind `mockCallback`, for all grants.
pub fn a_connector(id: &str) -> ConnectorSpec {
    ConnectorSpec {
        id: ConnectorId::parse(id).expect("the test names a valid connector"),
        kind: "mockCallback".to_owned(),
        name: format!("Log in with {id}"),
        config: serde_json::Value::Null,
        grant_types: Vec::new(),
        domains: Vec::new(),
        domains_only: true,
        timeout: Duration::from_secs(5),
        clock_skew: ClockSkew::of(Duration::from_mins(1)),
        acr_mapping: BTreeMap::new(),
        subject_tokens: insula_model::SubjectTokens::default(),
    }
}

/// A resource called as its address, with these scopes, of which nobody is told in words. Its tokens
/// carry no claims, and nobody may introspect them for it.
pub fn a_resource(identifier: &str, scopes: &[&str]) -> Resource {
    let scope = |name: &&str| ResourceScope {
        name: (*name).to_owned(),
        description: None,
    };
    Resource {
        identifier: identifier.to_owned(),
        name: identifier.to_owned(),
        scopes: scopes.iter().map(scope).collect(),
        claims: ClaimSet::default(),
        servers: Vec::new(),
        in_discovery: false,
    }
}

impl TenantBuilder {
    /// As a dex file with nothing but defaults configures it: RS256, 24 hours, no browser sessions,
    /// no reuse interval, refresh tokens without end, no CORS, any number of requests.
    pub fn dex(mut self) -> Self {
        let spec = &mut self.0;
        spec.dialect = Dialect::Dex;
        spec.rules = Rules::DEX;
        spec.signer.algorithms = vec!["RS256".to_owned()];
        spec.signer.rotation_period = 6 * HOUR;
        spec.signer.publish_ahead = Duration::ZERO;
        spec.expiry.id_tokens = 24 * HOUR;
        spec.expiry.access_tokens = 24 * HOUR;
        spec.expiry.auth_requests = 24 * HOUR;
        spec.expiry.codes = Duration::from_mins(30);
        spec.expiry.device_requests = Duration::from_mins(5);
        spec.expiry.refresh = RefreshPolicy {
            rotate: true,
            reuse_interval: Duration::ZERO,
            valid_if_not_used_for: None,
            absolute_lifetime: None,
        };
        spec.sessions.enabled = false;
        spec.http = HttpPolicy::default();
        spec.limits.requests = None;
        self
    }

    /// By these rules, and configured as before.
    pub fn by(mut self, rules: Rules) -> Self {
        self.0.rules = rules;
        self
    }

    /// Under another name and issuer.
    pub fn at(mut self, id: &str, issuer: &str) -> Self {
        self.0.id = TenantId::parse(id).expect("the test names a valid tenant");
        self.0.issuer = Issuer::parse(issuer).expect("the test names a valid issuer");
        self
    }

    /// With one more client, or another one of the same id.
    pub fn with_client(mut self, client: impl Into<Client>) -> Self {
        let client = client.into();
        self.0.clients.insert(client.id.clone(), Arc::new(client));
        self
    }

    /// With one more resource.
    pub fn with_resource(mut self, resource: Resource) -> Self {
        self.0.resources.push(resource);
        self
    }

    /// With one more connector.
    pub fn with_connector(mut self, connector: ConnectorSpec) -> Self {
        self.0.connectors.push(Arc::new(connector));
        self
    }

    /// Without the connector `mock`.
    pub fn without_connectors(mut self) -> Self {
        self.0.connectors.clear();
        self
    }

    /// With a person in the password DB, which is thereby on.
    pub fn with_password(mut self, email: &str, hash: &str) -> Self {
        let email = email.to_lowercase();
        let record = PasswordRecord {
            email: email.clone(),
            hash: hash.to_owned(),
            user_id: UserId::parse(&email).expect("the test names a valid mail address"),
            username: email.clone(),
            name: None,
            preferred_username: String::new(),
            email_verified: true,
            groups: Vec::new(),
            details: None,
        };
        self.0.password_db = true;
        let mut people = BTreeMap::clone(&self.0.passwords);
        people.insert(email, record);
        self.0.passwords = people.into();
        self
    }

    /// With whatever else a test is about.
    pub fn with(mut self, change: impl FnOnce(&mut TenantSpec)) -> Self {
        change(&mut self.0);
        self
    }

    /// The tenant.
    pub fn build(self) -> TenantSpec {
        self.0
    }
}

impl From<TenantBuilder> for TenantSpec {
    fn from(builder: TenantBuilder) -> Self {
        builder.build()
    }
}
