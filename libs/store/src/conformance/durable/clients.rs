use std::collections::BTreeSet;
use std::sync::Arc;

use insula_model::{
    Alg, Client, ClientLogout, ClientSecret, ExchangeConnector, IntrospectionScope,
    RefreshTokenLifetime, RequestObjects, TokenExchange,
};
use insula_oauth::GrantType;

use super::records::{HOUR, MS, NOON, a_tenant, at_once, client as id, connector};
use crate::{ClientPut, Durable, StoredClient, TenantStore};

/// A client that says nothing it need not say.
fn plain(name: &str) -> Client {
    Client {
        id: id(name),
        name: name.to_owned(),
        secrets: Vec::new(),
        public: true,
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        trusted_peers: Vec::new(),
        allowed_connectors: Vec::new(),
        grant_types: Vec::new(),
        skip_approval: false,
        require_pkce: false,
        sso_shared_with: None,
        id_token_signed_response_alg: None,
        access_token_signed_response_alg: None,
        logout: ClientLogout::default(),
        scopes: None,
        resources: Vec::new(),
        own_groups: Vec::new(),
        token_exchange: None,
        introspection: IntrospectionScope::default(),
        request_objects: None,
    }
}

/// A client that says everything.
fn full(name: &str) -> Client {
    Client {
        id: id(name),
        name: "Das \"Büro\" 🛠".to_owned(),
        secrets: vec![
            ClientSecret::new("old").until(NOON + HOUR),
            ClientSecret::new("new"),
        ],
        public: false,
        redirect_uris: vec![
            "https://app.test/cb?x=1".to_owned(),
            "com.example.app:/cb".to_owned(),
        ],
        post_logout_redirect_uris: vec!["https://app.test/bye".to_owned()],
        trusted_peers: vec![id("peer"), id("ünïcode app")],
        allowed_connectors: vec![connector("local"), connector("Büro")],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        skip_approval: true,
        require_pkce: true,
        sso_shared_with: Some(vec!["*".to_owned()]),
        id_token_signed_response_alg: Some(Alg::ES256),
        access_token_signed_response_alg: Some(Alg::RS256),
        logout: ClientLogout {
            backchannel_logout_uri: Some("https://app.test/back".to_owned()),
            backchannel_logout_session_required: false,
            frontchannel_logout_uri: Some("https://app.test/front".to_owned()),
            frontchannel_logout_session_required: false,
            refresh_token_lifetime: RefreshTokenLifetime::Session,
        },
        scopes: Some(vec!["openid".to_owned(), "orders:read".to_owned()]),
        resources: vec!["https://api.test/v1".to_owned()],
        own_groups: vec!["Büro".to_owned()],
        token_exchange: Some(Box::new(TokenExchange {
            connectors: vec![ExchangeConnector {
                id: connector("Büro"),
                condition: "claims.repository == \"acme/shop\"".parse().ok(),
            }],
            ..TokenExchange::default()
        })),
        introspection: IntrospectionScope::Tenant,
        request_objects: Some(Box::new(RequestObjects {
            required: true,
            jwks: Some(r#"{"keys":[]}"#.to_owned()),
            alg: Some("ES256".to_owned()),
        })),
    }
}

async fn found(tenant: &Arc<dyn TenantStore>, name: &str) -> Option<StoredClient> {
    tenant.find_client(&id(name)).await.unwrap()
}

/// Stores a client that is not there yet; answers its version.
async fn added(tenant: &Arc<dyn TenantStore>, client: &Client) -> u64 {
    let put = tenant.put_client(client, None, NOON).await.unwrap();
    version_of(put).unwrap()
}

fn version_of(put: ClientPut) -> Option<u64> {
    match put {
        ClientPut::Stored(version) => Some(version),
        ClientPut::Lost => None,
    }
}

pub async fn an_unknown_client_is_not_found(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    assert_eq!(found(&tenant, "app").await, None);
    assert!(!tenant.delete_client(&id("app")).await.unwrap());
}

pub async fn a_client_comes_back_as_it_was_put(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let none_shared = Client {
        sso_shared_with: Some(Vec::new()),
        ..plain("alone")
    };
    let mut long = full(&"ä".repeat(127));
    long.redirect_uris = (0..2_000)
        .map(|n| format!("https://{n:0100}.test/"))
        .collect();
    for client in [full("app"), plain("cli"), none_shared, long] {
        let version = added(&tenant, &client).await;
        let expected = StoredClient {
            client: client.clone(),
            version,
            created_at: NOON,
            updated_at: NOON,
        };
        assert_eq!(found(&tenant, client.id.as_str()).await, Some(expected));
    }
}

pub async fn a_client_is_replaced_only_from_the_version_it_has(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let early = tenant.put_client(&plain("app"), Some(1), NOON).await;
    assert_eq!(early.unwrap(), ClientPut::Lost, "it is not there yet");
    assert_eq!(found(&tenant, "app").await, None);
    let first = added(&tenant, &plain("app")).await;

    for expected in [None, Some(first - 1), Some(first + 1)] {
        let put = tenant.put_client(&full("app"), expected, NOON + HOUR).await;
        assert_eq!(put.unwrap(), ClientPut::Lost, "{expected:?}");
    }
    let stands = found(&tenant, "app").await.unwrap();
    assert_eq!(stands.client, plain("app"));

    let put = tenant
        .put_client(&full("app"), Some(first), NOON + HOUR)
        .await;
    let second = version_of(put.unwrap()).unwrap();
    assert_ne!(second, first);
    let expected = StoredClient {
        client: full("app"),
        version: second,
        created_at: NOON,
        updated_at: NOON + HOUR,
    };
    assert_eq!(found(&tenant, "app").await, Some(expected));
    let late = tenant
        .put_client(&plain("app"), Some(first), NOON + HOUR)
        .await;
    assert_eq!(late.unwrap(), ClientPut::Lost);
}

pub async fn of_a_hundred_who_put_a_client_one_wins(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let mut expected = None;
    for _ in 0..2 {
        let puts = at_once(100, |n| {
            let tenant = Arc::clone(&tenant);
            async move {
                let mut client = plain("app");
                client.name = n.to_string();
                let put = tenant.put_client(&client, expected, NOON).await;
                (put.unwrap(), client)
            }
        });
        let ended = puts.await.into_iter();
        let mut winners = ended.filter_map(|(put, client)| Some((version_of(put)?, client)));
        let (version, client) = winners.next().unwrap();
        assert_eq!(winners.count(), 0, "exactly one wins");
        let stored = found(&tenant, "app").await.unwrap();
        assert_eq!((stored.version, stored.client), (version, client));
        expected = Some(version);
    }
}

pub async fn a_deleted_client_is_gone_and_another_may_have_its_id(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let first = added(&tenant, &plain("app")).await;
    assert!(tenant.delete_client(&id("app")).await.unwrap());
    assert_eq!(found(&tenant, "app").await, None);
    assert!(!tenant.delete_client(&id("app")).await.unwrap());

    let put = tenant.put_client(&full("app"), None, NOON + MS).await;
    assert!(matches!(put.unwrap(), ClientPut::Stored(_)));
    let stale = tenant
        .put_client(&plain("app"), Some(first), NOON + HOUR)
        .await;
    assert_eq!(stale.unwrap(), ClientPut::Lost, "it is another one");
    assert_eq!(found(&tenant, "app").await.unwrap().client, full("app"));
}

pub async fn client_ids_that_look_alike_are_different_clients(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let alike = ["app", "App", "APP", "app ", " app", "äpp", "a\u{308}pp"];
    for (n, name) in alike.iter().enumerate() {
        let mut client = plain(name);
        client.name = format!("client {n}");
        added(&tenant, &client).await;
    }
    for (n, name) in alike.iter().enumerate() {
        let stored = found(&tenant, name).await.unwrap();
        assert_eq!(stored.client.name, format!("client {n}"));
    }
    assert!(tenant.delete_client(&id("App")).await.unwrap());
    assert!(found(&tenant, "app").await.is_some());
}

pub async fn clients_are_listed_page_by_page_each_once(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    assert!(tenant.clients_after(None, 10).await.unwrap().is_empty());
    let names = ["b", "B", "a", "ä", "a b", "a-b", "ab", "z", "Z"];
    for name in names {
        added(&tenant, &plain(name)).await;
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = tenant.clients_after(after.as_ref(), 4).await.unwrap();
        assert!(page.len() <= 4);
        let Some(last) = page.last() else { break };
        after = Some(last.client.id.clone());
        seen.extend(page.into_iter().map(|stored| stored.client));
    }
    assert_eq!(seen.len(), names.len(), "{seen:?}");
    let ids: BTreeSet<_> = seen.iter().map(|client| client.id.as_str()).collect();
    assert_eq!(ids, names.into_iter().collect());
    assert!(
        seen.iter()
            .all(|client| *client == plain(client.id.as_str()))
    );
}

pub async fn it_is_told_which_of_many_clients_are_stored(durable: Arc<dyn Durable>) {
    let (tenant, neighbour) = (a_tenant(&durable), a_tenant(&durable));
    for name in ["a", "B", "ä"] {
        added(&tenant, &plain(name)).await;
    }
    added(&neighbour, &plain("neighbours")).await;
    assert!(tenant.stored_among(&[]).await.unwrap().is_empty());
    let mut asked: Vec<_> = (0..2_100).map(|n| id(&format!("nobody{n}"))).collect();
    asked.extend(["b", "neighbours", "ä", "a"].map(id));
    let stored = tenant.stored_among(&asked).await.unwrap();
    let stored: BTreeSet<_> = stored.iter().map(|id| id.as_str().to_owned()).collect();
    assert_eq!(stored, BTreeSet::from(["a".to_owned(), "ä".to_owned()]));
}

pub async fn no_tenant_sees_replaces_or_deletes_the_clients_of_another(durable: Arc<dyn Durable>) {
    let (acme, globex) = (a_tenant(&durable), a_tenant(&durable));
    let version = added(&acme, &full("app")).await;
    assert_eq!(found(&globex, "app").await, None);
    assert!(globex.clients_after(None, 10).await.unwrap().is_empty());
    let stolen = globex.put_client(&plain("app"), Some(version), NOON).await;
    assert_eq!(stolen.unwrap(), ClientPut::Lost);
    assert!(!globex.delete_client(&id("app")).await.unwrap());
    added(&globex, &plain("app")).await;
    assert!(globex.delete_client(&id("app")).await.unwrap());
    assert_eq!(found(&acme, "app").await.unwrap().client, full("app"));
}
