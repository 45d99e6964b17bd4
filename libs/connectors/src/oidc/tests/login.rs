use std::time::Duration;

use data_encoding::BASE64;
use insula_connector_kit::{Connector, ConnectorError};
use insula_jose::{Alg, KeyId, SigningKey};
use insula_model::ClockSkew;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::lab::{CLIENT, Lab, bad_reply, begin, form, merged, query};
use crate::testing::{CALLBACK, NOW, a_login};

#[tokio::test]
async fn a_verified_id_token_says_who_it_is() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({"insecureEnableGroups": true}));
    let more = json!({"groups": ["staff"], "amr": ["pwd", "otp"]});
    let identity = lab.log_in(&oidc, more).await.unwrap();
    assert_eq!(identity.claims.user_id.as_str(), "jane-1");
    assert_eq!(identity.claims.username, "Jane");
    assert_eq!(identity.claims.preferred_username, "jane");
    assert_eq!(identity.claims.email, "jane@idp.test");
    assert!(identity.claims.email_verified);
    assert_eq!(identity.claims.groups, ["staff"]);
    assert_eq!(identity.amr, ["pwd", "otp"]);
    let data: Value = serde_json::from_slice(&identity.connector_data.unwrap()).unwrap();
    assert_eq!(data, json!({"RefreshToken": BASE64.encode(b"rt1")}));
}

#[tokio::test]
async fn the_code_is_redeemed_with_the_verifier_and_basic_credentials() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({}));
    lab.log_in(&oidc, json!({})).await.unwrap();
    let calls = lab.calls("/token").await;
    assert_eq!(calls.len(), 1);
    let sent = form(&calls[0]);
    assert_eq!(sent["grant_type"], "authorization_code");
    assert_eq!(sent["code"], "c1");
    assert_eq!(sent["redirect_uri"], CALLBACK);
    assert_eq!(sent["code_verifier"].len(), 43);
    assert!(!sent.contains_key("client_secret"));
    // RFC 6749 §2.3.1: each half is form-encoded first.
    let basic = format!("Basic {}", BASE64.encode(b"us+%26+co:s%3Acret"));
    assert_eq!(calls[0].headers["authorization"], basic.as_str());
}

#[tokio::test]
async fn an_upstream_that_refuses_basic_is_tried_with_the_body_and_remembered() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({}));
    let refused = ResponseTemplate::new(401).set_body_json(json!({"error": "invalid_client"}));
    lab.serve_tokens_once(refused).await;
    lab.log_in(&oidc, json!({})).await.unwrap();
    lab.log_in(&oidc, json!({})).await.unwrap();
    let calls = lab.calls("/token").await;
    assert_eq!(calls.len(), 3);
    for call in &calls[1..] {
        let sent = form(call);
        assert_eq!(sent["client_id"], CLIENT);
        assert_eq!(sent["client_secret"], "s:cret");
        assert!(!call.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn credentials_travel_in_the_body_where_basic_is_not_taken() {
    let said = json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]});
    for (metadata, settings) in [
        (json!({}), json!({"basicAuthUnsupported": true})),
        (json!({}), json!({"clientSecret": ""})),
        (said, json!({})),
    ] {
        let lab = Lab::with_metadata(metadata).await;
        let oidc = lab.open(&settings);
        lab.log_in(&oidc, json!({})).await.unwrap();
        let calls = lab.calls("/token").await;
        assert_eq!(calls.len(), 1);
        assert_eq!(form(&calls[0])["client_id"], CLIENT);
    }
}

#[tokio::test]
async fn a_code_the_upstream_refuses_is_not_tried_twice() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({}));
    let (_, memory) = begin(&oidc, &a_login()).await;
    let refused = ResponseTemplate::new(400)
        .set_body_json(json!({"error": "invalid_grant", "error_description": "jane's code"}));
    lab.serve_tokens_once(refused).await;
    let said = bad_reply(oidc.complete(&a_login(), &memory, query("code=c")).await);
    assert!(!said.contains("jane"), "{said}");
    assert_eq!(lab.calls("/token").await.len(), 1);
}

