mod front_channel;

use insula_model::{ConnectorId, TokenHash};
use insula_store::FACTS_GOOD_FOR;
use insula_testkit::{FakeConnector, PASSWORD, a_tenant, jane};

use crate::Fault;
use crate::testing::{
    ASK, Person, code_in, destination, fault, kinds, view, watched, with_connector,
};

const WRITES: [&str; 2] = ["commit", "upgrade_password"];

#[tokio::test]
async fn a_login_costs_one_commit_and_five_calls_of_the_cache_until_its_code() {
    let (ours, _) = view(a_tenant());
    let (ours, store, cache) = watched(&ours);
    let mut person = Person::default();
    person.walks(&ours, ASK).await;
    let writes: Vec<_> = store
        .calls()
        .into_iter()
        .filter(|c| WRITES.contains(c))
        .collect();
    assert_eq!(writes, ["commit"]);
    let calls = cache.calls();
    assert_eq!(
        calls,
        [
            "put_auth_request",
            "get_auth_request",
            "advance_auth_request",
            "get_auth_request",
            "finish_auth_request"
        ]
    );
    // Once more in the same browser, where the old session is ended too.
    person
        .walks(&ours, &format!("{ASK}&prompt=login+consent"))
        .await;
    let writes: Vec<_> = store
        .calls()
        .into_iter()
        .filter(|c| WRITES.contains(c))
        .collect();
    assert_eq!(writes, ["commit", "commit"]);
    assert_eq!(cache.calls(), calls, "sessions are rows");
}

#[tokio::test]
async fn a_login_of_dexs_dialect_writes_nothing_but_the_person() {
    let (dex, _) = view(a_tenant().dex());
    let (dex, _) = with_connector(&dex, "mock", FakeConnector::asking_password());
    let (dex, store, cache) = watched(&dex);
    let mut person = Person::default();
    let sent = person
        .opens(&dex, &format!("/auth/mock?{ASK}"))
        .await
        .unwrap();
    let proven = person
        .types(&dex, destination(&sent), "jane", PASSWORD)
        .await
        .unwrap();
    let asked = person.follows(&dex, &proven).await.unwrap();
    code_in(&person.answers(&dex, &asked, true).await.unwrap());
    let writes: Vec<_> = store
        .calls()
        .into_iter()
        .filter(|c| WRITES.contains(c))
        .collect();
    assert_eq!(writes, ["commit"]);
    assert_eq!(kinds(&dex).await, ["logged_in", "consent_given"]);
    let calls = cache.calls();
    assert!(
        calls.len() <= 8,
        "dex shows consent by a redirect, and failures are counted: {calls:?}"
    );
}

#[tokio::test]
async fn a_session_that_stands_for_a_login_costs_two_reads_and_one_write_of_the_cache() {
    let (ours, clock) = view(a_tenant());
    let mut person = Person::default();
    person.walks(&ours, ASK).await;
    let (ours, store, cache) = watched(&ours);
    code_in(&person.asks(&ours, ASK).await.unwrap());
    assert_eq!(store.calls(), ["find_session", "find_identity"]);
    assert_eq!(cache.calls(), ["put_code"]);
    // Who comes again at once is remembered.
    code_in(&person.asks(&ours, ASK).await.unwrap());
    assert_eq!(store.calls(), ["find_identity"]);
    clock.advance(FACTS_GOOD_FOR);
    code_in(&person.asks(&ours, ASK).await.unwrap());
    assert_eq!(store.calls(), ["find_session", "find_identity"]);
}

#[tokio::test]
async fn a_person_is_recorded_once_their_login_is_done() {
    let (ours, _) = view(a_tenant());
    let mock = ConnectorId::parse("mock").unwrap();
    let known = async || {
        let store = &ours.effects.store;
        store.find_identity(&mock, &jane().user_id).await.unwrap()
    };
    let mut person = Person::default();
    let sent = person.asks(&ours, ASK).await.unwrap();
    let asked = person.logs_in(&ours, &sent).await.unwrap();
    assert_eq!(known().await, None, "they may still say no");
    person.answers(&ours, &asked, true).await.unwrap();
    let identity = known().await.unwrap();
    assert_eq!(identity.claims, jane());
    assert_eq!(identity.consents.len(), 1);
    assert_eq!(identity.last_login_at, ours.now());
}

#[tokio::test]
async fn a_cache_that_is_down_fails_the_login_and_logs_nobody_in() {
    let (ours, _) = view(a_tenant());
    let (ours, store, cache) = watched(&ours);
    let mut person = Person::default();
    let sent = person.asks(&ours, ASK).await.unwrap();
    cache.set_down(true);
    assert!(matches!(
        fault(person.logs_in(&ours, &sent).await),
        Fault::Store(_)
    ));
    assert!(person.session().is_none());
    assert!(store.calls().is_empty());
    cache.set_down(false);
    assert!(
        person.logs_in(&ours, &sent).await.is_ok(),
        "nothing is lost but time"
    );
}

/// Whichever node redeems it looks for what the other noted.
#[tokio::test]
async fn a_code_says_whether_a_refresh_grant_begins_with_it() {
    let ask = ASK.replace("scope=openid+email", "scope=openid+offline_access");
    for (query, can_refresh, begins) in [
        (ask.as_str(), true, true),
        (ask.as_str(), false, false),
        (ASK, true, false),
    ] {
        let (view, _) = view(a_tenant());
        let mut fake = FakeConnector::redirecting();
        if !can_refresh {
            fake = fake.without_refresh();
        }
        let (view, _) = with_connector(&view, "mock", fake);
        let code = Person::default().walks(&view, query).await;
        let stored = view.effects.cache.peek_code(&TokenHash::of(&code)).await;
        let grant = stored.unwrap().unwrap();
        assert_eq!(grant.begins_refresh, Some(begins), "{query} {can_refresh}");
    }
}
