use std::time::Duration;

use insula_engine::Refusal;
use insula_engine::grants::RefreshToken;
use insula_model::{Alg, ClientId, CodeGrant, Rules, TokenHash};
use insula_oauth::Scopes;
use insula_store::ClaimedCode;
use insula_testkit::{FakeConnector, NOW, VERIFIER, a_client, a_code_grant, a_tenant};

use crate::testing::{
    Trouble, app, basic, claims_of, code_form, exchange, form, introspected, reconfigured, refusal,
    tokens, userinfo_of, view, watched, with_code, with_connector,
};

#[tokio::test]
async fn a_code_becomes_tokens_and_a_refresh_token() {
    for (tenant, token_type, expires_in) in [
        (a_tenant(), "Bearer", 600),
        (a_tenant().dex(), "bearer", 86_400),
    ] {
        let (view, _) = view(tenant);
        let answer = tokens(&view).await;
        assert_eq!(answer.token_type, token_type);
        assert_eq!(answer.expires_in, expires_in);
        let id_token = claims_of(answer.id_token.as_deref().unwrap());
        assert_eq!(id_token["aud"], "app");
        assert_eq!(id_token["nonce"], "n-0S6_WzA2Mj");

        let refresh = answer.refresh_token.unwrap();
        let refresh = RefreshToken::parse(&refresh, &Rules::STANDARD).unwrap();
        let store = &view.effects.store;
        let grant = store.find_refresh(&refresh.id).await.unwrap().unwrap();
        assert!(refresh.is_of(&grant, &view.keys));
        assert_eq!((grant.generation, grant.created_at), (0, NOW));
        assert_eq!(grant.grant_id, a_code_grant().grant_id);
    }
}

/// The algorithm a token is signed with.
fn alg_of(token: &str) -> serde_json::Value {
    let header = token.split('.').next().unwrap();
    let header = data_encoding::BASE64URL_NOPAD.decode(header.as_bytes());
    let header: serde_json::Value = serde_json::from_slice(&header.unwrap()).unwrap();
    header["alg"].clone()
}

#[tokio::test]
async fn an_id_token_is_signed_as_its_client_asked_and_dexs_access_token_like_it() {
    for asked in [None, Some(Alg::RS256), Some(Alg::EdDSA)] {
        let mut client = a_client();
        if let Some(alg) = asked {
            client = client.with_id_tokens_by(alg);
        }
        let algorithms = |spec: &mut insula_model::TenantSpec| {
            spec.signer.algorithms = ["ES256", "RS256", "EdDSA"].map(str::to_owned).to_vec();
        };
        let mut ours = a_tenant().with_client(client.clone()).build();
        let mut dexs = a_tenant().dex().with_client(client).build();
        for (spec, is_dexs) in [(&mut ours, false), (&mut dexs, true)] {
            algorithms(spec);
            let (view, _) = view(spec.clone());
            let answer = tokens(&view).await;
            let expected = asked.unwrap_or(Alg::ES256).as_str();
            assert_eq!(alg_of(answer.id_token.as_deref().unwrap()), expected);
            if is_dexs {
                assert_eq!(alg_of(&answer.access_token), expected);
            }
        }
    }
}

#[tokio::test]
async fn without_offline_access_nothing_is_written() {
    let (view, _) = view(a_tenant());
    let grant = CodeGrant {
        scopes: Scopes::parse("openid email"),
        ..a_code_grant()
    };
    with_code(&view, "code", &grant).await;
    let answer = exchange(&view, Some(&app()), &code_form("code")).await;
    assert_eq!(answer.unwrap().refresh_token, None);
    let (login, store) = (&grant.login, &view.effects.store);
    let held = store.refresh_grants_of(&login.connector_id, &login.claims.user_id, None);
    assert!(held.await.unwrap().is_empty());
}

#[tokio::test]
async fn a_connector_that_cannot_refresh_gives_no_refresh_token() {
    let (view, _) = view(a_tenant());
    let (view, _) = with_connector(
        &view,
        "mock",
        FakeConnector::redirecting().without_refresh(),
    );
    assert_eq!(tokens(&view).await.refresh_token, None);
}

#[tokio::test]
async fn a_public_client_redeems_its_code_with_its_verifier_alone() {
    let (view, _) = view(a_tenant().with_client(a_client().public()));
    with_code(&view, "code", &a_code_grant()).await;
    let request = form(&[
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", "code"),
        ("redirect_uri", "https://app.test/cb"),
        ("code_verifier", VERIFIER),
    ]);
    assert!(exchange(&view, None, &request).await.is_ok());
}

#[tokio::test]
async fn rfc_6749_4_1_2_a_code_presented_twice_is_refused_and_takes_its_tokens_with_it() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, _) = view(tenant);
        let first = tokens(&view).await;
        assert!(userinfo_of(&view, &first.access_token).await.is_ok());

        let again = exchange(&view, Some(&app()), &code_form("code")).await;
        let grant = a_code_grant().grant_id;
        assert_eq!(refusal(again), Refusal::CodeReplayed { grant });

        let shown = userinfo_of(&view, &first.access_token).await;
        assert_eq!(refusal(shown), Refusal::BearerInvalid);
        let refresh = first.refresh_token.unwrap();
        let request = form(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
        let used = exchange(&view, Some(&app()), &request).await;
        assert_eq!(refusal(used), Refusal::RefreshUnknown);
        let asked = form(&[("token", &first.access_token)]);
        let known = introspected(&view, Some(&app()), &asked).await;
        assert!(!known.unwrap().active);
    }
}

