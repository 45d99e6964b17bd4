use super::*;

#[test]
fn an_unknown_kid_is_told_apart_so_that_the_set_can_be_fetched_anew() {
    let key = test_keys::key(Alg::EdDSA, "new");
    let jwks = set(&[test_keys::key(Alg::EdDSA, "old").public_jwk()]);
    let token = key.sign(None, &claims()).unwrap();
    assert_eq!(verdict(&jwks, &token), Err(VerifyError::UnknownKid));
}

#[test]
fn a_token_without_kid_is_tried_with_at_most_eight_keys_of_its_algorithm() {
    let key = test_keys::key(Alg::EdDSA, "k1");
    let unnamed = token(r#"{"alg":"EdDSA"}"#, by(&key));
    let strangers: Vec<Value> = (0..8)
        .map(|n| SigningKey::generate(Alg::EdDSA, crate::KeyId::new(n.to_string())).unwrap())
        .map(|key| key.public_jwk().clone())
        .collect();
    let other_type = test_keys::key(Alg::ES256, "k2");

    let mut seven: Vec<&Value> = strangers.iter().take(7).collect();
    seven.extend([other_type.public_jwk(), key.public_jwk()]);
    assert_eq!(verdict(&set(&seven), &unnamed), Ok(()));

    let mut eight: Vec<&Value> = strangers.iter().collect();
    eight.push(key.public_jwk());
    assert_eq!(
        verdict(&set(&eight), &unnamed),
        Err(VerifyError::UnknownKid)
    );
}

#[test]
fn two_keys_may_share_a_kid_when_their_types_differ() {
    let (ed, ec) = (
        test_keys::key(Alg::EdDSA, "k1"),
        test_keys::key(Alg::ES256, "k1"),
    );
    let jwks = set(&[ed.public_jwk(), ec.public_jwk()]);
    for key in [&ed, &ec] {
        let token = key.sign(None, &claims()).unwrap();
        assert_eq!(verdict(&jwks, &token), Ok(()));
    }
    let forged = token(r#"{"alg":"EdDSA","kid":"k1"}"#, |_| vec![1; 64]);
    assert_eq!(verdict(&jwks, &forged), Err(VerifyError::BadSignature));
}

#[test]
fn a_changed_payload_is_a_bad_signature_and_its_claims_are_not_read() {
    let key = test_keys::key(Alg::ES384, "k1");
    let token = key.sign(None, &claims()).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let changed = [parts[0], &base64url("not json"), parts[2]].join(".");
    let jwks = set(&[key.public_jwk()]);
    assert_eq!(verdict(&jwks, &changed), Err(VerifyError::BadSignature));
}

#[test]
fn every_rsa_algorithm_of_an_upstream_verifies_with_a_key_that_names_none() {
    let pair = RsaKeyPair::from_pkcs8(&test_keys::pkcs8(Alg::RS256)).unwrap();
    let jwk = test_keys::key(Alg::RS256, "k1").public_jwk().clone();
    let any = set(&[&without(&jwk, "alg")]);
    let table: [(&str, &'static dyn RsaEncoding); 6] = [
        ("RS256", &signature::RSA_PKCS1_SHA256),
        ("RS384", &signature::RSA_PKCS1_SHA384),
        ("RS512", &signature::RSA_PKCS1_SHA512),
        ("PS256", &signature::RSA_PSS_SHA256),
        ("PS384", &signature::RSA_PSS_SHA384),
        ("PS512", &signature::RSA_PSS_SHA512),
    ];
    for (alg, encoding) in table {
        let token = token(&json!({"alg": alg, "kid": "k1"}).to_string(), |message| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
                .unwrap();
            signature
        });
        assert_eq!(verdict(&any, &token), Ok(()), "{alg}");
        assert_eq!(
            verdict(&set(&[&with(&jwk, "alg", alg)]), &token),
            Ok(()),
            "{alg}"
        );
    }
}

#[test]
fn es512_of_an_upstream_verifies() {
    use signature::KeyPair as _;
    let curve = &signature::ECDSA_P521_SHA512_FIXED_SIGNING;
    let pair = EcdsaKeyPair::from_pkcs8(curve, &test_keys::p521_pkcs8()).unwrap();
    let point = &pair.public_key().as_ref()[1..];
    let (x, y) = point.split_at(66);
    let jwk =
        json!({"kty": "EC", "crv": "P-521", "kid": "k1", "x": base64url(x), "y": base64url(y)});
    let token = token(r#"{"alg":"ES512","kid":"k1"}"#, |message| {
        pair.sign(&SystemRandom::new(), message)
            .unwrap()
            .as_ref()
            .to_vec()
    });
    assert_eq!(verdict(&set(&[&jwk]), &token), Ok(()));
}
