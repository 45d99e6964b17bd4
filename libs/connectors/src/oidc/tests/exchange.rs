//! A token of the upstream's that is shown in place of a login (RFC 8693 §2.1).

use data_encoding::BASE64URL_NOPAD;
use insula_connector_kit::{
    Connector, ConnectorError, ExchangedIdentity, SubjectToken, SubjectTokenAudience,
    SubjectTokenKind,
};
use insula_jose::{Alg, KeyId, SigningKey, hmac_sha256};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::super::Oidc;
use super::lab::{CLIENT, Lab, merged};
use crate::testing::{NOW, a_login};

const ISSUER: &str = "https://acme.test";

/// What a job's token says, as GitHub describes it.
fn a_job(lab: &Lab) -> Value {
    json!({
        "iss": lab.server.uri(), "aud": ISSUER,
        "sub": "repo:acme/shop:environment:production",
        "iat": NOW.as_secs(), "nbf": NOW.as_secs(), "exp": NOW.as_secs() + 300, "jti": "j1",
        "repository": "acme/shop", "ref": "refs/heads/main", "environment": "production",
        "run_attempt": "1",
    })
}

/// A provider as GitHub's and Kubernetes': discovery and keys, and nobody can be sent there.
async fn a_job_issuer() -> (Lab, Oidc) {
    let lab = Lab::with_metadata(json!({
        "authorization_endpoint": null, "token_endpoint": null, "userinfo_endpoint": null,
    }))
    .await;
    let settings = json!({"clientID": "", "clientSecret": "", "redirectURI": "",
        "userNameKey": "sub", "scopes": ["openid", "groups"]});
    let oidc = lab.open(&settings);
    (lab, oidc)
}

fn shown(token: &str) -> SubjectToken<'_> {
    SubjectToken {
        token,
        kind: SubjectTokenKind::IdToken,
        audience: SubjectTokenAudience::Us(ISSUER),
        by_userinfo: true,
        now: NOW,
    }
}

async fn exchanged(lab: &Lab, oidc: &Oidc, other: Value) -> Result<ExchangedIdentity, String> {
    let token = lab.key.sign(Some("JWT"), &merged(a_job(lab), &other));
    let told = oidc.exchange(shown(&token.unwrap())).await;
    told.map_err(|why| why.to_string())
}

#[tokio::test]
async fn a_jobs_token_is_an_identity_and_all_its_claims_are_told() {
    let (lab, oidc) = a_job_issuer().await;
    let job = exchanged(&lab, &oidc, json!({})).await.unwrap();
    let sub = "repo:acme/shop:environment:production";
    assert_eq!(job.identity.claims.user_id.as_str(), sub);
    assert_eq!(job.identity.claims.username, sub);
    assert_eq!(job.identity.connector_data, None);
    assert_eq!(job.claims["repository"], "acme/shop");
    assert_eq!(job.claims["ref"], "refs/heads/main");
    assert_eq!(job.auth_time, Some(NOW), "when the token was made");
    // It may be shown again, and nobody asks for the keys again.
    exchanged(&lab, &oidc, json!({})).await.unwrap();
    assert_eq!(lab.calls("/keys").await.len(), 1);
}

#[tokio::test]
async fn nobody_can_be_sent_to_an_issuer_of_jobs() {
    let (_lab, oidc) = a_job_issuer().await;
    let refused = oidc.begin(&a_login()).await.unwrap_err();
    assert!(matches!(&refused, ConnectorError::Settings(_)), "{refused}");
    assert!(refused.to_string().contains("clientID"), "{refused}");
}

#[tokio::test]
async fn a_token_that_is_not_good_or_not_for_us_is_refused() {
    let (lab, oidc) = a_job_issuer().await;
    for (claims, reason) in [
        (json!({"aud": "https://github.com/acme"}), "somebody else"),
        (json!({"aud": ""}), "somebody else"),
        (json!({"aud": null}), "somebody else"),
        (json!({"aud": ["a", "b"]}), "somebody else"),
        (json!({"iss": "https://evil.test"}), "issuer"),
        (json!({"iss": null}), "iss"),
        (json!({"exp": NOW.as_secs() - 61}), "expired"),
        (json!({"exp": null}), "exp"),
        (json!({"nbf": NOW.as_secs() + 61}), "not valid yet"),
        (json!({"iat": NOW.as_secs() + 61}), "not valid yet"),
        (json!({"iat": null}), "iat"),
        (json!({"sub": null}), "sub"),
    ] {
        let said = exchanged(&lab, &oidc, claims.clone()).await.unwrap_err();
        assert!(said.contains(reason), "{claims}: {said}");
    }
    let several = json!({"aud": ["other", ISSUER]});
    assert!(exchanged(&lab, &oidc, several).await.is_ok());
}

