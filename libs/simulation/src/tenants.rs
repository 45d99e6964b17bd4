//! The tenants there are, and what may be written of them.

use std::sync::Arc;
use std::time::Duration;

use insula_model::{
    AccessTokensOf, Client, ClientId, ConnectorId, Dialect, ExchangeAccessTokens,
    ExchangeConnector, Issuer, Rules, TenantSpec, TokenExchange,
};
use insula_oauth::GrantType;
use insula_testkit::{ClientBuilder, a_client, a_connector, a_resource, a_tenant};

use crate::agent::Agent;
use crate::device::CALLBACK;
use crate::script::Written;
use crate::world::{
    ACCESS_MS, CODE_MS, DEVICE_MS, IDLE_REFRESH_MS, IDLE_SESSION_MS, LOGIN_MS, REUSE_MS, SESSION_MS,
};

/// How many tenants there are.
pub(crate) const TENANTS: usize = 3;
/// How many agents there are.
pub(crate) const AGENTS: usize = 6;

/// The connector of all tenants.
pub(crate) const MOCK: &str = "mock";
/// The one that the third has beside it: its upstream gives a new refresh token for each use.
pub(crate) const ROTATING: &str = "rotating";

/// The clients that people log in at.
pub(crate) const CLIENTS: [&str; 2] = ["app", "asks"];
/// The one that exchanges tokens, and the API that it calls with what it gets.
pub(crate) const SERVICE: &str = "service";
pub(crate) const NEXT_API: &str = "https://stock.test";

/// Where a client of a tenant is told of logouts.
pub(crate) fn told_at(tenant: usize, client: &str) -> String {
    format!("https://{client}.test/logged-out/{tenant}")
}

/// Who logs in there.
pub(crate) const PERSON_OF_ROTATING: usize = 5;

/// The first by the RFCs; the second by dex's rules, without sessions; the third with a choice of
/// connectors.
pub(crate) fn spec(number: usize) -> TenantSpec {
    let name = ["acme", "globex", "initech"]
        .get(number)
        .unwrap_or(&"hooli");
    let mut tenant = a_tenant()
        .at(name, &format!("https://{name}.test"))
        .with_client(told_of_logouts(a_client().skipping_approval(), number))
        .with_client(told_of_logouts(a_client().named("asks"), number))
        .with_client(service())
        .with_resource(a_resource(NEXT_API, &["stock:read"]));
    if number == 1 {
        tenant = tenant.by(Rules::DEX).with(|spec| {
            spec.dialect = Dialect::Dex;
            spec.sessions.enabled = false;
        });
    }
    if number == 2 {
        tenant = tenant.with_connector(a_connector(ROTATING));
    }
    let tenant = tenant.with(|spec| {
        spec.oauth2.grant_types = GRANTS.to_vec();
        spec.oauth2.password_connector = ConnectorId::parse(MOCK).ok();
        spec.expiry.device_requests = Duration::from_millis(DEVICE_MS);
        spec.signer.algorithms = vec!["EdDSA".to_owned()];
        spec.signer.rotation_period = Duration::from_mins(30);
        spec.signer.publish_ahead = Duration::from_mins(5);
        spec.passivate_after = Duration::ZERO;
        let expiry = &mut spec.expiry;
        expiry.id_tokens = Duration::from_millis(ACCESS_MS);
        expiry.access_tokens = Duration::from_millis(ACCESS_MS);
        expiry.codes = Duration::from_millis(CODE_MS);
        expiry.auth_requests = Duration::from_millis(LOGIN_MS);
        expiry.refresh.reuse_interval = Duration::from_millis(REUSE_MS);
        expiry.refresh.valid_if_not_used_for = Some(Duration::from_millis(IDLE_REFRESH_MS));
        expiry.refresh.absolute_lifetime = None;
        spec.sessions.absolute_lifetime = Duration::from_millis(SESSION_MS);
        spec.sessions.valid_if_not_used_for = Duration::from_millis(IDLE_SESSION_MS);
    });
    tenant.build()
}

const GRANTS: &[GrantType] = &[
    GrantType::AuthorizationCode,
    GrantType::RefreshToken,
    GrantType::DeviceCode,
    GrantType::Password,
    GrantType::TokenExchange,
];

/// A client that people log in at, and that is told of their logouts.
fn told_of_logouts(client: ClientBuilder, tenant: usize) -> Client {
    let mut client = client.with_grants(GRANTS).build();
    // By dex's rules the login of a device is one of the client, which comes back to us.
    client.redirect_uris.push(CALLBACK.to_owned());
    client.logout.backchannel_logout_uri = Some(told_at(tenant, client.id.as_str()));
    client
}

/// The client that exchanges tokens of the others, and of the upstream.
fn service() -> ClientBuilder {
    let own = CLIENTS.iter().filter_map(|name| ClientId::parse(name).ok());
    let own = own.map(|client| ExchangeAccessTokens {
        which: AccessTokensOf::Client(client),
        scopes: vec!["stock:read".to_owned()],
        actors: Vec::new(),
        requires_actor: false,
    });
    let upstream = ConnectorId::parse(MOCK).map(|id| ExchangeConnector {
        id,
        condition: None,
    });
    a_client()
        .named(SERVICE)
        .with_grants(&[GrantType::TokenExchange])
        .with_scopes(&["openid", "email", "stock:read"])
        .exchanging(TokenExchange {
            connectors: upstream.into_iter().collect(),
            access_tokens: own.collect(),
        })
}

/// What is written of a tenant that began as `spec`, if anything is.
pub(crate) fn version(spec: &TenantSpec, what: Written) -> Option<TenantSpec> {
    let mut spec = spec.clone();
    match what {
        Written::AsItWas => {}
        Written::OtherClients => {
            spec.clients.retain(|id, _| id.as_str() != "asks");
            for client in spec.clients.values_mut() {
                let asks = Client {
                    skip_approval: false,
                    ..Client::clone(client)
                };
                *client = Arc::new(asks);
            }
        }
        Written::OtherConnectors => {
            if spec.connector(ROTATING).is_some() {
                spec.connectors.retain(|c| c.id.as_str() != ROTATING);
            } else {
                spec.connectors.push(Arc::new(a_connector("another")));
            }
            for connector in &mut spec.connectors {
                "Renamed".clone_into(&mut Arc::make_mut(connector).name);
            }
        }
        Written::AnotherIssuer => {
            let other = format!("{}.elsewhere.test", spec.issuer.as_str());
            spec.issuer = Issuer::parse(&other).ok()?;
        }
        Written::Nothing => return None,
    }
    Some(spec)
}

pub(crate) fn agent(number: usize) -> Agent {
    let tenant = number % TENANTS;
    Agent {
        tenant,
        name: format!("person{number}"),
        client: if number == 3 || number == 4 {
            "asks"
        } else {
            "app"
        },
        scope: if number == 2 {
            "openid email"
        } else {
            "openid email offline_access"
        },
        connector: if number == PERSON_OF_ROTATING {
            ROTATING
        } else {
            MOCK
        },
        is_dex: tenant == 1,
        ..Agent::default()
    }
}
