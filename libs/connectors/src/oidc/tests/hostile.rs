//! What a forger, a thief or a broken provider might answer.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use insula_connector_kit::{Connector, ConnectorError};
use insula_jose::{Alg, KeyId, SigningKey, hmac_sha256, left_half_hash};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::lab::{CLIENT, Lab, bad_reply, begin, query};
use crate::testing::{NOW, a_login};

fn encoded(json: &Value) -> String {
    BASE64URL_NOPAD.encode(json.to_string().as_bytes())
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
        (json!({"aud": [CLIENT, "other"]}), "\"azp\""),
        (json!({"aud": ["other", CLIENT], "azp": null}), "\"azp\""),
        (json!({"aud": ["other", CLIENT], "azp": ""}), "\"azp\""),
        (json!({"aud": ["other"], "azp": CLIENT}), "audience"),
        (json!({"exp": NOW.as_secs() - 61}), "expired"),
        (json!({"exp": null}), "exp"),
        (json!({"nbf": NOW.as_secs() + 3600}), "not valid yet"),
        (json!({"sub": null}), "\"sub\""),
        (json!({"sub": ""}), "\"sub\""),
        (json!({"sub": 7}), "\"sub\""),
        (json!({"sub": ["jane-1"]}), "\"sub\""),
        (json!({"iat": null}), "\"iat\""),
        (json!({"iat": "now"}), "iat"),
        (json!({"iat": NOW.as_secs() + 61}), "not valid yet"),
    ] {
        let said = bad_reply(lab.log_in(&oidc, claims.clone()).await);
        assert!(said.contains(reason), "{claims}: {said}");
    }
    for several in [
        json!({"aud": ["other", CLIENT], "azp": CLIENT}),
        json!({"aud": [CLIENT]}),
        json!({"aud": [CLIENT, CLIENT]}),
        json!({"azp": CLIENT}),
    ] {
        assert!(
            lab.log_in(&oidc, several.clone()).await.is_ok(),
            "{several}"
        );
    }
}

#[tokio::test]
async fn userinfo_does_not_say_what_the_id_token_must() {
    let lab = Lab::new().await;
    let userinfo = json!({"sub": "root", "iss": lab.server.uri(), "aud": CLIENT,
        "iat": NOW.as_secs(), "exp": NOW.as_secs() + 300});
    lab.serve_userinfo(userinfo).await;
    let oidc = lab.open(&json!({"getUserInfo": true}));
    for missing in ["iss", "sub", "aud", "exp", "iat"] {
        let said = bad_reply(lab.log_in(&oidc, json!({missing: null})).await);
        assert!(
            said.contains("ID token") && said.contains(missing),
            "{said}"
        );
    }
    assert_eq!(lab.calls("/userinfo").await.len(), 0, "nobody asked it");
}

#[tokio::test]
async fn userinfo_does_not_change_how_the_person_logged_in() {
    let lab = Lab::new().await;
    lab.serve_userinfo(json!({"sub": "jane-1", "amr": ["hwk"], "acr": "hw", "auth_time": 1}))
        .await;
    let oidc = lab.open(&json!({"getUserInfo": true}));
    let identity = lab.log_in(&oidc, json!({"amr": "pwd"})).await.unwrap();
    assert_eq!(identity.amr, ["pwd"]);
    assert_eq!(identity.acr, None);
}

#[tokio::test]
async fn an_acr_nobody_understands_is_none_and_keeps_nobody_out() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({}));
    for (acr, told) in [
        (json!("urn:two"), Some("urn:two")),
        (json!(0), Some("0")),
        (json!({"level": 2}), None),
        (json!(["a", "b"]), None),
        (json!("x".repeat(256)), None),
    ] {
        let identity = lab.log_in(&oidc, json!({"acr": acr})).await.unwrap();
        assert_eq!(identity.acr.as_deref(), told, "{acr}");
    }
}

#[tokio::test]
async fn an_address_is_not_verified_by_another_document() {
    let lab = Lab::new().await;
    lab.serve_userinfo(json!({"sub": "jane-1", "email": "boss@idp.test"}))
        .await;
    let oidc = lab.open(&json!({"getUserInfo": true}));
    let claims = lab.log_in(&oidc, json!({})).await.unwrap().claims;
    assert_eq!(
        (claims.email.as_str(), claims.email_verified),
        ("boss@idp.test", false)
    );
}

