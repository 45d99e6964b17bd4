use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use insula_ambient::Clock as _;
use insula_engine::Refusal;
use insula_jose::RotationPolicy;
use insula_oauth::Params;
use insula_store::{Durable as _, FACTS_GOOD_FOR, MemoryStore};
use insula_testkit::{a_tenant, test_keys, test_rotation};

use crate::testing::{
    Something, Trouble, app, elsewhere, fault, form, introspected, reconfigured, refusal, revoked,
    tokens, userinfo_of, view, watched,
};
use crate::{Effects, Fault, TenantView};

fn token(token: &str) -> Params {
    form(&[("token", token)])
}

async fn is_active(view: &TenantView, access: &str) -> bool {
    let told = introspected(view, Some(&app()), &token(access)).await;
    told.unwrap().active
}

#[tokio::test]
async fn a_token_that_is_asked_about_ten_times_is_looked_up_once() {
    let (view, clock) = view(a_tenant());
    let access = tokens(&view).await.access_token;
    let (view, store, _) = watched(&view);
    for _ in 0..5 {
        assert!(is_active(&view, &access).await);
        assert!(userinfo_of(&view, &access).await.is_ok());
    }
    assert_eq!(store.calls(), ["is_revoked", "find_refresh"]);
    clock.advance(FACTS_GOOD_FOR);
    assert!(is_active(&view, &access).await);
    assert_eq!(store.calls(), ["is_revoked"], "its time is over");
}

#[tokio::test]
async fn what_is_revoked_is_worth_nothing_at_once_where_it_was_and_in_time_elsewhere() {
    let (here, clock) = view(a_tenant());
    let there = elsewhere(&here);
    let access = tokens(&here).await.access_token;
    assert!(is_active(&here, &access).await && is_active(&there, &access).await);
    clock.advance(Duration::from_millis(500));
    revoked(&here, Some(&app()), &token(&access)).await.unwrap();
    assert!(!is_active(&here, &access).await);
    let told = refusal(userinfo_of(&here, &access).await);
    assert_eq!(told, Refusal::BearerInvalid);
    // It was read there half a second before.
    clock.advance(
        FACTS_GOOD_FOR
            .checked_sub(Duration::from_millis(500))
            .unwrap(),
    );
    assert!(!is_active(&there, &access).await);
}

#[tokio::test]
async fn that_a_family_is_revoked_is_read_once_and_outlasts_a_database_that_is_away() {
    let (view, clock) = view(a_tenant());
    let access = tokens(&view).await.access_token;
    revoked(&view, Some(&app()), &token(&access)).await.unwrap();
    let (view, store, _) = watched(&view);
    assert!(!is_active(&view, &access).await);
    clock.advance(FACTS_GOOD_FOR * 2);
    store.set_down(true);
    assert!(!is_active(&view, &access).await);
    assert_eq!(store.calls(), ["is_revoked"]);
}

#[tokio::test]
async fn a_revocation_whose_end_nobody_heard_is_seen_by_the_next_who_asks() {
    for trouble in [Trouble::AnswerLost, Trouble::Hangs] {
        let (view, _) = view(a_tenant());
        let access = tokens(&view).await.access_token;
        assert!(is_active(&view, &access).await);
        let (troubled, store, _) = watched(&view);
        store.trouble("commit", trouble);
        let form = token(&access);
        let basic = app();
        let revoking = revoked(&troubled, Some(&basic), &form);
        // Whoever asked gives up waiting.
        let answer = Box::pin(revoking).now_or_never();
        assert!(answer.is_none_or(|answer| answer.is_err()));
        assert!(!is_active(&view, &access).await);
    }
}

#[tokio::test]
async fn a_token_that_was_revoked_stays_so_when_tokens_were_made_shorter_before() {
    let day = Duration::from_hours(24);
    for by_access_token in [true, false] {
        let long = a_tenant().with(|spec| {
            spec.expiry.access_tokens = day;
            spec.expiry.refresh.absolute_lifetime = None;
        });
        let (long, clock) = view(long);
        let policy = RotationPolicy {
            longest_token_life: day,
            ..test_rotation()
        };
        let durable = MemoryStore::new();
        let long = TenantView {
            keys: Arc::new(long.keys.noting_token_life(&policy)),
            effects: Effects {
                store: durable.tenant(&long.spec.id),
                ..long.effects
            },
            ..long
        };
        let answer = tokens(&long).await;
        let access = answer.access_token;
        let short = reconfigured(&long, |spec| {
            spec.expiry.access_tokens = Duration::from_mins(10);
            spec.expiry.id_tokens = Duration::from_mins(10);
        });
        // A ring that was stored before it remembered anything: the token itself says how long it lives.
        let short = TenantView {
            keys: if by_access_token {
                Arc::new(test_keys())
            } else {
                short.keys
            },
            ..short
        };
        let shown = if by_access_token {
            access.clone()
        } else {
            answer.refresh_token.unwrap()
        };
        revoked(&short, Some(&app()), &token(&shown)).await.unwrap();
        for after in [
            Duration::from_mins(11),
            Duration::from_hours(23),
            Duration::from_mins(49),
        ] {
            clock.advance(after);
            while durable.collect_expired(clock.now(), 100).await.unwrap() > 0 {}
            assert!(
                !is_active(&short, &access).await,
                "{by_access_token} {after:?}"
            );
        }
        clock.advance(Duration::from_secs(4));
        let late = introspected(&short, Some(&app()), &token(&access))
            .await
            .unwrap();
        assert!(!late.active, "and in the seconds that clocks may differ");
    }
}

#[tokio::test]
async fn a_question_under_way_while_a_family_is_revoked_does_not_bring_it_back() {
    let (view, _) = view(a_tenant());
    let access = tokens(&view).await.access_token;
    let (slow, store, _) = watched(&view);
    let (other, form) = (view.clone(), token(&access));
    let revoke: Something = Arc::new(move || {
        let (other, form) = (other.clone(), form.clone());
        async move { revoked(&other, Some(&app()), &form).await.unwrap() }.boxed()
    });
    store.trouble("is_revoked", Trouble::BeforeAnswer(revoke));
    // The row was read before it was written.
    assert!(is_active(&slow, &access).await);
    assert!(!is_active(&view, &access).await);
}

#[tokio::test]
async fn what_cannot_be_read_is_not_remembered() {
    let (view, _) = view(a_tenant());
    let access = tokens(&view).await.access_token;
    let (view, store, _) = watched(&view);
    store.set_down(true);
    assert!(matches!(
        fault(userinfo_of(&view, &access).await),
        Fault::Store(_)
    ));
    store.set_down(false);
    assert!(userinfo_of(&view, &access).await.is_ok());
}