#[tokio::test]
async fn what_the_upstream_says_instead_of_a_code_is_told_apart() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({}));
    let (_, memory) = begin(&oidc, &a_login()).await;
    let answer = async |text: &str| oidc.complete(&a_login(), &memory, query(text)).await;
    let denied = answer("error=access_denied").await;
    assert_eq!(denied, Err(ConnectorError::Declined));
    let failed = answer("error=server_error").await;
    assert!(matches!(failed, Err(ConnectorError::SaidToFail(_))));
    bad_reply(answer("state=state1").await);
    bad_reply(answer("code=c&iss=https%3A%2F%2Fevil.test").await);
    assert_eq!(lab.calls("/token").await.len(), 0);
}

#[tokio::test]
async fn an_upstream_that_tells_its_issuer_must_tell_it_always() {
    let metadata = json!({"authorization_response_iss_parameter_supported": true});
    let lab = Lab::with_metadata(metadata).await;
    let oidc = lab.open(&json!({}));
    let said = bad_reply(lab.log_in(&oidc, json!({})).await);
    assert!(said.contains("issuer"), "{said}");
}

#[tokio::test]
async fn userinfo_adds_to_the_id_token_if_it_is_about_the_same_person() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({"getUserInfo": true}));
    let userinfo = json!({"sub": "jane-1", "name": "Jane Doe", "email_verified": false});
    lab.serve_userinfo(userinfo).await;
    let identity = lab.log_in(&oidc, json!({})).await.unwrap();
    assert_eq!(identity.claims.username, "Jane Doe");
    assert!(!identity.claims.email_verified);
    let calls = lab.calls("/userinfo").await;
    assert_eq!(calls[0].headers["authorization"], "Bearer at");
}

#[tokio::test]
async fn userinfo_about_somebody_else_is_refused() {
    for (userinfo, why) in [
        (json!({"sub": "root"}), "somebody else"),
        (json!({"name": "no sub"}), "has no \"sub\""),
        (json!({"sub": null}), "has no \"sub\""),
        (json!({"sub": 1}), "\"sub\" in its userinfo"),
        (json!({"sub": ["jane-1"]}), "\"sub\" in its userinfo"),
    ] {
        let lab = Lab::new().await;
        let oidc = lab.open(&json!({"getUserInfo": true}));
        lab.serve_userinfo(userinfo).await;
        let said = bad_reply(lab.log_in(&oidc, json!({})).await);
        assert!(said.contains(why), "{said}");
    }
}

#[tokio::test]
async fn signed_userinfo_is_verified_and_used() {
    let lab = Lab::new().await;
    let issuer = lab.server.uri();
    let oidc = lab.open(&json!({"getUserInfo": true}));
    let now = NOW.as_secs();
    let stranger = SigningKey::generate(Alg::ES256, KeyId::new("k1")).unwrap();
    let honest = json!({"iss": issuer, "aud": CLIENT, "sub": "jane-1", "name": "Jane Doe"});
    for (more, refused) in [
        (json!({}), None),
        (json!({"aud": ["other", CLIENT]}), None),
        (json!({"exp": now + 300}), None),
        (json!({"sub": "root"}), Some("somebody else")),
        (json!({"sub": null}), Some("\"sub\"")),
        (json!({"iss": null}), Some("iss")),
        (json!({"iss": "https://evil.test"}), Some("issuer")),
        (json!({"aud": null}), Some("aud")),
        (json!({"aud": "other"}), Some("audience")),
        (json!({"exp": now - 61}), Some("expired")),
        (json!({"exp": "soon"}), Some("expired")),
        (json!({"nbf": now + 3600}), Some("not valid yet")),
    ] {
        let jwt = lab.key.sign(None, &merged(honest.clone(), &more)).unwrap();
        lab.serve_userinfo_once("application/jwt; charset=utf-8", &jwt)
            .await;
        let answer = lab.log_in(&oidc, json!({})).await;
        match refused {
            None => assert_eq!(answer.unwrap().claims.username, "Jane Doe", "{more}"),
            Some(refused) => {
                let said = bad_reply(answer);
                assert!(said.contains(refused), "{more}: {said}");
            }
        }
    }
    let forged = stranger.sign(None, &honest).unwrap();
    let parts: Vec<_> = forged.split('.').collect();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    for jwt in [forged.as_str(), &unsigned, "no token", "{}"] {
        lab.serve_userinfo_once("application/jwt", jwt).await;
        let said = bad_reply(lab.log_in(&oidc, json!({})).await);
        assert!(said.contains("userinfo is refused"), "{said}");
    }
    lab.serve_userinfo_once("application/json", &forged).await;
    let said = bad_reply(lab.log_in(&oidc, json!({})).await);
    assert!(said.contains("userinfo is not a JSON object"), "{said}");
}

