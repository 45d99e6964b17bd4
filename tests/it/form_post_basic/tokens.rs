//! ID tokens, userinfo, and codes and refresh tokens at the token endpoint.

use insula_tests::{Agent, ClientAuth};
use serde_json::Value;

use super::{Client, assert_is_invalid_grant, said_of, until_older_than};
use crate::shared_server::shared_server;

#[tokio::test]
async fn an_id_token_is_signed_with_rs256_and_names_its_key() {
    let client = Client::new().await;
    let tokens = client.log_in(&[]).await;
    assert_eq!(tokens.id().header["alg"], "RS256");
    let keys = client.party.http.get(client.party.at("/keys")).await.json();
    let keys = keys["keys"].as_array().unwrap();
    let mut ids: Vec<_> = keys
        .iter()
        .map(|key| key["kid"].as_str().unwrap())
        .collect();
    assert!(ids.contains(&tokens.id().header["kid"].as_str().unwrap()));
    let many = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), many, "each key has an id of its own");
    for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
        assert!(keys.iter().all(|key| key[private].is_null()), "{private}");
    }
}

#[tokio::test]
async fn no_id_token_without_a_signature_is_offered() {
    let metadata = Client::new().await.metadata().await;
    let offered = metadata["id_token_signing_alg_values_supported"].as_array();
    assert_eq!(offered.unwrap(), &[Value::from("RS256")]);
}

#[tokio::test]
async fn userinfo_answers_a_get() {
    let client = Client::new().await;
    let tokens = client.log_in(&[]).await;
    client.userinfo(&tokens).await;
}

#[tokio::test]
async fn userinfo_answers_a_post_with_the_token_in_the_header() {
    let client = Client::new().await;
    let tokens = client.log_in(&[]).await;
    let bearer = format!("Bearer {}", tokens.access_token);
    let headers = [("authorization", bearer.as_str())];
    let url = client.party.at("/userinfo");
    let answer = Agent::new().post_with(url, &[], &headers).await;
    said_of(&tokens, &answer.expect(200));
}

#[tokio::test]
async fn userinfo_answers_a_post_with_the_token_in_the_body() {
    let client = Client::new().await;
    let tokens = client.log_in(&[]).await;
    let form = [("access_token", tokens.access_token.as_str())];
    let answer = Agent::new().post(client.party.at("/userinfo"), &form).await;
    said_of(&tokens, &answer.expect(200));
}

/// The plan asks for it twice: at once, and after thirty seconds; how old a redeemed code may be that
/// still ends what came of it is tested where a clock can be set.
#[tokio::test]
async fn a_code_used_twice_is_refused_and_ends_what_came_of_it() {
    let client = Client::new().await;
    let login = client.request(&[]);
    let back = client.answer(&login).await;
    let tokens = client.tokens(&login, &back).await;
    let again = client.party.redeem(&login, back.code()).await;
    assert_is_invalid_grant(&again);
    client
        .party
        .userinfo(&tokens.access_token)
        .await
        .expect(401);
}

#[tokio::test]
async fn a_client_may_show_its_secret_in_the_body() {
    let client = Client::new().await.with_auth(ClientAuth::Post);
    client.log_in(&[]).await;
}

#[tokio::test]
async fn a_refresh_token_renews_tokens_for_its_own_client_alone() {
    let scope = "openid offline_access";
    let first = Client::new().await.with_scope(scope);
    let second = Client::of(shared_server().await, "second").with_scope(scope);
    for client in [&first, &second] {
        let before = client.log_in(&[("prompt", "consent")]).await;
        until_older_than(before.claim("iat"), 0).await;
        let refresh = before.refresh();
        assert!(refresh.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        let answer = client.party.refresh(refresh, &[("scope", scope)]).await;
        let after = client.party.read(&answer.expect(200)).await;
        for claim in ["iss", "sub", "aud", "azp", "auth_time"] {
            assert_eq!(before.claim(claim), after.claim(claim), "{claim}");
        }
        assert_ne!(before.claim("iat"), after.claim("iat"));
        assert_ne!(before.access_token, after.access_token);
        client.userinfo(&after).await;
    }
    let of_second = second.log_in(&[("prompt", "consent")]).await;
    let stolen = first.party.refresh(of_second.refresh(), &[]).await;
    assert_is_invalid_grant(&stolen);
}