#[tokio::test]
async fn a_used_code_is_remembered_while_its_tokens_live() {
    let (view, clock) = view(a_tenant());
    tokens(&view).await;
    clock.advance(Duration::from_mins(10) - Duration::from_secs(1));
    let late = exchange(&view, Some(&app()), &code_form("code")).await;
    assert!(matches!(refusal(late), Refusal::CodeReplayed { .. }));
    clock.advance(Duration::from_mins(11));
    let forgotten = exchange(&view, Some(&app()), &code_form("code")).await;
    assert_eq!(refusal(forgotten), Refusal::CodeUnknown);
}

#[tokio::test]
async fn a_code_dies_of_age() {
    let (view, clock) = view(a_tenant());
    with_code(&view, "code", &a_code_grant()).await;
    clock.advance(Duration::from_mins(1));
    let late = exchange(&view, Some(&app()), &code_form("code")).await;
    assert_eq!(refusal(late), Refusal::CodeUnknown);
}

#[tokio::test]
async fn rfc_9700_4_5_code_injection_another_clients_code_is_refused() {
    let (view, _) = view(a_tenant().with_client(a_client().named("thief")));
    with_code(&view, "code", &a_code_grant()).await;
    let thief = basic("thief", "app-secret");
    let stolen = exchange(&view, Some(&thief), &code_form("code")).await;
    let grant = a_code_grant().grant_id;
    assert_eq!(refusal(stolen), Refusal::CodeOfAnotherClient { grant });
}

#[tokio::test]
async fn rfc_9700_4_5_code_injection_a_code_of_another_transaction_fails_its_verifier() {
    let (view, _) = view(a_tenant());
    let other = CodeGrant {
        code_challenge: a_code_grant().code_challenge.map(|mut challenge| {
            challenge.value = "B".repeat(43);
            challenge
        }),
        ..a_code_grant()
    };
    with_code(&view, "stolen", &other).await;
    let injected = exchange(&view, Some(&app()), &code_form("stolen")).await;
    let grant = other.grant_id;
    assert_eq!(refusal(injected), Refusal::PkceMismatch { grant });
}

#[tokio::test]
async fn rfc_9700_4_8_pkce_downgrade_a_challenge_stripped_from_the_request_is_noticed() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, _) = view(tenant);
        let stripped = CodeGrant {
            code_challenge: None,
            ..a_code_grant()
        };
        with_code(&view, "code", &stripped).await;
        let answer = exchange(&view, Some(&app()), &code_form("code")).await;
        let grant = stripped.grant_id;
        assert_eq!(refusal(answer), Refusal::PkceNotStarted { grant });
    }
}

#[tokio::test]
async fn a_code_presented_wrongly_is_used_up_in_our_dialect_and_stands_in_dexs() {
    let wrong = form(&[
        ("grant_type", "authorization_code"),
        ("code", "code"),
        ("redirect_uri", "https://app.test/cb"),
        ("code_verifier", &"x".repeat(43)),
    ]);
    for (tenant, stands) in [(a_tenant(), false), (a_tenant().dex(), true)] {
        let (view, _) = view(tenant);
        with_code(&view, "code", &a_code_grant()).await;
        let first = exchange(&view, Some(&app()), &wrong).await;
        assert!(matches!(refusal(first), Refusal::PkceMismatch { .. }));
        let then = exchange(&view, Some(&app()), &code_form("code")).await;
        assert_eq!(then.is_ok(), stands);
    }
}

#[tokio::test]
async fn of_two_who_redeem_a_code_at_once_one_gets_tokens() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, _) = view(tenant);
        with_code(&view, "code", &a_code_grant()).await;
        let (header, request) = (app(), code_form("code"));
        let (one, two) = tokio::join!(
            exchange(&view, Some(&header), &request),
            exchange(&view, Some(&header), &request),
        );
        assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
        let (cache, hash) = (&view.effects.cache, TokenHash::of("code"));
        let left = cache.claim_code(&hash, &hash, Duration::ZERO).await;
        assert!(matches!(left.unwrap(), ClaimedCode::Replayed(_)));
    }
}

#[tokio::test]
async fn trust_withdrawn_between_login_and_exchange_is_told_as_a_scope() {
    let (view, _) = view(a_tenant().with_client(a_client().named("api").trusting("app")));
    let scope = "audience:server:client_id:api";
    let grant = CodeGrant {
        scopes: Scopes::parse(&format!("openid {scope}")),
        ..a_code_grant()
    };
    with_code(&view, "code", &grant).await;
    let api = ClientId::parse("api").unwrap();
    let view = reconfigured(&view, |spec| {
        let api = spec.clients.get_mut(&api).unwrap();
        std::sync::Arc::make_mut(api).trusted_peers.clear();
    });
    let answer = exchange(&view, Some(&app()), &code_form("code")).await;
    let expected = Refusal::UntrustedAudience(vec![scope.to_owned()]);
    assert_eq!(refusal(answer), expected);
}

#[tokio::test]
async fn a_client_is_told_how_long_its_token_still_lives_and_not_how_long_it_was_signed_for() {
    let (view, clock) = view(a_tenant());
    with_code(&view, "code", &a_code_grant()).await;
    let (view, store, _) = watched(&view);
    store.trouble(
        "add_refresh",
        Trouble::Stalls(clock, Duration::from_secs(8)),
    );
    let answer = exchange(&view, Some(&app()), &code_form("code")).await;
    assert_eq!(answer.unwrap().expires_in, 600 - 8);
}
