//! Our own access tokens: one service calls the next for whoever called it.

use insula_tests::{Agent, Answer, RelyingParty, claims_of, walk};
use serde_json::{Value, json};

use super::{ACCESS, GRANT};
use crate::shared_server::{MOCK, shared_server};

const ORDERS: &str = "https://orders.example";
const STOCK: &str = "https://stock.example";

/// An access token for the orders API, of a person who logged in at the shop.
async fn of_person(shop: &RelyingParty) -> Value {
    let scope = ("scope", "openid email groups offline_access orders:read");
    let login = shop.begin_with(&[scope, ("resource", ORDERS)]);
    let back = walk(&Agent::new(), &login, &MOCK).await;
    shop.redeem(&login, back.code()).await.expect(200).json()
}

async fn swap(party: &RelyingParty, token: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", GRANT),
        ("subject_token", token),
        ("subject_token_type", ACCESS),
    ];
    form.extend_from_slice(more);
    party.post("/token", &form).await
}

fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    json[name].as_str().unwrap()
}

#[tokio::test]
async fn rfc_8693_a_service_calls_the_next_for_a_person_until_they_are_gone() {
    let server = shared_server().await;
    let (shop, orders) = (server.of_apis("shop"), server.of_apis("orders-to-stock"));
    let login = of_person(&shop).await;
    let own = [("grant_type", "client_credentials"), ("resource", STOCK)];
    let own = orders.post("/token", &own).await.expect(200).json();
    let acting = [
        ("resource", STOCK),
        ("actor_token", text(&own, "access_token")),
        ("actor_token_type", ACCESS),
    ];
    let answer = swap(&orders, text(&login, "access_token"), &acting).await;
    let answer = answer.expect(200);
    answer.assert_uncached();
    let told = answer.json();
    assert_eq!(told["issued_token_type"], ACCESS);
    assert_eq!(told["scope"], "stock:read");
    assert_eq!(told.get("refresh_token"), None);
    let token = text(&told, "access_token");
    let (before, claims) = (claims_of(text(&login, "access_token")), claims_of(token));
    assert_eq!(claims["sub"], before["sub"], "it is about the person");
    assert_eq!(claims["aud"], STOCK);
    assert_eq!(claims["client_id"], "orders-to-stock");
    assert_eq!(claims["act"], json!({"sub": "orders-to-stock"}));
    assert_eq!(claims["groups"], json!(["authors"]), "as the token before");
    assert_eq!(
        claims.get("email"),
        None,
        "which the token before does not tell"
    );
    assert!(claims["exp"].as_i64() <= before["exp"].as_i64());
    let facts = orders.introspect(token).await;
    assert_eq!(facts["act"], json!({"sub": "orders-to-stock"}));

    // It ends with the login that it came of.
    shop.revoke(text(&login, "refresh_token")).await.expect(200);
    let facts = orders.introspect(token).await;
    assert_eq!(facts, json!({"active": false}));
    let again = swap(
        &orders,
        text(&login, "access_token"),
        &[("resource", STOCK)],
    )
    .await;
    assert_eq!(again.expect(400).error(), "invalid_request");
}

#[tokio::test]
async fn rfc_8693_what_the_policy_does_not_list_is_refused() {
    let server = shared_server().await;
    let (shop, orders) = (server.of_apis("shop"), server.of_apis("orders-to-stock"));
    let login = of_person(&shop).await;
    let token = text(&login, "access_token");
    for (more, error) in [
        (&[("resource", ORDERS)][..], "invalid_target"),
        (
            &[("audience", "https://elsewhere.example")],
            "invalid_target",
        ),
        (
            &[("resource", STOCK), ("scope", "stock:write")],
            "invalid_scope",
        ),
        (&[("resource", STOCK), ("scope", "openid")], "invalid_scope"),
        (
            &[("resource", STOCK), ("actor_token", token)],
            "invalid_request",
        ),
        (
            &[("resource", STOCK), ("actor_token_type", ACCESS)],
            "invalid_request",
        ),
        (
            &[
                ("resource", STOCK),
                ("actor_token", token),
                ("actor_token_type", ACCESS),
            ],
            "invalid_request",
        ),
    ] {
        let answer = swap(&orders, token, more).await.expect(400);
        assert_eq!(answer.error(), error, "{more:?}");
    }
    let by_another = swap(&server.of_apis("nightly"), token, &[("resource", STOCK)]).await;
    assert_eq!(by_another.expect(400).error(), "unauthorized_client");
    let id_token = text(&login, "id_token");
    let answer = swap(&orders, id_token, &[("resource", STOCK)]).await;
    assert_eq!(answer.expect(400).error(), "invalid_request");
    // The same client of another tenant, and that tenant's token here.
    let hooli = server.hooli();
    let stranger = hooli.begin_with(&[("scope", "openid email")]);
    let back = walk(&Agent::new(), &stranger, &MOCK).await;
    let theirs = hooli
        .redeem(&stranger, back.code())
        .await
        .expect(200)
        .json();
    let answer = swap(
        &orders,
        text(&theirs, "access_token"),
        &[("resource", STOCK)],
    )
    .await;
    assert_eq!(answer.expect(400).error(), "invalid_request");
}
