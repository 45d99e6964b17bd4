use std::sync::Arc;
use std::time::Duration;

use insula_connector_kit::{ConnectorError, UpstreamIdentity};
use insula_engine::Refusal;
use insula_engine::grants::RefreshToken;
use insula_model::{CodeGrant, Login, RefreshGrant, RefusalForm, Rules};
use insula_oauth::{GrantType, TokenResponse};
use insula_testkit::{
    FakeConnector, TenantBuilder, a_client, a_code_grant, a_login, a_tenant, jane,
};

use crate::testing::{
    app, basic, claims_of, code_form, exchange, fault, form, reconfigured, refusal, tokens,
    userinfo_of, view, watched, with_code, with_connector, without_people,
};
use crate::{Fault, FlowError, TenantView, sealed};

pub(super) const SECONDS: fn(u64) -> Duration = Duration::from_secs;

pub(super) async fn refreshed(view: &TenantView, token: &str) -> Result<TokenResponse, FlowError> {
    let request = form(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
    exchange(view, Some(&app()), &request).await
}

pub(super) fn refresh_token(answer: &TokenResponse) -> String {
    answer.refresh_token.clone().unwrap()
}

async fn stored(view: &TenantView, token: &str) -> Option<RefreshGrant> {
    let token = RefreshToken::parse(token, &Rules::STANDARD).unwrap();
    view.effects.store.find_refresh(&token.id).await.unwrap()
}

/// Tokens of a login that brought something for its connector.
pub(super) async fn tokens_with_data(view: &TenantView) -> TokenResponse {
    let grant = CodeGrant {
        login: Login {
            connector_data: Some(sealed::seal(view, b"first")),
            ..a_login()
        },
        ..a_code_grant()
    };
    with_code(view, "code", &grant).await;
    let answer = exchange(view, Some(&app()), &code_form("code")).await;
    answer.unwrap()
}

fn with_reuse(tenant: TenantBuilder) -> TenantBuilder {
    tenant.with(|t| t.expiry.refresh.reuse_interval = SECONDS(3))
}

#[tokio::test]
async fn a_refresh_rotates_the_token_and_repeats_the_login_and_in_dex_the_nonce() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, clock) = view(tenant);
        let first = tokens(&view).await;
        clock.advance(SECONDS(100));
        let second = refreshed(&view, &refresh_token(&first)).await.unwrap();
        assert_ne!(refresh_token(&first), refresh_token(&second));
        let claims = |answer: &TokenResponse| claims_of(answer.id_token.as_deref().unwrap());
        let (before, after) = (claims(&first), claims(&second));
        for same in ["sub", "aud", "auth_time", "sid", "email", "groups"] {
            assert_eq!(before[same], after[same], "{same}");
        }
        let repeated = before
            .get("nonce")
            .filter(|_| view.rules().repeats_nonce_at_refresh);
        assert_eq!(after.get("nonce"), repeated, "OIDC Core §12.2");
        assert_eq!(
            after["iat"].as_i64(),
            before["iat"].as_i64().map(|iat| iat + 100)
        );
        assert_eq!(after.get("c_hash"), None);
        let third = refreshed(&view, &refresh_token(&second)).await;
        assert!(third.is_ok());
    }
}

#[tokio::test]
async fn rfc_9700_4_14_refresh_reuse_revokes_the_whole_family() {
    let (view, clock) = view(a_tenant());
    let stolen = refresh_token(&tokens(&view).await);
    let kept = refreshed(&view, &stolen).await.unwrap();
    clock.advance(SECONDS(4));
    let grant = a_code_grant().grant_id;
    let told = refusal(refreshed(&view, &stolen).await);
    assert_eq!(told, Refusal::RefreshReused { grant });
    let after = refreshed(&view, &refresh_token(&kept)).await;
    assert_eq!(refusal(after), Refusal::RefreshUnknown);
    let shown = userinfo_of(&view, &kept.access_token).await;
    assert_eq!(refusal(shown), Refusal::BearerInvalid);
}

