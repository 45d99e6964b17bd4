use std::sync::Arc;

use insula_engine::Refusal;
use insula_model::AuthRequestId;
use insula_oauth::Params;
use insula_testkit::{FakeConnector, PASSWORD, TenantBuilder, a_client, a_connector, a_tenant};

use super::*;
use crate::testing::{
    ASK, Person, Trouble, code_in, consent_fields, destination, heard, reconfigured, state_in,
    view, watched, with_connector,
};

/// A tenant with two upstreams, `mock` and `other`, and a connector `local` that asks for passwords.
fn three() -> TenantBuilder {
    a_tenant()
        .with_connector(a_connector("other"))
        .with_connector(a_connector("local"))
}

/// The same, and a client `shop` that needs no consent.
fn three_and_shop() -> TenantBuilder {
    three().with_client(a_client().named("shop").skipping_approval())
}

/// Somebody who came to `app` by choosing `mock`.
async fn logged_in(view: &TenantView) -> Person {
    let mut person = Person::default();
    let shown = person.asks(view, ASK).await.unwrap();
    let sent = person.opens(view, &to(&shown, "mock")).await.unwrap();
    let asked = person.logs_in(view, &sent).await.unwrap();
    code_in(&person.answers(view, &asked, true).await.unwrap());
    person
}

fn view_of(tenant: TenantBuilder) -> TenantView {
    let (view, _) = view(tenant);
    with_connector(&view, "local", FakeConnector::asking_password()).0
}

fn routes(shown: &Outcome) -> Vec<String> {
    match shown {
        Outcome::Show(Screen::Choose { choices, .. }) => {
            choices.iter().map(|choice| choice.to.clone()).collect()
        }
        other => panic!("not a choice: {other:?}"),
    }
}

/// The link to a connector.
fn to(shown: &Outcome, connector: &str) -> String {
    let routes = routes(shown);
    let link = format!("/auth/{connector}?");
    routes.into_iter().find(|to| to.starts_with(&link)).unwrap()
}

/// The name of the login that a choice is of.
fn named(shown: &Outcome) -> String {
    let route = routes(shown).remove(0);
    let query = Params::parse(route.split_once('?').unwrap().1).unwrap();
    query.get("req").unwrap().to_owned()
}

async fn is_there(view: &TenantView, id: &str) -> bool {
    let id = AuthRequestId::parse(id).unwrap();
    let found = view.effects.cache.get_auth_request(&id).await;
    found.unwrap().is_some()
}

/// Comes back from the upstream of `connector`.
async fn back_from(
    person: &mut Person,
    view: &TenantView,
    connector: &str,
    sent: &Outcome,
) -> Result<Outcome, FlowError> {
    let query = format!("code=c&state={}", state_in(sent));
    person.returns_at(view, Some(connector), &query).await
}

#[tokio::test]
async fn a_login_is_stored_before_the_first_choice_and_its_links_name_it() {
    let view = view_of(three());
    let mut person = Person::default();
    let ask = format!("{ASK}&login_hint=jane&nonce=n");
    let shown = person.asks(&view, &ask).await.unwrap();
    let id = named(&shown);
    assert!(is_there(&view, &id).await);
    let expected = ["mock", "other", "local"].map(|c| format!("/auth/{c}?req={id}"));
    assert_eq!(routes(&shown), expected);
    let sent = person.opens(&view, &to(&shown, "mock")).await.unwrap();
    assert_eq!(
        state_in(&sent),
        id,
        "the first choice takes the login along"
    );
    let asked = person.logs_in(&view, &sent).await.unwrap();
    let answered = person.answers(&view, &asked, true).await.unwrap();
    let Outcome::Respond(response) = &answered else {
        panic!("no answer: {answered:?}");
    };
    assert_eq!(response.to.state.as_deref(), Some("xyz"));
    let code = insula_model::TokenHash::of(&code_in(&answered));
    let grant = view.effects.cache.peek_code(&code).await.unwrap().unwrap();
    assert_eq!(grant.nonce.as_deref(), Some("n"));
    assert_eq!(grant.scopes.to_string(), "openid email");
}

