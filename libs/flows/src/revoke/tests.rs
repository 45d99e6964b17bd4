use std::time::Duration;

use insula_engine::Refusal;
use insula_oauth::Params;
use insula_testkit::{a_client, a_tenant};

use crate::TenantView;
use crate::testing::{app, basic, exchange, form, refusal, revoked, tokens, userinfo_of, view};

fn token(token: &str) -> Params {
    form(&[("token", token)])
}

async fn is_alive(view: &TenantView, access: &str, refresh: &str) -> [bool; 2] {
    let request = form(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]);
    let access = userinfo_of(view, access).await;
    let refresh = exchange(view, Some(&app()), &request).await;
    [access.is_ok(), refresh.is_ok()]
}

#[tokio::test]
async fn rfc_7009_2_1_either_token_takes_its_whole_family_with_it() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        for by_refresh in [true, false] {
            let (view, _) = view(tenant.clone());
            let tokens = tokens(&view).await;
            let (access, refresh) = (tokens.access_token, tokens.refresh_token.unwrap());
            let given = if by_refresh { &refresh } else { &access };
            revoked(&view, Some(&app()), &token(given)).await.unwrap();
            assert_eq!(is_alive(&view, &access, &refresh).await, [false; 2]);
            let again = revoked(&view, Some(&app()), &token(given)).await;
            assert!(again.is_ok(), "revoking twice is once");
        }
    }
}

#[tokio::test]
async fn a_replaced_refresh_token_still_ends_its_family() {
    let (view, clock) = view(a_tenant());
    let first = tokens(&view).await.refresh_token.unwrap();
    let request = form(&[("grant_type", "refresh_token"), ("refresh_token", &first)]);
    let next = exchange(&view, Some(&app()), &request).await.unwrap();
    clock.advance(Duration::from_mins(1));
    revoked(&view, Some(&app()), &token(&first)).await.unwrap();
    let refresh = next.refresh_token.unwrap();
    assert_eq!(
        is_alive(&view, &next.access_token, &refresh).await,
        [false; 2]
    );
}

#[tokio::test]
async fn rfc_7009_2_2_a_token_nobody_knows_is_a_success() {
    let (view, _) = view(a_tenant());
    let tokens = tokens(&view).await;
    for unknown in ["garbage", "a.b.c", "CgJpZBICc2U"] {
        assert!(revoked(&view, Some(&app()), &token(unknown)).await.is_ok());
    }
    let refresh = tokens.refresh_token.unwrap();
    assert_eq!(
        is_alive(&view, &tokens.access_token, &refresh).await,
        [true; 2]
    );
}

#[tokio::test]
async fn rfc_7009_2_1_another_clients_token_is_refused_without_effect() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, _) = view(tenant.with_client(a_client().named("thief")));
        let tokens = tokens(&view).await;
        let refresh = tokens.refresh_token.unwrap();
        let thief = basic("thief", "app-secret");
        for given in [&tokens.access_token, &refresh] {
            let told = refusal(revoked(&view, Some(&thief), &token(given)).await);
            assert_eq!(told, Refusal::TokenOfAnotherClient);
        }
        assert_eq!(
            is_alive(&view, &tokens.access_token, &refresh).await,
            [true; 2]
        );
    }
}

#[tokio::test]
async fn who_revokes_must_be_a_client_and_name_a_token() {
    let (view, _) = view(a_tenant().with_client(a_client().named("spa").public()));
    let nobody = refusal(revoked(&view, None, &token("x")).await);
    assert!(matches!(nobody, Refusal::ClientAuth(_)));
    let wrong = basic("app", "wrong");
    let told = refusal(revoked(&view, Some(&wrong), &token("x")).await);
    assert_eq!(told, Refusal::ClientCredentials);
    let nothing = refusal(revoked(&view, Some(&app()), &form(&[])).await);
    assert_eq!(nothing, Refusal::MissingToken);
    let public = form(&[("token", "x"), ("client_id", "spa")]);
    assert!(revoked(&view, None, &public).await.is_ok());
}

#[tokio::test]
async fn rfc_6749_3_2_of_two_tokens_in_one_request_neither_is_taken_and_in_dex_the_first_is() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, _) = view(tenant);
        let tokens = tokens(&view).await;
        let (access, refresh) = (tokens.access_token, tokens.refresh_token.unwrap());
        let both = form(&[("token", "garbage"), ("token", &access)]);
        let told = revoked(&view, Some(&app()), &both).await;
        if view.rules().refuses_repeated_parameters {
            assert_eq!(refusal(told), Refusal::DuplicateParameter("token".into()));
        } else {
            told.unwrap();
        }
        assert_eq!(is_alive(&view, &access, &refresh).await, [true; 2]);
    }
}

#[tokio::test]
async fn an_id_token_cannot_be_revoked_and_we_say_so() {
    let (view, _) = view(a_tenant());
    let id_token = tokens(&view).await.id_token.unwrap();
    let told = refusal(revoked(&view, Some(&app()), &token(&id_token)).await);
    assert_eq!(told, Refusal::UnsupportedTokenType);
}

#[tokio::test]
async fn rfc_7009_2_1_a_wrong_hint_keeps_no_token_alive() {
    for hint in ["access_token", "refresh_token", "magic"] {
        let (view, _) = view(a_tenant());
        let tokens = tokens(&view).await;
        let (access, refresh) = (tokens.access_token, tokens.refresh_token.unwrap());
        let given = if hint == "access_token" {
            &refresh
        } else {
            &access
        };
        let form = form(&[("token", given), ("token_type_hint", hint)]);
        revoked(&view, Some(&app()), &form).await.unwrap();
        assert_eq!(is_alive(&view, &access, &refresh).await, [false; 2]);
    }
}
