use insula_ambient::{SeededEntropy, Timestamp};
use serde_json::json;

use super::*;
use crate::{Expected, RotationPolicy, test_keys};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn master(seed: u64) -> MasterKey {
    MasterKey::generate(&SeededEntropy::new(seed))
}

/// Every algorithm is active, one key is announced, one retiring.
fn ring() -> KeyRing {
    let policy = RotationPolicy {
        algs: Alg::ALL.to_vec(),
        ..RotationPolicy::default()
    };
    let empty = KeyRing::empty(&SeededEntropy::new(1));
    let active = Alg::ALL.into_iter().fold(empty, |ring, alg| {
        ring.with_active(test_keys::key(alg, alg.as_str()), NOW, &policy)
    });
    active
        .with_announced(test_keys::key(Alg::EdDSA, "next"), NOW)
        .promoted(&KeyId::new("next"), NOW, &policy)
        .with_announced(test_keys::key(Alg::ES256, "after"), NOW)
}

fn sealed() -> Vec<u8> {
    SealedKeyRing::seal(&ring(), &master(1), "acme", &SeededEntropy::new(2)).unwrap()
}

#[test]
fn a_ring_comes_back_as_it_was() {
    let again = SealedKeyRing::open(&sealed(), &master(1), "acme").unwrap();
    let ring = ring();
    assert_eq!(again.version(), ring.version());
    assert_eq!(again.jwks_json(), ring.jwks_json());
    assert_eq!(again.derive("x"), ring.derive("x"));
    assert_eq!(again.longest_token_life(), Duration::from_hours(24));
    assert_eq!(format!("{again:?}"), format!("{ring:?}"));
    for (a, b) in again.keys().iter().zip(ring.keys()) {
        assert_eq!(a.key().is_some(), b.key().is_some(), "{}", a.kid());
    }
}

#[test]
fn a_reopened_ring_signs_and_verifies_also_with_its_retiring_key() {
    let again = SealedKeyRing::open(&sealed(), &master(1), "acme").unwrap();
    let claims = json!({"iss": "i", "exp": NOW.as_secs() + 60});
    let expected = Expected::from_issuer("i");
    for alg in Alg::ALL {
        let token = again.signing_key(alg).unwrap().sign(None, &claims).unwrap();
        assert!(ring().verify(&token, NOW, &expected).is_ok(), "{alg}");
    }
    let retired = test_keys::key(Alg::EdDSA, "EdDSA")
        .sign(None, &claims)
        .unwrap();
    assert!(again.verify(&retired, NOW, &expected).is_ok());
}

#[test]
fn another_tenant_another_key_and_any_change_are_refused() {
    let refused =
        |sealed: &[u8], key, tenant| SealedKeyRing::open(sealed, &master(key), tenant).unwrap_err();
    assert_eq!(refused(&sealed(), 1, "globex"), SealError::Refused);
    assert_eq!(refused(&sealed(), 2, "acme"), SealError::Refused);
    let mut flipped = sealed();
    flipped[100] ^= 1;
    assert_eq!(refused(&flipped, 1, "acme"), SealError::Refused);
    let cut = &sealed()[..sealed().len() - 1];
    assert_eq!(refused(cut, 1, "acme"), SealError::Refused);
    assert_eq!(refused(&[], 1, "acme"), SealError::TooShort { bytes: 0 });
}

#[test]
fn no_private_key_is_readable_in_what_is_stored() {
    let (sealed, der) = (sealed(), test_keys::pkcs8(Alg::EdDSA));
    assert!(
        !sealed
            .windows(16)
            .any(|window| der.windows(16).any(|secret| secret == window))
    );
}

#[test]
fn content_that_opens_but_is_no_ring_is_named_and_not_quoted() {
    let text =
        |json: &str| master(1).seal(&context("acme"), json.as_bytes(), &SeededEntropy::new(3));
    for (json, cause) in [
        ("", "EOF"),
        ("{}", "missing field `version`"),
        (r#"{"version":1,"secret":"c2hvcnQ=","keys":[]}"#, "32 bytes"),
        (
            r#"{"version":1,"secret":"!!hush!!","keys":[]}"#,
            "a secret is not base64",
        ),
    ] {
        let refused = SealedKeyRing::open(&text(json), &master(1), "acme").unwrap_err();
        assert!(matches!(refused, SealError::Content { .. }));
        let message = refused.to_string();
        assert!(
            message.contains(cause) && !message.contains("hush"),
            "{message}"
        );
    }
    let secret = BASE64.encode(&[0; 32]);
    let key = json!({"alg": "ES256", "kid": "k", "phase": {"active": {"since": 0}},
        "material": {"public_jwk": {"kty": "RSA"}}});
    let ring = json!({"version": 1, "secret": secret, "keys": [key]}).to_string();
    let refused = SealedKeyRing::open(&text(&ring), &master(1), "acme")
        .unwrap_err()
        .to_string();
    assert!(
        refused.ends_with("the public key k is not a usable ES256 key"),
        "{refused}"
    );
}

#[test]
fn a_ring_keeps_its_promises_and_one_sealed_before_there_were_any_is_read() {
    let promising = ring().promising(Alg::PS256);
    let sealed = |ring: &KeyRing| {
        SealedKeyRing::seal(ring, &master(1), "acme", &SeededEntropy::new(2)).unwrap()
    };
    let again = SealedKeyRing::open(&sealed(&promising), &master(1), "acme").unwrap();
    assert_eq!(again.promised(), [Alg::PS256]);

    // As a version before this one wrote it.
    let json = master(1).open("key-ring/acme", &sealed(&ring())).unwrap();
    let mut old: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(
        old.get("promised"),
        None,
        "nor does this one where there is none"
    );
    for key in old["keys"].as_array_mut().unwrap() {
        key.as_object_mut().unwrap().remove("public_jwk");
    }
    let json = serde_json::to_vec(&old).unwrap();
    let old = master(1).seal("key-ring/acme", &json, &SeededEntropy::new(3));
    let old = SealedKeyRing::open(&old, &master(1), "acme").unwrap();
    assert_eq!(old.jwks_json(), ring().jwks_json());
    let token = old
        .signing_key(Alg::RS256)
        .unwrap()
        .sign(None, &json!({"iss": "i"}));
    assert!(
        ring()
            .verify(
                &token.unwrap(),
                NOW,
                &Expected::from_issuer("i").even_expired()
            )
            .is_ok()
    );
}

#[test]
fn the_rsa_keys_of_a_reopened_ring_are_parsed_when_they_sign() {
    let parsed = RsaKeys::new(8);
    let ring = SealedKeyRing::open_parking(&sealed(), &master(1), "acme", &parsed).unwrap();
    assert!(parsed.is_empty());
    for (alg, len) in [
        (Alg::ES256, 0),
        (Alg::RS256, 1),
        (Alg::RS256, 1),
        (Alg::PS256, 2),
    ] {
        ring.signing_key(alg)
            .unwrap()
            .sign(None, &json!({}))
            .unwrap();
        assert_eq!(parsed.len(), len, "{alg}");
    }
    drop(ring);
    assert!(parsed.is_empty());
}
