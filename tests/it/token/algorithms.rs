//! Every algorithm a tenant may sign with, verified by other people's code.

use insula_tests::{Agent, RelyingParty};

use crate::shared_server::{MOCK, shared_server};

async fn signs_with(alg: &str) {
    let port = shared_server().await.deployment.port;
    let issuer = format!("http://alg.localhost:{port}/{}", alg.to_lowercase());
    let app = RelyingParty::new(&issuer, "app", "app-secret", "https://app.example/callback");
    let tokens = app.log_in(&Agent::new(), &MOCK).await;
    let id_token = tokens.id();
    assert_eq!(id_token.header["alg"], alg);
    assert_eq!(id_token.header["typ"], serde_json::Value::Null);
    let keys = app.keys().await;
    let access = keys.verify(&tokens.access_token, &issuer, &issuer);
    assert_eq!(access.header["alg"], alg);
    assert_eq!(access.header["typ"], "at+jwt");
    let discovery = app.http.get(app.at("/.well-known/openid-configuration"));
    let served = &discovery.await.json()["id_token_signing_alg_values_supported"];
    assert_eq!(served, &serde_json::json!([alg]));
}

#[tokio::test]
async fn tokens_signed_with_rs256_are_verified_by_another_library() {
    signs_with("RS256").await;
}

#[tokio::test]
async fn tokens_signed_with_ps256_are_verified_by_another_library() {
    signs_with("PS256").await;
}

#[tokio::test]
async fn tokens_signed_with_es256_are_verified_by_another_library() {
    signs_with("ES256").await;
}

#[tokio::test]
async fn tokens_signed_with_es384_are_verified_by_another_library() {
    signs_with("ES384").await;
}

#[tokio::test]
async fn tokens_signed_with_eddsa_are_verified_by_another_library() {
    signs_with("EdDSA").await;
}

#[tokio::test]
async fn a_dex_tenant_signs_with_rs256_as_dex_does() {
    let umbrella = shared_server().await.umbrella();
    let tokens = umbrella.log_in(&Agent::new(), &MOCK).await;
    let header = &tokens.id().header;
    assert_eq!(header["alg"], "RS256");
    let names: Vec<_> = header.as_object().unwrap().keys().collect();
    assert_eq!(names, ["alg", "kid"]);
}

#[tokio::test]
async fn a_public_key_says_nothing_private() {
    let shared_server = shared_server().await;
    for party in [shared_server.umbrella(), shared_server.portal()] {
        let answer = party.http.get(party.at("/keys")).await.expect(200);
        for key in answer.json()["keys"].as_array().unwrap() {
            assert_eq!(key["use"], "sig");
            for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert_eq!(key[private], serde_json::Value::Null, "{private}");
            }
        }
        let cache = answer.header("cache-control");
        assert!(cache.contains("max-age="), "{cache}");
    }
}
