use super::*;

#[test]
fn one_key_with_an_unknown_algorithm_does_not_spoil_the_set() {
    let key = test_keys::key(Alg::RS256, "k1");
    let jwk = key.public_jwk();
    let jwks = set(&[
        &with(&with(jwk, "alg", "RSA-OAEP-512"), "kid", "enc"),
        &json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}),
        &json!("not even an object"),
        jwk,
    ]);
    assert_eq!(jwks.len(), 1);
    assert_eq!(verdict(&jwks, &key.sign(None, &claims()).unwrap()), Ok(()));
}

#[test]
fn keys_that_nobody_should_trust_are_skipped() {
    let rsa = test_keys::key(Alg::RS256, "k1").public_jwk().clone();
    let ec = test_keys::key(Alg::ES256, "k1").public_jwk().clone();
    let ed = test_keys::key(Alg::EdDSA, "k1").public_jwk().clone();
    // NOT-SECRET: the modulus of a discarded key of 1024 bits.
    let short = "x7SFNffBB6KydcbEq8B5_HaGOK6lHPv59xP9WV22nOn0O05HkrAWQvmylQh99lsesLh79LMx1NoDLUdgnSa7QM40tBPxJGSCThah2hQtGN_c0EZ8WBzSErqAFrBFCq0JxIN2laPqkENgp4lGBmgpDhjuYsytKmHaFMrp18wP-q8";
    for (why, jwk) in [
        ("for encryption", with(&rsa, "use", "enc")),
        ("use is no string", with(&rsa, "use", 1)),
        (
            "not for verifying",
            with(&rsa, "key_ops", json!(["encrypt"])),
        ),
        (
            "its private half is public",
            with(&ec, "d", base64url([1; 32])),
        ),
        ("1024 bits", with(&rsa, "n", short)),
        ("a modulus of nothing", with(&rsa, "n", "")),
        (
            "a modulus without end",
            with(&rsa, "n", base64url([0xff; 4096])),
        ),
        ("exponent 1", with(&rsa, "e", "AQ")),
        ("an even exponent", with(&rsa, "e", "AQAA")),
        ("a long exponent", with(&rsa, "e", base64url([0xff; 64]))),
        ("no exponent", without(&rsa, "e")),
        ("padding", with(&rsa, "e", "AQAB==")),
        ("RSA for ES256", with(&rsa, "alg", "ES256")),
        ("EC for RS256", with(&ec, "alg", "RS256")),
        ("P-256 for ES384", with(&ec, "alg", "ES384")),
        ("Ed25519 for ES256", with(&ed, "alg", "ES256")),
        ("HS256", with(&rsa, "alg", "HS256")),
        ("none", with(&rsa, "alg", "none")),
        ("alg is no string", with(&rsa, "alg", 256)),
        ("off the curve", with(&ec, "x", base64url([1; 32]))),
        (
            "at infinity",
            with(&with(&ec, "x", base64url([0; 32])), "y", base64url([0; 32])),
        ),
        ("a short coordinate", with(&ec, "x", base64url([1; 31]))),
        ("a long coordinate", with(&ec, "y", base64url([0; 33]))),
        ("another curve", with(&ec, "crv", "secp256k1")),
        ("EC on Ed25519", with(&ec, "crv", "Ed25519")),
        ("OKP on P-256", with(&ed, "crv", "P-256")),
        ("Ed448", with(&ed, "crv", "Ed448")),
        ("a short Ed25519", with(&ed, "x", base64url([1; 31]))),
        ("an SPKI as Ed25519", with(&ed, "x", base64url([0x30; 44]))),
        ("kid is no string", with(&ed, "kid", 7)),
        ("no type", without(&ed, "kty")),
    ] {
        assert!(set(&[&jwk]).is_empty(), "{why}");
    }
}

