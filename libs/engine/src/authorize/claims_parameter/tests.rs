use insula_model::Claim::{self, Email, EmailVerified, Groups, Name, PreferredUsername};

use super::*;

fn set(claims: &[Claim]) -> ClaimSet {
    claims.iter().copied().collect()
}

fn released(userinfo: &[Claim], id_token: &[Claim]) -> ClaimsRequest {
    ClaimsRequest {
        released: RequestedClaims {
            userinfo: set(userinfo),
            id_token: set(id_token),
        },
        ..ClaimsRequest::default()
    }
}

fn acr(values: &[&str]) -> ClaimsRequest {
    ClaimsRequest {
        acr: values.iter().map(|&value| value.to_owned()).collect(),
        ..ClaimsRequest::default()
    }
}

fn subs(values: &[&str]) -> ClaimsRequest {
    ClaimsRequest {
        subs: values.iter().map(|&value| value.to_owned()).collect(),
        ..ClaimsRequest::default()
    }
}

#[test]
fn core_5_5_claims_are_asked_for_by_being_there() {
    for (clause, text, expected) in [
        ("nothing", "{}", released(&[], &[])),
        ("§5.5 null", r#"{"userinfo":null}"#, released(&[], &[])),
        (
            "§5.5 voluntary and essential",
            r#"{"userinfo":{"name":{"essential":true},"email":null},"id_token":{"groups":{}}}"#,
            released(&[Name, Email], &[Groups]),
        ),
        (
            "§5.5 other members MUST be ignored",
            r#"{"id_token":{"email":{"essential":false,"purpose":[1]}},"transaction":[1]}"#,
            released(&[], &[Email]),
        ),
        (
            "§5.5.1 a value is not chosen by the client",
            r#"{"userinfo":{"preferred_username":{"value":"root"},"email":{"values":["a",1]}}}"#,
            released(&[PreferredUsername, Email], &[]),
        ),
        (
            "§5.5.1 claims nobody here knows are ignored, whatever is said of them",
            r#"{"userinfo":{"http://example.info/claims/groups":null,"verified_claims":[{"a":1}],
                "email_verified":null,"name#ja-Kana-JP":7}}"#,
            released(&[EmailVerified], &[]),
        ),
        (
            "§5.5.1 auth_time is there anyway",
            r#"{"id_token":{"auth_time":{"essential":true}}}"#,
            released(&[], &[]),
        ),
    ] {
        assert_eq!(read(text), Ok(expected), "{clause}");
    }
}

#[test]
fn core_5_5_1_1_an_essential_acr_of_the_id_token_binds_and_no_other() {
    for (what, text, expected) in [
        (
            "values",
            r#"{"id_token":{"acr":{"essential":true,"values":["a","b"]}}}"#,
            acr(&["a", "b"]),
        ),
        (
            "value",
            r#"{"id_token":{"acr":{"essential":true,"value":"a"}}}"#,
            acr(&["a"]),
        ),
        (
            "none in particular",
            r#"{"id_token":{"acr":{"essential":true}}}"#,
            acr(&[]),
        ),
        (
            "voluntary",
            r#"{"id_token":{"acr":{"values":["a","b"]}}}"#,
            acr(&[]),
        ),
        ("not said", r#"{"id_token":{"acr":null}}"#, acr(&[])),
        (
            "userinfo has none",
            r#"{"userinfo":{"acr":{"essential":true,"value":"a"}}}"#,
            acr(&[]),
        ),
    ] {
        assert_eq!(read(text), Ok(expected), "{what}");
    }
}

#[test]
fn core_5_5_1_a_sub_binds_wherever_it_is_named() {
    for (what, text, expected) in [
        (
            "ID token",
            r#"{"id_token":{"sub":{"value":"jane"}}}"#,
            Ok(subs(&["jane"])),
        ),
        (
            "userinfo",
            r#"{"userinfo":{"sub":{"values":["jane","joe"]}}}"#,
            Ok(subs(&["jane", "joe"])),
        ),
        (
            "both",
            r#"{"id_token":{"sub":{"values":["jane","joe"]}},"userinfo":{"sub":{"value":"joe"}}}"#,
            Ok(subs(&["joe"])),
        ),
        (
            "two people",
            r#"{"id_token":{"sub":{"value":"jane"}},"userinfo":{"sub":{"value":"joe"}}}"#,
            Err(Refusal::ClaimsOfTwoPeople),
        ),
        (
            "nobody in particular",
            r#"{"id_token":{"sub":{"essential":true}},"userinfo":{"sub":null}}"#,
            Ok(subs(&[])),
        ),
    ] {
        assert_eq!(read(text), expected, "{what}");
    }
}

#[test]
fn what_is_not_of_the_form_is_refused_and_says_where() {
    for text in [
        "email",
        "null",
        "7",
        "[]",
        "[null,null]",
        "{",
        "{}{}",
        r#"{"userinfo":"email"}"#,
        r#"{"userinfo":["email"]}"#,
        r#"{"userinfo":{"email":true}}"#,
        r#"{"userinfo":{"email":[true]}}"#,
        r#"{"userinfo":{"email":{"essential":"true"}}}"#,
        r#"{"userinfo":{"email":{"values":"a"}}}"#,
        r#"{"id_token":{"acr":{"essential":true,"value":7}}}"#,
        r#"{"id_token":{"acr":{"essential":true,"values":[7]}}}"#,
        r#"{"id_token":{"acr":[true,"a",["b"]]}}"#,
        r#"{"id_token":{"sub":{"value":{}}}}"#,
        r#"{"id_token":{"sub":"jane"}}"#,
        r#"{"id_token":{"email":null,"email":null}}"#,
        r#"{"id_token":{"acr":{"value":"a","value":"b"}}}"#,
        r#"{"id_token":{"email":{"essential":true,"essential":false}}}"#,
        r#"{"id_token":{},"id_token":{}}"#,
        &format!("{}1{}", "[".repeat(500), "]".repeat(500)),
    ] {
        let told = read(text);
        assert!(
            matches!(told, Err(Refusal::BadClaims { .. })),
            "{text}: {told:?}"
        );
    }
    assert_eq!(
        read(r#"{"userinfo":{"email":true}}"#),
        Err(Refusal::BadClaims { at: 25 })
    );
}
