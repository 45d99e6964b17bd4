//! What a token is worth (RFC 7662).

use insula_tests::{Agent, RelyingParty, claims_of, header_of};
use serde_json::{Value, json};

use crate::shared_server::{JANE, MOCK, shared_server};

#[tokio::test]
async fn a_client_learns_what_its_token_is_worth() {
    let shared_server = shared_server().await;
    let portal = shared_server.portal();
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    let asked = [("token", tokens.access_token.as_str())];
    let answer = portal.post("/token/introspect", &asked).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    answer.assert_uncached();
    let facts = answer.json();
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
}

#[tokio::test]
async fn dex_says_what_is_wrong_with_a_question_in_its_own_words() {
    let globex = shared_server().await.globex();
    let url = globex.at("/token/introspect");
    let agent = Agent::new();
    let hint = ("token_type_hint", "access_token");
    for (answer, words) in [
        (
            agent.get(&url).await,
            r#"HTTP method is "GET", expected "POST"."#,
        ),
        (
            agent.post(&url, &[]).await,
            "The POST body can not be empty.",
        ),
        (
            agent.post(&url, &[hint]).await,
            "The POST body doesn't contain 'token' parameter.",
        ),
    ] {
        let answer = answer.expect(400);
        assert_eq!(answer.error(), "invalid_request");
        assert_eq!(answer.json()["error_description"], words);
    }
    let ours = shared_server().await.portal().at("/token/introspect");
    agent.get(&ours).await.expect(405);
}

#[tokio::test]
async fn a_gateway_that_is_registered_for_it_asks_about_every_token_of_its_tenant() {
    let server = shared_server().await;
    let party = server.tokens().with_scope("openid offline_access");
    let tokens = party.log_in(&Agent::new(), &MOCK).await;
    let gateway = RelyingParty::new(&party.issuer, "gateway", "gateway-secret", "");
    for token in [&tokens.access_token, tokens.refresh()] {
        let facts = gateway.introspect(token).await;
        assert_eq!(facts["active"], true);
        assert_eq!(facts["client_id"], "legacy");
    }
    let inactive = json!({"active": false});
    assert_eq!(gateway.introspect(&tokens.id().token).await, inactive);
    let foreign = server.portal().log_in(&Agent::new(), &JANE).await;
    assert_eq!(gateway.introspect(&foreign.access_token).await, inactive);
    let answer = gateway.revoke(&tokens.access_token).await.expect(400);
    assert_eq!(answer.error(), "invalid_grant", "asking is not revoking");
    party.revoke(&tokens.access_token).await.expect(200);
    assert_eq!(gateway.introspect(&tokens.access_token).await, inactive);
    let process = &server.process;
    process.says("is not active: it was revoked").await;
    process.says("is not active: the token's typ").await;
    assert!(!process.log().contains(&tokens.access_token));
}

#[tokio::test]
async fn an_answer_is_signed_where_a_jwt_is_asked_for() {
    const JWT: &str = "application/token-introspection+jwt";
    let party = shared_server().await.tokens();
    let tokens = party.log_in(&Agent::new(), &MOCK).await;
    let form = [
        ("token", tokens.access_token.as_str()),
        ("client_id", &party.client_id),
        ("client_secret", &party.secret),
    ];
    let url = party.at("/token/introspect");
    let asked = Agent::new()
        .post_with(&url, &form, &[("accept", JWT)])
        .await;
    let answer = asked.expect(200);
    assert_eq!(answer.header("content-type"), JWT);
    answer.assert_uncached();
    let header = header_of(&answer.body);
    assert_eq!(header["typ"], "token-introspection+jwt");
    let claims = claims_of(&answer.body);
    assert_eq!(claims["iss"], party.issuer);
    assert_eq!(claims["aud"], party.client_id);
    assert_eq!(claims["token_introspection"]["active"], true);
    assert_eq!(claims["token_introspection"]["client_id"], "legacy");
    let url = party.at("/.well-known/openid-configuration");
    let discovery = Agent::new().get(url).await.expect(200).json();
    assert_eq!(
        discovery["introspection_signing_alg_values_supported"],
        json!([header["alg"]])
    );
    let globex = shared_server().await.globex();
    let url = globex.at("/token/introspect");
    let asked = Agent::new()
        .post_with(&url, &form, &[("accept", JWT)])
        .await;
    assert_eq!(asked.expect(200).json(), json!({"active": false}), "as dex");
}
