use insula_ambient::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::{Expected, Jwks, test_keys};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn decoded(part: &str) -> String {
    String::from_utf8(BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}

fn jwks_of(key: &SigningKey) -> Jwks {
    Jwks::parse(&json!({"keys": [key.public_jwk()]}).to_string()).unwrap()
}

#[test]
fn a_token_of_every_algorithm_verifies_with_the_published_key() {
    for alg in Alg::ALL {
        let key = test_keys::key(alg, "k1");
        let claims = json!({"iss": "https://acme.test", "exp": NOW.as_secs() + 1});
        let token = key.sign(None, &claims).unwrap();
        let verified =
            jwks_of(&key).verify(&token, NOW, &Expected::from_issuer("https://acme.test"));
        assert_eq!(
            verified.unwrap().into_map(),
            *claims.as_object().unwrap(),
            "{alg}"
        );
    }
}

#[test]
fn the_header_is_alg_and_kid_and_typ_if_there_is_one() {
    for alg in Alg::ALL {
        let key = test_keys::key(alg, "k1");
        let header = |typ| decoded(key.sign(typ, &()).unwrap().split('.').next().unwrap());
        assert_eq!(header(None), format!(r#"{{"alg":"{alg}","kid":"k1"}}"#));
        assert_eq!(
            header(Some("at+jwt")),
            format!(r#"{{"alg":"{alg}","kid":"k1","typ":"at+jwt"}}"#)
        );
    }
}

#[test]
fn signatures_have_the_lengths_of_rfc_7518() {
    for (alg, octets) in [
        (Alg::RS256, 256),
        (Alg::PS256, 256),
        (Alg::ES256, 64),
        (Alg::ES384, 96),
        (Alg::EdDSA, 64),
    ] {
        let token = test_keys::key(alg, "k1").sign(None, &json!({})).unwrap();
        let signature = token.rsplit('.').next().unwrap();
        assert_eq!(
            BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap().len(),
            octets,
            "{alg}"
        );
    }
}

#[test]
fn the_public_jwk_has_the_members_of_its_type_and_no_private_one() {
    for (alg, material) in [
        (Alg::RS256, ["e", "n"].as_slice()),
        (Alg::PS256, &["e", "n"]),
        (Alg::ES256, &["crv", "x", "y"]),
        (Alg::ES384, &["crv", "x", "y"]),
        (Alg::EdDSA, &["crv", "x"]),
    ] {
        let key = test_keys::key(alg, "k1");
        let jwk = key.public_jwk().as_object().unwrap();
        let mut members: Vec<&str> = jwk.keys().map(String::as_str).collect();
        let mut expected = [&["alg", "kid", "kty", "use"], material].concat();
        members.sort_unstable();
        expected.sort_unstable();
        assert_eq!(members, expected, "{alg}");
        assert_eq!(jwk["use"], "sig");
        assert_eq!(jwk["kid"], "k1");
        assert_eq!(jwk["alg"], alg.as_str());
    }
    assert_eq!(test_keys::key(Alg::RS256, "k1").public_jwk()["e"], "AQAB");
}

#[test]
fn a_key_survives_its_way_through_pkcs8() {
    for alg in Alg::ALL {
        let key = test_keys::key(alg, "k1");
        let der = key.to_pkcs8().unwrap();
        let again = SigningKey::from_pkcs8(alg, KeyId::new("k1"), der.reveal()).unwrap();
        assert_eq!(again.public_jwk(), key.public_jwk(), "{alg}");
    }
}

#[test]
fn a_generated_key_signs_and_is_stored_and_differs_from_the_next() {
    for alg in [Alg::ES256, Alg::ES384, Alg::EdDSA] {
        let make = || SigningKey::generate(alg, KeyId::new("k1")).unwrap();
        let key = make();
        let again = SigningKey::from_pkcs8(alg, KeyId::new("k1"), key.to_pkcs8().unwrap().reveal());
        assert_eq!(again.unwrap().public_jwk(), key.public_jwk());
        assert_ne!(make().public_jwk(), key.public_jwk());
    }
}

#[test]
fn a_generated_rsa_key_has_2048_bits_and_the_usual_exponent() {
    let key = SigningKey::generate(Alg::RS256, KeyId::new("k1")).unwrap();
    let modulus = BASE64URL_NOPAD
        .decode(key.public_jwk()["n"].as_str().unwrap().as_bytes())
        .unwrap();
    assert_eq!((modulus.len(), modulus[0] >> 7), (256, 1));
    assert_eq!(key.public_jwk()["e"], "AQAB");
}

#[test]
fn a_key_of_another_type_or_curve_is_rejected_with_its_name() {
    for (alg, of) in [
        (Alg::RS256, Alg::ES256),
        (Alg::ES256, Alg::RS256),
        (Alg::ES256, Alg::ES384),
        (Alg::ES384, Alg::ES256),
        (Alg::EdDSA, Alg::ES256),
    ] {
        let refused = SigningKey::from_pkcs8(alg, KeyId::new("k"), &test_keys::pkcs8(of));
        let message = refused.unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("the key is no usable {alg} private key")),
            "{message}"
        );
    }
    assert!(SigningKey::from_pkcs8(Alg::RS256, KeyId::new("k"), b"").is_err());
}

#[test]
fn claims_that_are_no_json_are_an_error_and_not_a_token() {
    let unkeyed: std::collections::HashMap<Vec<u8>, Value> = [(vec![1], Value::Null)].into();
    let refused = test_keys::key(Alg::EdDSA, "k1").sign(None, &unkeyed);
    assert!(matches!(refused, Err(JoseError::Claims { .. })));
}

#[test]
fn debug_names_the_key_and_nothing_else() {
    assert_eq!(
        format!("{:?}", test_keys::key(Alg::EdDSA, "k1")),
        "SigningKey(EdDSA k1)"
    );
}
