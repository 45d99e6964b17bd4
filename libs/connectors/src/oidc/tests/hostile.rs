//! What a forger, a thief or a broken provider might answer.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use insula_connector_kit::{Connector, ConnectorError};
use insula_jose::{Alg, KeyId, SigningKey, hmac_sha256};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::lab::{CLIENT, Lab, bad_reply, begin, query};
use crate::testing::{NOW, a_login};

fn encoded(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

#[tokio::test]
async fn an_id_token_with_a_wrong_claim_is_refused() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({}));
    for (claims, reason) in [
        (json!({"nonce": "another"}), "nonce"),
        (json!({"nonce": null}), "nonce"),
        (json!({"nonce": ""}), "nonce"),
        (json!({"iss": "https://evil.test"}), "issuer"),
        (json!({"iss": null}), "iss"),
        (json!({"aud": "somebody else"}), "audience"),
        (json!({"aud": null}), "aud"),
        (
            json!({"aud": [CLIENT, "other"], "azp": "other"}),
            "another client",
        ),
        (json!({"azp": 7}), "another client"),
        (json!({"exp": NOW.as_secs() - 61}), "expired"),
        (json!({"exp": null}), "exp"),
        (json!({"nbf": NOW.as_secs() + 3600}), "not valid yet"),
        (json!({"sub": null}), "sub"),
    ] {
        let said = bad_reply(lab.log_in(&oidc, claims.clone()).await);
        assert!(said.contains(reason), "{claims}: {said}");
    }
    let several = json!({"aud": ["other", CLIENT], "azp": CLIENT});
    assert!(lab.log_in(&oidc, several).await.is_ok());
}

#[tokio::test]
async fn an_unsigned_or_altered_id_token_is_refused() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({}));
    let unsigned = |nonce: &str| {
        let header = encoded(&json!({"alg": "none"}));
        format!("{header}.{}.", encoded(&lab.claims(nonce)))
    };
    let said = bad_reply(lab.log_in_with(&oidc, unsigned).await);
    assert!(said.contains("algorithm"), "{said}");

    let altered = |nonce: &str| {
        let honest = lab.key.sign(None, &lab.claims(nonce)).unwrap();
        let mut parts: Vec<_> = honest.split('.').map(str::to_owned).collect();
        let mut claims = lab.claims(nonce);
        claims["sub"] = json!("root");
        parts[1] = encoded(&claims);
        parts.join(".")
    };
    let said = bad_reply(lab.log_in_with(&oidc, altered).await);
    assert!(said.contains("signature"), "{said}");
    bad_reply(lab.log_in_with(&oidc, |_| "not a token".to_owned()).await);
}

#[tokio::test]
async fn a_public_rsa_key_is_no_shared_secret() {
    let lab = Lab::new().await;
    let rsa = SigningKey::generate(Alg::RS256, KeyId::new("rsa")).unwrap();
    lab.server.reset().await;
    lab.serve_metadata(json!({})).await;
    lab.serve_keys(json!([rsa.public_jwk()]), None).await;
    let oidc = lab.open(&json!({}));
    // The classic forgery: the attacker knows the public key and signs with it as HMAC key.
    let secret = rsa.public_jwk()["n"].as_str().unwrap().as_bytes().to_vec();
    let forged = |nonce: &str| {
        let header = encoded(&json!({"alg": "HS256", "kid": "rsa"}));
        let signed = format!("{header}.{}", encoded(&lab.claims(nonce)));
        let mac = hmac_sha256(&secret, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
    };
    let said = bad_reply(lab.log_in_with(&oidc, forged).await);
    assert!(said.contains("algorithm"), "{said}");
    let honest = |nonce: &str| rsa.sign(None, &lab.claims(nonce)).unwrap();
    assert!(lab.log_in_with(&oidc, honest).await.is_ok());
}

#[tokio::test]
async fn a_key_that_is_not_known_makes_it_look_once() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({}));
    lab.log_in(&oidc, json!({})).await.unwrap();
    assert_eq!(lab.calls("/keys").await.len(), 1);

    let stranger = SigningKey::generate(Alg::ES256, KeyId::new("k2")).unwrap();
    let by_stranger = |nonce: &str| stranger.sign(None, &lab.claims(nonce)).unwrap();
    // Too soon after the last look.
    let said = bad_reply(lab.log_in_with(&oidc, by_stranger).await);
    assert!(said.contains("key that is not in the set"), "{said}");
    assert_eq!(lab.calls("/keys").await.len(), 1);

    lab.clock.advance(Duration::from_secs(10));
    bad_reply(lab.log_in_with(&oidc, by_stranger).await);
    bad_reply(lab.log_in_with(&oidc, by_stranger).await);
    assert_eq!(
        lab.calls("/keys").await.len(),
        2,
        "a flood of unknown keys costs one look"
    );
}

