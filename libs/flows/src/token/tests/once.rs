//! A code is answered once, whatever the cache forgets and whoever is not heard.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use insula_ambient::ManualClock;
use insula_engine::Refusal;
use insula_model::CodeGrant;
use insula_oauth::TokenResponse;
use insula_store::{Cache as _, CacheLimits, MemoryCache, TenantCache};
use insula_testkit::{FakeConnector, a_code_grant, a_tenant};

use super::refresh::SECONDS;
use super::trouble::{lives, redeemed, without_refresh};
use crate::testing::{
    CallLog, Something, Trouble, fault, refusal, view, watched, with_code, with_connector,
};
use crate::{FlowError, TenantView};

/// Longer than a code lives, and its claimant may try again.
const TOO_LONG: u64 = 130;

type Answer = Result<TokenResponse, FlowError>;

/// One that gets a refresh token, and one that gets none.
fn grants() -> [CodeGrant; 2] {
    [a_code_grant(), without_refresh()]
}

/// What notes that the code of a grant was redeemed.
fn note(grant: &CodeGrant) -> &'static str {
    if grant.scopes.offline_access() {
        "add_refresh"
    } else {
        "note_redeemed"
    }
}

/// What takes the answer of that.
fn take(grant: &CodeGrant) -> &'static str {
    if grant.scopes.offline_access() {
        "take_refresh_answer"
    } else {
        "take_answer"
    }
}

/// A tenant, and a code of it.
async fn scene(grant: &CodeGrant) -> (TenantView, ManualClock) {
    let (view, clock) = view(a_tenant());
    with_code(&view, "code", grant).await;
    (view, clock)
}

/// Another cache of the tenant, empty or with the code as it was before anybody presented it.
async fn another_cache(
    view: &TenantView,
    clock: &ManualClock,
    code: Option<&CodeGrant>,
) -> Arc<dyn TenantCache> {
    let cache = MemoryCache::new(Arc::new(clock.clone()), CacheLimits::default());
    let cache = cache.tenant(&view.spec.id);
    let mut past = view.clone();
    past.effects.cache = Arc::clone(&cache);
    if let Some(grant) = code {
        with_code(&past, "code", grant).await;
    }
    cache
}

/// Redeems the code at `view` beside a call, and notes what came of it.
fn beside(view: &TenantView) -> (Something, Arc<Mutex<Option<Answer>>>) {
    let slot = Arc::<Mutex<Option<Answer>>>::default();
    let (view, told) = (view.clone(), Arc::clone(&slot));
    let something: Something = Arc::new(move || {
        let (view, told) = (view.clone(), Arc::clone(&told));
        async move {
            let answer = redeemed(&view).await;
            *told.lock().unwrap() = Some(answer);
        }
        .boxed()
    });
    (something, slot)
}

fn heard(slot: &Mutex<Option<Answer>>) -> Answer {
    slot.lock().unwrap().take().unwrap()
}

/// Sets the cache of both back to when the code was new.
async fn set_back(
    view: &TenantView,
    clock: &ManualClock,
    code: Option<&CodeGrant>,
    logs: &[&CallLog],
) {
    let past = another_cache(view, clock, code).await;
    for log in logs {
        log.set_back(Arc::clone(&past));
    }
}

/// The cache of both is set back to another, before a call arrives.
fn both_set_back(to: Arc<dyn TenantCache>, logs: [&Arc<CallLog>; 2]) -> Trouble {
    let logs = logs.map(Arc::clone);
    Trouble::Meanwhile(Arc::new(move || {
        for log in &logs {
            log.set_back(Arc::clone(&to));
        }
        async {}.boxed()
    }))
}

/// How somebody is refused beside whom another claim of the code is answered.
fn taken_over(grant: &CodeGrant) -> Refusal {
    Refusal::CodeTakenOver {
        grant: grant.grant_id.clone(),
    }
}

/// Redeems the code once more: it is a replay, and ends what it was redeemed for before.
async fn ends_by_replay(view: &TenantView, before: &TokenResponse, when: &str) {
    let replayed = refusal(redeemed(view).await);
    assert!(
        matches!(replayed, Refusal::CodeReplayed { .. }),
        "{when} {replayed:?}"
    );
    assert!(!lives(view, before).await, "{when}");
}

