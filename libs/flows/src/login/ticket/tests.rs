use std::sync::Arc;
use std::time::Duration;

use insula_ambient::ManualClock;
use insula_engine::Refusal;
use insula_model::EventKind;
use insula_oauth::Params;
use insula_testkit::{FakeConnector, TenantBuilder, a_tenant};

use super::*;
use crate::login::{FormAddress, show};
use crate::testing::{ASK, Person, destination, heard as refusal_of, told, view, with_connector};
use crate::{Outcome, Screen};

/// A tenant whose connector takes tickets, and says this of them first.
fn taking(
    tenant: TenantBuilder,
    form_without_ticket: bool,
    answers: impl IntoIterator<Item = ConnectorError>,
) -> (TenantView, Arc<FakeConnector>, ManualClock) {
    let (view, clock) = view(tenant);
    let mut fake = FakeConnector::asking_password().taking_tickets(form_without_ticket);
    for answer in answers {
        fake = fake.on_login(Err(answer));
    }
    let (view, fake) = with_connector(&view, "mock", fake);
    (view, fake, clock)
}

/// A browser before the form, and where it is.
async fn before(view: &TenantView, more: &str) -> (Person, String) {
    let mut person = Person::default();
    let route = format!("/auth/mock?{ASK}{more}");
    let sent = person.opens(view, &route).await.unwrap();
    let route = destination(&sent).to_owned();
    (person, route)
}

async fn shows(
    view: &TenantView,
    browser: &Browser,
    route: &str,
    token: Option<&[u8]>,
) -> Result<Turn, FlowError> {
    let (_, query) = route.split_once('?').unwrap();
    let params = Params::parse(query).unwrap();
    let address = FormAddress {
        state: params.get("state"),
        back: params.get("back"),
    };
    show(view, "mock", address, token, browser).await
}

/// Whether the form is shown, and what is said beside it.
fn form(turn: Result<Turn, FlowError>) -> Option<Negotiate> {
    let turn = turn.unwrap();
    let shown = &turn.outcome;
    assert!(
        matches!(shown, Outcome::Show(Screen::Password { .. })),
        "{shown:?}"
    );
    turn.negotiate
}

fn both() -> [TenantBuilder; 2] {
    [a_tenant(), a_tenant().dex()]
}

#[tokio::test]
async fn the_form_asks_for_a_ticket_and_one_that_is_taken_goes_on_without_typing() {
    for tenant in both() {
        let (view, fake, _) = taking(tenant, true, []);
        let (person, route) = before(&view, "").await;
        let asked = form(shows(&view, &person.browser, &route, None).await);
        assert_eq!(asked, Some(Negotiate::Ask));
        let turn = shows(&view, &person.browser, &route, Some(b"jane")).await;
        let turn = turn.unwrap();
        assert!(!matches!(
            turn.outcome,
            Outcome::Show(Screen::Password { .. })
        ));
        assert_eq!(turn.negotiate, Some(Negotiate::Answer(b"proof".to_vec())));
        assert_eq!(fake.shown(), [b"jane".to_vec()]);
    }
}

#[tokio::test]
async fn without_a_form_who_has_no_ticket_is_told_and_asked_again() {
    for tenant in both() {
        let bad = ConnectorError::BadReply("expired".to_owned());
        let (view, ..) = taking(tenant, false, [bad]);
        let (person, route) = before(&view, "").await;
        for token in [None, Some(&b"old"[..])] {
            let told = refusal_of(
                shows(&view, &person.browser, &route, token)
                    .await
                    .map(|turn| turn.outcome),
            );
            assert_eq!(told, (Refusal::TicketRequired, false));
        }
        let turn = shows(&view, &person.browser, &route, Some(b"jane")).await;
        assert!(turn.is_ok(), "the login is not over");
    }
}

#[tokio::test]
async fn a_ticket_that_is_not_taken_leads_to_the_form_which_asks_for_none_again() {
    let bad = || ConnectorError::BadReply("the ticket has expired".to_owned());
    let denied = || ConnectorError::Denied("no entry".to_owned());
    let (view, ..) = taking(a_tenant(), true, [bad(), denied()]);
    let (person, route) = before(&view, "").await;
    for _ in 0..2 {
        let asked = form(shows(&view, &person.browser, &route, Some(b"x")).await);
        assert_eq!(asked, None);
    }
    let denials = told(&view).await.into_iter().filter_map(|kind| match kind {
        EventKind::LoginDenied { reason, .. } => Some(reason),
        _ => None,
    });
    let denials: Vec<_> = denials.collect();
    assert_eq!(denials, [Denial::Denied], "rubbish is no event");
}

#[tokio::test]
async fn a_token_that_is_shown_twice_proves_nobody_until_it_is_too_old_anyway() {
    let (view, _, clock) = taking(a_tenant(), true, []);
    let (person, route) = before(&view, "").await;
    assert!(
        shows(&view, &person.browser, &route, Some(b"a"))
            .await
            .is_ok()
    );
    let (other, route) = before(&view, "").await;
    let asked = form(shows(&view, &other.browser, &route, Some(b"a")).await);
    assert_eq!(asked, None);
    let turn = shows(&view, &other.browser, &route, Some(b"b"))
        .await
        .unwrap();
    assert!(turn.negotiate.is_some(), "another token is another");
    clock.advance(Duration::from_mins(11));
    let (late, route) = before(&view, "").await;
    let turn = shows(&view, &late.browser, &route, Some(b"a"))
        .await
        .unwrap();
    assert!(
        turn.negotiate.is_some(),
        "it is the connector that knows its age"
    );
}

#[tokio::test]
async fn who_is_to_prove_themselves_anew_or_to_choose_must_type() {
    for tenant in both() {
        let (view, fake, _) = taking(tenant, false, []);
        for more in ["&prompt=login", "&max_age=3600", "&max_age=0"] {
            let (person, route) = before(&view, more).await;
            for token in [None, Some(&b"jane"[..])] {
                let asked = form(shows(&view, &person.browser, &route, token).await);
                assert_eq!(asked, None, "{more}");
            }
        }
        assert_eq!(fake.shown(), Vec::<Vec<u8>>::new());
    }
}

#[tokio::test]
async fn a_link_to_the_login_of_another_browser_takes_no_ticket_in_either_dialect() {
    for tenant in both() {
        let (view, fake, _) = taking(tenant, true, []);
        let (_, route) = before(&view, "").await;
        let (stranger, _) = before(&view, "").await;
        for browser in [Browser::default(), stranger.browser] {
            if let Ok(turn) = shows(&view, &browser, &route, Some(b"jane")).await {
                assert_eq!(form(Ok(turn)), None);
            }
        }
        assert_eq!(fake.shown(), Vec::<Vec<u8>>::new());
    }
}

#[tokio::test]
async fn trouble_of_the_directory_is_no_missing_ticket() {
    let down = ConnectorError::Unreachable("away".to_owned());
    let (view, ..) = taking(a_tenant(), true, [down]);
    let (person, route) = before(&view, "").await;
    let failed = shows(&view, &person.browser, &route, Some(b"jane")).await;
    assert!(matches!(failed, Err(FlowError::Fault { .. })), "{failed:?}");
}