#[tokio::test]
async fn a_rotated_key_is_found() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({}));
    lab.log_in(&oidc, json!({})).await.unwrap();
    let next = SigningKey::generate(Alg::ES256, KeyId::new("k2")).unwrap();
    lab.server.reset().await;
    lab.serve_keys(json!([lab.key.public_jwk(), next.public_jwk()]), None)
        .await;
    lab.clock.advance(Duration::from_secs(10));
    let rotated = |nonce: &str| next.sign(None, &lab.claims(nonce)).unwrap();
    assert!(lab.log_in_with(&oidc, rotated).await.is_ok());
    assert_eq!(lab.calls("/keys").await.len(), 1);
}

#[tokio::test]
async fn a_token_response_that_is_none_is_refused() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({}));
    let json = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    for answer in [
        json(json!({"access_token": "at", "token_type": "Bearer"})),
        json(json!({"id_token": "x"})),
        json(json!(["access_token"])),
        ResponseTemplate::new(200).set_body_string("access_token=at&id_token=x"),
        ResponseTemplate::new(200),
    ] {
        let (_, memory) = begin(&oidc, &a_login()).await;
        lab.serve_tokens_once(answer).await;
        bad_reply(oidc.complete(&a_login(), &memory, query("code=c")).await);
    }
}

#[tokio::test]
async fn a_token_endpoint_that_floods_or_sends_elsewhere_is_refused() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({}));
    let elsewhere =
        |status| ResponseTemplate::new(status).insert_header("location", "http://169.254.169.254/");
    for answer in [
        ResponseTemplate::new(200).set_body_bytes(vec![b' '; 2 * 1024 * 1024]),
        elsewhere(302),
        elsewhere(307),
    ] {
        let (_, memory) = begin(&oidc, &a_login()).await;
        lab.serve_tokens_once(answer).await;
        let refused = oidc.complete(&a_login(), &memory, query("code=c")).await;
        assert!(
            matches!(refused, Err(ConnectorError::Upstream(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn discovery_cannot_lead_to_private_addresses() {
    for (name, url) in [
        ("token_endpoint", "http://169.254.169.254/token"),
        ("token_endpoint", "http://[::ffff:10.0.0.1]/token"),
        ("jwks_uri", "http://10.0.0.1/keys"),
    ] {
        let lab = Lab::with_metadata(json!({name: url})).await;
        let oidc = lab.open(&json!({}));
        let refused = lab.log_in(&oidc, json!({})).await;
        assert!(
            matches!(&refused, Err(ConnectorError::Upstream(said)) if said.contains("address")),
            "{url}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn discovery_cannot_lead_browsers_to_something_that_is_no_web_address() {
    let script = json!({"authorization_endpoint": "javascript:alert(1)"});
    let lab = Lab::with_metadata(script).await;
    let refused = lab.open(&json!({})).begin(&a_login()).await;
    assert!(
        matches!(refused, Err(ConnectorError::Upstream(_))),
        "{refused:?}"
    );
}
