//! Access tokens of ours for others: a service calls the next for whoever called it.

use std::sync::Arc;
use std::time::Duration;

use insula_ambient::{Clock, ManualClock, Monotonic, Timestamp};
use insula_engine::Refusal;
use insula_model::{AccessTokensOf, ClientId, EventKind, ExchangeAccessTokens, TokenExchange};
use insula_oauth::{GrantType, IntrospectResponse, TokenResponse};
use insula_testkit::{TenantBuilder, a_client, a_resource, a_tenant};
use serde_json::json;

use crate::testing::{
    basic, claims_of, elsewhere, exchange, form, introspected, reconfigured, refusal, revoked, view,
};
use crate::{FlowError, TenantView};

const ORDERS: &str = "https://orders.test";
const STOCK: &str = "https://stock.test";
const BILLING: &str = "https://billing.test";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID: &str = "urn:ietf:params:oauth:token-type:id_token";

fn id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

fn tokens_for(resource: &str) -> ExchangeAccessTokens {
    ExchangeAccessTokens {
        which: AccessTokensOf::Resource(resource.to_owned()),
        scopes: vec!["stock:read".to_owned()],
        actors: vec![id("orders-api")],
        requires_actor: false,
    }
}

fn taking(entry: ExchangeAccessTokens) -> TokenExchange {
    TokenExchange {
        access_tokens: vec![entry],
        ..TokenExchange::default()
    }
}

/// A caller, an API that it calls, and the API that one calls in turn.
fn services() -> TenantBuilder {
    services_where(tokens_for(ORDERS))
}

fn services_where(entry: ExchangeAccessTokens) -> TenantBuilder {
    let exchange = &[GrantType::TokenExchange, GrantType::ClientCredentials];
    let caller = a_client()
        .named("shop")
        .with_grants(&[GrantType::ClientCredentials])
        .with_scopes(&["orders:read", "orders:write"]);
    let orders = a_client()
        .named("orders-api")
        .with_grants(exchange)
        .with_scopes(&["orders:read", "stock:read", "stock:write"])
        .exchanging(taking(entry));
    let bystander = a_client().named("bystander").with_grants(exchange);
    let stock = a_client()
        .named("stock-api")
        .with_grants(exchange)
        .with_scopes(&["billing:read", "stock:read"])
        .exchanging(taking(ExchangeAccessTokens {
            which: AccessTokensOf::Resource(STOCK.to_owned()),
            scopes: vec!["billing:read".to_owned()],
            actors: vec![id("stock-api")],
            requires_actor: false,
        }));
    let mut orders_resource = a_resource(ORDERS, &["orders:read", "orders:write"]);
    orders_resource.servers = vec![id("orders-api")];
    let mut stock_resource = a_resource(STOCK, &["stock:read", "stock:write"]);
    stock_resource.servers = vec![id("stock-api")];
    let tenant = [caller, orders, bystander, stock]
        .into_iter()
        .fold(a_tenant(), TenantBuilder::with_client);
    tenant
        .with_resource(orders_resource)
        .with_resource(stock_resource)
        .with_resource(a_resource(BILLING, &["billing:read"]))
        .with(|spec| spec.oauth2.grant_types.extend_from_slice(exchange))
}

/// A token that the shop has for the orders API.
async fn of_shop(view: &TenantView) -> String {
    own_token(view, "shop", "orders:read").await
}

async fn own_token(view: &TenantView, client: &str, scope: &str) -> String {
    let pairs = [("grant_type", "client_credentials"), ("scope", scope)];
    let header = basic(client, "app-secret");
    let told = exchange(view, Some(&header), &form(&pairs)).await;
    told.unwrap().access_token
}

async fn is_active(view: &TenantView, client: &str, token: &str) -> bool {
    told_of(view, client, token).await.active
}

async fn told_of(view: &TenantView, client: &str, token: &str) -> IntrospectResponse {
    let header = basic(client, "app-secret");
    let told = introspected(view, Some(&header), &form(&[("token", token)])).await;
    told.unwrap()
}