#[tokio::test]
async fn clocks_may_differ_by_what_the_connector_says() {
    let now = NOW.as_secs();
    let of = |secs| ClockSkew::of(Duration::from_secs(secs));
    for (skew, claims, taken) in [
        (of(60), json!({"exp": now - 59}), true),
        (of(60), json!({"exp": now - 61}), false),
        (of(0), json!({"exp": now - 1}), false),
        (of(0), json!({"iat": now + 1}), false),
        (of(300), json!({"exp": now - 299, "iat": now + 299}), true),
        (ClockSkew::of_dex(), json!({"exp": now - 1}), false),
        (ClockSkew::of_dex(), json!({"nbf": now + 299}), true),
        (ClockSkew::of_dex(), json!({"nbf": now + 301}), false),
        (ClockSkew::of_dex(), json!({"iat": now + 3600}), true),
    ] {
        let lab = Lab::new().await;
        let oidc = lab.open_with_skew(skew);
        let answer = lab.log_in(&oidc, claims.clone()).await;
        assert_eq!(answer.is_ok(), taken, "{skew:?}: {claims}: {answer:?}");
    }
}

#[tokio::test]
async fn who_is_in_no_allowed_group_is_told_so() {
    let lab = Lab::new().await;
    let settings = json!({"insecureEnableGroups": true, "allowedGroups": ["admins"]});
    let oidc = lab.open(&settings);
    let refused = lab.log_in(&oidc, json!({"groups": ["staff"]})).await;
    assert_eq!(refused, Err(ConnectorError::NotInGroup));
    let admitted = lab
        .log_in(&oidc, json!({"groups": ["staff", "admins"]}))
        .await;
    assert_eq!(admitted.unwrap().claims.groups, ["admins"]);
}

#[tokio::test]
async fn a_forced_login_wants_a_fresh_proof() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({}));
    let ctx = insula_connector_kit::LoginContext {
        force_login: true,
        ..a_login()
    };
    let now = ctx.now.as_secs();
    for (auth_time, fresh) in [
        (json!(now), true),
        (json!(now - 59), true),
        (json!((now - 59).to_string()), true),
        (json!(now - 3600), false),
        (json!((now - 3600).to_string()), false),
        (json!("lately"), false),
    ] {
        let (asked, memory) = begin(&oidc, &ctx).await;
        let mut claims = lab.claims(&asked["nonce"]);
        claims["auth_time"] = auth_time.clone();
        let id_token = lab.key.sign(None, &claims).unwrap();
        let tokens = json!({"access_token": "at", "id_token": id_token});
        lab.serve_tokens_once(ResponseTemplate::new(200).set_body_json(tokens))
            .await;
        let answer = oidc.complete(&ctx, &memory, query("code=c")).await;
        assert_eq!(answer.is_ok(), fresh, "{auth_time}");
    }
}

#[tokio::test]
async fn an_answer_without_a_remembered_question_is_refused() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({}));
    for memory in [Value::Null, json!({}), json!("nonce")] {
        bad_reply(oidc.complete(&a_login(), &memory, query("code=c")).await);
    }
}