/// dex §2.6: its clients refresh side by side, and who loses is refused.
#[tokio::test]
async fn in_dexs_dialect_who_comes_second_with_a_token_is_refused_and_nobody_is_logged_out() {
    let (view, clock) = view(a_tenant().dex());
    let first = refresh_token(&tokens(&view).await);
    let won = refreshed(&view, &first).await.unwrap();
    for wait in [0, 1, 3600] {
        clock.advance(SECONDS(wait));
        let grant = a_code_grant().grant_id;
        let told = refusal(refreshed(&view, &first).await);
        assert_eq!(told, Refusal::RefreshObsolete { grant });
    }
    let shown = userinfo_of(&view, &won.access_token).await;
    assert!(shown.is_ok());
    let next = refreshed(&view, &refresh_token(&won)).await.unwrap();
    let told = refusal(refreshed(&view, &first).await);
    assert!(matches!(told, Refusal::RefreshObsolete { .. }), "nor later");
    assert!(refreshed(&view, &refresh_token(&next)).await.is_ok());
}

#[tokio::test]
async fn a_client_whose_answer_was_lost_may_ask_again_and_gets_the_same_token() {
    let (view, clock) = view(a_tenant());
    let first = refresh_token(&tokens(&view).await);
    let second = refresh_token(&refreshed(&view, &first).await.unwrap());
    clock.advance(SECONDS(3));
    for _ in 0..2 {
        let again = refreshed(&view, &first).await.unwrap();
        assert_eq!(refresh_token(&again), second);
    }
    assert_eq!(stored(&view, &second).await.unwrap().generation, 1);
}

#[tokio::test]
async fn within_the_reuse_interval_dex_neither_rotates_nor_asks_upstream() {
    let (view, clock) = view(with_reuse(a_tenant().dex()));
    let (view, fake) = with_connector(&view, "mock", FakeConnector::redirecting());
    let first = refresh_token(&tokens(&view).await);
    clock.advance(SECONDS(2));
    let same = refreshed(&view, &first).await.unwrap();
    assert_eq!(refresh_token(&same), first);
    assert!(fake.refreshed().is_empty());
    clock.advance(SECONDS(2));
    let next = refreshed(&view, &first).await.unwrap();
    assert_ne!(refresh_token(&next), first);
    assert_eq!(fake.refreshed().len(), 1);
}

#[tokio::test]
async fn garbage_beside_a_right_id_revokes_nothing() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, _) = view(tenant);
        let good = refresh_token(&tokens(&view).await);
        let mut forged = RefreshToken::parse(&good, &Rules::STANDARD).unwrap();
        forged.secret = insula_model::RefreshSecret::new("a234567abcdefghijklmnopqr");
        let told = refreshed(&view, &forged.encode()).await;
        assert_eq!(refusal(told), Refusal::RefreshUnknown);
        for odd in ["garbage", "", "CgJpZBICc2U"] {
            let told = refusal(refreshed(&view, odd).await);
            let expected = [Refusal::RefreshUnknown, Refusal::MissingRefreshToken];
            assert!(expected.contains(&told), "{odd}");
        }
        assert!(refreshed(&view, &good).await.is_ok());
    }
}

#[tokio::test]
async fn another_clients_refresh_token_is_refused_without_effect() {
    let (view, _) = view(a_tenant().with_client(a_client().named("thief")));
    let token = refresh_token(&tokens(&view).await);
    let request = form(&[("grant_type", "refresh_token"), ("refresh_token", &token)]);
    let thief = basic("thief", "app-secret");
    let told = refusal(exchange(&view, Some(&thief), &request).await);
    assert!(matches!(told, Refusal::RefreshOfAnotherClient { .. }));
    assert!(refreshed(&view, &token).await.is_ok());
}

#[tokio::test]
async fn of_two_refreshes_at_once_both_are_answered_with_the_same_new_token() {
    let (view, _) = view(a_tenant());
    let first = refresh_token(&tokens(&view).await);
    let (one, two) = tokio::join!(refreshed(&view, &first), refreshed(&view, &first));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(refresh_token(&one), refresh_token(&two));
    assert_eq!(stored(&view, &first).await.unwrap().generation, 1);
}