async fn ends(view: &TenantView, client: &str, token: &str) {
    let header = basic(client, "app-secret");
    let told = revoked(view, Some(&header), &form(&[("token", token)])).await;
    told.unwrap();
}

async fn swaps(
    view: &TenantView,
    client: &str,
    token: &str,
    more: &[(&str, &str)],
) -> Result<TokenResponse, FlowError> {
    let grant = [
        ("grant_type", GrantType::TokenExchange.as_str()),
        ("subject_token", token),
    ];
    let kind = [("subject_token_type", ACCESS)];
    let kind = kind
        .iter()
        .filter(|_| !more.iter().any(|(name, _)| *name == "subject_token_type"));
    let pairs: Vec<_> = grant.iter().chain(kind).chain(more).copied().collect();
    let header = basic(client, "app-secret");
    exchange(view, Some(&header), &form(&pairs)).await
}

/// Who asks, with which subject token and what more, and why not.
type Row<'r> = (&'r str, &'r str, &'r [(&'r str, &'r str)], Refusal);

const FOR_STOCK: [(&str, &str); 1] = [("resource", STOCK)];

#[tokio::test]
async fn a_service_gets_a_token_for_the_next_that_is_about_whoever_called_it() {
    let (view, clock) = view(services());
    let token = of_shop(&view).await;
    clock.advance(Duration::from_mins(4));
    let told = swaps(&view, "orders-api", &token, &FOR_STOCK)
        .await
        .unwrap();
    assert_eq!(told.issued_token_type, Some(ACCESS));
    assert_eq!((told.refresh_token, told.id_token), (None, None));
    assert_eq!(
        told.scope.as_deref(),
        Some("stock:read"),
        "what the policy adds"
    );
    let (before, claims) = (claims_of(&token), claims_of(&told.access_token));
    assert_eq!(claims["sub"], "shop");
    assert_eq!(claims["client_id"], "orders-api");
    assert_eq!(claims["aud"], STOCK);
    assert_eq!(claims["exp"], before["exp"], "it lives no longer");
    assert_ne!(claims["jti"], before["jti"]);
    assert_eq!(claims.get("act"), None, "nobody was said to act");
    let events = view.effects.store.events_after(0, 10).await.unwrap();
    let is_told = events.iter().any(|placed| {
        matches!(&placed.event.kind, EventKind::TokenExchanged { client, subject, connector: None, of: Some(_), .. }
            if client.as_str() == "orders-api" && subject == "shop")
    });
    assert!(is_told, "{events:?}");
}

/// A clock that goes on by a second whenever it is looked at.
struct Hurrying(ManualClock);

impl Clock for Hurrying {
    fn now(&self) -> Timestamp {
        self.0.advance(Duration::from_secs(1));
        self.0.now()
    }

    fn monotonic(&self) -> Monotonic {
        self.0.monotonic()
    }
}

/// Found by the simulation: what was left of the subject token was counted from when it was judged, and
/// added to when the new one was signed.
#[tokio::test]
async fn a_token_that_is_signed_late_ends_with_the_one_it_was_exchanged_for() {
    let (mut view, clock) = view(services());
    let token = of_shop(&view).await;
    let ends = claims_of(&token)["exp"].as_i64().unwrap();
    view.effects.clock = Arc::new(Hurrying(clock));
    let told = swaps(&view, "orders-api", &token, &FOR_STOCK)
        .await
        .unwrap();
    let claims = claims_of(&told.access_token);
    assert!(claims["exp"].as_i64().unwrap() <= ends, "{claims}");
    let left = i64::try_from(told.expires_in).unwrap();
    assert!(claims["iat"].as_i64().unwrap() + left <= ends, "{left}");
}

