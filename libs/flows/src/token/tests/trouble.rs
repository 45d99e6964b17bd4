//! Stores that stall, lose what they are told, or lose the answer, and clients that try again:
//! nobody is logged out, and nothing is redeemed twice.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use insula_ambient::ManualClock;
use insula_connector_kit::{ConnectorError, UpstreamIdentity};
use insula_engine::Refusal;
use insula_engine::grants::RefreshToken;
use insula_model::CodeGrant;
use insula_oauth::{Scopes, TokenResponse};
use insula_store::{Cache as _, CacheLimits, MemoryCache};
use insula_testkit::{FakeConnector, TenantBuilder, a_code_grant, a_tenant, jane};

use super::refresh::{SECONDS, refresh_token, refreshed, tokens_with_data};
use crate::testing::{
    Trouble, app, code_form, elsewhere, exchange, fault, refusal, tokens, userinfo_of, view,
    watched, with_code, with_connector, with_person,
};
use crate::{Effects, FlowError, TenantView};

/// How long a database stalls before it answers, in seconds.
const STALLS: [u64; 4] = [1, 5, 9, 30];

fn tenants() -> [TenantBuilder; 2] {
    [a_tenant(), a_tenant().dex()]
}

/// What may befall a call without its being answered.
fn unanswered() -> [Trouble; 3] {
    [Trouble::Lost, Trouble::AnswerLost, Trouble::Hangs]
}

/// A client that gives up when it is not answered.
fn once<T>(call: impl Future<Output = Result<T, FlowError>>) -> Option<Result<T, FlowError>> {
    call.now_or_never()
}

pub(super) async fn lives(view: &TenantView, tokens: &TokenResponse) -> bool {
    with_person(view, &a_code_grant()).await;
    userinfo_of(view, &tokens.access_token).await.is_ok()
}

pub(super) async fn redeemed(view: &TenantView) -> Result<TokenResponse, FlowError> {
    exchange(view, Some(&app()), &code_form("code")).await
}

pub(super) fn without_refresh() -> CodeGrant {
    CodeGrant {
        scopes: Scopes::parse("openid email"),
        ..a_code_grant()
    }
}

/// The same tenant whose cache has lost everything.
fn with_lost_cache(view: &TenantView, clock: &ManualClock) -> TenantView {
    let cache = MemoryCache::new(Arc::new(clock.clone()), CacheLimits::default());
    TenantView {
        effects: Effects {
            cache: cache.tenant(&view.spec.id),
            ..view.effects.clone()
        },
        ..view.clone()
    }
}

#[tokio::test]
async fn a_client_that_never_heard_of_a_rotation_is_told_whenever_it_asks_again() {
    for tenant in tenants() {
        for trouble in unanswered() {
            for stall in STALLS {
                let (view, clock) = view(tenant.clone());
                let first = tokens(&view).await;
                let (view, store, _) = watched(&view);
                store.trouble("rotate_refresh", trouble.clone());
                let unheard = once(refreshed(&view, &refresh_token(&first)));
                assert!(unheard.is_none_or(|told| told.is_err()));
                clock.advance(SECONDS(stall));
                let told = refreshed(&view, &refresh_token(&first)).await.unwrap();
                assert!(lives(&view, &told).await);
                clock.advance(SECONDS(stall));
                let next = refreshed(&view, &refresh_token(&told)).await;
                assert!(next.is_ok(), "{stall} s");
            }
        }
    }
}

#[tokio::test]
async fn the_reuse_interval_counts_from_the_answer_and_not_from_the_request() {
    for stall in STALLS {
        let (view, clock) = view(a_tenant());
        let first = refresh_token(&tokens(&view).await);
        let (view, store, _) = watched(&view);
        let stalls = Trouble::Stalls(clock.clone(), SECONDS(stall));
        store.trouble("rotate_refresh", stalls);
        let told = refreshed(&view, &first).await.unwrap();
        clock.advance(SECONDS(3));
        let again = refreshed(&view, &first).await.unwrap();
        assert_eq!(refresh_token(&again), refresh_token(&told));
        clock.advance(SECONDS(1));
        let late = refusal(refreshed(&view, &first).await);
        assert!(matches!(late, Refusal::RefreshReused { .. }), "{stall} s");
    }
}

