use data_encoding::BASE64;
use insula_connector_kit::{Connector, ConnectorError, UpstreamIdentity};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::super::Oidc;
use super::lab::{Lab, bad_reply, form, merged};
use crate::testing::a_login;

async fn logged_in(settings: Value) -> (Lab, Oidc, UpstreamIdentity) {
    let lab = Lab::new().await;
    lab.serve_userinfo(
        json!({"sub": "jane-1", "name": "Jane Doe", "email": "new@idp.test",
        "email_verified": true}),
    )
    .await;
    let oidc = lab.open(&settings);
    let known = lab.log_in(&oidc, json!({"amr": ["pwd"]})).await.unwrap();
    (lab, oidc, known)
}

async fn answer(lab: &Lab, tokens: Value) {
    let answer = ResponseTemplate::new(200).set_body_json(tokens);
    lab.serve_tokens_once(answer).await;
}

fn kept_token(identity: &UpstreamIdentity) -> String {
    let data = identity.connector_data.as_deref().unwrap();
    let data: Value = serde_json::from_slice(data).unwrap();
    let token = BASE64
        .decode(data["RefreshToken"].as_str().unwrap().as_bytes())
        .unwrap();
    String::from_utf8(token).unwrap()
}

#[tokio::test]
async fn a_refresh_tells_the_claims_of_today_and_keeps_the_new_token() {
    let (lab, oidc, known) = logged_in(json!({})).await;
    let today = merged(lab.claims(""), &json!({"nonce": null, "name": "Jane Doe"}));
    let id_token = lab.key.sign(None, &today).unwrap();
    answer(
        &lab,
        json!({"access_token": "a", "id_token": id_token, "refresh_token": "rt2"}),
    )
    .await;
    let refreshed = oidc.refresh(&a_login(), &known).await.unwrap();
    assert_eq!(refreshed.claims.username, "Jane Doe");
    assert_eq!(refreshed.amr, ["pwd"]);
    assert_eq!(kept_token(&refreshed), "rt2");
    let calls = lab.calls("/token").await;
    let sent = form(calls.last().unwrap());
    assert_eq!(sent["grant_type"], "refresh_token");
    assert_eq!(sent["refresh_token"], "rt1");
}

#[tokio::test]
async fn an_upstream_that_keeps_its_refresh_token_keeps_it_here_too() {
    let (lab, oidc, known) = logged_in(json!({})).await;
    let id_token = lab.key.sign(None, &lab.claims("")).unwrap();
    answer(&lab, json!({"access_token": "a", "id_token": id_token})).await;
    let refreshed = oidc.refresh(&a_login(), &known).await.unwrap();
    assert_eq!(kept_token(&refreshed), "rt1");
}

#[tokio::test]
async fn without_an_id_token_userinfo_is_needed() {
    let (lab, oidc, known) = logged_in(json!({})).await;
    answer(&lab, json!({"access_token": "a"})).await;
    let said = bad_reply(oidc.refresh(&a_login(), &known).await);
    assert!(said.contains("getUserInfo"), "{said}");

    let (lab, oidc, known) = logged_in(json!({"getUserInfo": true})).await;
    answer(&lab, json!({"access_token": "a"})).await;
    let refreshed = oidc.refresh(&a_login(), &known).await.unwrap();
    assert_eq!(refreshed.claims.email, "new@idp.test");
}

#[tokio::test]
async fn a_new_refresh_token_is_not_lost_where_its_claims_cannot_be_had() {
    let (lab, oidc, known) = logged_in(json!({})).await;
    answer(&lab, json!({"access_token": "a", "refresh_token": "rt2"})).await;
    let failed = oidc.refresh(&a_login(), &known).await.unwrap_err();
    let ConnectorError::AfterRenewal { connector_data, .. } = failed else {
        panic!("{failed:?}");
    };
    let kept = UpstreamIdentity {
        connector_data: Some(connector_data.reveal().to_vec()),
        ..known
    };
    assert_eq!(kept_token(&kept), "rt2");
}

#[tokio::test]
async fn a_refresh_about_another_person_is_denied() {
    let (lab, oidc, known) = logged_in(json!({})).await;
    let other = merged(lab.claims(""), &json!({"sub": "root"}));
    let id_token = lab.key.sign(None, &other).unwrap();
    answer(&lab, json!({"access_token": "a", "id_token": id_token})).await;
    let refused = oidc.refresh(&a_login(), &known).await;
    assert!(
        matches!(refused, Err(ConnectorError::Denied(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_login_the_upstream_ended_is_denied_and_one_it_cannot_judge_is_not() {
    let (lab, oidc, known) = logged_in(json!({})).await;
    let ended = ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_grant"}));
    lab.serve_tokens_once(ended).await;
    let refused = oidc.refresh(&a_login(), &known).await;
    assert!(
        matches!(refused, Err(ConnectorError::Denied(_))),
        "{refused:?}"
    );
    lab.serve_tokens_once(ResponseTemplate::new(503)).await;
    let refused = oidc.refresh(&a_login(), &known).await;
    assert!(
        matches!(refused, Err(ConnectorError::Upstream(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn without_a_refresh_token_there_is_no_refresh() {
    let (lab, oidc, known) = logged_in(json!({})).await;
    for data in [
        None,
        Some(b"{}".to_vec()),
        Some(b"{\"RefreshToken\":\"\"}".to_vec()),
    ] {
        let without = UpstreamIdentity {
            connector_data: data,
            ..known.clone()
        };
        let refused = oidc.refresh(&a_login(), &without).await;
        assert!(
            matches!(refused, Err(ConnectorError::Upstream(_))),
            "{refused:?}"
        );
    }
    assert_eq!(lab.calls("/token").await.len(), 1, "only the login asked");
}