#[tokio::test]
async fn what_no_policy_lists_is_refused() {
    let (view, _) = view(services());
    let token = of_shop(&view).await;
    let of_others = own_token(&view, "orders-api", "stock:read").await;
    let subject = |why: &str| Refusal::SubjectTokenRefused(why.to_owned());
    let policy = subject("the client's policy takes no such token of this tenant");
    let for_billing = [("resource", BILLING)];
    let elsewhere = [("resource", "https://nowhere.test")];
    let write = [("resource", STOCK), ("scope", "stock:write")];
    let person = [("resource", STOCK), ("scope", "openid")];
    let id_token = [("resource", STOCK), ("requested_token_type", ID)];
    let as_id = [("resource", STOCK), ("subject_token_type", ID)];
    let rows: [Row<'_>; 10] = [
        ("bystander", &token, &FOR_STOCK, Refusal::GrantNotAllowed),
        ("stock-api", &token, &for_billing, policy.clone()),
        ("orders-api", &of_others, &FOR_STOCK, policy),
        (
            "orders-api",
            &token,
            &for_billing,
            Refusal::ResourceNotAllowed(BILLING.to_owned()),
        ),
        (
            "orders-api",
            &token,
            &elsewhere,
            Refusal::ResourceNotAllowed("https://nowhere.test".to_owned()),
        ),
        (
            "orders-api",
            &token,
            &write,
            Refusal::ScopeNotAllowed(vec!["stock:write".to_owned()]),
        ),
        (
            "orders-api",
            &token,
            &person,
            Refusal::ScopeNotAllowed(vec!["openid".to_owned()]),
        ),
        (
            "orders-api",
            &token,
            &id_token,
            Refusal::RequestedTokenType(ID.to_owned()),
        ),
        (
            "orders-api",
            &token,
            &as_id,
            Refusal::SubjectTokenType(ID.to_owned()),
        ),
        ("orders-api", &token, &[], Refusal::ResourceMissing),
    ];
    for (client, token, more, why) in rows {
        let told = swaps(&view, client, token, more).await;
        assert_eq!(refusal(told), why, "{client} {more:?}");
    }
    // The token of a person's browser login says nothing here, and another tenant's is none of ours.
    let forged = "eyJhbGciOiJub25lIn0.e30.";
    let told = refusal(swaps(&view, "orders-api", forged, &FOR_STOCK).await);
    assert!(matches!(told, Refusal::SubjectTokenRefused(_)), "{told:?}");
    let (other, _) = crate::testing::view(services().at("globex", "https://globex.test"));
    let stranger = of_shop(&other).await;
    let told = refusal(swaps(&view, "orders-api", &stranger, &FOR_STOCK).await);
    assert!(matches!(told, Refusal::SubjectTokenRefused(_)), "{told:?}");
}

#[tokio::test]
async fn an_exchanged_token_ends_with_the_one_it_was_exchanged_for_on_every_node_and_not_the_other_way()
 {
    let (here, _) = view(services());
    let there = elsewhere(&here);
    let token = of_shop(&here).await;
    let first = swaps(&here, "orders-api", &token, &FOR_STOCK)
        .await
        .unwrap();
    let second = swaps(
        &here,
        "stock-api",
        &first.access_token,
        &[("scope", "billing:read")],
    )
    .await;
    let second = second.unwrap();
    for (client, token) in [
        ("orders-api", &first.access_token),
        ("stock-api", &second.access_token),
    ] {
        assert!(is_active(&there, client, token).await);
    }
    // What a service does with its own token is no matter of whoever called it.
    let other = swaps(&here, "orders-api", &token, &FOR_STOCK)
        .await
        .unwrap();
    ends(&here, "orders-api", &other.access_token).await;
    assert!(is_active(&there, "shop", &token).await);

    ends(&here, "shop", &token).await;
    for (client, token) in [
        ("orders-api", &first.access_token),
        ("stock-api", &second.access_token),
    ] {
        for view in [&here, &elsewhere(&here)] {
            assert!(!is_active(view, client, token).await, "{client}");
        }
    }
    let told = refusal(swaps(&here, "orders-api", &token, &FOR_STOCK).await);
    assert!(matches!(told, Refusal::SubjectTokenRefused(_)), "{told:?}");
}

fn acting<'a>(token: &'a str, more: &'a [(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let actor = [("actor_token", token), ("actor_token_type", ACCESS)];
    actor.iter().chain(more).copied().collect()
}