#[tokio::test]
async fn two_claims_of_a_code_that_ends_before_either_has_leave_are_answered_once() {
    for grant in grants() {
        let (plain, clock) = scene(&grant).await;
        let (one, _, of_one) = watched(&plain);
        let (two, _, of_two) = watched(&plain);
        of_two.trouble("answer_code", Trouble::Stalls(clock, SECONDS(TOO_LONG)));
        let (second, told) = beside(&two);
        of_one.trouble("answer_code", Trouble::Meanwhile(second));
        assert_eq!(refusal(redeemed(&one).await), taken_over(&grant));
        assert!(lives(&plain, &heard(&told).unwrap()).await);
    }
}

#[tokio::test]
async fn of_two_who_present_a_redeemed_code_at_once_after_the_cache_was_set_back_none_is_answered()
{
    for grant in grants() {
        for call in [note(&grant), "answer_code"] {
            let (plain, clock) = scene(&grant).await;
            let redeemed_before = redeemed(&plain).await.unwrap();
            let (one, store, of_one) = watched(&plain);
            let (two, _, of_two) = watched(&plain);
            set_back(&plain, &clock, Some(&grant), &[&of_one, &of_two]).await;
            let (second, told) = beside(&two);
            let log = if call == "answer_code" { of_one } else { store };
            log.trouble(call, Trouble::Meanwhile(second));
            assert_eq!(refusal(redeemed(&one).await), taken_over(&grant), "{call}");
            let second = refusal(heard(&told));
            assert!(matches!(second, Refusal::CodeReplayed { .. }), "{call}");
            assert!(!lives(&plain, &redeemed_before).await, "{call}");
        }
    }
}

#[tokio::test]
async fn a_code_is_replayed_although_the_cache_was_set_back_and_the_first_to_present_it_then_failed()
 {
    for grant in grants() {
        for (call, of_cache) in [("claim_code", true), (note(&grant), false)] {
            let (plain, clock) = scene(&grant).await;
            let before = redeemed(&plain).await.unwrap();
            let (again, store, cache) = watched(&plain);
            set_back(&plain, &clock, Some(&grant), &[&cache]).await;
            let log = if of_cache { &cache } else { &store };
            log.trouble(call, Trouble::AnswerLost);
            fault(redeemed(&again).await);
            ends_by_replay(&again, &before, call).await;
        }
    }
}

#[tokio::test]
async fn of_two_whose_cache_is_emptied_under_them_one_is_answered() {
    for grant in grants() {
        let (plain, clock) = scene(&grant).await;
        let (one, _, of_one) = watched(&plain);
        let (two, _, of_two) = watched(&plain);
        let (second, told) = beside(&two);
        let empty = another_cache(&plain, &clock, None).await;
        of_two.trouble("answer_code", both_set_back(empty, [&of_one, &of_two]));
        of_one.trouble("answer_code", Trouble::Meanwhile(second));
        assert_eq!(refusal(redeemed(&one).await), taken_over(&grant));
        assert!(lives(&plain, &heard(&told).unwrap()).await);
    }
}

#[tokio::test]
async fn a_claim_whose_leave_fails_is_not_answered_beside_another_that_has_leave() {
    for grant in grants() {
        let (plain, _) = scene(&grant).await;
        let (one, store, of_one) = watched(&plain);
        let (second, told) = beside(&plain);
        of_one.trouble("answer_code", Trouble::LostAfter(second));
        assert_eq!(refusal(redeemed(&one).await), taken_over(&grant));
        assert!(store.calls().contains(&take(&grant)));
        assert!(lives(&plain, &heard(&told).unwrap()).await);
    }
}

#[tokio::test]
async fn one_whose_cache_was_set_back_before_its_leave_is_answered_and_nobody_else_is() {
    for grant in grants() {
        let (plain, clock) = scene(&grant).await;
        let (one, _, of_one) = watched(&plain);
        let (two, _, of_two) = watched(&plain);
        let past = another_cache(&plain, &clock, Some(&grant)).await;
        of_one.trouble("answer_code", both_set_back(past, [&of_one, &of_two]));
        let first = redeemed(&one).await.unwrap();
        assert!(lives(&plain, &first).await);
        ends_by_replay(&two, &first, "").await;
    }
}

