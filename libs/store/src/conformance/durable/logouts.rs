use std::sync::Arc;

use insula_ambient::Timestamp;
use insula_model::{BrowserSession, EarlierSession, SessionId, TenantId};

use super::collector::{LONG_AGO, ONE_BY_ONE, sweep_all};
use super::records::{
    HOUR, MS, NOON, a_tenant, a_tenant_id, at_once, client, connector, cookie, session, user,
};
use crate::{
    Changes, Durable, EndedSession, LOGOUTS_TOLD_FOR, LogoutAudience, LogoutNotice, TenantStore,
};

fn ending(word: &str, except: &[&str], at: Timestamp) -> Changes {
    let except = except.iter().map(|id| client(id)).collect();
    let ended = EndedSession {
        cookie: cookie(word),
        event: None,
        audience: Some(LogoutAudience { except, at }),
    };
    Changes {
        ended: vec![ended],
        ..Changes::default()
    }
}

/// A session of these clients.
fn of(word: &str, clients: &[&str]) -> BrowserSession {
    BrowserSession {
        clients: clients.iter().map(|id| client(id)).collect(),
        ..session(word, NOON + HOUR)
    }
}

async fn ended(store: &Arc<dyn TenantStore>, word: &str, clients: &[&str], at: Timestamp) {
    let saved = of(word, clients);
    store.save_session(&cookie(word), &saved).await.unwrap();
    store.commit(&ending(word, &[], at)).await.unwrap();
}

async fn due(store: &Arc<dyn TenantStore>, id: &str, now: Timestamp) -> Option<LogoutNotice> {
    store.due_logout(&client(id), now).await.unwrap()
}

pub async fn a_session_that_ends_leaves_word_for_each_client_but_those_that_want_none(
    durable: Arc<dyn Durable>,
) {
    let store = a_tenant(&durable);
    let earlier = SessionId::parse("earlier").unwrap();
    let saved = BrowserSession {
        earlier: vec![EarlierSession {
            id: earlier.clone(),
            clients: vec![client("wiki"), client("quiet")],
        }],
        ..of("sid", &["app", "quiet", "ünïcode app"])
    };
    store.save_session(&cookie("c"), &saved).await.unwrap();
    store.commit(&ending("c", &["quiet"], NOON)).await.unwrap();
    let notice = |id: &str, session: &SessionId| LogoutNotice {
        client: client(id),
        session: session.clone(),
        connector: connector("local"),
        user: user("jane"),
        ended_at: NOON,
        attempts: 0,
        due_at: NOON,
    };
    for id in ["app", "ünïcode app"] {
        assert_eq!(due(&store, id, NOON).await, Some(notice(id, &saved.id)));
    }
    let wiki = due(&store, "wiki", NOON).await;
    assert_eq!(wiki, Some(notice("wiki", &earlier)));
    assert_eq!(due(&store, "quiet", NOON).await, None);
    assert_eq!(due(&store, "app", NOON - MS).await, None, "not due yet");
}

pub async fn sessions_of_very_many_logins_end_at_once(durable: Arc<dyn Durable>) {
    let store = a_tenant(&durable);
    let clients: Vec<String> = (0..100).map(|n| format!("app{n}")).collect();
    let clients: Vec<&str> = clients.iter().map(String::as_str).collect();
    let words: Vec<String> = (0..40).map(|n| format!("session{n}")).collect();
    let mut all = Changes::default();
    for word in &words {
        let saved = of(word, &clients);
        store.save_session(&cookie(word), &saved).await.unwrap();
        all.ended.extend(ending(word, &[], NOON).ended);
    }
    let done = store.commit(&all).await.unwrap();
    assert_eq!(done.ended.len(), words.len());
    assert!(due(&store, "app99", NOON).await.is_some());
}

pub async fn word_of_a_session_is_left_once_however_many_end_it(durable: Arc<dyn Durable>) {
    let store = a_tenant(&durable);
    let saved = of("sid", &["app"]);
    store.save_session(&cookie("sid"), &saved).await.unwrap();
    let done = at_once(20, |_| {
        let store = Arc::clone(&store);
        async move { store.commit(&ending("sid", &[], NOON)).await.unwrap() }
    })
    .await;
    assert_eq!(done.iter().map(|done| done.ended.len()).sum::<usize>(), 1);
    let notice = due(&store, "app", NOON).await.unwrap();
    store.settle_logout(&notice).await.unwrap();
    assert_eq!(due(&store, "app", NOON).await, None);
    store.commit(&ending("sid", &[], NOON)).await.unwrap();
    assert_eq!(due(&store, "app", NOON).await, None);
}

pub async fn a_logout_is_claimed_by_one_and_is_due_again_if_they_end(durable: Arc<dyn Durable>) {
    let store = a_tenant(&durable);
    ended(&store, "sid", &["app"], NOON).await;
    let notice = due(&store, "app", NOON).await.unwrap();
    let until = NOON + HOUR;
    let claims = at_once(20, |_| {
        let (store, notice) = (Arc::clone(&store), notice.clone());
        async move { store.claim_logout(&notice, until).await.unwrap() }
    })
    .await;
    assert_eq!(claims.iter().filter(|won| **won).count(), 1);
    assert_eq!(due(&store, "app", until - MS).await, None);
    let again = due(&store, "app", until).await.unwrap();
    assert_eq!((again.attempts, again.due_at), (1, until));
    assert_eq!(again.ended_at, NOON);
    assert!(store.claim_logout(&again, until + HOUR).await.unwrap());
}

