use serde_json::{Value, json};

use super::*;

fn document(what: &'static str, members: &Value) -> Document {
    Document::of(what, members.as_object().unwrap().clone())
}

fn claims(token: &Value, userinfo: &Value) -> UpstreamClaims {
    UpstreamClaims::of(document("ID token", token)).with(document("userinfo", userinfo))
}

/// Pairs of a value and what qualifies it, as the specifications have them.
const PAIRS: [(&str, &str); 2] = [
    ("email", "email_verified"),
    ("phone_number", "phone_number_verified"),
];

#[test]
fn a_flag_is_only_believed_of_the_value_it_was_said_of() {
    use Qualified::{OfAnother, Told, Untold};
    // The value and the flag of the ID token, then those of userinfo.
    let rows = [
        // one document
        ((Some("a"), Some(true)), (None, None), Told(true)),
        ((Some("a"), Some(false)), (None, None), Told(false)),
        ((Some("a"), None), (None, None), Untold),
        ((None, None), (Some("b"), Some(true)), Told(true)),
        // both, of the same value
        ((Some("a"), Some(true)), (Some("a"), None), Told(true)),
        ((Some("a"), None), (Some("a"), Some(true)), Told(true)),
        (
            (Some("a"), Some(true)),
            (Some("a"), Some(false)),
            Told(false),
        ),
        (
            (Some("a"), Some(false)),
            (Some("a"), Some(true)),
            Told(true),
        ),
        // both, of different values
        ((Some("a"), Some(true)), (Some("b"), None), OfAnother),
        ((Some("a"), Some(true)), (Some("b"), Some(true)), Told(true)),
        (
            (Some("a"), Some(true)),
            (Some("b"), Some(false)),
            Told(false),
        ),
        (
            (Some("a"), Some(false)),
            (Some("b"), Some(true)),
            Told(true),
        ),
        ((Some("a"), Some(false)), (Some("b"), None), OfAnother),
        // a flag on its own proves nothing, and may cast doubt
        ((Some("a"), None), (None, Some(true)), OfAnother),
        ((Some("a"), None), (None, Some(false)), Told(false)),
        ((Some("a"), Some(true)), (None, Some(true)), Told(true)),
        ((Some("a"), Some(true)), (None, Some(false)), Told(false)),
        ((None, Some(true)), (Some("b"), None), OfAnother),
        ((None, Some(false)), (Some("b"), None), Told(false)),
        ((None, Some(false)), (Some("b"), Some(true)), Told(true)),
    ];
    for (value, flag) in PAIRS {
        for (token, userinfo, expected) in rows {
            let said =
                |(told, sure): (Option<&str>, Option<bool>)| json!({value: told, flag: sure});
            let claims = claims(&said(token), &said(userinfo));
            let in_use = claims.text(value).unwrap().unwrap();
            assert_eq!(
                claims.flag_about(flag, &[value], &in_use),
                Ok(expected),
                "{value}: {token:?}, then {userinfo:?}"
            );
        }
    }
}

#[test]
fn a_flag_of_a_mapped_claim_is_about_the_standard_one_where_both_are_told() {
    let subjects = ["email", "mail"];
    for (token, userinfo, in_use, expected) in [
        (
            json!({"email": "a", "mail": "b", "email_verified": true}),
            json!({}),
            "b",
            Qualified::OfAnother,
        ),
        (
            json!({"email": "a", "mail": "b", "email_verified": true}),
            json!({}),
            "a",
            Qualified::Told(true),
        ),
        (
            json!({"mail": "b", "email_verified": true}),
            json!({}),
            "b",
            Qualified::Told(true),
        ),
        (
            json!({"mail": "b", "email_verified": true}),
            json!({"mail": "c"}),
            "c",
            Qualified::OfAnother,
        ),
        (
            json!({"email": "a", "email_verified": true}),
            json!({"mail": "a"}),
            "a",
            Qualified::Told(true),
        ),
    ] {
        let claims = claims(&token, &userinfo);
        let told = claims.flag_about("email_verified", &subjects, in_use);
        assert_eq!(told, Ok(expected), "{token}, {userinfo}, {in_use}");
    }
}

#[test]
fn a_flag_nobody_understands_is_an_error_wherever_it_stands() {
    for (token, userinfo) in [
        (json!({"email": "a"}), json!({"email_verified": 1})),
        (json!({"email": "a", "email_verified": "yes"}), json!({})),
    ] {
        let told = claims(&token, &userinfo).flag_about("email_verified", &["email"], "a");
        let Err(ConnectorError::BadReply(said)) = told else {
            panic!("{told:?}");
        };
        assert!(said.contains("\"email_verified\" in its "), "{said}");
    }
}

#[test]
fn a_claim_is_taken_whole_from_one_document() {
    let address = json!({"locality": "Rome"});
    let claims = claims(
        &json!({"groups": ["a", "b"], "address": {"region": "x", "locality": "y"}, "name": "A"}),
        &json!({"groups": "c", "address": address, "name": ""}),
    );
    assert_eq!(claims.names("groups"), Ok(Some(vec!["c".to_owned()])));
    let from = claims.having("address").unwrap();
    assert_eq!(from.get("address"), Some(&address));
    assert_eq!(
        claims.text("name"),
        Ok(Some("A".to_owned())),
        "empty is absent"
    );
}
