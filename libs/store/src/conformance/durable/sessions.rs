use std::sync::Arc;

use insula_model::{BrowserSession, SessionId};

use super::records::{HOUR, MS, NOON, a_tenant, at_once, cookie, session};
use crate::Durable;

pub async fn a_session_comes_back_as_it_was_saved(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let saved = session("sid", NOON + HOUR);
    tenant.save_session(&cookie("c"), &saved).await.unwrap();
    let found = tenant.find_session(&cookie("c"), NOON).await.unwrap();
    assert_eq!(found, Some(saved));
    let other = tenant.find_session(&cookie("other"), NOON).await.unwrap();
    assert_eq!(other, None);
}

pub async fn a_session_saved_again_is_replaced(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let saved = session("sid", NOON + HOUR);
    tenant.save_session(&cookie("c"), &saved).await.unwrap();
    let prolonged = BrowserSession {
        clients: vec![],
        last_seen_at: NOON + HOUR,
        expires_at: NOON + 2 * HOUR,
        ..saved
    };
    tenant.save_session(&cookie("c"), &prolonged).await.unwrap();
    let found = tenant.find_session(&cookie("c"), NOON + HOUR).await;
    assert_eq!(found.unwrap(), Some(prolonged));
}

pub async fn a_session_is_prolonged_while_it_is_there_and_not_brought_back(
    durable: Arc<dyn Durable>,
) {
    let tenant = a_tenant(&durable);
    let saved = session("sid", NOON + HOUR);
    let prolonged = BrowserSession {
        last_seen_at: NOON + MS,
        ..saved.clone()
    };
    let early = tenant.prolong_session(&cookie("c"), &prolonged).await;
    assert!(!early.unwrap());
    tenant.save_session(&cookie("c"), &saved).await.unwrap();
    let there = tenant.prolong_session(&cookie("c"), &prolonged).await;
    assert!(there.unwrap());
    let found = tenant.find_session(&cookie("c"), NOON).await.unwrap();
    assert_eq!(found.as_ref(), Some(&prolonged));
    tenant.end_session(&cookie("c")).await.unwrap();
    let late = tenant.prolong_session(&cookie("c"), &prolonged).await;
    assert!(!late.unwrap());
    let found = tenant.find_session(&cookie("c"), NOON).await.unwrap();
    assert_eq!(found, None);
}

pub async fn a_session_ends_at_its_expiry_and_not_a_millisecond_before(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let end = NOON + HOUR;
    let saved = session("sid", end);
    tenant.save_session(&cookie("c"), &saved).await.unwrap();
    for (now, lasts) in [(end - MS, true), (end, false), (end + MS, false)] {
        let found = tenant.find_session(&cookie("c"), now).await.unwrap();
        assert_eq!(found.is_some(), lasts, "{now:?}");
        let exists = tenant.session_exists(&saved.id, now).await.unwrap();
        assert_eq!(exists, lasts, "{now:?}");
    }
}

pub async fn ending_a_session_answers_it_once(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let saved = session("sid", NOON + HOUR);
    tenant.save_session(&cookie("c"), &saved).await.unwrap();
    let ended = tenant.end_session(&cookie("c")).await.unwrap();
    assert_eq!(ended, Some(saved));
    assert_eq!(tenant.end_session(&cookie("c")).await.unwrap(), None);
    let found = tenant.find_session(&cookie("c"), NOON).await.unwrap();
    assert_eq!(found, None);
}

pub async fn of_many_who_end_a_session_one_is_answered(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let saved = session("sid", NOON + HOUR);
    tenant.save_session(&cookie("c"), &saved).await.unwrap();
    let ended = at_once(20, |_| {
        let tenant = Arc::clone(&tenant);
        async move { tenant.end_session(&cookie("c")).await.unwrap() }
    })
    .await;
    assert_eq!(ended.into_iter().flatten().count(), 1);
}

pub async fn a_session_is_found_by_its_sid_until_it_ends(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let saved = session("sid", NOON + HOUR);
    assert!(!tenant.session_exists(&saved.id, NOON).await.unwrap());
    tenant.save_session(&cookie("c"), &saved).await.unwrap();
    assert!(tenant.session_exists(&saved.id, NOON).await.unwrap());
    tenant.end_session(&cookie("c")).await.unwrap();
    assert!(!tenant.session_exists(&saved.id, NOON).await.unwrap());
}

pub async fn a_session_saved_under_a_new_sid_forgets_the_old_one(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    for sid in ["old", "new"] {
        let saved = session(sid, NOON + HOUR);
        tenant.save_session(&cookie("c"), &saved).await.unwrap();
    }
    for (sid, there) in [("old", false), ("new", true), ("NEW", false)] {
        let id = SessionId::parse(sid).unwrap();
        assert_eq!(tenant.session_exists(&id, NOON).await.unwrap(), there);
    }
}