#[tokio::test]
async fn a_choice_costs_one_call_to_show_and_one_look_to_make() {
    let view = view_of(three());
    let (view, _, cache) = watched(&view);
    let mut person = Person::default();
    let shown = person.asks(&view, ASK).await.unwrap();
    assert_eq!(cache.calls(), ["put_auth_request"]);
    person.opens(&view, &to(&shown, "local")).await.unwrap();
    assert_eq!(cache.calls(), ["get_auth_request"], "as many as before");
    person.opens(&view, &to(&shown, "mock")).await.unwrap();
    let calls = cache.calls();
    assert_eq!(calls, ["get_auth_request", "advance_auth_request"]);
    let again = format!("/auth?req={}", named(&shown));
    person.opens(&view, &again).await.unwrap();
    assert_eq!(cache.calls(), ["get_auth_request"]);
}

#[tokio::test]
async fn what_is_answered_at_once_stores_nothing() {
    let view = view_of(three_and_shop());
    let mut person = logged_in(&view).await;

    let (watching, _, cache) = watched(&view);
    let silent = format!("{ASK}&prompt=none");
    let shop = ASK.replace("client_id=app", "client_id=shop");
    for (query, calls) in [
        (silent.clone(), vec!["put_code"]),
        (shop, vec!["put_code"]),
        (silent.replace("email", "groups"), vec![]),
        (format!("{ASK}&scope=nonsense"), vec![]),
    ] {
        let _answered = person.asks(&watching, &query).await;
        assert_eq!(cache.calls(), calls, "{query}");
    }
    let told = heard(Person::default().asks(&watching, &silent).await);
    assert_eq!(told, (Refusal::LoginRequired, true));
    assert!(cache.calls().is_empty(), "prompt=none");

    let dex = view_of(three().dex());
    let (dex, _, cache) = watched(&dex);
    let shown = Person::default().asks(&dex, ASK).await.unwrap();
    assert!(to(&shown, "mock").contains("client_id=app"));
    assert!(cache.calls().is_empty(), "dex §1.6 stores nothing here");
}

#[tokio::test]
async fn two_tabs_of_a_login_at_a_password_form_and_an_upstream_end_in_one_code() {
    for form_first in [true, false] {
        let view = view_of(three());
        let mut person = Person::default();
        let shown = person.asks(&view, ASK).await.unwrap();
        let form = person.opens(&view, &to(&shown, "local")).await.unwrap();
        let sent = person.opens(&view, &to(&shown, "mock")).await.unwrap();
        let form = destination(&form).to_owned();
        let page = person.opens(&view, &form).await.unwrap();
        assert!(matches!(page, Outcome::Show(Screen::Password { .. })));
        let (asked, other) = if form_first {
            let first = person.types(&view, &form, "jane", PASSWORD).await.unwrap();
            (first, person.logs_in(&view, &sent).await.unwrap())
        } else {
            let first = person.logs_in(&view, &sent).await.unwrap();
            let second = person.types(&view, &form, "jane", PASSWORD).await;
            (first, second.unwrap())
        };
        // The second tab is led to where the first one is.
        let asked = match asked {
            Outcome::Redirect { .. } => person.follows(&view, &asked).await.unwrap(),
            shown => shown,
        };
        let same = person.follows(&view, &other).await.unwrap();
        assert_eq!(consent_fields(&same), consent_fields(&asked));
        code_in(&person.answers(&view, &asked, true).await.unwrap());
        let late = heard(person.answers(&view, &same, true).await);
        assert_eq!(late, (Refusal::LoginUnknown, false), "one login, one code");
    }
}