#[tokio::test]
async fn what_an_upstream_leaves_empty_is_absent_in_every_document() {
    for empty in [Value::Null, json!("")] {
        let lab = Lab::with_metadata(json!({
            "code_challenge_methods_supported": empty,
            "token_endpoint_auth_methods_supported": empty,
            "authorization_response_iss_parameter_supported": empty,
            "end_session_endpoint": empty,
        }))
        .await;
        lab.serve_userinfo(json!({"sub": "jane-1", "name": empty, "email": empty,
            "email_verified": empty, "groups": empty, "preferred_username": empty}))
            .await;
        let oidc = lab.open(&json!({"getUserInfo": true, "insecureEnableGroups": true}));
        let (asked, memory) = begin(&oidc, &a_login()).await;
        let mut claims = lab.claims(&asked["nonce"]);
        for optional in ["azp", "nbf", "at_hash", "auth_time", "acr", "amr", "groups"] {
            claims[optional] = empty.clone();
        }
        let id_token = lab.key.sign(None, &claims).unwrap();
        let tokens = json!({"access_token": "at", "token_type": empty, "refresh_token": empty,
            "error": empty, "id_token": id_token});
        lab.serve_tokens_once(ResponseTemplate::new(200).set_body_json(tokens))
            .await;
        let answer = oidc
            .complete(&a_login(), &memory, query("code=c&error=&iss="))
            .await;
        let claims = answer.unwrap().claims;
        assert_eq!(
            (claims.username.as_str(), claims.email_verified),
            ("Jane", true)
        );
    }
}

#[tokio::test]
async fn what_an_upstream_needs_to_say_is_named_if_it_is_missing_or_odd() {
    for (metadata, named) in [
        (json!({"issuer": null}), "\"issuer\""),
        (
            json!({"authorization_endpoint": ""}),
            "\"authorization_endpoint\"",
        ),
        (json!({"token_endpoint": null}), "\"token_endpoint\""),
        (json!({"jwks_uri": {}}), "\"jwks_uri\""),
        (
            json!({"code_challenge_methods_supported": true}),
            "\"code_challenge_methods_supported\"",
        ),
    ] {
        let lab = Lab::with_metadata(metadata.clone()).await;
        let refused = lab.open(&json!({})).begin(&a_login()).await;
        let said = refused.unwrap_err().to_string();
        assert!(
            said.contains(named) && said.contains("discovery"),
            "{metadata}: {said}"
        );
    }
    let lab = Lab::with_metadata(json!({"userinfo_endpoint": null})).await;
    let oidc = lab.open(&json!({"getUserInfo": true}));
    let said = lab.log_in(&oidc, json!({})).await.unwrap_err().to_string();
    assert!(said.contains("\"userinfo_endpoint\""), "{said}");
}

#[tokio::test]
async fn an_id_token_of_another_access_token_is_refused() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({}));
    let right = left_half_hash(Alg::ES256, "at");
    assert!(lab.log_in(&oidc, json!({"at_hash": right})).await.is_ok());
    for wrong in [
        json!(left_half_hash(Alg::ES256, "another")),
        json!(left_half_hash(Alg::ES384, "at")),
        json!(7),
        json!([right]),
    ] {
        let said = bad_reply(lab.log_in(&oidc, json!({"at_hash": wrong})).await);
        assert!(said.contains("\"at_hash\""), "{said}");
    }
}

#[tokio::test]
async fn a_key_that_changed_under_its_kid_is_looked_for_once() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({}));
    lab.log_in(&oidc, json!({})).await.unwrap();
    let replaced = SigningKey::generate(Alg::ES256, KeyId::new("k1")).unwrap();
    let again = SigningKey::generate(Alg::EdDSA, KeyId::new("k1")).unwrap();
    let by = |key: &SigningKey, nonce: &str| key.sign(None, &lab.claims(nonce)).unwrap();

    lab.clock.advance(Duration::from_secs(10));
    let forged = SigningKey::generate(Alg::ES256, KeyId::new("k1")).unwrap();
    for _ in 0..3 {
        let said = bad_reply(lab.log_in_with(&oidc, |nonce| by(&forged, nonce)).await);
        assert!(said.contains("signature"), "{said}");
    }
    assert_eq!(lab.calls("/keys").await.len(), 2, "a flood costs one look");

    lab.clock.advance(Duration::from_secs(10));
    lab.server.reset().await;
    lab.serve_keys(json!([replaced.public_jwk()]), Some(1))
        .await;
    lab.serve_keys(json!([again.public_jwk()]), None).await;
    assert!(
        lab.log_in_with(&oidc, |nonce| by(&replaced, nonce))
            .await
            .is_ok()
    );
    // It changes its keys again at once, now of another kind.
    assert!(
        lab.log_in_with(&oidc, |nonce| by(&again, nonce))
            .await
            .is_ok()
    );
    bad_reply(lab.log_in_with(&oidc, |nonce| by(&forged, nonce)).await);
    assert_eq!(
        lab.calls("/keys").await.len(),
        2,
        "no third look within ten seconds"
    );
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
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&mac))
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
            matches!(&refused, Err(ConnectorError::Settings(said)) if said.contains("address")),
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