#[tokio::test]
async fn a_narrower_scope_holds_for_this_answer_alone() {
    let (view, _) = view(a_tenant());
    let first = refresh_token(&tokens(&view).await);
    let asking = |scope: &str, token: &str| {
        form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("scope", scope),
        ])
    };
    let narrow = exchange(&view, Some(&app()), &asking("openid", &first))
        .await
        .unwrap();
    assert_eq!(narrow.scope.as_deref(), Some("openid"));
    assert_eq!(
        claims_of(narrow.id_token.as_deref().unwrap()).get("email"),
        None
    );
    let second = refresh_token(&narrow);
    let wide = refreshed(&view, &second).await.unwrap();
    let wide_id_token = claims_of(wide.id_token.as_deref().unwrap());
    assert_eq!(wide_id_token["email"], "jane@example.test");

    let third = refresh_token(&wide);
    let beyond = exchange(&view, Some(&app()), &asking("openid root", &third)).await;
    let expected = Refusal::RefreshScopeBeyond(vec!["root".to_owned()]);
    assert_eq!(refusal(beyond), expected);
    assert!(
        refreshed(&view, &third).await.is_ok(),
        "nothing was used up"
    );
}

#[tokio::test]
async fn who_was_taken_out_of_the_configuration_has_no_token_and_no_code_left() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, _) = view(tenant);
        let first = tokens(&view).await;
        with_code(&view, "later", &a_code_grant()).await;
        let gone = without_people(&view);
        let shown = userinfo_of(&gone, &first.access_token).await;
        assert_eq!(refusal(shown), Refusal::BearerInvalid);
        let code = exchange(&gone, Some(&app()), &code_form("later")).await;
        assert_eq!(refusal(code), Refusal::CodeUnknown);
        let told = refusal(refreshed(&gone, &refresh_token(&first)).await);
        assert!(matches!(told, Refusal::RefreshDenied { .. }));
        // Whoever gets an entry of the same id later does not get these back.
        assert_eq!(stored(&view, &refresh_token(&first)).await, None);
    }
}

#[tokio::test]
async fn an_idle_token_expires() {
    let hour = Duration::from_hours(1);
    let tenant = a_tenant().with(|t| t.expiry.refresh.valid_if_not_used_for = Some(hour));
    let (view, clock) = view(tenant);
    let first = refresh_token(&tokens(&view).await);
    clock.advance(hour);
    let told = refusal(refreshed(&view, &first).await);
    assert!(matches!(told, Refusal::RefreshExpired { .. }));
}

#[tokio::test]
async fn what_the_upstream_says_now_replaces_what_it_said_but_not_who_it_is() {
    let (view, _) = view(a_tenant());
    let mut changed = jane();
    changed.user_id = insula_model::UserId::parse("somebody-else").unwrap();
    changed.groups = vec!["alumni".to_owned()];
    changed.email = "jane@new.test".to_owned();
    let now = UpstreamIdentity {
        claims: changed,
        connector_data: Some(b"second".to_vec()),
        amr: vec!["otp".to_owned()],
        acr: Some("forged".to_owned()),
    };
    let fake = FakeConnector::redirecting().on_refresh(Ok(now));
    let (view, fake) = with_connector(&view, "mock", fake);
    let first = tokens_with_data(&view).await;
    let second = refreshed(&view, &refresh_token(&first)).await.unwrap();
    let (before, after) = (
        claims_of(first.id_token.as_deref().unwrap()),
        claims_of(second.id_token.as_deref().unwrap()),
    );
    assert_eq!(after["sub"], before["sub"]);
    assert_eq!(after["email"], "jane@new.test");
    assert_eq!(after["groups"], serde_json::json!(["alumni"]));
    assert_eq!(
        (&after["amr"], &after["acr"]),
        (&before["amr"], &before["acr"]),
        "how they logged in does not change"
    );

    refreshed(&view, &refresh_token(&second)).await.unwrap();
    let handed: Vec<_> = fake
        .refreshed()
        .into_iter()
        .map(|i| i.connector_data)
        .collect();
    assert_eq!(handed, [Some(b"first".to_vec()), Some(b"second".to_vec())]);
    let row = stored(&view, &refresh_token(&first)).await.unwrap();
    let kept = row.login.connector_data.unwrap();
    assert_ne!(kept, b"second", "what the connector keeps is sealed");
}

