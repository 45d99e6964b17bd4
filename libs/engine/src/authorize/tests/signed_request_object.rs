use data_encoding::BASE64URL_NOPAD;
use insula_jose::SigningKey;
use insula_model::Client;
use serde_json::{Map, Value};

use super::*;
use crate::authorize::unpacked;

/// What the client signs with.
fn key() -> SigningKey {
    test_key(Alg::ES256, "app-key")
}

fn jwks() -> String {
    json!({"keys": [key().public_jwk()]}).to_string()
}

fn registered() -> Client {
    a_client().with_request_objects(Some(&jwks()), None).build()
}

/// A good object, with these members changed; `null` takes one away.
fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": "app", "aud": "https://acme.test", "client_id": "app",
        "redirect_uri": "https://app.test/cb", "response_type": "code",
        "scope": "openid", "state": "inside",
    });
    for (name, value) in changes.as_object().unwrap_or(&Map::new()) {
        claims[name] = value.clone();
    }
    claims
}

fn unsigned(claims: &Value) -> String {
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    format!(
        "{}.{}.",
        part(r#"{"alg":"none"}"#),
        part(&claims.to_string())
    )
}

/// What comes of a request with this object, and with these parameters outside.
fn asked(client: &Client, outside: &str, object: &str) -> Result<AuthorizationRequest, Rejection> {
    let query = format!("client_id=app&{outside}&request={object}");
    let params = Params::parse(&query).unwrap();
    let request = AuthorizeRequest::from_params(&params);
    let spec = a_tenant().with_client(client.clone()).build();
    let inside = unpacked(&request, client, &spec, NOW)?;
    let inside = inside.as_ref().map(AuthorizeRequest::from_params);
    let request = inside.unwrap_or(request);
    let peers = spec.clients.values().cloned().collect();
    validate(&request, Some(client), &peers, &spec, &test_keys(), NOW)
}

fn refusal(told: Result<AuthorizationRequest, Rejection>) -> Option<(Refusal, Option<String>)> {
    told.err().map(|rejection| {
        let reply_to = rejection.reply_to.map(|to| to.redirect_uri);
        (rejection.refusal, reply_to)
    })
}

#[test]
fn a_request_object_is_obeyed_alone_where_the_clients_key_signed_it() {
    let object = key().sign(
        Some("oauth-authz-req+jwt"),
        &claims(&json!({
            "max_age": 60, "nonce": "n", "response_mode": "form_post", "prompt": "login",
            "claims": {"userinfo": {"email": null}},
        })),
    );
    let outside = "redirect_uri=https://evil.test/cb&state=outside&scope=openid+email\
        &response_type=id_token&login_hint=mallory&prompt=none";
    let good = asked(&registered(), outside, &object.unwrap()).unwrap();
    assert_eq!(good.redirect_uri, "https://app.test/cb");
    assert_eq!(good.state.as_deref(), Some("inside"));
    assert_eq!(good.scopes.to_string(), "openid");
    assert_eq!(good.response_mode, ResponseMode::FormPost);
    assert_eq!(good.max_age, Some(60));
    assert_eq!(good.login_hint, None, "RFC 9101 §6.3");
    assert!(good.prompts.login && !good.prompts.none);
    assert!(
        good.claims
            .released
            .userinfo
            .contains(insula_model::Claim::Email)
    );
    let without = key().sign(None, &claims(&json!({"state": null}))).unwrap();
    let good = asked(&registered(), "state=outside", &without).unwrap();
    assert_eq!(good.state, None, "nobody adds to what was signed");
}

#[test]
fn an_object_that_is_not_the_clients_for_this_issuer_now_is_refused_where_it_would_be_answered() {
    let now = NOW.as_secs();
    for (what, changes, why) in [
        ("good", json!({}), None),
        ("no iss and no aud", json!({"iss": null, "aud": null}), None),
        (
            "several aud",
            json!({"aud": ["x", "https://acme.test"]}),
            None,
        ),
        ("ends later", json!({"exp": now + 1}), None),
        ("RFC 9101 §5", json!({"client_id": null}), Some("client_id")),
        (
            "another client",
            json!({"client_id": "other"}),
            Some("client_id"),
        ),
        ("RFC 9101 §4 iss", json!({"iss": "other"}), Some("iss")),
        (
            "RFC 9101 §4 aud",
            json!({"aud": "https://other.test"}),
            Some("aud"),
        ),
        ("RFC 9101 §10.8", json!({"sub": "app"}), Some("sub")),
        ("over", json!({"exp": now - 60}), Some("expired")),
        ("no time", json!({"exp": "soon"}), Some("exp")),
        ("not yet", json!({"nbf": now + 61}), Some("not valid yet")),
        (
            "RFC 9101 §4 nested",
            json!({"request": "x"}),
            Some("another"),
        ),
        ("by reference", json!({"request_uri": "x"}), Some("another")),
    ] {
        let object = key().sign(None, &claims(&changes)).unwrap();
        let told = refusal(asked(&registered(), "scope=openid", &object));
        let Some(why) = why else {
            assert_eq!(told, None, "{what}");
            continue;
        };
        let Some((Refusal::BadRequestObject(said), Some(to))) = told else {
            panic!("{what}: {told:?}")
        };
        assert!(said.contains(why), "{what}: {said}");
        assert_eq!(to, "https://app.test/cb", "{what}");
    }
}

#[test]
fn an_object_that_nobody_vouches_for_is_refused() {
    let stranger = test_key(Alg::ES256, "stranger");
    let forged = stranger.sign(None, &claims(&json!({}))).unwrap();
    let assertion = key().sign(Some("at+jwt"), &claims(&json!({}))).unwrap();
    let elsewhere = json!({"redirect_uri": "https://evil.test/cb"});
    for (what, object, to) in [
        ("another's key", forged, Some("https://app.test/cb")),
        (
            "a JWT for something else",
            assertion,
            Some("https://app.test/cb"),
        ),
        (
            "unsigned",
            unsigned(&claims(&json!({}))),
            Some("https://app.test/cb"),
        ),
        ("no JWT", "x.y".to_owned(), None),
        ("unsigned, elsewhere", unsigned(&claims(&elsewhere)), None),
    ] {
        let told = asked(&registered(), "scope=openid", &object);
        let (refusal, told_at) = refusal(told).unwrap();
        assert_eq!(told_at.as_deref(), to, "{what}");
        let is_bad = matches!(refusal, Refusal::BadRequestObject(_));
        assert_eq!(is_bad, to.is_some(), "{what}: {refusal:?}");
    }
    let good = key().sign(None, &claims(&json!({}))).unwrap();
    let both = "request_uri=https://app.test/r&scope=openid";
    let told = refusal(asked(&registered(), both, &good));
    assert_eq!(told.unwrap().0, Refusal::RequestUriNotSupported);
    let plain = a_client().build();
    let told = refusal(asked(&plain, "scope=openid", &good));
    assert_eq!(told.unwrap().0, Refusal::RequestObjectNotSupported);
}

#[test]
fn an_object_is_signed_with_what_its_client_is_registered_for() {
    let (signed, bare) = (
        key().sign(None, &claims(&json!({}))).unwrap(),
        unsigned(&claims(&json!({}))),
    );
    for (keys, alg, takes_signed, takes_bare) in [
        (Some(jwks()), None, true, false),
        (Some(jwks()), Some("ES256"), true, false),
        (Some(jwks()), Some("RS256"), false, false),
        (None, Some("none"), false, true),
    ] {
        let client = a_client()
            .with_request_objects(keys.as_deref(), alg)
            .build();
        for (object, takes) in [(&signed, takes_signed), (&bare, takes_bare)] {
            let told = refusal(asked(&client, "scope=openid", object));
            assert_eq!(told.is_none(), takes, "{alg:?}: {told:?}");
        }
    }
}

#[test]
fn rfc_9101_10_5_nobody_leaves_away_the_object_of_a_client_that_signs_all_its_requests() {
    let strict = a_client().with_request_objects(Some(&jwks()), None);
    let strict = strict.requiring_request_objects().build();
    let plain = "client_id=app&redirect_uri=https://app.test/cb&response_type=code&scope=openid";
    let app = Some("https://app.test/cb".to_owned());
    for (client, told) in [
        (&registered(), None),
        (&strict, Some((Refusal::RequestObjectMissing, app))),
    ] {
        let params = Params::parse(plain).unwrap();
        let request = AuthorizeRequest::from_params(&params);
        let spec = a_tenant().with_client(client.clone()).build();
        let seen = unpacked(&request, client, &spec, NOW).err();
        let seen = seen.map(|no| (no.refusal, no.reply_to.map(|to| to.redirect_uri)));
        assert_eq!(seen, told);
        let signed = key().sign(None, &claims(&json!({}))).unwrap();
        assert_eq!(refusal(asked(client, "", &signed)), None);
    }
}

#[test]
fn rfc_9101_6_3_what_a_signed_object_asks_for_is_judged_like_any_other_request() {
    let app = Some("https://app.test/cb".to_owned());
    for (changes, why, told_at) in [
        (
            json!({"redirect_uri": "https://evil.test/cb"}),
            Refusal::RedirectUriMismatch,
            None,
        ),
        (
            json!({"redirect_uri": null}),
            Refusal::MissingRedirectUri,
            None,
        ),
        (
            json!({"response_type": null}),
            Refusal::MissingResponseType,
            app.clone(),
        ),
        (
            json!({"response_type": "id_token"}),
            Refusal::ResponseTypeNotServed("id_token".into()),
            app.clone(),
        ),
        (
            json!({"scope": null}),
            Refusal::MissingOpenIdScope,
            app.clone(),
        ),
        (
            json!({"code_challenge": "short"}),
            Refusal::PkceMalformed,
            app.clone(),
        ),
    ] {
        let object = key().sign(None, &claims(&changes)).unwrap();
        // What stands outside would do.
        let outside = "redirect_uri=https://app.test/cb&response_type=code&scope=openid";
        let told = refusal(asked(&registered(), outside, &object));
        assert_eq!(told, Some((why, told_at)), "{changes}");
    }
}

#[test]
fn dex_refuses_every_object_unread() {
    let client = registered();
    let spec = a_tenant().dex().with_client(client.clone()).build();
    let object = key().sign(None, &claims(&json!({}))).unwrap();
    let query = format!("{GOOD}&request={object}");
    let params = Params::parse(&query).unwrap();
    let request = AuthorizeRequest::from_params(&params);
    assert_eq!(unpacked(&request, &client, &spec, NOW), Ok(None));
    assert_eq!(
        refused(&query, &spec),
        Some(Refusal::RequestObjectNotSupported)
    );
}