#[tokio::test]
async fn a_token_nobody_signed_or_somebody_else_did_is_refused() {
    let (lab, oidc) = a_job_issuer().await;
    let encoded = |json: &Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    let body = encoded(&a_job(&lab));
    let unsigned = format!("{}.{body}.", encoded(&json!({"alg": "none"})));
    let signed = format!("{}.{body}", encoded(&json!({"alg": "HS256", "kid": "k1"})));
    let public = lab.key.public_jwk().to_string();
    let mac = hmac_sha256(public.as_bytes(), signed.as_bytes());
    let confused = format!("{signed}.{}", BASE64URL_NOPAD.encode(&mac));
    let stranger = SigningKey::generate(Alg::ES256, KeyId::new("k1")).unwrap();
    let forged = stranger.sign(None, &a_job(&lab)).unwrap();
    let logout = lab.key.sign(Some("logout+jwt"), &a_job(&lab)).unwrap();
    for token in [
        unsigned.as_str(),
        &confused,
        &forged,
        &logout,
        "",
        "a.b.c",
        "opaque",
    ] {
        for kind in [SubjectTokenKind::IdToken, SubjectTokenKind::AccessToken] {
            let told = oidc
                .exchange(SubjectToken {
                    kind,
                    ..shown(token)
                })
                .await;
            assert!(
                matches!(told, Err(ConnectorError::BadReply(_))),
                "{token}: {told:?}"
            );
        }
    }
}

#[tokio::test]
async fn for_whom_a_token_must_be_made_is_said_by_who_asks() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({"userNameKey": "sub", "scopes": ["openid"]}));
    let token = |aud: &str| {
        let claims = merged(a_job(&lab), &json!({"aud": aud}));
        lab.key.sign(None, &claims).unwrap()
    };
    let named = ["https://jobs.test".to_owned()];
    let (us, anybody) = (
        SubjectTokenAudience::Us(ISSUER),
        SubjectTokenAudience::Anybody,
    );
    let one = SubjectTokenAudience::OneOf(&named);
    for (aud, audience, is_taken) in [
        (ISSUER, us, true),
        (CLIENT, us, true),
        ("https://jobs.test", us, false),
        ("https://jobs.test", one, true),
        (ISSUER, one, false),
        (CLIENT, one, false),
        ("whoever", anybody, true),
    ] {
        let token = token(aud);
        let shown = SubjectToken {
            audience,
            ..shown(&token)
        };
        assert_eq!(
            oidc.exchange(shown).await.is_ok(),
            is_taken,
            "{aud} {audience:?}"
        );
    }
}

#[tokio::test]
async fn a_token_for_several_that_another_client_asked_for_is_refused_where_audiences_count() {
    let lab = Lab::new().await;
    let oidc = lab.open(&json!({"userNameKey": "sub", "scopes": ["openid"]}));
    let named = [
        "https://jobs.test".to_owned(),
        "https://batch.test".to_owned(),
    ];
    let (us, anybody) = (
        SubjectTokenAudience::Us(ISSUER),
        SubjectTokenAudience::Anybody,
    );
    let one = SubjectTokenAudience::OneOf(&named);
    let (jobs, batch) = ("https://jobs.test", "https://batch.test");
    for (aud, azp, audience, is_taken) in [
        (json!([ISSUER, "other"]), json!("other"), us, false),
        (json!([CLIENT, "other"]), json!("other"), us, false),
        (json!([CLIENT, "other"]), json!(7), us, false),
        (json!([CLIENT, "other"]), json!(CLIENT), us, true),
        (json!([ISSUER, "other"]), json!(CLIENT), us, true),
        (json!([ISSUER, "other"]), json!(ISSUER), us, true),
        (json!([ISSUER, "other"]), json!(null), us, true),
        (json!([jobs, "other"]), json!("other"), one, false),
        (json!([jobs, "other"]), json!(jobs), one, true),
        (json!([jobs, batch]), json!(batch), one, true),
        (json!([jobs, "other"]), json!(CLIENT), one, true),
        // Made for one alone: whoever asked for it was given it for that one.
        (json!(jobs), json!("other"), one, true),
        (json!([jobs]), json!("other"), one, true),
        (json!([jobs, "other"]), json!("other"), anybody, true),
    ] {
        let claims = merged(a_job(&lab), &json!({"aud": aud, "azp": azp}));
        let token = lab.key.sign(None, &claims).unwrap();
        let shown = SubjectToken {
            audience,
            ..shown(&token)
        };
        let told = oidc.exchange(shown).await;
        assert_eq!(told.is_ok(), is_taken, "{aud} {azp} {audience:?}");
        if let Err(why) = told {
            assert!(why.to_string().contains("\"azp\""), "{why}");
        }
    }
}

