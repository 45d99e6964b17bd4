use std::time::Duration;

use insula_connector_kit::UpstreamIdentity;
use insula_engine::Refusal;
use insula_model::{ConnectorId, SessionEnd, SsoDefault, TokenHash, UserId};
use insula_store::FACTS_GOOD_FOR;
use insula_testkit::{FakeConnector, TenantBuilder, a_client, a_tenant, jane};

use super::*;
use crate::session_end::end_all;
use crate::testing::{
    ASK, Person, Trouble, code_in, consent_fields, destination, elsewhere, fault, heard, view,
    watched, with_connector, without_people,
};
use crate::{Fault, Outcome, Screen};

/// Another client of the tenant, which asks nobody for consent.
fn with_shop(tenant: TenantBuilder) -> TenantBuilder {
    tenant.with_client(a_client().named("shop").skipping_approval())
}

fn shop() -> String {
    ASK.replace("client_id=app", "client_id=shop")
}

async fn stored(view: &TenantView, person: &Person) -> Option<BrowserSession> {
    let cookie = person.browser.sessions.first()?;
    let found = view
        .effects
        .store
        .find_session(&cookie.hash(), view.now())
        .await;
    found.unwrap()
}

/// A person logged in to `app`.
async fn logged_in(view: &TenantView) -> Person {
    let mut person = Person::default();
    person.walks(view, ASK).await;
    person
}

#[tokio::test]
async fn a_login_makes_a_session_and_the_code_knows_it() {
    let (view, _) = view(a_tenant());
    let mut person = Person::default();
    let code = person.walks(&view, ASK).await;
    let session = stored(&view, &person).await.unwrap();
    let code = view.effects.cache.peek_code(&TokenHash::of(&code)).await;
    assert_eq!(
        code.unwrap().unwrap().login.session_id.as_ref(),
        Some(&session.id)
    );
    assert_eq!(session.claims, jane());
    assert_eq!(session.clients.len(), 1);
    assert_eq!(session.expires_at, view.now() + Duration::from_hours(24));
}

#[tokio::test]
async fn the_cookie_lasts_as_long_as_the_session_or_the_browser() {
    let day = Some(Duration::from_hours(24));
    for (by_default, wished, max_age) in [
        (true, None, day),
        (false, None, None),
        (true, Some(false), None),
        (false, Some(true), day),
    ] {
        let tenant = a_tenant().with(|spec| spec.sessions.remember_me_by_default = by_default);
        let (view, _) = view(tenant);
        let request = insula_testkit::an_authorization_request();
        let mut login = insula_testkit::a_login();
        let made = begin(&view, &request, &mut login).unwrap();
        let given = cookie(&view, made, wished);
        assert!(matches!(given, CookieChange::LogIn { max_age: age, .. } if age == max_age));
    }
}

#[tokio::test]
async fn every_login_gets_a_new_cookie_and_ends_what_the_old_one_stood_for() {
    let (view, _) = view(a_tenant());
    let mut person = Person::default();
    // An attacker knows this cookie, which stands for nothing.
    person.browser.sessions = vec![SessionCookie::new("planted")];
    person.walks(&view, ASK).await;
    let first = person.clone();
    assert_ne!(first.session(), Some("planted"));
    let planted = Browser {
        sessions: vec![SessionCookie::new("planted")],
        ..Browser::default()
    };
    assert_eq!(live(&view, &planted).await.unwrap(), None);

    // An attacker knows a cookie that stands for a session.
    person
        .walks(&view, &format!("{ASK}&prompt=login+consent"))
        .await;
    assert_ne!(person.session(), first.session());
    assert!(stored(&view, &first).await.is_none());
    assert_eq!(live(&view, &first.browser).await.unwrap(), None);
    assert!(stored(&view, &person).await.is_some());
}

