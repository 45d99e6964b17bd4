use std::time::Duration;

use insula_ambient::SeededEntropy;
use serde_json::json;

use super::*;
use crate::{RotationPolicy, test_keys};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const ISSUER: &str = "https://acme.test";

fn policy() -> RotationPolicy {
    RotationPolicy {
        algs: vec![Alg::EdDSA],
        ..RotationPolicy::default()
    }
}

fn ring() -> KeyRing {
    KeyRing::empty(&SeededEntropy::new(1))
}

/// A ring with one key in every phase, added in the least convenient order.
fn full_ring() -> KeyRing {
    let policy = policy();
    ring()
        .with_active(test_keys::key(Alg::EdDSA, "old"), NOW, &policy)
        .with_announced(test_keys::key(Alg::EdDSA, "now"), NOW)
        .promoted(&KeyId::new("now"), NOW, &policy)
        .with_announced(test_keys::key(Alg::EdDSA, "next"), NOW)
}

fn token(kid: &str) -> String {
    let claims = json!({"iss": ISSUER, "sub": "u1", "exp": NOW.as_secs() + 60});
    test_keys::key(Alg::EdDSA, kid).sign(None, &claims).unwrap()
}

#[test]
fn an_empty_ring_publishes_an_empty_set() {
    assert_eq!(&*ring().jwks_json(), r#"{"keys":[]}"#);
    assert_eq!(ring().version(), 0);
    assert!(ring().signing_key(Alg::EdDSA).is_none());
}

#[test]
fn the_set_lists_active_then_announced_then_retiring_keys() {
    let set: Value = serde_json::from_str(&full_ring().jwks_json()).unwrap();
    let kids: Vec<&str> = set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|jwk| jwk["kid"].as_str().unwrap())
        .collect();
    assert_eq!(kids, ["now", "next", "old"]);
    assert_eq!(set["keys"][0], *full_ring().keys()[0].public_jwk());
    assert_eq!(set["keys"][0]["alg"], "EdDSA");
}

#[test]
fn only_the_active_key_signs_and_a_retiring_one_has_lost_its_private_half() {
    let ring = full_ring();
    assert_eq!(
        ring.signing_key(Alg::EdDSA).unwrap().kid(),
        &KeyId::new("now")
    );
    let holders: Vec<&str> = ring
        .keys()
        .iter()
        .filter(|key| key.key().is_some())
        .map(|key| key.kid().as_str())
        .collect();
    assert_eq!(holders, ["now", "next"]);
}

#[test]
fn every_published_key_verifies_and_a_dropped_one_is_unknown() {
    let ring = full_ring();
    let expected = Expected::from_issuer(ISSUER);
    for kid in ["old", "now", "next"] {
        assert_eq!(
            ring.verify(&token(kid), NOW, &expected).unwrap().str("sub"),
            Some("u1")
        );
    }
    let dropped = ring.without(&KeyId::new("old"));
    assert_eq!(
        dropped.verify(&token("old"), NOW, &expected),
        Err(VerifyError::UnknownKid)
    );
}

#[test]
fn a_token_of_ours_must_name_its_key_and_its_keys_algorithm() {
    let ring = full_ring();
    let expected = Expected::from_issuer(ISSUER);
    let stranger = test_keys::key(Alg::ES256, "now")
        .sign(None, &json!({"iss": ISSUER}))
        .unwrap();
    assert_eq!(
        ring.verify(&stranger, NOW, &expected),
        Err(VerifyError::AlgMismatch)
    );
    // {"alg":"EdDSA"} with the body and signature of a good token.
    let (_, rest) = token("now")
        .split_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let unnamed = format!("eyJhbGciOiJFZERTQSJ9.{rest}");
    assert_eq!(
        ring.verify(&unnamed, NOW, &expected),
        Err(VerifyError::UnknownKid)
    );
}

#[test]
fn the_caller_says_what_it_expects() {
    let ring = full_ring();
    let late = NOW + Duration::from_hours(1);
    let expected = Expected::from_issuer(ISSUER);
    let verify = |expected: &Expected| ring.verify(&token("now"), late, expected).map(drop);
    assert_eq!(verify(&expected), Err(VerifyError::Expired));
    assert_eq!(verify(&expected.even_expired()), Ok(()));
    assert_eq!(
        verify(&expected.typed("at+jwt")),
        Err(VerifyError::WrongTyp)
    );
    let other = Expected::from_issuer("https://globex.test").even_expired();
    assert_eq!(verify(&other), Err(VerifyError::WrongIssuer));
}

#[test]
fn derived_secrets_differ_by_label_and_by_ring_and_outlive_a_rotation() {
    let (a, b) = (ring(), KeyRing::empty(&SeededEntropy::new(2)));
    assert_ne!(a.derive("cookies"), a.derive("refresh"));
    assert_ne!(a.derive("cookies"), b.derive("cookies"));
    assert_eq!(a.derive("cookies"), full_ring().derive("cookies"));
}

#[test]
fn debug_shows_keys_by_name_and_no_secret() {
    let shown = format!("{:?}", full_ring());
    assert!(shown.contains("EdDSA now Active"), "{shown}");
    assert!(shown.contains("version: 4"), "{shown}");
    assert!(!shown.contains("secret"), "{shown}");
}