pub async fn a_logout_that_was_told_is_forgotten_and_one_that_was_not_waits(
    durable: Arc<dyn Durable>,
) {
    let store = a_tenant(&durable);
    ended(&store, "one", &["app"], NOON).await;
    ended(&store, "two", &["app"], NOON + MS).await;
    let one = due(&store, "app", NOON + MS).await.unwrap();
    assert_eq!(one.session.as_str(), "one", "it waits for longest");
    assert!(store.claim_logout(&one, NOON + HOUR).await.unwrap());
    let two = due(&store, "app", NOON + MS).await.unwrap();
    assert_eq!(two.session.as_str(), "two");
    assert!(store.claim_logout(&two, NOON + HOUR).await.unwrap());
    store.settle_logout(&one).await.unwrap();
    store.postpone_logout(&two, NOON + 2 * MS).await.unwrap();
    let left = due(&store, "app", NOON + 2 * MS).await.unwrap();
    assert_eq!((left.session.as_str(), left.attempts), ("two", 1));
    store.settle_logout(&left).await.unwrap();
    assert_eq!(due(&store, "app", NOON + HOUR).await, None);
    assert!(!store.claim_logout(&left, NOON + HOUR).await.unwrap());
}

pub async fn clients_that_wait_for_longest_are_told_first(durable: Arc<dyn Durable>) {
    // Long before all others, so that theirs come behind.
    let _turn = ONE_BY_ONE.lock().await;
    let ids = [a_tenant_id(), a_tenant_id()];
    for (n, id) in ids.iter().enumerate() {
        let store = durable.tenant(id);
        let at = LONG_AGO - HOUR - MS * u32::try_from(n).unwrap();
        ended(&store, "one", &["app"], at).await;
        ended(&store, "two", &["app", "shop"], at + 10 * MS).await;
    }
    let [a, b] = &ids;
    let who = |id: &TenantId, name: &str| (id.clone(), client(name));
    let expected = [who(b, "app"), who(a, "app"), who(b, "shop"), who(a, "shop")];
    let listed = durable.clients_due_logouts(LONG_AGO, 1_000).await.unwrap();
    let own = listed.into_iter().filter(|(id, _)| ids.contains(id));
    assert_eq!(own.collect::<Vec<_>>(), expected);
    let first = durable.clients_due_logouts(LONG_AGO, 1).await.unwrap();
    assert_eq!(first.len(), 1);
    let early = LONG_AGO - 2 * HOUR;
    let listed = durable.clients_due_logouts(early, 1_000).await.unwrap();
    assert!(!listed.iter().any(|(id, _)| ids.contains(id)));
    sweep_all(&durable, LONG_AGO + LOGOUTS_TOLD_FOR).await;
}

pub async fn the_collector_takes_word_that_nobody_could_be_told(durable: Arc<dyn Durable>) {
    let _turn = ONE_BY_ONE.lock().await;
    let store = a_tenant(&durable);
    ended(&store, "gone", &["app", "shop"], LONG_AGO).await;
    ended(&store, "stays", &["wiki"], LONG_AGO + MS).await;
    sweep_all(&durable, LONG_AGO + LOGOUTS_TOLD_FOR).await;
    for (id, stays) in [("app", false), ("shop", false), ("wiki", true)] {
        let found = due(&store, id, NOON).await;
        assert_eq!(found.is_some(), stays, "{id}");
    }
    sweep_all(&durable, LONG_AGO + HOUR + LOGOUTS_TOLD_FOR).await;
}

pub async fn the_sessions_of_a_person_are_found_until_they_end(durable: Arc<dyn Durable>) {
    let store = a_tenant(&durable);
    let (local, jane) = (connector("local"), user("jane"));
    let first = session("one", NOON + HOUR);
    let second = session("two", NOON + 2 * HOUR);
    store.save_session(&cookie("1"), &first).await.unwrap();
    store.save_session(&cookie("2"), &second).await.unwrap();
    let mut other = session("three", NOON + HOUR);
    other.claims.user_id = user("john");
    store.save_session(&cookie("3"), &other).await.unwrap();
    let mut elsewhere = session("four", NOON + HOUR);
    elsewhere.connector_id = connector("mock");
    store.save_session(&cookie("4"), &elsewhere).await.unwrap();
    let both = [(cookie("2"), second), (cookie("1"), first)];
    let found = store.sessions_of(&local, &jane, NOON, 10).await.unwrap();
    assert_eq!(found, both);
    let found = store.sessions_of(&local, &jane, NOON, 1).await.unwrap();
    assert_eq!(found, both[..1]);
    let later = store.sessions_of(&local, &jane, NOON + HOUR, 10).await;
    assert_eq!(later.unwrap(), both[..1]);
    store.end_session(&cookie("2")).await.unwrap();
    let found = store.sessions_of(&local, &jane, NOON, 10).await.unwrap();
    assert_eq!(found, both[1..]);
}

pub async fn no_tenant_sees_or_takes_the_logouts_of_another(durable: Arc<dyn Durable>) {
    let (acme, globex) = (a_tenant(&durable), a_tenant(&durable));
    ended(&acme, "sid", &["app"], NOON).await;
    let theirs = due(&acme, "app", NOON).await.unwrap();
    assert_eq!(due(&globex, "app", NOON).await, None);
    assert!(!globex.claim_logout(&theirs, NOON + HOUR).await.unwrap());
    globex.postpone_logout(&theirs, NOON + HOUR).await.unwrap();
    globex.settle_logout(&theirs).await.unwrap();
    assert_eq!(due(&acme, "app", NOON).await, Some(theirs));
    let saved = session("lasts", NOON + HOUR);
    acme.save_session(&cookie("l"), &saved).await.unwrap();
    let found = globex
        .sessions_of(&connector("local"), &user("jane"), NOON, 10)
        .await;
    assert_eq!(found.unwrap(), []);
}