#[tokio::test]
async fn two_tabs_at_two_upstreams_or_twice_at_one_are_each_a_login_that_works() {
    for second in ["other", "mock"] {
        let view = view_of(three());
        let mut person = Person::default();
        let shown = person.asks(&view, ASK).await.unwrap();
        let one = person.opens(&view, &to(&shown, "mock")).await.unwrap();
        let two = person.opens(&view, &to(&shown, second)).await.unwrap();
        assert_ne!(state_in(&one), state_in(&two));
        let asked_two = back_from(&mut person, &view, second, &two).await.unwrap();
        let asked_one = back_from(&mut person, &view, "mock", &one).await.unwrap();
        let code_one = person.answers(&view, &asked_one, true).await.unwrap();
        let code_two = person.answers(&view, &asked_two, true).await.unwrap();
        assert_ne!(code_in(&code_one), code_in(&code_two));
    }
}

#[tokio::test]
async fn a_choice_made_twice_at_the_same_moment_is_made_by_both() {
    let view = view_of(three());
    let mut person = Person::default();
    let shown = person.asks(&view, ASK).await.unwrap();
    let (troubled, _, cache) = watched(&view);
    let other = {
        let (view, route) = (view.clone(), to(&shown, "other"));
        let person = person.clone();
        move || {
            let (view, route, mut person) = (view.clone(), route.clone(), person.clone());
            let opens = async move { person.opens(&view, &route).await.map(|_| ()).unwrap() };
            Box::pin(opens) as futures_util::future::BoxFuture<'static, ()>
        }
    };
    let meanwhile = Trouble::Meanwhile(Arc::new(other));
    cache.trouble("advance_auth_request", meanwhile);
    let sent = person.opens(&troubled, &to(&shown, "mock")).await.unwrap();
    assert_ne!(state_in(&sent), named(&shown), "the other tab has that one");
    assert!(person.logs_in(&view, &sent).await.is_ok());
}

#[tokio::test]
async fn going_back_to_the_choice_shows_it_again_wherever_the_login_stands() {
    let view = view_of(three());
    let mut person = Person::default();
    let shown = person.asks(&view, ASK).await.unwrap();
    let back = format!("/auth?req={}", named(&shown));
    let form = person.opens(&view, &to(&shown, "local")).await.unwrap();
    let form = person.follows(&view, &form).await.unwrap();
    let Outcome::Show(Screen::Password { back: way, .. }) = form else {
        panic!("not the form");
    };
    assert_eq!(way.as_deref(), Some(back.as_str()));
    assert_eq!(
        person.opens(&view, &back).await.unwrap(),
        shown,
        "at a form"
    );
    let sent = person.opens(&view, &to(&shown, "mock")).await.unwrap();
    assert_eq!(person.opens(&view, &back).await.unwrap(), shown, "away");
    let asked = person.logs_in(&view, &sent).await.unwrap();
    let mut marked = shown.clone();
    if let Outcome::Show(Screen::Choose { choices, .. }) = &mut marked {
        choices[0].last_used = true;
    }
    assert_eq!(person.opens(&view, &back).await.unwrap(), marked, "known");

    // From there they come as somebody else, and the question that was open can still be answered.
    let anew = person.opens(&view, &to(&shown, "other")).await.unwrap();
    let asked_anew = back_from(&mut person, &view, "other", &anew).await.unwrap();
    code_in(&person.answers(&view, &asked_anew, true).await.unwrap());
    code_in(&person.answers(&view, &asked, true).await.unwrap());
    for over in [back, to(&shown, "mock")] {
        let told = heard(person.opens(&view, &over).await);
        assert_eq!(told, (Refusal::LoginUnknown, false), "it is over: {over}");
    }
}

#[tokio::test]
async fn a_choice_loaded_again_by_its_first_address_is_another_login() {
    let view = view_of(three());
    let mut person = Person::default();
    let ask = format!("{ASK}&prompt=login");
    let first = person.asks(&view, &ask).await.unwrap();
    let second = person.asks(&view, &ask).await.unwrap();
    assert_ne!(named(&first), named(&second));
    for shown in [&second, &first] {
        let sent = person.opens(&view, &to(shown, "mock")).await.unwrap();
        let asked = person.logs_in(&view, &sent).await.unwrap();
        if matches!(asked, Outcome::Show(Screen::Consent { .. })) {
            code_in(&person.answers(&view, &asked, true).await.unwrap());
        }
    }
}

