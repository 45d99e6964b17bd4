use std::sync::Arc;

use insula_connector_kit::ConnectorError;
use insula_engine::Refusal;
use insula_model::{ConnectorId, ConnectorSpec};
use insula_testkit::{FakeConnector, PASSWORD, TenantBuilder, a_connector, a_tenant};

use super::*;
use crate::testing::{
    ASK, Person, code_in, destination, heard, reconfigured, state_in, view, with_connector,
};

fn of_domain(name: &str, domain: &str) -> ConnectorSpec {
    ConnectorSpec {
        domains: vec![domain.to_owned()],
        ..a_connector(name)
    }
}

/// `mock` and the password form `local` own no domain; `acme` owns one, `globex` another.
fn four() -> TenantBuilder {
    a_tenant()
        .with_connector(a_connector("local"))
        .with_connector(of_domain("acme", "example.test"))
        .with_connector(of_domain("globex", "globex.test"))
}

fn a_view() -> TenantView {
    let (view, _) = view(four());
    with_connector(&view, "local", FakeConnector::asking_password()).0
}

/// What the page shows: the ids of its buttons, the one that is marked, what stands in the field and
/// what is wrong with it.
struct Seen {
    ids: Vec<String>,
    marked: Option<String>,
    hint: String,
    trouble: Option<AddressTrouble>,
    asks: bool,
}

fn seen(shown: &Outcome) -> Seen {
    let Outcome::Show(Screen::Choose {
        address,
        choices,
        login_hint,
        ..
    }) = shown
    else {
        panic!("not a choice: {shown:?}");
    };
    let mut marked = choices.iter().filter(|one| one.last_used);
    Seen {
        ids: choices.iter().map(|one| one.id.clone()).collect(),
        marked: marked.next().map(|one| one.id.clone()),
        hint: login_hint.clone().unwrap_or_default(),
        trouble: address.as_ref().and_then(|form| form.trouble),
        asks: address.is_some(),
    }
}

#[tokio::test]
async fn the_address_is_asked_for_first_and_handed_on_to_the_connector_of_its_domain() {
    let (view, acme) = with_connector(&a_view(), "acme", FakeConnector::redirecting());
    let mut person = Person::default();
    let page = person.asks(&view, ASK).await.unwrap();
    let shown = seen(&page);
    assert!(shown.asks && shown.hint.is_empty() && shown.trouble.is_none());
    assert_eq!(
        shown.ids,
        ["mock", "local"],
        "owners of domains are not told"
    );
    let sent = person
        .names(&view, &page, " jane@EXAMPLE.test ")
        .await
        .unwrap();
    assert!(destination(&sent).starts_with("https://upstream.test/"));
    let begun = acme.begun();
    assert_eq!(begun[0].login_hint.as_deref(), Some("jane@EXAMPLE.test"));
    let query = format!("code=c&state={}", state_in(&sent));
    let asked = person
        .returns_at(&view, Some("acme"), &query)
        .await
        .unwrap();
    code_in(&person.answers(&view, &asked, true).await.unwrap());
}

#[tokio::test]
async fn whoever_has_an_address_of_a_domain_or_none_of_any_sees_the_same() {
    let view = a_view();
    for domain in ["example.test", "home.test"] {
        let mut outcomes = Vec::new();
        for name in ["jane", "nobody-there"] {
            let mut person = Person::default();
            let page = person.asks(&view, ASK).await.unwrap();
            let next = person
                .names(&view, &page, &format!("{name}@{domain}"))
                .await;
            outcomes.push(match next.unwrap() {
                Outcome::Redirect { to, .. } => to.split('?').next().unwrap().to_owned(),
                shown => seen(&shown).ids.join(" "),
            });
        }
        assert_eq!(outcomes[0], outcomes[1], "{domain}");
    }
}