#[tokio::test]
async fn a_session_serves_another_client_without_an_upstream() {
    let (view, _) = view(with_shop(a_tenant()));
    let mut person = logged_in(&view).await;
    let before = person.session().map(str::to_owned);
    let code = code_in(&person.asks(&view, &shop()).await.unwrap());
    let grant = view.effects.cache.peek_code(&TokenHash::of(&code)).await;
    let grant = grant.unwrap().unwrap();
    let session = stored(&view, &person).await.unwrap();
    assert_eq!(grant.client_id.as_str(), "shop");
    assert_eq!(grant.login.session_id, Some(session.id));
    assert_eq!(grant.login.auth_time, session.auth_time);
    let clients: Vec<_> = session.clients.iter().map(ClientId::as_str).collect();
    assert_eq!(clients, ["app", "shop"]);
    assert_eq!(person.session(), before.as_deref());
}

#[tokio::test]
async fn a_session_without_consent_asks_for_it_in_the_browser_that_has_it() {
    let (view, _) = view(with_shop(a_tenant()));
    let mut person = logged_in(&view).await;
    person.browser.bindings.clear();
    let more = ASK.replace("openid+email", "openid+groups");
    let shown = person.asks(&view, &more).await.unwrap();
    assert!(matches!(shown, Outcome::Show(Screen::Consent { .. })));
    assert_eq!(
        person.browser.bindings.len(),
        1,
        "RFC 9700 §4.7: bound, though no upstream was asked"
    );
    let mut thief = Person::default();
    assert_eq!(
        heard(thief.answers(&view, &shown, true).await),
        (Refusal::WrongBrowser, false)
    );
    code_in(&person.answers(&view, &shown, true).await.unwrap());

    let silent = format!("{}&prompt=none", ASK.replace("email", "profile"));
    let told = heard(person.asks(&view, &silent).await);
    assert_eq!(told, (Refusal::ConsentRequired, true), "OIDC Core §3.1.2.6");
    let silent = format!("{more}&prompt=none");
    code_in(&person.asks(&view, &silent).await.unwrap());
}

#[tokio::test]
async fn the_session_of_somebody_taken_out_of_the_configuration_is_none() {
    let (view, _) = view(with_shop(a_tenant()));
    let mut person = logged_in(&view).await;
    let silent = format!("{}&prompt=none", shop());
    code_in(&person.asks(&view, &silent).await.unwrap());
    let told = heard(person.asks(&without_people(&view), &silent).await);
    assert_eq!(told, (Refusal::LoginRequired, true));
}

