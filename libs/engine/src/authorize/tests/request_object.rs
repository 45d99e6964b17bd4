use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use super::*;

/// A request object with these claims, signed by nobody.
fn object(claims: &Value) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}.", part(&json!({"alg": "none"})), part(claims))
}

fn asking(plain: &str, object: &str) -> String {
    format!("client_id=app&{plain}&request={object}")
}

const URI: &str = "redirect_uri=https://app.test/cb";

#[test]
fn a_refused_request_object_is_answered_where_it_asks() {
    use ResponseMode as M;
    let (standard, _) = both(|t| t);
    let inside = json!({
        "redirect_uri": "https://app.test/cb", "response_type": "code",
        "response_mode": "form_post", "state": "inside",
    });
    let state = json!({"state": "inside"});
    // what, the plain parameters, the object, the mode, the state
    let rows = [
        (
            "all of it inside",
            "scope=openid",
            &inside,
            M::FormPost,
            Some("inside"),
        ),
        ("the URI outside", URI, &inside, M::FormPost, Some("inside")),
        ("only state inside", URI, &state, M::Query, Some("inside")),
        (
            "outside goes first",
            "redirect_uri=https://app.test/cb&state=outside&response_mode=fragment",
            &inside,
            M::Fragment,
            Some("outside"),
        ),
        (
            "an empty parameter is none",
            "redirect_uri=https://app.test/cb&state=&response_mode=",
            &inside,
            M::FormPost,
            Some("inside"),
        ),
        (
            "the mode of the response type",
            URI,
            &json!({"response_type": "code id_token", "state": "inside"}),
            M::Fragment,
            Some("inside"),
        ),
        (
            "nothing that is text",
            URI,
            &json!({"state": 1, "response_mode": ["form_post"], "redirect_uri": null}),
            M::Query,
            None,
        ),
        (
            "an unknown mode and an empty state",
            URI,
            &json!({"state": "", "response_mode": "telepathy"}),
            M::Query,
            None,
        ),
        (
            "a foreign URI inside does not matter beside one outside",
            URI,
            &json!({"redirect_uri": "https://evil.test/cb", "state": "inside"}),
            M::Query,
            Some("inside"),
        ),
    ];
    for (what, plain, claims, mode, state) in rows {
        let rejection = validated(&asking(plain, &object(claims)), &standard).unwrap_err();
        assert_eq!(
            rejection.refusal,
            Refusal::RequestObjectNotSupported,
            "{what}"
        );
        let reply_to = rejection.reply_to.unwrap();
        assert_eq!(reply_to.redirect_uri, "https://app.test/cb", "{what}");
        assert_eq!(reply_to.response_mode, mode, "{what}");
        assert_eq!(reply_to.state.as_deref(), state, "{what}");
    }
}

#[test]
fn a_request_object_does_not_prove_a_redirect_uri() {
    let (standard, dex) = both(|t| t);
    let foreign = object(&json!({"redirect_uri": "https://evil.test/cb"}));
    let ours = object(&json!({"redirect_uri": "https://app.test/cb"}));
    let (mismatch, missing) = (Refusal::RedirectUriMismatch, Refusal::MissingRedirectUri);
    let outside = "redirect_uri=https://evil.test/cb";
    for (what, plain, object, spec, refusal) in [
        (
            "a foreign one inside",
            "scope=openid",
            &foreign,
            &standard,
            &mismatch,
        ),
        (
            "a foreign one outside",
            outside,
            &ours,
            &standard,
            &mismatch,
        ),
        ("dex reads none", "scope=openid", &ours, &dex, &missing),
    ] {
        let rejection = validated(&asking(plain, object), spec).unwrap_err();
        assert_eq!(&rejection.refusal, refusal, "{what}");
        assert_eq!(rejection.reply_to, None, "{what}");
    }
}

#[test]
fn what_is_no_request_object_is_refused_as_one_and_adds_nothing() {
    let (standard, dex) = both(|t| t);
    let deep = format!("{}1{}", r#"{"a":"#.repeat(500), "}".repeat(500));
    let long = object(&json!({"state": "inside", "more": "a".repeat(17_000)}));
    let list = BASE64URL_NOPAD.encode(br#"["state"]"#);
    for text in [
        "x".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("e30.{list}."),
        format!("e30.{}.", BASE64URL_NOPAD.encode(deep.as_bytes())),
        format!("{}.a.b", object(&json!({"state": "inside"}))),
        long,
    ] {
        let query = asking(URI, &text);
        let rejection = validated(&query, &standard).unwrap_err();
        assert_eq!(
            rejection.refusal,
            Refusal::RequestObjectNotSupported,
            "{query}"
        );
        let reply_to = rejection.reply_to.unwrap();
        assert_eq!(
            (reply_to.state, reply_to.response_mode),
            (None, ResponseMode::Query)
        );
    }
    let inside = object(&json!({"state": "inside", "response_mode": "form_post"}));
    let rejection = validated(&asking(URI, &inside), &dex).unwrap_err();
    let reply_to = rejection.reply_to.unwrap();
    assert_eq!(
        (reply_to.state, reply_to.response_mode),
        (None, ResponseMode::Query),
        "dex"
    );
}

#[test]
fn a_request_by_reference_is_answered_by_the_parameters_alone() {
    let (standard, _) = both(|t| t);
    let query = with("request_uri=https://app.test/r&response_mode=form_post");
    let rejection = validated(&query, &standard).unwrap_err();
    assert_eq!(rejection.refusal, Refusal::RequestUriNotSupported);
    let reply_to = rejection.reply_to.unwrap();
    assert_eq!(reply_to.state.as_deref(), Some("xyz"));
    assert_eq!(reply_to.response_mode, ResponseMode::FormPost);
}