#[tokio::test]
async fn an_access_token_is_worth_what_userinfo_says_where_it_is_asked() {
    let lab = Lab::new().await;
    let userinfo = json!({"sub": "jane-1", "name": "Jane", "email": "jane@idp.test",
        "email_verified": true, "auth_time": 1, "amr": ["hwk"]});
    let opaque = SubjectToken {
        kind: SubjectTokenKind::AccessToken,
        ..shown("opaque")
    };
    lab.serve_userinfo(userinfo).await;
    let oidc = lab.open(&json!({"getUserInfo": true}));
    let jane = oidc.exchange(opaque).await.unwrap();
    assert_eq!(jane.identity.claims.user_id.as_str(), "jane-1");
    assert_eq!((jane.identity.amr, jane.auth_time), (Vec::new(), None));
    let calls = lab.calls("/userinfo").await;
    assert_eq!(calls[0].headers["authorization"], "Bearer opaque");

    let unasked = SubjectToken {
        by_userinfo: false,
        ..opaque
    };
    assert!(oidc.exchange(unasked).await.is_err());
    let without = lab.open(&json!({}));
    assert!(without.exchange(opaque).await.is_err());
    assert_eq!(lab.calls("/userinfo").await.len(), 1);
}

#[tokio::test]
async fn an_access_token_that_userinfo_refuses_is_nobodys() {
    let lab = Lab::new().await;
    wiremock::Mock::given(wiremock::matchers::path("/userinfo"))
        .respond_with(ResponseTemplate::new(401))
        .mount(&lab.server)
        .await;
    let oidc = lab.open(&json!({"getUserInfo": true}));
    let shown = SubjectToken {
        kind: SubjectTokenKind::AccessToken,
        ..shown("revoked")
    };
    let told = oidc.exchange(shown).await;
    assert!(matches!(told, Err(ConnectorError::BadReply(_))), "{told:?}");
}

#[tokio::test]
async fn while_exchanges_use_up_their_calls_people_log_in_and_signed_tokens_are_taken() {
    let (lab, jobs) = a_job_issuer().await;
    let people = Lab::new().await;
    let userinfo = json!({"sub": "jane-1", "name": "Jane", "email": "jane@idp.test",
        "email_verified": true});
    people.serve_userinfo(userinfo).await;
    let oidc = people.open(&json!({"getUserInfo": true}));
    people.log_in(&oidc, json!({})).await.unwrap();
    let opaque = SubjectToken {
        kind: SubjectTokenKind::AccessToken,
        ..shown("opaque")
    };
    let held: Vec<_> = std::iter::from_fn(|| oidc.upstream.enter_as_exchange().ok()).collect();
    let told = oidc.exchange(opaque).await;
    assert!(matches!(told, Err(ConnectorError::Busy(_))), "{told:?}");
    people.log_in(&oidc, json!({})).await.unwrap();
    drop(held);
    oidc.exchange(opaque).await.unwrap();

    exchanged(&lab, &jobs, json!({})).await.unwrap();
    let held: Vec<_> = std::iter::from_fn(|| jobs.upstream.enter_as_exchange().ok()).collect();
    exchanged(&lab, &jobs, json!({})).await.unwrap();
    drop(held);
}