#[test]
fn members_that_do_not_concern_us_do_not_matter() {
    let key = test_keys::key(Alg::EdDSA, "k1");
    let mut jwk = with(key.public_jwk(), "x5t#S256", "AAAA");
    jwk["x5c"] = json!("not an array");
    jwk["key_ops"] = json!(["verify", "somethingNew"]);
    jwk["issuer"] = json!({"a": [1, 2]});
    assert_eq!(
        verdict(&set(&[&jwk]), &key.sign(None, &claims()).unwrap()),
        Ok(())
    );
}

#[test]
fn members_that_are_null_or_empty_are_absent() {
    let key = test_keys::key(Alg::EdDSA, "k1");
    let token = key.sign(None, &claims()).unwrap();
    for empty in [Value::Null, json!("")] {
        for member in ["use", "key_ops", "alg", "d", "x5c"] {
            let jwk = with(key.public_jwk(), member, empty.clone());
            assert_eq!(verdict(&set(&[&jwk]), &token), Ok(()), "{member}: {empty}");
        }
        let nameless = with(key.public_jwk(), "kid", empty.clone());
        let header = json!({"alg": "EdDSA", "kid": empty, "typ": empty}).to_string();
        let by_nobody = super::token(&header, by(&key));
        assert_eq!(verdict(&set(&[&nameless]), &by_nobody), Ok(()), "{empty}");
    }
}

#[test]
fn claims_that_are_null_or_empty_are_absent_and_named_if_they_are_needed() {
    let key = test_keys::key(Alg::EdDSA, "k1");
    let jwks = set(&[key.public_jwk()]);
    for empty in [Value::Null, json!("")] {
        for (member, verdict) in [
            ("nbf", Ok(())),
            ("iat", Ok(())),
            ("iss", Err(VerifyError::MissingClaim("iss"))),
            ("aud", Err(VerifyError::MissingClaim("aud"))),
            ("exp", Err(VerifyError::MissingClaim("exp"))),
        ] {
            let claims = with(&claims(), member, empty.clone());
            let token = key.sign(None, &claims).unwrap();
            let told = jwks.verify(&token, NOW, &expected());
            assert_eq!(told.map(drop), verdict, "{member}: {empty}");
        }
    }
}

#[test]
fn a_key_that_changed_under_its_kid_is_a_new_one() {
    let made = || SigningKey::generate(Alg::EdDSA, crate::KeyId::new("k1")).unwrap();
    let (one, other) = (made(), made());
    let [before, again, after] = [&one, &one, &other].map(|key| set(&[key.public_jwk()]));
    assert!(!again.has_more_than(&before));
    assert!(after.has_more_than(&before));
    let both = set(&[one.public_jwk(), other.public_jwk()]);
    assert!(both.has_more_than(&before) && !before.has_more_than(&both));
}

#[test]
fn what_is_no_set_is_refused_with_its_cause() {
    assert!(matches!(
        Jwks::parse("<html>"),
        Err(JwksError::NotJson { .. })
    ));
    for no_keys in ["{}", "[]", "null", r#"{"keys":{}}"#] {
        assert!(
            matches!(Jwks::parse(no_keys), Err(JwksError::NoKeys)),
            "{no_keys}"
        );
    }
    let long = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(LARGEST_SET));
    assert!(matches!(
        Jwks::parse(&long),
        Err(JwksError::TooLarge { .. })
    ));
    let deep = format!(r#"{{"keys":{}"#, "[".repeat(100_000));
    assert!(matches!(Jwks::parse(&deep), Err(JwksError::NotJson { .. })));
    assert!(Jwks::parse(r#"{"keys":[]}"#).unwrap().is_empty());
}

#[test]
fn only_the_first_sixty_four_usable_keys_are_kept() {
    let key = test_keys::key(Alg::EdDSA, "k1");
    let jwks: Vec<Value> = (0..100)
        .map(|n| with(key.public_jwk(), "kid", n.to_string()))
        .collect();
    assert_eq!(set(&jwks.iter().collect::<Vec<_>>()).len(), 64);
}