#[tokio::test]
async fn a_session_of_dexs_dialect_asks_for_consent_by_a_redirect() {
    let tenant = a_tenant().dex().with(|spec| spec.sessions.enabled = true);
    let (view, _) = view(tenant);
    let mut person = Person::default();
    let sent = person
        .opens(&view, &format!("/auth/mock?{ASK}"))
        .await
        .unwrap();
    person.logs_in(&view, &sent).await.unwrap();
    let again = person.asks(&view, ASK).await.unwrap();
    assert!(destination(&again).starts_with("/approval?"), "dex §1.11");
    let shown = person.follows(&view, &again).await.unwrap();
    consent_fields(&shown);
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_too_long_or_too_old() {
    let (view, clock) = view(with_shop(a_tenant()));
    let mut person = logged_in(&view).await;
    for _ in 0..30 {
        clock.advance(Duration::from_mins(45));
        let outcome = person.asks(&view, &shop()).await.unwrap();
        code_in(&outcome);
    }
    clock.advance(Duration::from_mins(59));
    assert!(live(&view, &person.browser).await.unwrap().is_some());
    clock.advance(Duration::from_mins(1));
    assert!(
        live(&view, &person.browser).await.unwrap().is_none(),
        "idle for an hour"
    );

    let mut person = logged_in(&view).await;
    for _ in 0..31 {
        clock.advance(Duration::from_mins(45));
        code_in(&person.asks(&view, &shop()).await.unwrap());
    }
    clock.advance(Duration::from_mins(45));
    assert!(
        live(&view, &person.browser).await.unwrap().is_none(),
        "24 hours old"
    );
}

#[tokio::test]
async fn a_visit_is_written_down_only_where_it_says_something_new() {
    let (view, clock) = view(with_shop(a_tenant()));
    let mut person = logged_in(&view).await;
    let (view, store, _) = watched(&view);
    let writes = async |person: &mut Person| {
        store.calls();
        code_in(&person.asks(&view, &shop()).await.unwrap());
        store
            .calls()
            .iter()
            .filter(|call| **call == "commit")
            .count()
    };
    assert_eq!(writes(&mut person).await, 1, "the first visit of a client");
    assert_eq!(writes(&mut person).await, 0, "the second");
    clock.advance(Duration::from_mins(15));
    assert_eq!(writes(&mut person).await, 0, "a quarter of the idle life");
    clock.advance(Duration::from_millis(1));
    assert_eq!(writes(&mut person).await, 1, "more than that");
}

#[tokio::test]
async fn a_visit_under_way_does_not_bring_back_who_logs_out_meanwhile() {
    let (view, _) = view(with_shop(a_tenant()));
    let person = logged_in(&view).await;
    let seen = live(&view, &person.browser).await.unwrap().unwrap();
    end_all(&view, &person.browser, SessionEnd::LoggedOut)
        .await
        .unwrap();
    let shop = ClientId::parse("shop").unwrap();
    let (cookie, visit) = visited(&view, seen, &shop).unwrap();
    let store = &view.effects.store;
    assert!(!store.prolong_session(&cookie, &visit).await.unwrap());
    assert_eq!(stored(&view, &person).await, None);
    assert_eq!(live(&view, &person.browser).await.unwrap(), None);
}

#[tokio::test]
async fn a_logout_holds_whatever_becomes_of_the_cache() {
    let (view, _) = view(with_shop(a_tenant()));
    let mut person = logged_in(&view).await;
    // The session was used just before, so that whatever remembers it does.
    code_in(&person.asks(&view, &shop()).await.unwrap());
    let (away, _, cache) = watched(&view);
    cache.set_down(true);
    end_all(&away, &person.browser, SessionEnd::LoggedOut)
        .await
        .unwrap();
    assert_eq!(live(&away, &person.browser).await.unwrap(), None);
    cache.set_down(false);
    assert_eq!(
        live(&away, &person.browser).await.unwrap(),
        None,
        "it is back"
    );
    assert_eq!(
        live(&view, &person.browser).await.unwrap(),
        None,
        "nor at a node that reached it all the time"
    );
}

/// A logout, and the yes of somebody whose session vouched.
#[tokio::test]
async fn what_ends_a_session_or_depends_on_it_asks_its_row_each_time() {
    let (view, _) = view(with_shop(a_tenant()));
    let person = logged_in(&view).await;
    let (view, store, cache) = watched(&view);
    for _ in 0..2 {
        assert!(live(&view, &person.browser).await.unwrap().is_some());
        assert_eq!(store.calls(), ["find_session"]);
    }
    assert!(cache.calls().is_empty());
    store.set_down(true);
    assert!(
        live(&view, &person.browser).await.is_err(),
        "without the row nobody knows"
    );
}

fn app() -> ClientId {
    ClientId::parse("app").unwrap()
}

#[tokio::test]
async fn a_session_that_was_just_read_serves_the_next_request_of_the_same_client() {
    let (view, clock) = view(with_shop(a_tenant()));
    let person = logged_in(&view).await;
    let (view, store, _) = watched(&view);
    let known = async || live_for(&view, &person.browser, &app()).await.unwrap();
    let first = known().await;
    assert!(first.is_some());
    assert_eq!(known().await, first);
    assert_eq!(store.calls(), ["find_session"]);
    clock.advance(FACTS_GOOD_FOR);
    assert_eq!(known().await, first);
    assert_eq!(store.calls(), ["find_session"]);
}

#[tokio::test]
async fn a_logout_is_seen_at_once_where_it_was_and_in_time_elsewhere() {
    let (here, clock) = view(with_shop(a_tenant()));
    let there = elsewhere(&here);
    let person = logged_in(&here).await;
    let known = async |view| live_for(view, &person.browser, &app()).await.unwrap();
    assert!(known(&here).await.is_some() && known(&there).await.is_some());
    clock.advance(Duration::from_millis(1));
    end_all(&here, &person.browser, SessionEnd::LoggedOut)
        .await
        .unwrap();
    assert_eq!(known(&here).await, None);
    clock.advance(FACTS_GOOD_FOR);
    assert_eq!(known(&there).await, None);
}

#[tokio::test]
async fn two_nodes_that_note_a_visit_each_lose_neither() {
    let tenant = with_shop(a_tenant()).with_client(a_client().named("forum").skipping_approval());
    let (here, _) = view(tenant);
    let there = elsewhere(&here);
    let mut person = logged_in(&here).await;
    // Both remember the session as it was before.
    for node in [&here, &there] {
        live_for(node, &person.browser, &app())
            .await
            .unwrap()
            .unwrap();
    }
    code_in(&person.asks(&here, &shop()).await.unwrap());
    let forum = shop().replace("client_id=shop", "client_id=forum");
    code_in(&person.asks(&there, &forum).await.unwrap());
    let session = stored(&here, &person).await.unwrap();
    let clients: Vec<_> = session.clients.iter().map(ClientId::as_str).collect();
    assert_eq!(clients, ["app", "shop", "forum"]);
}

#[tokio::test]
async fn a_session_that_looks_idle_is_asked_of_its_row() {
    let tenant = with_shop(a_tenant()).with(|spec| {
        spec.sessions.valid_if_not_used_for = Duration::from_millis(1_500);
    });
    let (here, clock) = view(tenant);
    let there = elsewhere(&here);
    let person = logged_in(&here).await;
    let known = async |view| live_for(view, &person.browser, &app()).await.unwrap();
    assert!(known(&there).await.is_some());
    clock.advance(Duration::from_secs(1));
    // It is used, which is noted.
    let mut other_tab = person.clone();
    code_in(&other_tab.asks(&here, ASK).await.unwrap());
    clock.advance(Duration::from_millis(900));
    assert!(known(&there).await.is_some());
}

#[tokio::test]
async fn a_login_that_fails_leaves_the_session_that_was_there() {
    for trouble in [Trouble::AnswerLost, Trouble::Lost] {
        let (view, _) = view(with_shop(a_tenant()));
        let mut person = logged_in(&view).await;
        let before = person.session().map(str::to_owned);
        let again = format!("{}&prompt=login", shop());
        let sent = person.asks(&view, &again).await.unwrap();
        let (troubled, store, _) = watched(&view);
        store.trouble("commit", trouble);
        assert!(matches!(
            fault(person.logs_in(&troubled, &sent).await),
            Fault::Store(_)
        ));
        assert_eq!(person.session(), before.as_deref());
        let session = live(&view, &person.browser).await.unwrap();
        assert!(session.is_some(), "nobody was logged out");
    }
}

#[tokio::test]
async fn a_login_waits_once_for_a_database_that_does_not_answer() {
    let (view, _) = view(with_shop(a_tenant()));
    let mut person = logged_in(&view).await;
    let again = format!("{}&prompt=login", shop());
    let sent = person.asks(&view, &again).await.unwrap();
    let (troubled, store, _) = watched(&view);
    store.trouble("commit", Trouble::AnswerLost);
    assert!(matches!(
        fault(person.logs_in(&troubled, &sent).await),
        Fault::Store(_)
    ));
    let calls = store.calls();
    let commits = calls.iter().filter(|call| **call == "commit");
    assert_eq!(commits.count(), 1, "{calls:?}");
}

/// The row of the new session is there, and nobody knows its cookie.
#[tokio::test]
async fn a_login_whose_answer_is_lost_has_ended_the_session_before_it() {
    let (view, _) = view(with_shop(a_tenant()));
    let mut person = logged_in(&view).await;
    let before = person.clone();
    let again = format!("{}&prompt=login", shop());
    let sent = person.asks(&view, &again).await.unwrap();
    let at_login = person.clone();
    code_in(&person.logs_in(&view, &sent).await.unwrap());
    assert!(stored(&view, &person).await.is_some());
    // The answer did not arrive: the browser has what it had.
    let mut person = at_login;
    assert_eq!(person.session(), before.session());
    assert_eq!(live(&view, &person.browser).await.unwrap(), None);
    let silent = format!("{}&prompt=none", shop());
    let told = heard(person.asks(&view, &silent).await);
    assert_eq!(told, (Refusal::LoginRequired, true));
    let sent = person.asks(&view, &shop()).await.unwrap();
    code_in(&person.logs_in(&view, &sent).await.unwrap());
    code_in(&person.asks(&view, &silent).await.unwrap());
}

#[tokio::test]
async fn where_sessions_are_off_a_cookie_means_nothing() {
    let (on, _) = view(with_shop(a_tenant()));
    let mut person = logged_in(&on).await;
    let off = crate::testing::reconfigured(&on, |spec| spec.sessions.enabled = false);
    assert_eq!(live(&off, &person.browser).await.unwrap(), None);
    let sent = person.asks(&off, &shop()).await.unwrap();
    assert!(destination(&sent).starts_with("https://upstream.test/"));
    let before = person.session().map(str::to_owned);
    person.logs_in(&off, &sent).await.unwrap();
    assert_eq!(person.session(), before.as_deref());
}

#[tokio::test]
async fn a_client_that_shares_with_nobody_has_people_log_in_again_elsewhere() {
    let tenant = with_shop(a_tenant()).with(|s| s.sessions.sso_default = SsoDefault::None);
    let (view, _) = view(tenant);
    let mut person = logged_in(&view).await;
    let sent = person.asks(&view, &shop()).await.unwrap();
    assert!(destination(&sent).starts_with("https://upstream.test/"));
}

#[tokio::test]
async fn another_person_than_the_hinted_one_gets_neither_code_nor_session() {
    let (base, _) = view(a_tenant());
    let mut claims = jane();
    claims.user_id = UserId::parse("john").unwrap();
    let john = UpstreamIdentity {
        claims,
        ..FakeConnector::identity()
    };
    let fake = FakeConnector::redirecting().on_login(Ok(john));
    let (view, _) = with_connector(&base, "mock", fake);
    let mock = ConnectorId::parse("mock").unwrap();
    let hint = serde_json::json!({
        "iss": "https://acme.test",
        "sub": insula_engine::subject::encode(&jane().user_id, &mock),
    });
    let key = insula_testkit::test_key(insula_jose::Alg::ES256, "es256");
    let hint = key.sign(None, &hint).unwrap();
    let mut person = logged_in(&base).await;
    let before = person.session().map(str::to_owned);
    let query = format!("{ASK}&id_token_hint={hint}&prompt=login");
    let sent = person.asks(&view, &query).await.unwrap();
    let told = heard(person.logs_in(&view, &sent).await);
    assert_eq!(told, (Refusal::WrongPerson, true), "OIDC Core §3.1.2.2");
    assert_eq!(person.session(), before.as_deref());
    assert!(
        stored(&view, &person).await.is_some(),
        "Jane's session stays"
    );
    let john = UserId::parse("john").unwrap();
    let known = view.effects.store.find_identity(&mock, &john).await;
    assert!(known.unwrap().is_none());
}

#[tokio::test]
async fn a_session_cookie_planted_beside_ours_logs_nobody_out_and_a_logout_ends_both() {
    let (view, _) = view(a_tenant());
    let person = logged_in(&view).await;
    let mut beset = person.browser.clone();
    beset.sessions.insert(0, SessionCookie::new("planted"));
    let found = live(&view, &beset).await.unwrap();
    assert!(found.is_some(), "ours is found behind the planted one");
    assert_eq!(found, live(&view, &person.browser).await.unwrap());
    let other = logged_in(&view).await;
    beset.sessions.push(other.browser.sessions[0].clone());
    end_all(&view, &beset, SessionEnd::LoggedOut).await.unwrap();
    for browser in [&person.browser, &other.browser] {
        assert_eq!(live(&view, browser).await.unwrap(), None);
    }
}
