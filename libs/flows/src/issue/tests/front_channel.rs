use std::collections::BTreeMap;
use std::sync::Arc;

use insula_engine::Refusal;
use insula_jose::RotationPolicy;
use insula_oauth::{GrantType, ResponseMode, ResponseType};
use insula_testkit::{TenantBuilder, VERIFIER, a_client, a_tenant};

use super::*;
use crate::testing::{
    app, code_form, exchange, fault, form, heard, introspected, refusal, revoked, userinfo_of,
};
use crate::{Fault, Outcome, TenantView};

const GRANTS: [GrantType; 3] = [
    GrantType::AuthorizationCode,
    GrantType::Implicit,
    GrantType::RefreshToken,
];

fn serving(tenant: TenantBuilder) -> TenantBuilder {
    let types = ["code", "id_token", "token", "id_token token", "code token"];
    let types = types.map(|text| ResponseType::parse(text).unwrap());
    tenant
        .with(|spec| spec.oauth2.response_types = types.to_vec())
        .with_client(a_client().with_grants(&GRANTS))
}

fn asking(response_type: &str) -> String {
    let words = response_type.replace(' ', "+");
    let ask = ASK.replace("response_type=code", &format!("response_type={words}"));
    format!("{ask}&nonce=n")
}

/// What the client is handed.
fn answer(outcome: Outcome) -> BTreeMap<String, String> {
    match outcome {
        Outcome::Respond(response) => {
            assert_eq!(response.to.response_mode, ResponseMode::Fragment);
            response.params.into_iter().collect()
        }
        other => panic!("not an answer to the client: {other:?}"),
    }
}

/// The whole of a login that is asked for consent.
async fn walked(view: &TenantView, query: &str) -> BTreeMap<String, String> {
    let mut person = Person::default();
    let sent = person.asks(view, query).await.unwrap();
    let asked = person.logs_in(view, &sent).await.unwrap();
    answer(person.answers(view, &asked, true).await.unwrap())
}

async fn is_active(view: &TenantView, token: &str) -> bool {
    let told = introspected(view, Some(&app()), &form(&[("token", token)])).await;
    told.unwrap().active
}

#[tokio::test]
async fn a_login_answered_with_tokens_is_answered_once_however_often_its_form_is_sent() {
    for response_type in ["id_token", "id_token token", "code token"] {
        let (view, _) = view(serving(a_tenant()));
        let mut person = Person::default();
        let sent = person.asks(&view, &asking(response_type)).await.unwrap();
        let asked = person.logs_in(&view, &sent).await.unwrap();
        let mut twin = person.clone();
        let first = person.answers(&view, &asked, true).await.unwrap();
        assert!(!answer(first).is_empty());
        let again = twin.answers(&view, &asked, true).await;
        assert_eq!(heard(again).0, Refusal::LoginUnknown, "{response_type}");
    }
}

#[tokio::test]
async fn a_session_that_stands_for_a_login_is_answered_with_tokens_and_nothing_is_stored() {
    let (view, _) = view(serving(a_tenant()));
    let mut person = Person::default();
    person.walks(&view, ASK).await;
    let (view, _, cache) = watched(&view);
    let told = answer(person.asks(&view, &asking("id_token")).await.unwrap());
    assert_eq!(told.keys().collect::<Vec<_>>(), ["id_token"]);
    assert!(cache.calls().is_empty(), "{:?}", cache.calls());
}

#[tokio::test]
async fn a_tenant_that_cannot_sign_ends_no_login_and_changes_nothing() {
    let (view, _) = view(serving(a_tenant()));
    let mut person = Person::default();
    let sent = person.asks(&view, &asking("id_token")).await.unwrap();
    let asked = person.logs_in(&view, &sent).await.unwrap();
    let without_keys = TenantView {
        rotation: Arc::new(RotationPolicy {
            algs: Vec::new(),
            ..view.rotation.as_ref().clone()
        }),
        ..view.clone()
    };
    let told = person.answers(&without_keys, &asked, true).await;
    assert!(matches!(fault(told), Fault::KeysStale));
    assert!(kinds(&view).await.is_empty());
    answer(person.answers(&view, &asked, true).await.unwrap());
    assert_eq!(kinds(&view).await, ["logged_in", "consent_given"]);
}

#[tokio::test]
async fn an_access_token_of_no_grant_that_is_stored_is_revoked_like_every_other() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, _) = view(serving(tenant));
        let is_ours = view.rules().serves_token_alone;
        let told = if is_ours {
            walked(&view, &asking("id_token token")).await
        } else {
            let mut person = Person::default();
            let query = asking("id_token token");
            let sent = person
                .opens(&view, &format!("/auth/mock?{query}"))
                .await
                .unwrap();
            let proven = person.logs_in(&view, &sent).await.unwrap();
            let asked = person.follows(&view, &proven).await.unwrap();
            answer(person.answers(&view, &asked, true).await.unwrap())
        };
        let access = &told["access_token"];
        assert!(userinfo_of(&view, access).await.is_ok());
        assert!(is_active(&view, access).await);
        let given = form(&[("token", access)]);
        revoked(&view, Some(&app()), &given).await.unwrap();
        assert_eq!(
            refusal(userinfo_of(&view, access).await),
            Refusal::BearerInvalid
        );
        assert!(!is_active(&view, access).await);
    }
}

#[tokio::test]
async fn a_code_presented_twice_takes_the_access_token_that_stood_beside_it() {
    let (view, _) = view(serving(a_tenant()));
    let challenge = insula_testkit::CHALLENGE;
    let pkce = format!("code_challenge={challenge}&code_challenge_method=S256");
    let query = format!("{}&{pkce}", asking("code token"));
    let told = walked(&view, &query).await;
    let redeem = code_form(&told["code"]);
    assert!(redeem.get("code_verifier") == Some(VERIFIER));
    exchange(&view, Some(&app()), &redeem).await.unwrap();
    assert!(is_active(&view, &told["access_token"]).await);
    exchange(&view, Some(&app()), &redeem).await.unwrap_err();
    assert!(!is_active(&view, &told["access_token"]).await);
}

#[test]
fn an_answer_is_printed_without_its_tokens() {
    let response = crate::AuthorizationResponse {
        to: crate::under_way::reply_to(&insula_testkit::an_authorization_request()),
        params: vec![("id_token".to_owned(), "hunter2".to_owned())],
    };
    let printed = format!("{response:?}");
    assert!(printed.contains("id_token") && !printed.contains("hunter2"));
}