#[tokio::test]
async fn who_acts_is_told_by_act_and_kept_in_every_later_token() {
    let (view, _) = view(services());
    let token = of_shop(&view).await;
    let orders = own_token(&view, "orders-api", "stock:read").await;
    let first = swaps(&view, "orders-api", &token, &acting(&orders, &FOR_STOCK))
        .await
        .unwrap();
    assert_eq!(
        claims_of(&first.access_token)["act"],
        json!({"sub": "orders-api"})
    );
    let stock = own_token(&view, "stock-api", "billing:read").await;
    let bill = [("scope", "billing:read")];
    let second = swaps(
        &view,
        "stock-api",
        &first.access_token,
        &acting(&stock, &bill),
    )
    .await;
    let chain = json!({"sub": "stock-api", "act": {"sub": "orders-api"}});
    let second = second.unwrap().access_token;
    assert_eq!(claims_of(&second)["act"], chain);
    assert_eq!(
        claims_of(&second)["sub"],
        "shop",
        "it is still about who called first"
    );
    let told = told_of(&view, "stock-api", &second).await;
    assert_eq!(told.act, Some(chain));
    let kept = swaps(&view, "stock-api", &first.access_token, &bill)
        .await
        .unwrap();
    assert_eq!(
        claims_of(&kept.access_token)["act"],
        json!({"sub": "orders-api"})
    );
}

#[tokio::test]
async fn an_actor_is_taken_only_as_the_policy_says_and_with_its_type() {
    let strict = ExchangeAccessTokens {
        requires_actor: true,
        ..tokens_for(ORDERS)
    };
    let (view, _) = view(services_where(strict));
    let token = of_shop(&view).await;
    let actor = |why: &str| Refusal::ActorTokenRefused(why.to_owned());
    let told = refusal(swaps(&view, "orders-api", &token, &FOR_STOCK).await);
    assert_eq!(told, actor("the client's policy asks for one"));

    let orders = own_token(&view, "orders-api", "stock:read").await;
    let bare = [("resource", STOCK), ("actor_token", &orders)];
    let told = refusal(swaps(&view, "orders-api", &token, &bare).await);
    assert_eq!(told, actor("actor_token came without actor_token_type"));
    let alone = [("resource", STOCK), ("actor_token_type", ACCESS)];
    let told = refusal(swaps(&view, "orders-api", &token, &alone).await);
    assert_eq!(told, actor("actor_token_type came without actor_token"));
    let told = refusal(swaps(&view, "orders-api", &token, &acting(&token, &FOR_STOCK)).await);
    assert_eq!(
        told,
        actor("it is of a client that does not act by the client's policy")
    );
    let acted = swaps(&view, "orders-api", &token, &acting(&orders, &FOR_STOCK)).await;
    assert!(acted.is_ok());
}

#[tokio::test]
async fn a_token_is_exchanged_a_bounded_number_of_times() {
    let (view, _) = view(services());
    let again = reconfigured(&view, |spec| {
        let mut client = (*spec.clients["orders-api"]).clone();
        let mut entry = tokens_for(ORDERS);
        entry.which = AccessTokensOf::Client(id("orders-api"));
        client.token_exchange = Some(Box::new(taking(entry)));
        spec.clients
            .insert(client.id.clone(), std::sync::Arc::new(client));
    });
    let mut token = own_token(&again, "orders-api", "stock:read").await;
    for _ in 0..4 {
        let told = swaps(&again, "orders-api", &token, &FOR_STOCK).await;
        token = told.unwrap().access_token;
    }
    let told = refusal(swaps(&again, "orders-api", &token, &FOR_STOCK).await);
    let why = "a token is exchanged 4 times in a row at most";
    assert_eq!(told, Refusal::SubjectTokenRefused(why.to_owned()));
    let from = claims_of(&token)["exchanged_from"].as_array().map(Vec::len);
    assert_eq!(from, Some(4));
}

#[tokio::test]
async fn dex_knows_no_exchange_of_its_own_tokens() {
    let tenant = a_tenant()
        .dex()
        .with(|spec| spec.oauth2.grant_types.push(GrantType::TokenExchange));
    let (view, _) = view(tenant);
    let told = refusal(swaps(&view, "app", "a.b.c", &[]).await);
    assert_eq!(told, Refusal::ExchangeConnectorUnknown(String::new()));
}