#[tokio::test]
async fn who_is_of_no_known_domain_chooses_and_finds_the_address_in_the_password_form() {
    let view = a_view();
    let mut person = Person::default();
    let page = person.asks(&view, ASK).await.unwrap();
    let shown = person.names(&view, &page, "jane@home.test").await.unwrap();
    let ways = seen(&shown);
    assert!(!ways.asks);
    assert_eq!(
        (ways.ids.join(" "), ways.hint),
        ("mock local".into(), "jane@home.test".into())
    );
    let Outcome::Show(Screen::Choose { choices, .. }) = &shown else {
        panic!("{shown:?}");
    };
    let form = person.opens(&view, &choices[1].to).await.unwrap();
    let route = destination(&form).to_owned();
    let form = person.opens(&view, &route).await.unwrap();
    let Outcome::Show(Screen::Password { username, back, .. }) = form else {
        panic!("{form:?}");
    };
    assert_eq!(username, "jane@home.test");
    assert!(back.is_some());
    let asked = person.types(&view, &route, "jane", PASSWORD).await.unwrap();
    let asked = person.follows(&view, &asked).await.unwrap();
    code_in(&person.answers(&view, &asked, true).await.unwrap());
}

#[tokio::test]
async fn the_only_way_without_a_domain_is_taken_at_once_and_its_form_knows_the_address() {
    let without_mock = reconfigured(&a_view(), |spec| {
        spec.connectors.retain(|one| one.id.as_str() != "mock");
    });
    let mut person = Person::default();
    let page = person.asks(&without_mock, ASK).await.unwrap();
    let sent = person
        .names(&without_mock, &page, "jane@home.test")
        .await
        .unwrap();
    let form = person.follows(&without_mock, &sent).await.unwrap();
    let Outcome::Show(Screen::Password { username, back, .. }) = form else {
        panic!("{form:?}");
    };
    assert_eq!(username, "jane@home.test");
    let page = person.opens(&without_mock, &back.unwrap()).await.unwrap();
    let shown = seen(&page);
    assert!(shown.asks);
    assert_eq!(shown.hint, "jane@home.test");
}

#[tokio::test]
async fn what_is_no_address_is_asked_again_with_what_was_typed() {
    let view = a_view();
    let mut person = Person::default();
    let page = person.asks(&view, ASK).await.unwrap();
    let again = person.names(&view, &page, "jane").await.unwrap();
    let shown = seen(&again);
    assert_eq!(shown.trouble, Some(AddressTrouble::Malformed));
    assert_eq!(shown.hint, "jane");
    let long = "x".repeat(100_000);
    let again = person.names(&view, &again, &long[..10_000]).await.unwrap();
    assert!(seen(&again).hint.len() <= LONGEST_ADDRESS);
    let sent = person
        .names(&view, &again, "jane@example.test")
        .await
        .unwrap();
    assert!(destination(&sent).starts_with("https://upstream.test/"));
}

#[tokio::test]
async fn an_address_typed_after_a_login_went_on_begins_one_of_its_own() {
    let view = a_view();
    let mut person = Person::default();
    let page = person.asks(&view, ASK).await.unwrap();
    let first = person
        .names(&view, &page, "jane@example.test")
        .await
        .unwrap();
    let second = person.names(&view, &page, "bob@globex.test").await.unwrap();
    assert_ne!(state_in(&first), state_in(&second));
    let query = format!("code=c&state={}", state_in(&first));
    assert!(person.returns_at(&view, Some("acme"), &query).await.is_ok());
}

#[tokio::test]
async fn an_address_typed_beside_a_session_is_no_reason_to_resume_it() {
    let view = a_view();
    let mut person = Person::default();
    let page = person.asks(&view, ASK).await.unwrap();
    let sent = person
        .names(&view, &page, "jane@example.test")
        .await
        .unwrap();
    let query = format!("code=c&state={}", state_in(&sent));
    let asked = person
        .returns_at(&view, Some("acme"), &query)
        .await
        .unwrap();
    person.answers(&view, &asked, true).await.unwrap();
    assert!(person.session().is_some());
    let selecting = format!("{ASK}&prompt=select_account&login_hint=jane@example.test");
    let page = person.asks(&view, &selecting).await.unwrap();
    let sent = person
        .names(&view, &page, "anna@example.test")
        .await
        .unwrap();
    assert!(destination(&sent).starts_with("https://upstream.test/"));
}

