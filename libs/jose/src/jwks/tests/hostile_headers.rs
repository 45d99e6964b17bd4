use super::*;

#[test]
fn an_es256_header_over_an_rsa_key_without_alg_is_a_mismatch_and_no_panic() {
    let rsa = test_keys::key(Alg::RS256, "k1");
    let jwks = set(&[&without(rsa.public_jwk(), "alg")]);
    let with_kid = token(r#"{"alg":"ES256","kid":"k1"}"#, by(&rsa));
    assert_eq!(verdict(&jwks, &with_kid), Err(VerifyError::AlgMismatch));
    let without_kid = token(r#"{"alg":"ES256"}"#, by(&rsa));
    assert_eq!(verdict(&jwks, &without_kid), Err(VerifyError::UnknownKid));
}

#[test]
fn an_rs256_header_over_a_symmetric_key_finds_no_key() {
    let jwks = set(&[&json!({"kty": "oct", "kid": "k1", "k": base64url([7; 32])})]);
    assert!(jwks.is_empty());
    let forged = token(r#"{"alg":"RS256","kid":"k1"}"#, |_| vec![0; 256]);
    assert_eq!(verdict(&jwks, &forged), Err(VerifyError::UnknownKid));
}

#[test]
fn a_symmetric_signature_with_the_public_key_as_secret_is_refused() {
    let rsa = test_keys::key(Alg::RS256, "k1");
    let jwks = set(&[rsa.public_jwk()]);
    let secret = rsa.public_jwk().to_string();
    let forged = token(r#"{"alg":"HS256","kid":"k1"}"#, |message| {
        hmac_sha256(secret.as_bytes(), message).to_vec()
    });
    assert_eq!(verdict(&jwks, &forged), Err(VerifyError::UnsupportedAlg));
}

#[test]
fn none_and_unknown_algorithms_are_refused_in_any_spelling() {
    let jwks = set(&[test_keys::key(Alg::EdDSA, "k1").public_jwk()]);
    for alg in [
        "none", "None", "nOnE", "HS512", "RSA-OAEP", "dir", "eddsa", "", "RS256 ",
    ] {
        let forged = token(&json!({"alg": alg, "kid": "k1"}).to_string(), |_| {
            Vec::new()
        });
        assert_eq!(
            verdict(&jwks, &forged),
            Err(VerifyError::UnsupportedAlg),
            "{alg}"
        );
    }
}

#[test]
fn crit_and_b64_are_refused_whatever_they_say() {
    let key = test_keys::key(Alg::EdDSA, "k1");
    let jwks = set(&[key.public_jwk()]);
    for extension in [
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""b64":false,"crit":["b64"]"#,
    ] {
        let header = format!(r#"{{"alg":"EdDSA","kid":"k1",{extension}}}"#);
        let refused = verdict(&jwks, &token(&header, by(&key)));
        assert_eq!(refused, Err(VerifyError::CriticalHeader), "{extension}");
    }
}

#[test]
fn a_key_the_token_brings_along_is_not_used() {
    let ours = test_keys::key(Alg::ES256, "k1");
    let theirs = SigningKey::generate(Alg::ES256, crate::KeyId::new("k1")).unwrap();
    let jwks = set(&[ours.public_jwk()]);
    let header = json!({
        "alg": "ES256", "kid": "k1", "jwk": theirs.public_jwk(),
        "jku": "https://evil.test/jwks", "x5u": "https://evil.test/x5u", "x5c": ["MIIB"],
    });
    let forged = token(&header.to_string(), by(&theirs));
    assert_eq!(verdict(&jwks, &forged), Err(VerifyError::BadSignature));
}

#[test]
fn a_header_for_the_right_type_but_not_the_keys_algorithm_is_a_mismatch() {
    let rsa = test_keys::key(Alg::PS256, "k1");
    let jwks = set(&[rsa.public_jwk()]);
    let other = test_keys::key(Alg::RS256, "k1");
    let forged = token(r#"{"alg":"RS256","kid":"k1"}"#, by(&other));
    assert_eq!(verdict(&jwks, &forged), Err(VerifyError::AlgMismatch));
}

#[test]
fn a_token_that_is_no_compact_jws_is_malformed() {
    let key = test_keys::key(Alg::EdDSA, "k1");
    let jwks = set(&[key.public_jwk()]);
    let good = key.sign(None, &claims()).unwrap();
    let (header, rest) = good.split_once('.').unwrap();
    let headed = |header: &str| token(header, by(&key));
    for bad in [
        String::new(),
        "..".to_owned(),
        header.to_owned(),
        format!("{good}.x.y"),
        format!("{header}=.{rest}"),
        format!(" {good}"),
        format!("{good}\n"),
        // The last character of the signature carries bits that must be zero.
        format!(
            "{}B",
            good.strip_suffix(good.chars().last().unwrap()).unwrap()
        ),
        "a".repeat(70_000),
        headed(r#"{"alg":"EdDSA","kid":"k1","kid":"k1"}"#),
        headed(r#"{"alg":"EdDSA","alg":"EdDSA","kid":"k1"}"#),
        headed(r#"["EdDSA","k1"]"#),
        headed(r#"{"alg":["EdDSA"],"kid":"k1"}"#),
        headed(r#"{"kid":"k1"}"#),
        headed(r#"{"alg":"EdDSA","kid":1}"#),
        headed("{}"),
        headed("null"),
        headed(&format!(r#"{{"alg":"EdDSA","x":{}"#, "[".repeat(20_000))),
    ] {
        let refused = verdict(&jwks, &bad);
        assert!(
            matches!(refused, Err(VerifyError::Malformed(_))),
            "{bad:.80} {refused:?}"
        );
    }
}

#[test]
fn a_token_of_another_typ_is_refused_before_its_key_is_looked_for() {
    let key = test_keys::key(Alg::EdDSA, "k1");
    let jwks = set(&[key.public_jwk()]);
    let logout = key.sign(Some("logout+jwt"), &claims()).unwrap();
    assert_eq!(verdict(&jwks, &logout), Err(VerifyError::WrongTyp));
    assert!(
        jwks.verify(&logout, NOW, &expected().typed("logout+jwt"))
            .is_ok()
    );
}

#[test]
fn a_signature_of_whatever_length_is_refused_and_no_panic() {
    for alg in Alg::ALL {
        let jwks = set(&[test_keys::key(alg, "k1").public_jwk()]);
        for length in (0..140).chain([255, 256, 257, 512, 4096]) {
            for octet in [0, 1, 0xff] {
                let header = format!(r#"{{"alg":"{alg}","kid":"k1"}}"#);
                let forged = token(&header, |_| vec![octet; length]);
                assert_eq!(
                    verdict(&jwks, &forged),
                    Err(VerifyError::BadSignature),
                    "{alg} {length}"
                );
            }
        }
    }
}