#[tokio::test]
async fn a_choice_is_made_by_the_browser_it_was_shown_to_and_within_what_its_client_may() {
    let limited = three().with_client(a_client().allowing("mock").allowing("local"));
    let view = view_of(limited);
    let mut person = Person::default();
    let shown = person.asks(&view, ASK).await.unwrap();
    for stranger in [Person::default(), {
        let mut other = Person::default();
        other.asks(&view, ASK).await.unwrap();
        other
    }] {
        for route in [to(&shown, "mock"), format!("/auth?req={}", named(&shown))] {
            let told = heard(stranger.clone().opens(&view, &route).await);
            assert_eq!(told, (Refusal::WrongBrowser, false), "RFC 9700 §4.7");
        }
    }
    let id = named(&shown);
    let denied = Refusal::ConnectorNotAllowed("other".into());
    let told = heard(person.opens(&view, &format!("/auth/other?req={id}")).await);
    assert_eq!(told, (denied, true));
    let another = Some(format!("/auth?req={id}"));
    let unknown = Refusal::ConnectorRemoved { another };
    let told = heard(person.opens(&view, &format!("/auth/nobody?req={id}")).await);
    assert_eq!(told, (unknown, false));
    let clientless = reconfigured(&view, |spec| spec.clients.clear());
    let told = heard(person.opens(&clientless, &to(&shown, "mock")).await);
    assert_eq!(told, (Refusal::UnknownClient, false));
    for nothing in ["/auth?req=unknown", "/auth/mock?req=a%20b"] {
        let told = heard(person.opens(&view, nothing).await);
        assert_eq!(told, (Refusal::LoginUnknown, false), "{nothing}");
    }
    // A request is a request, whatever else it has.
    let begun = person
        .asks(&view, &format!("{ASK}&req={id}"))
        .await
        .unwrap();
    assert_ne!(named(&begun), id);
}

#[tokio::test]
async fn a_session_serves_the_choice_of_its_connector_and_a_wanted_choice_is_shown() {
    let view = view_of(three_and_shop());
    let mut person = logged_in(&view).await;
    let session = person.session().map(str::to_owned);

    let shop = ASK.replace("client_id=app", "client_id=shop");
    let shown = person
        .asks(&view, &format!("{shop}&prompt=select_account"))
        .await;
    let shown = shown.unwrap();
    let again = format!("/auth?req={}", named(&shown));
    assert_eq!(person.opens(&view, &again).await.unwrap(), shown);
    let (watching, store, cache) = watched(&view);
    let answered = person.opens(&watching, &to(&shown, "mock")).await.unwrap();
    code_in(&answered);
    assert_eq!(cache.calls(), ["get_auth_request", "finish_auth_request"]);
    let calls = store.calls();
    assert_eq!(calls, ["find_session", "commit"], "no new session");
    assert_eq!(person.session(), session.as_deref());
}

#[tokio::test]
async fn a_long_request_comes_through_a_choice() {
    let view = view_of(three());
    let ask = ASK.replace("state=xyz", &format!("state={}", "s".repeat(2_000)));
    for connector in ["mock", "other"] {
        let mut person = Person::default();
        let shown = person.asks(&view, &ask).await.unwrap();
        assert_eq!(person.browser.carried.len(), 1);
        // Once as itself, and once from a page that the login went on without.
        let first = person.opens(&view, &to(&shown, "other")).await.unwrap();
        let sent = match connector {
            "mock" => person.opens(&view, &to(&shown, "mock")).await.unwrap(),
            _ => first,
        };
        let mut outcome = back_from(&mut person, &view, connector, &sent)
            .await
            .unwrap();
        if matches!(outcome, Outcome::Show(Screen::Consent { .. })) {
            outcome = person.answers(&view, &outcome, true).await.unwrap();
        }
        let Outcome::Respond(response) = outcome else {
            panic!("no answer: {outcome:?}");
        };
        assert_eq!(response.to.state, Some("s".repeat(2_000)));
    }
}