#[tokio::test]
async fn once_somebody_was_told_a_rotation_the_token_before_it_is_stolen_as_ever() {
    let (view, clock) = view(a_tenant());
    let first = refresh_token(&tokens(&view).await);
    let (view, store, _) = watched(&view);
    store.trouble("rotate_refresh", Trouble::AnswerLost);
    fault(refreshed(&view, &first).await);
    clock.advance(SECONDS(9));
    let thief = refreshed(&view, &first).await.unwrap();
    clock.advance(SECONDS(4));
    let owner = refusal(refreshed(&view, &first).await);
    assert!(matches!(owner, Refusal::RefreshReused { .. }));
    assert!(!lives(&view, &thief).await, "and the thief has nothing");
}

#[tokio::test]
async fn a_token_that_could_not_be_noted_as_given_out_is_given_out() {
    let (view, clock) = view(a_tenant());
    let first = refresh_token(&tokens(&view).await);
    let (view, store, _) = watched(&view);
    store.trouble("note_answered", Trouble::Lost);
    let second = refreshed(&view, &first).await.unwrap();
    clock.advance(SECONDS(60));
    assert!(refreshed(&view, &refresh_token(&second)).await.is_ok());
}

#[tokio::test]
async fn a_redemption_that_was_not_answered_is_answered_when_it_is_tried_again() {
    for tenant in tenants() {
        for grant in [a_code_grant(), without_refresh()] {
            let noted = if grant.scopes.offline_access() {
                "add_refresh"
            } else {
                "note_redeemed"
            };
            for call in ["claim_code", noted] {
                for trouble in unanswered() {
                    for stall in STALLS {
                        let (view, clock) = view(tenant.clone());
                        with_code(&view, "code", &grant).await;
                        let (view, store, cache) = watched(&view);
                        let spy = if call == noted { store } else { cache };
                        spy.trouble(call, trouble.clone());
                        let unheard = once(redeemed(&view));
                        assert!(unheard.is_none_or(|told| told.is_err()), "{call}");
                        clock.advance(SECONDS(stall));
                        let told = redeemed(&view).await.unwrap();
                        assert!(lives(&view, &told).await, "{call}, {stall} s");
                        let twice = refusal(redeemed(&view).await);
                        assert!(matches!(twice, Refusal::CodeReplayed { .. }), "{call}");
                        assert!(!lives(&view, &told).await, "{call}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_redemption_that_is_tried_again_and_again_begins_one_refresh_grant() {
    let (view, _) = view(a_tenant());
    let grant = a_code_grant();
    with_code(&view, "code", &grant).await;
    let (view, store, _) = watched(&view);
    for _ in 0..3 {
        store.trouble("add_refresh", Trouble::AnswerLost);
        fault(redeemed(&view).await);
    }
    let told = redeemed(&view).await.unwrap();
    let (login, store) = (&grant.login, &view.effects.store);
    let held = store.refresh_grants_of(&login.connector_id, &login.claims.user_id, None);
    assert_eq!(held.await.unwrap().len(), 1);
    assert!(refreshed(&view, &refresh_token(&told)).await.is_ok());
}

#[tokio::test]
async fn a_try_that_was_taken_over_before_it_could_answer_is_refused_and_revokes_nothing() {
    for tenant in tenants() {
        for call in ["add_refresh", "answer_code"] {
            let (plain, _) = view(tenant.clone());
            with_code(&plain, "code", &a_code_grant()).await;
            let (view, store, cache) = watched(&plain);
            let told = Arc::new(Mutex::new(None));
            let (later, slot) = (plain.clone(), told.clone());
            let spy = if call == "add_refresh" { store } else { cache };
            spy.trouble(
                call,
                Trouble::Meanwhile(Arc::new(move || {
                    let (view, slot) = (later.clone(), slot.clone());
                    async move {
                        let answer = redeemed(&view).await.unwrap();
                        *slot.lock().unwrap() = Some(answer);
                    }
                    .boxed()
                })),
            );
            let earlier = refusal(redeemed(&view).await);
            let grant = a_code_grant().grant_id;
            assert_eq!(earlier, Refusal::CodeTakenOver { grant }, "{call}");
            let told = told.lock().unwrap().take().unwrap();
            assert!(lives(&view, &told).await, "{call}");
            assert!(refreshed(&view, &refresh_token(&told)).await.is_ok());
        }
    }
}

#[tokio::test]
async fn a_refresh_that_was_overtaken_while_a_store_stalled_ends_nobodys_family() {
    for call in ["find_refresh", "rotate_refresh"] {
        let (plain, clock) = view(a_tenant());
        let first = refresh_token(&tokens(&plain).await);
        let (slow, store, _) = watched(&plain);
        let told = Arc::new(Mutex::new(None));
        let (faster, token, slot) = (plain.clone(), first.clone(), told.clone());
        let passing = clock.clone();
        store.trouble(
            call,
            Trouble::Meanwhile(Arc::new(move || {
                let (view, token, slot) = (faster.clone(), token.clone(), slot.clone());
                let clock = passing.clone();
                async move {
                    clock.advance(SECONDS(2));
                    let second = refresh_token(&refreshed(&view, &token).await.unwrap());
                    clock.advance(SECONDS(2));
                    let third = refreshed(&view, &second).await.unwrap();
                    clock.advance(SECONDS(5));
                    *slot.lock().unwrap() = Some(third);
                }
                .boxed()
            })),
        );
        let overtaken = refusal(refreshed(&slow, &first).await);
        assert!(
            matches!(overtaken, Refusal::RefreshObsolete { .. }),
            "{call}: {overtaken:?}"
        );
        let told = told.lock().unwrap().take().unwrap();
        assert!(lives(&plain, &told).await, "{call}");
        // Who comes with it later is a thief as ever.
        let stolen = refusal(refreshed(&plain, &first).await);
        assert!(matches!(stolen, Refusal::RefreshReused { .. }), "{call}");
        assert!(!lives(&plain, &told).await, "{call}");
    }
}

#[tokio::test]
async fn an_answer_the_cache_could_not_note_is_given_and_given_once() {
    for grant in [a_code_grant(), without_refresh()] {
        for trouble in [Trouble::Lost, Trouble::AnswerLost] {
            let (view, _) = view(a_tenant());
            with_code(&view, "code", &grant).await;
            let (view, _, cache) = watched(&view);
            cache.trouble("answer_code", trouble);
            let told = redeemed(&view).await.unwrap();
            assert!(lives(&view, &told).await);
            let twice = refusal(redeemed(&view).await);
            assert!(matches!(twice, Refusal::CodeReplayed { .. }));
            assert!(!lives(&view, &told).await);
        }
    }
}

#[tokio::test]
async fn a_code_that_a_cache_brings_back_from_the_past_is_refused_and_takes_its_tokens_with_it() {
    for tenant in tenants() {
        for grant in [a_code_grant(), without_refresh()] {
            let (view, clock) = view(tenant.clone());
            with_code(&view, "code", &grant).await;
            let told = redeemed(&view).await.unwrap();
            for _ in 0..2 {
                let past = with_lost_cache(&view, &clock);
                with_code(&past, "code", &grant).await;
                let again = refusal(redeemed(&past).await);
                let grant = grant.grant_id.clone();
                assert_eq!(again, Refusal::CodeReplayed { grant });
                assert!(!lives(&past, &told).await);
            }
        }
    }
}

fn said(data: &[u8]) -> UpstreamIdentity {
    UpstreamIdentity {
        claims: jane(),
        connector_data: Some(data.to_vec()),
        amr: vec![],
        acr: None,
    }
}

#[tokio::test]
async fn what_an_upstream_said_is_not_lost_where_the_database_stalls() {
    for trouble in [Trouble::Lost, Trouble::AnswerLost] {
        let is_committed = matches!(trouble, Trouble::AnswerLost);
        let (view, clock) = view(a_tenant());
        let fake = FakeConnector::redirecting()
            .on_refresh(Ok(said(b"second")))
            .on_refresh(Ok(said(b"third")));
        let (view, fake) = with_connector(&view, "mock", fake);
        let first = refresh_token(&tokens_with_data(&view).await);
        let (view, store, _) = watched(&view);
        store.trouble("rotate_refresh", trouble);
        fault(refreshed(&view, &first).await);
        clock.advance(SECONDS(30));
        let second = refresh_token(&refreshed(&view, &first).await.unwrap());
        assert_eq!(fake.refreshed().len(), 1, "committed: {is_committed}");
        refreshed(&view, &second).await.unwrap();
        let asked = fake.refreshed();
        let with: Vec<_> = asked.into_iter().map(|i| i.connector_data).collect();
        let expected = [b"first".to_vec(), b"second".to_vec()].map(Some);
        assert_eq!(with, expected, "each token of the upstream's is used once");
    }
}

#[tokio::test]
async fn what_an_upstream_said_is_found_although_a_note_of_an_answer_came_meanwhile() {
    let (view, clock) = view(a_tenant());
    let fake = FakeConnector::redirecting()
        .on_refresh(Ok(said(b"second")))
        .on_refresh(Ok(said(b"third")))
        .on_refresh(Ok(said(b"fourth")));
    let (view, fake) = with_connector(&view, "mock", fake);
    let first = refresh_token(&tokens_with_data(&view).await);
    let second = refresh_token(&refreshed(&view, &first).await.unwrap());
    let (view, store, _) = watched(&view);
    store.trouble("rotate_refresh", Trouble::Lost);
    fault(refreshed(&view, &second).await);
    // Another node writes down when it gave out the token.
    clock.advance(SECONDS(1));
    let id = RefreshToken::parse(&second, view.rules()).unwrap().id;
    let noted = view.effects.store.note_answered(&id, 1, view.now()).await;
    noted.unwrap();
    clock.advance(SECONDS(30));
    let third = refresh_token(&refreshed(&view, &second).await.unwrap());
    refreshed(&view, &third).await.unwrap();
    let asked = fake.refreshed();
    let with: Vec<_> = asked.into_iter().map(|i| i.connector_data).collect();
    let expected = [b"first".to_vec(), b"second".to_vec(), b"third".to_vec()].map(Some);
    assert_eq!(with, expected, "each token of the upstream's is used once");
}

#[tokio::test]
async fn who_asks_an_upstream_too_late_is_told_what_another_try_got() {
    let (plain, _) = view(a_tenant());
    let fake = FakeConnector::redirecting()
        .on_refresh(Ok(said(b"second")))
        .on_refresh(Err(ConnectorError::Denied("it was used before".into())));
    let (plain, _) = with_connector(&plain, "mock", fake);
    let first = refresh_token(&tokens_with_data(&plain).await);
    let (view, _, cache) = watched(&plain);
    let other = (elsewhere(&plain), first.clone());
    cache.trouble(
        "begin_refresh",
        Trouble::Meanwhile(Arc::new(move || {
            let (view, token) = other.clone();
            async move { assert!(refreshed(&view, &token).await.is_ok()) }.boxed()
        })),
    );
    let told = refreshed(&view, &first).await.unwrap();
    assert!(lives(&view, &told).await, "nobody was logged out");
}

#[tokio::test]
async fn a_refresh_that_was_held_up_while_a_second_try_was_answered_logs_nobody_out() {
    for rotations in [1, 2] {
        let (plain, clock) = view(a_tenant());
        let first = refresh_token(&tokens(&plain).await);
        let (view, store, _) = watched(&plain);
        let other = (plain.clone(), clock, first.clone());
        let meanwhile = move || {
            let (view, clock, mut token) = other.clone();
            async move {
                for _ in 0..rotations {
                    token = refresh_token(&refreshed(&view, &token).await.unwrap());
                }
                clock.advance(SECONDS(60));
            }
            .boxed()
        };
        store.trouble("rotate_refresh", Trouble::Meanwhile(Arc::new(meanwhile)));
        let late = refreshed(&view, &first).await;
        match rotations {
            1 => assert!(lives(&plain, &late.unwrap()).await),
            _ => assert!(matches!(refusal(late), Refusal::RefreshObsolete { .. })),
        }
        let family = a_code_grant().grant_id;
        let revoked = plain.effects.store.is_revoked(&family).await;
        assert!(!revoked.unwrap(), "{rotations} rotations");
    }
}

#[tokio::test]
async fn a_database_that_takes_long_to_tell_a_grant_makes_no_theft_of_a_second_try() {
    let (view, clock) = view(a_tenant());
    let first = refresh_token(&tokens(&view).await);
    let second = refresh_token(&refreshed(&view, &first).await.unwrap());
    let (view, store, _) = watched(&view);
    store.trouble("find_refresh", Trouble::Stalls(clock, SECONDS(60)));
    let again = refreshed(&view, &first).await.unwrap();
    assert_eq!(refresh_token(&again), second);
}
