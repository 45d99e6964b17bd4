//! Authorization requests handed over as JWTs by value (RFC 9101).

use data_encoding::{BASE64, BASE64URL_NOPAD};
use insula_tests::{Agent, Answer, Back, Login, RelyingParty, walk_on};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::shared_server::{MOCK, REQUEST_OBJECT_KEY, shared_server};

/// The parameters of a login as an object for its issuer.
fn claims(party: &RelyingParty, login: &Login) -> Value {
    let mut claims = json!(login.params);
    claims["iss"] = json!(party.client_id);
    claims["aud"] = json!(party.issuer);
    claims["exp"] = json!(jsonwebtoken::get_current_timestamp() + 60);
    claims
}

fn signed(claims: &Value) -> String {
    let header = Header {
        typ: Some("oauth-authz-req+jwt".to_owned()),
        kid: Some("NOT-SECRET".to_owned()),
        ..Header::new(Algorithm::ES256)
    };
    let lines = REQUEST_OBJECT_KEY.lines();
    let base64: String = lines.filter(|line| !line.starts_with('-')).collect();
    let der = BASE64.decode(base64.as_bytes()).unwrap();
    encode(&header, claims, &EncodingKey::from_ec_der(&der)).unwrap()
}

fn unsigned(claims: &Value) -> String {
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    format!(
        "{}.{}.",
        part(r#"{"alg":"none"}"#),
        part(&claims.to_string())
    )
}

async fn sent(party: &RelyingParty, object: &str, outside: &str) -> Answer {
    let url = format!(
        "/auth?client_id={}&request={object}{outside}",
        party.client_id
    );
    Agent::new().get(party.at(&url)).await
}

#[tokio::test]
async fn a_signed_object_is_the_whole_request_and_nothing_outside_counts() {
    let party = shared_server().await.signer();
    let login = party.begin_with(&[("response_mode", "form_post")]);
    let object = signed(&claims(&party, &login));
    let outside = "&state=outside&scope=openid+offline_access&response_mode=query\
        &redirect_uri=https%3A%2F%2Fevil.example%2F&response_type=token&nonce=outside";
    let agent = Agent::new();
    let url = format!(
        "/auth?client_id={}&request={object}{outside}",
        party.client_id
    );
    let first = agent.get(party.at(&url)).await;
    let back = walk_on(&agent, first, &login, &MOCK).await;
    assert_eq!(back.url.as_str(), party.redirect_uri);
    let tokens = party.tokens(&login, &back).await;
    assert_eq!(tokens.answer["scope"], party.scope);
    assert_eq!(tokens.refresh_token, None);
}

#[tokio::test]
async fn an_object_that_was_changed_or_is_over_or_is_anothers_is_refused_at_the_redirect_uri() {
    let server = shared_server().await;
    let party = server.signer();
    let login = party.begin();
    let good = claims(&party, &login);
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        signed(&claims)
    };
    let mut changed = signed(&good);
    changed.truncate(changed.len() - 4);
    for (what, object) in [
        ("changed", changed),
        ("unsigned", unsigned(&good)),
        ("over", with("exp", json!(1))),
        ("of another client", with("client_id", json!("legacy"))),
        (
            "for another issuer",
            with("aud", json!(server.issuer("acme"))),
        ),
    ] {
        let answer = sent(&party, &object, "").await.expect(303);
        let back = Back::of(answer.location(), Vec::new());
        assert!(back.url.as_str().starts_with(&party.redirect_uri), "{what}");
        assert_eq!(back.get("error"), "invalid_request_object", "{what}");
        party.check_response(&login, &back);
    }
    let legacy = server.tokens();
    let login = legacy.begin();
    let object = signed(&claims(&legacy, &login));
    let answer = sent(&legacy, &object, "").await.expect(303);
    let back = Back::of(answer.location(), Vec::new());
    assert_eq!(back.get("error"), "request_not_supported", "not registered");
    let reference = "&request_uri=https%3A%2F%2Fsigner.example%2Fr";
    let object = with("state", json!("s"));
    let answer = sent(&party, &object, reference).await.expect(303);
    let back = Back::of(answer.location(), Vec::new());
    assert_eq!(back.get("error"), "request_uri_not_supported");
}

#[tokio::test]
async fn an_unsigned_object_is_taken_of_a_client_that_is_registered_to_sign_none() {
    let issuer = shared_server().await.issuer("tokens");
    let party = RelyingParty::new(
        &issuer,
        "unsigned",
        "unsigned-secret",
        "https://unsigned.example/callback",
    );
    let login = party.begin();
    let object = unsigned(&claims(&party, &login));
    let agent = Agent::new();
    let url = format!("/auth?client_id=unsigned&request={object}");
    let first = agent.get(party.at(&url)).await;
    let back = walk_on(&agent, first, &login, &MOCK).await;
    party.tokens(&login, &back).await;
}

#[tokio::test]
async fn discovery_says_that_objects_are_taken_where_a_client_may_send_them() {
    let server = shared_server().await;
    for (party, is_supported) in [(server.signer(), true), (server.portal(), false)] {
        let url = party.at("/.well-known/openid-configuration");
        let told = Agent::new().get(url).await.expect(200).json();
        assert_eq!(told["request_parameter_supported"], is_supported);
        assert_eq!(told["request_uri_parameter_supported"], false);
        let algs = &told["request_object_signing_alg_values_supported"];
        assert_eq!(algs.is_array(), is_supported, "{algs}");
        if is_supported {
            let algs = algs.as_array().unwrap();
            assert!(algs.contains(&json!("ES256")) && algs.contains(&json!("none")));
        }
    }
}