#[tokio::test]
async fn a_person_the_upstream_no_longer_vouches_for_loses_the_family() {
    for error in [
        ConnectorError::Denied("gone".into()),
        ConnectorError::Declined,
        ConnectorError::NotInGroup,
    ] {
        let (view, _) = view(a_tenant());
        let fake = FakeConnector::redirecting().on_refresh(Err(error));
        let (view, _) = with_connector(&view, "mock", fake);
        let first = tokens_with_data(&view).await;
        let told = refusal(refreshed(&view, &refresh_token(&first)).await);
        assert!(matches!(told, Refusal::RefreshDenied { .. }));
        let shown = userinfo_of(&view, &first.access_token).await;
        assert_eq!(refusal(shown), Refusal::BearerInvalid);
        assert_eq!(stored(&view, &refresh_token(&first)).await, None);
    }
}

#[tokio::test]
async fn an_upstream_that_fails_costs_nobody_their_token() {
    let (view, _) = view(a_tenant());
    let down = ConnectorError::Upstream("connection refused".to_owned());
    let fake = FakeConnector::redirecting().on_refresh(Err(down));
    let (view, _) = with_connector(&view, "mock", fake);
    let first = refresh_token(&tokens_with_data(&view).await);
    let told = fault(refreshed(&view, &first).await);
    assert!(matches!(told, Fault::Connector { .. }));
    assert!(
        refreshed(&view, &first).await.is_ok(),
        "the next try is as good"
    );
}

#[tokio::test]
async fn a_refresh_whose_person_cannot_be_looked_up_waits_for_the_database_once() {
    let (view, _) = view(a_tenant());
    let away = ConnectorError::Storage("no answer".to_owned());
    let fake = FakeConnector::redirecting().on_refresh(Err(away));
    let (view, _) = with_connector(&view, "mock", fake);
    let first = refresh_token(&tokens(&view).await);
    let (watching, store, _) = watched(&view);
    let told = fault(refreshed(&watching, &first).await);
    assert!(matches!(told, Fault::Store(_)), "{told:?}");
    assert_eq!(store.calls(), ["find_refresh"]);
    assert!(refreshed(&view, &first).await.is_ok());
}

#[tokio::test]
async fn a_login_from_a_session_keeps_its_claims_where_the_connector_needs_more() {
    let (view, _) = view(a_tenant());
    let lacking = ConnectorError::Upstream("there is no upstream refresh token".to_owned());
    let fake = FakeConnector::redirecting()
        .on_refresh(Err(lacking))
        .on_refresh(Err(ConnectorError::Unsupported("refresh without data")));
    let (view, _) = with_connector(&view, "mock", fake);
    let first = refresh_token(&tokens(&view).await);
    let second = refreshed(&view, &first).await.unwrap();
    assert_eq!(
        claims_of(second.id_token.as_deref().unwrap())["email"],
        "jane@example.test"
    );
    assert!(refreshed(&view, &refresh_token(&second)).await.is_ok());
}

#[tokio::test]
async fn a_connector_that_is_gone_or_no_longer_allowed_ends_the_refreshes() {
    let (view, _) = view(a_tenant());
    let first = refresh_token(&tokens(&view).await);
    let gone = TenantView {
        connectors: Arc::default(),
        ..view.clone()
    };
    let elsewhere = reconfigured(&view, |spec| {
        let client = a_client().allowing("another").build();
        spec.clients.insert(client.id.clone(), client.into());
    });
    let mut unserved = view.connectors.as_ref().clone();
    for connector in unserved.iter_mut() {
        Arc::make_mut(&mut connector.spec).grant_types = vec![GrantType::AuthorizationCode];
    }
    let unserved = TenantView {
        connectors: Arc::new(unserved),
        ..view.clone()
    };
    for (view, word, dexs_word, dexs) in [
        (
            gone,
            "invalid_grant",
            "invalid_request",
            "Requested connector does not exist.",
        ),
        (
            elsewhere,
            "invalid_grant",
            "invalid_grant",
            "Connector not allowed for this client.",
        ),
        (
            unserved,
            "invalid_grant",
            "invalid_request",
            "Requested connector does not support this grant type.",
        ),
    ] {
        let told = refusal(refreshed(&view, &first).await);
        assert_eq!(told.code(RefusalForm::Rfc).as_str(), word, "{dexs}");
        assert_eq!(told.code(RefusalForm::Dex).as_str(), dexs_word, "{dexs}");
        assert_eq!(told.description(RefusalForm::Dex), dexs);
    }
    assert!(refreshed(&view, &first).await.is_ok());
}