#[tokio::test]
async fn a_second_try_that_gets_no_word_of_its_leave_is_answered_and_a_third_is_a_replay() {
    for grant in grants() {
        for trouble in [Trouble::Lost, Trouble::AnswerLost] {
            let (plain, _) = scene(&grant).await;
            let (view, store, cache) = watched(&plain);
            store.trouble(note(&grant), Trouble::AnswerLost);
            fault(redeemed(&view).await);
            cache.trouble("answer_code", trouble);
            let told = redeemed(&view).await.unwrap();
            assert!(lives(&plain, &told).await);
            ends_by_replay(&view, &told, "").await;
        }
    }
}

#[tokio::test]
async fn a_code_whose_answer_could_not_be_taken_is_not_answered() {
    for grant in grants() {
        for trouble in [Trouble::Lost, Trouble::AnswerLost] {
            let (plain, _) = scene(&grant).await;
            let (view, store, cache) = watched(&plain);
            cache.trouble("answer_code", Trouble::Lost);
            let is_taken = matches!(trouble, Trouble::AnswerLost);
            store.trouble(take(&grant), trouble);
            fault(redeemed(&view).await);
            let again = redeemed(&view).await;
            assert_eq!(
                again.is_ok(),
                !is_taken,
                "nobody knows whether it was answered"
            );
        }
    }
}

#[tokio::test]
async fn a_first_redemption_takes_no_answer_where_the_cache_tells_its_epoch() {
    for grant in grants() {
        let (plain, _) = scene(&grant).await;
        let (view, store, cache) = watched(&plain);
        redeemed(&view).await.unwrap();
        assert_eq!(store.calls(), [note(&grant)]);
        assert_eq!(cache.calls(), ["claim_code", "answer_code"]);
    }
}

#[tokio::test]
async fn where_the_cache_tells_no_epoch_every_answer_is_taken_and_who_tries_again_is_answered() {
    for grant in grants() {
        let (plain, clock) = scene(&grant).await;
        let (view, store, cache) = watched(&plain);
        cache.tell_no_epoch();
        store.trouble(note(&grant), Trouble::AnswerLost);
        fault(redeemed(&view).await);
        let told = redeemed(&view).await.unwrap();
        assert_eq!(store.calls(), [note(&grant), note(&grant), take(&grant)]);
        assert!(lives(&plain, &told).await);
        set_back(&plain, &clock, Some(&grant), &[&cache]).await;
        ends_by_replay(&view, &told, "").await;
    }
}

#[tokio::test]
async fn a_code_claimed_in_its_last_second_is_answered_to_who_tries_again() {
    for grant in grants() {
        let (plain, clock) = scene(&grant).await;
        clock.advance(SECONDS(59));
        let (view, store, _) = watched(&plain);
        store.trouble(note(&grant), Trouble::AnswerLost);
        fault(redeemed(&view).await);
        clock.advance(SECONDS(30));
        assert!(lives(&plain, &redeemed(&view).await.unwrap()).await);
    }
}

/// The node that answers may have reached the upstream, and the next one not.
#[tokio::test]
async fn a_connector_that_can_refresh_at_one_node_alone_begins_what_the_code_says_at_both() {
    for begins_refresh in [true, false] {
        let grant = CodeGrant {
            begins_refresh: Some(begins_refresh),
            ..a_code_grant()
        };
        let (can, _) = scene(&grant).await;
        let cannot = FakeConnector::redirecting().without_refresh();
        let (cannot, _) = with_connector(&can, "mock", cannot);
        for [one, two] in [[&can, &cannot], [&cannot, &can]] {
            let (plain, _) = scene(&grant).await;
            let at = |node: &TenantView| TenantView {
                connectors: Arc::clone(&node.connectors),
                ..plain.clone()
            };
            let (here, _, cache) = watched(&at(one));
            cache.trouble("answer_code", Trouble::Lost);
            let told = redeemed(&here).await.unwrap();
            assert_eq!(told.refresh_token.is_some(), begins_refresh);
            let again = refusal(redeemed(&at(two)).await);
            assert!(matches!(again, Refusal::CodeReplayed { .. }));
        }
    }
}