#[tokio::test]
async fn a_connector_of_domains_lets_in_nobody_of_another() {
    let globex = FakeConnector::redirecting;
    let (strict, _) = with_connector(&a_view(), "globex", globex());
    let login = async |view: &TenantView| {
        let mut person = Person::default();
        let page = person.asks(view, ASK).await.unwrap();
        let sent = person.names(view, &page, "bob@globex.test").await.unwrap();
        let query = format!("code=c&state={}", state_in(&sent));
        person.returns_at(view, Some("globex"), &query).await
    };
    // The upstream of globex.test says that it is jane@example.test.
    let (refusal, _) = heard(login(&strict).await);
    assert!(matches!(refusal, Refusal::UpstreamDenied(_)), "{refusal:?}");

    let open = reconfigured(&strict, |spec| {
        for one in &mut spec.connectors {
            Arc::make_mut(one).domains_only = false;
        }
    });
    assert!(login(&open).await.is_ok());
}

#[tokio::test]
async fn the_way_somebody_came_in_last_is_marked_and_offered_beside_the_field() {
    let view = a_view();
    let mut person = Person::default();
    let page = person.asks(&view, ASK).await.unwrap();
    assert_eq!(seen(&page).marked, None);
    let sent = person
        .names(&view, &page, "jane@example.test")
        .await
        .unwrap();
    let query = format!("code=c&state={}", state_in(&sent));
    person
        .returns_at(&view, Some("acme"), &query)
        .await
        .unwrap();
    person.browser.sessions.clear();

    let page = seen(&person.asks(&view, ASK).await.unwrap());
    assert!(page.asks, "it is offered, not taken");
    assert_eq!(page.ids, ["acme", "mock", "local"]);
    assert_eq!(page.marked.as_deref(), Some("acme"));

    let gone = reconfigured(&view, |spec| {
        spec.connectors.retain(|one| one.id.as_str() != "acme");
    });
    let page = seen(&person.asks(&gone, ASK).await.unwrap());
    assert_eq!(
        (page.ids.join(" "), page.marked),
        ("mock local".into(), None)
    );

    let mock = ConnectorId::parse("mock").unwrap();
    let Some(crate::CookieChange::RememberConnector { value, .. }) =
        last_used::remember(&view, &mock)
    else {
        panic!("nothing is remembered");
    };
    person.browser.last_used = vec![value];
    let page = seen(&person.asks(&view, ASK).await.unwrap());
    assert_eq!(
        (page.ids.join(" "), page.marked),
        ("mock local".into(), Some("mock".into()))
    );
}

#[tokio::test]
async fn an_unavailable_way_is_told_and_why() {
    let view = a_view();
    let mut connectors = view.connectors.as_ref().clone();
    for connector in connectors.iter_mut() {
        if connector.spec.id.as_str() == "mock" {
            connector.opened = Err("bad certificate".to_owned());
        }
    }
    let view = TenantView {
        connectors: Arc::new(connectors),
        ..view
    };
    let shown = Person::default().asks(&view, ASK).await.unwrap();
    assert_eq!(unavailable_in(&shown), [Some(Unavailability::Broken), None]);
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_not_offered_until_a_pause_is_over() {
    let (view, clock) = view(four());
    let silent = || Err(ConnectorError::Unreachable("nobody listens".to_owned()));
    let mock = FakeConnector::redirecting().on_login(silent());
    let (view, _) = with_connector(&view, "mock", mock);
    let mut person = Person::default();
    let shown = person.asks(&view, ASK).await.unwrap();
    assert_eq!(unavailable_in(&shown), [None, None]);
    let Outcome::Show(Screen::Choose { choices, .. }) = &shown else {
        panic!("{shown:?}");
    };
    let sent = person.opens(&view, &choices[0].to).await.unwrap();
    assert!(person.logs_in(&view, &sent).await.is_err());
    let shown = person.asks(&view, ASK).await.unwrap();
    assert_eq!(unavailable_in(&shown), [Some(Unavailability::Silent), None]);

    clock.advance(std::time::Duration::from_secs(10));
    let shown = person.asks(&view, ASK).await.unwrap();
    assert_eq!(unavailable_in(&shown), [None, None], "somebody may try it");
    let Outcome::Show(Screen::Choose { choices, .. }) = &shown else {
        panic!("{shown:?}");
    };
    let sent = person.opens(&view, &choices[0].to).await.unwrap();
    assert!(person.logs_in(&view, &sent).await.is_ok());
}

fn unavailable_in(shown: &Outcome) -> Vec<Option<Unavailability>> {
    match shown {
        Outcome::Show(Screen::Choose { choices, .. }) => {
            choices.iter().map(|one| one.unavailable).collect()
        }
        other => panic!("not a choice: {other:?}"),
    }
}
