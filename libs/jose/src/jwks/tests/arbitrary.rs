use proptest::prelude::*;

use super::*;

fn any_json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "alg", "kid", "typ", "crit", "b64", "RS256", "ES256", "EdDSA", "none", "k1", "kty", "RSA",
        "EC", "OKP", "oct", "P-256", "Ed25519", "crv", "x", "y", "n", "e", "d", "k", "use", "sig",
        "keys", "AQAB", "", "AA",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words.clone().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((words.clone(), inner), 0..8).prop_map(|members| {
                Value::Object(
                    members
                        .into_iter()
                        .map(|(k, v)| (k.to_owned(), v))
                        .collect(),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_string_makes_the_parsers_panic(text in ".{0,400}") {
        let jwks = set(&[test_keys::key(Alg::EdDSA, "k1").public_jwk()]);
        prop_assert!(verdict(&jwks, &text).is_err());
        let _ = Jwks::parse(&text);
    }

    #[test]
    fn no_parts_make_the_parser_panic(
        header in any_json(),
        payload in prop::collection::vec(any::<u8>(), 0..64),
        signature in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let (rsa, ec) = (test_keys::key(Alg::RS256, "k1"), test_keys::key(Alg::ES256, ""));
        let jwks = set(&[&without(rsa.public_jwk(), "alg"), &without(ec.public_jwk(), "kid")]);
        let parts = [base64url(header.to_string()), base64url(payload), base64url(signature)];
        prop_assert!(verdict(&jwks, &parts.join(".")).is_err());
    }

    #[test]
    fn no_set_makes_the_parser_panic_nor_its_keys_the_verification(
        keys in prop::collection::vec(any_json(), 0..4),
        alg in prop::sample::select(vec!["RS256", "ES256", "EdDSA", "PS512", "ES512"]),
        kid in prop::option::of("k1"),
    ) {
        let jwks = Jwks::parse(&json!({"keys": keys}).to_string()).unwrap();
        let header = json!({"alg": alg, "kid": kid}).to_string();
        prop_assert!(verdict(&jwks, &token(&header, |_| vec![1; 64])).is_err());
    }

    #[test]
    fn a_changed_character_of_a_token_is_noticed(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
        let key = test_keys::key(Alg::ES256, "k1");
        let good = key.sign(None, &claims()).unwrap();
        let at = at.index(good.len());
        let mut bad = good.clone();
        bad.replace_range(at..=at, &to);
        let jwks = set(&[key.public_jwk()]);
        prop_assert_eq!(verdict(&jwks, &bad).is_ok(), bad == good);
    }
}
