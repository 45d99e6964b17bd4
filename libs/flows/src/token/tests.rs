mod client_credentials;
mod clock;
mod code;
mod domains;
mod once;
mod own_exchange;
mod refresh;
mod resources;
mod trouble;
mod upstream;

use std::sync::Arc;

use insula_engine::Refusal;
use insula_oauth::{ClientAuthError, GrantType};
use insula_testkit::{a_client, a_code_grant, a_tenant};

use super::*;
use crate::Fault;
use crate::testing::{app, basic, code_form, exchange, fault, form, refusal, view, with_code};

#[tokio::test]
async fn what_is_no_token_request_is_refused_before_any_evidence_is_used_up() {
    let both = [
        ("grant_type", "authorization_code"),
        ("code", "a"),
        ("code", "b"),
    ];
    let client = ("client_id", "app");
    // form, in our dialect, in dex's
    let rows = [
        (
            form(&[client]),
            Refusal::MissingGrantType,
            Refusal::MissingGrantType,
        ),
        (
            form(&[("grant_type", "magic"), client]),
            Refusal::UnsupportedGrantType("magic".into()),
            Refusal::UnsupportedGrantType("magic".into()),
        ),
        (
            form(&both),
            Refusal::DuplicateParameter("code".into()),
            Refusal::CodeUnknown,
        ),
        (
            form(&[("grant_type", "authorization_code")]),
            Refusal::MissingCode,
            Refusal::MissingCode,
        ),
        (
            form(&[("grant_type", "refresh_token")]),
            Refusal::MissingRefreshToken,
            Refusal::MissingRefreshToken,
        ),
    ];
    for (form, ours, dexs) in rows {
        for (tenant, expected) in [(a_tenant(), ours), (a_tenant().dex(), dexs)] {
            let (view, _) = view(tenant);
            assert_eq!(
                refusal(exchange(&view, Some(&app()), &form).await),
                expected
            );
        }
    }
}

#[tokio::test]
async fn a_client_that_is_not_who_it_says_gets_nothing_and_the_code_stands() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, _) = view(tenant);
        with_code(&view, "code", &a_code_grant()).await;
        for header in [basic("app", "wrong"), basic("nobody", "app-secret")] {
            let answer = exchange(&view, Some(&header), &code_form("code")).await;
            assert_eq!(refusal(answer), Refusal::ClientCredentials);
        }
        assert!(
            exchange(&view, Some(&app()), &code_form("code"))
                .await
                .is_ok()
        );
    }
}

#[tokio::test]
async fn rfc_6749_2_3_two_ways_of_client_authentication_are_one_too_many() {
    let (view, _) = view(a_tenant());
    let mut pairs: Vec<(String, String)> = code_form("code")
        .pairs()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    pairs.push(("client_secret".into(), "app-secret".into()));
    let answer = exchange(&view, Some(&app()), &Params::from_pairs(pairs)).await;
    let expected = Refusal::ClientAuth(ClientAuthError::TwoMethods);
    assert_eq!(refusal(answer), expected);
}

#[tokio::test]
async fn a_grant_the_tenant_does_not_serve_or_the_client_may_not_use_is_refused() {
    let unserved = a_tenant().with(|t| t.oauth2.grant_types = vec![GrantType::RefreshToken]);
    let (unserved, _) = view(unserved);
    let answer = exchange(&unserved, Some(&app()), &code_form("code")).await;
    let expected = Refusal::UnsupportedGrantType("authorization_code".into());
    assert_eq!(refusal(answer), expected);

    let refresh_only = a_client().with_grants(&[GrantType::RefreshToken]);
    let (disallowed, _) = view(a_tenant().with_client(refresh_only));
    with_code(&disallowed, "code", &a_code_grant()).await;
    let answer = exchange(&disallowed, Some(&app()), &code_form("code")).await;
    assert_eq!(refusal(answer), Refusal::GrantNotAllowed);
}

#[tokio::test]
async fn stale_keys_cost_nobody_their_code() {
    let (view, _) = view(a_tenant());
    with_code(&view, "code", &a_code_grant()).await;
    let stale = TenantView {
        rotation: Arc::new(insula_jose::RotationPolicy {
            hard_end_after: std::time::Duration::ZERO,
            ..insula_testkit::test_rotation()
        }),
        ..view.clone()
    };
    let answer = exchange(&stale, Some(&app()), &code_form("code")).await;
    assert!(matches!(fault(answer), Fault::KeysStale));
    assert!(
        exchange(&view, Some(&app()), &code_form("code"))
            .await
            .is_ok()
    );
}
