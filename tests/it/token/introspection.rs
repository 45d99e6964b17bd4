//! What a token is worth (RFC 7662).

use insula_tests::Agent;
use serde_json::{Value, json};

use crate::shared_server::{JANE, MOCK, shared_server};

#[tokio::test]
async fn a_client_learns_what_its_token_is_worth() {
    let shared_server = shared_server().await;
    let portal = shared_server.portal();
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    let facts = portal.introspect(&tokens.access_token).await;
    assert_eq!(facts["active"], true);
    assert_eq!(facts["client_id"], "portal");
    assert_eq!(facts["sub"], *tokens.claim("sub"));
    assert_eq!(facts["iss"], shared_server.issuer("acme"));
    assert_eq!(facts["scope"], tokens.answer["scope"]);
    assert_eq!(facts["token_use"], "access_token");
    assert!(facts["exp"].as_i64() > facts["iat"].as_i64());
    let facts = portal.introspect(tokens.refresh()).await;
    assert_eq!(facts["active"], true);
    assert_eq!(facts["token_use"], "refresh_token");
}

#[tokio::test]
async fn a_token_that_is_not_the_askers_is_worth_nothing() {
    let shared_server = shared_server().await;
    let tokens = shared_server.portal().log_in(&Agent::new(), &JANE).await;
    let wiki = shared_server.wiki();
    for token in [
        &tokens.access_token,
        tokens.refresh(),
        &tokens.id().token,
        "x",
        "a.b.c",
    ] {
        assert_eq!(wiki.introspect(token).await, json!({"active": false}));
    }
}

#[tokio::test]
async fn nobody_may_try_out_tokens_without_saying_who_they_are_but_in_dex() {
    let shared_server = shared_server().await;
    let portal = shared_server.portal();
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    let form = [("token", tokens.access_token.as_str())];
    let url = portal.at("/token/introspect");
    Agent::new().post(&url, &form).await.expect(401);
    let spa = shared_server.spa();
    spa.post("/token/introspect", &form).await.expect(401);

    let globex = shared_server.globex();
    let tokens = globex.log_in(&Agent::new(), &MOCK).await;
    let form = [("token", tokens.access_token.as_str())];
    let url = globex.at("/token/introspect");
    let facts = Agent::new().post(&url, &form).await.expect(200).json();
    assert_eq!(facts["active"], true);
    assert_eq!(facts["token_type"], "Bearer");
    assert_eq!(facts["client_id"], "example-app");
    assert_eq!(facts["ext"]["email"], "kilgore@kilgore.trout");
    assert_eq!(facts["scope"], Value::Null);
    let answer = Agent::new().post(&url, &[]).await.expect(400);
    assert_eq!(answer.error(), "invalid_request");
}
