use std::sync::Arc;
use std::time::Duration;

use insula_connector_kit::{
    Capabilities, Connector, ConnectorError, LoginContext, Memory, UpstreamIdentity,
};
use insula_model::{EventKind, Rate};
use insula_oauth::Params;
use insula_testkit::{FakeConnector, PASSWORD, TenantBuilder, a_connector, a_tenant};

use super::*;
use crate::testing::{
    ASK, Person, Trouble, code_in, consent_fields, destination, heard, told, view, watched,
    with_connector,
};
use crate::{CookieChange, Fault};

fn asking_password(tenant: TenantBuilder) -> (TenantView, insula_ambient::ManualClock) {
    let (view, clock) = view(tenant);
    let fake = FakeConnector::asking_password();
    (with_connector(&view, "mock", fake).0, clock)
}

/// A person before the password form, and its route.
async fn at_the_form(view: &TenantView) -> (Person, String) {
    let mut person = Person::default();
    let sent = person
        .opens(view, &format!("/auth/mock?{ASK}"))
        .await
        .unwrap();
    let route = destination(&sent).to_owned();
    (person, route)
}

fn trouble(outcome: &Outcome) -> (String, Option<PasswordTrouble>) {
    match outcome {
        Outcome::Show(Screen::Password {
            username, trouble, ..
        }) => (username.clone(), *trouble),
        other => panic!("not the form: {other:?}"),
    }
}

#[tokio::test]
async fn a_password_login_goes_from_request_to_code_in_both_dialects() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, _) = asking_password(tenant);
        let (mut person, route) = at_the_form(&view).await;
        assert!(
            route.starts_with("/auth/mock/login?back=&state="),
            "dex §1.8: {route}"
        );
        let shown = person
            .opens(&view, &format!("{route}&login_hint=x"))
            .await
            .unwrap();
        let Outcome::Show(Screen::Password { action, label, .. }) = &shown else {
            panic!("not the form");
        };
        assert_eq!((action, label.as_str()), (&route, "Username"));
        let wrong = person.types(&view, action, "jane", "wrong").await.unwrap();
        assert_eq!(
            trouble(&wrong),
            ("jane".to_owned(), Some(PasswordTrouble::Wrong))
        );
        let proven = person.types(&view, action, "jane", PASSWORD).await.unwrap();
        assert!(
            destination(&proven).starts_with("/approval?"),
            "a POST is answered by a redirect"
        );
        let asked = person.follows(&view, &proven).await.unwrap();
        let answered = person.answers(&view, &asked, true).await.unwrap();
        assert!(!code_in(&answered).is_empty());
    }
}

#[tokio::test]
async fn the_form_begins_with_the_name_the_client_expects() {
    let (view, _) = asking_password(a_tenant());
    let mut person = Person::default();
    let sent = person
        .asks(&view, &format!("{ASK}&login_hint=jane"))
        .await
        .unwrap();
    let shown = person.follows(&view, &sent).await.unwrap();
    assert_eq!(trouble(&shown), ("jane".to_owned(), None));
}

#[tokio::test]
async fn a_form_that_was_sent_already_goes_on_where_the_login_stands() {
    let (view, _) = asking_password(a_tenant());
    let (mut person, route) = at_the_form(&view).await;
    let first = person.types(&view, &route, "jane", PASSWORD).await.unwrap();
    let session = person.session().map(str::to_owned);
    for again in [
        person.types(&view, &route, "jane", PASSWORD).await.unwrap(),
        person
            .types(&view, &route, "somebody", "wrong")
            .await
            .unwrap(),
        person.opens(&view, &route).await.unwrap(),
    ] {
        assert_eq!(again, first);
    }
    assert_eq!(person.session(), session.as_deref());
}

#[tokio::test]
async fn after_too_many_wrong_passwords_the_name_rests_whoever_asks() {
    let tenant = a_tenant().with(|spec| spec.limits.password_failures.count = 3);
    let (view, clock) = asking_password(tenant);
    let (mut person, route) = at_the_form(&view).await;
    for name in ["jane", "JANE", " jane "] {
        let wrong = person.types(&view, &route, name, "wrong").await.unwrap();
        assert_eq!(trouble(&wrong).1, Some(PasswordTrouble::Wrong), "{name}");
    }
    let rests = Some(PasswordTrouble::Throttled {
        retry_after: Duration::from_secs(100),
    });
    let throttled = person.types(&view, &route, "jane", PASSWORD).await.unwrap();
    assert_eq!(trouble(&throttled).1, rests, "also for the right password");
    let (mut other, elsewhere) = at_the_form(&view).await;
    let throttled = other
        .types(&view, &elsewhere, "jane", PASSWORD)
        .await
        .unwrap();
    assert_eq!(trouble(&throttled).1, rests, "also in another browser");
    let john = other
        .types(&view, &elsewhere, "john", PASSWORD)
        .await
        .unwrap();
    assert!(
        destination(&john).starts_with("/approval?"),
        "another name does not rest"
    );
    clock.advance(Duration::from_secs(99));
    let early = person.types(&view, &route, "jane", PASSWORD).await.unwrap();
    let rests = Some(PasswordTrouble::Throttled {
        retry_after: Duration::from_secs(1),
    });
    assert_eq!(
        trouble(&early).1,
        rests,
        "asking meanwhile does not prolong it"
    );
    clock.advance(Duration::from_secs(1));
    let proven = person.types(&view, &route, "jane", PASSWORD).await.unwrap();
    assert!(
        destination(&proven).starts_with("/approval?"),
        "nor does this one for ever"
    );
    // From then on her browser is known, and whatever strangers type does not hold it up.
    for wait in [0, 100, 200, 400] {
        clock.advance(Duration::from_secs(wait));
        let (mut stranger, form) = at_the_form(&view).await;
        for _ in 0..3 {
            stranger.types(&view, &form, "jane", "wrong").await.unwrap();
        }
    }
    let (mut anybody, elsewhere) = at_the_form(&view).await;
    let throttled = anybody.types(&view, &elsewhere, "jane", PASSWORD).await;
    assert!(matches!(
        trouble(&throttled.unwrap()).1,
        Some(PasswordTrouble::Throttled { .. })
    ));
    person.browser.bindings.clear();
    person.browser.sessions.clear();
    let sent = person.opens(&view, &format!("/auth/mock?{ASK}")).await;
    let form = destination(&sent.unwrap()).to_owned();
    let proven = person.types(&view, &form, "jane", PASSWORD).await.unwrap();
    assert!(!destination(&proven).is_empty());
}

#[tokio::test]
async fn after_too_many_wrong_passwords_from_one_address_it_rests_whatever_the_name() {
    let tenant = a_tenant().with(|spec| {
        spec.limits.password_failures_per_address = Rate {
            count: 3,
            per: Duration::from_mins(5),
        }
    });
    let (view, clock) = asking_password(tenant);
    let (mut guesser, route) = at_the_form(&view).await;
    guesser.browser.address = Some("192.0.2.1".parse().unwrap());
    for name in ["anna", "bert", "carl"] {
        let wrong = guesser.types(&view, &route, name, "wrong").await.unwrap();
        assert_eq!(trouble(&wrong).1, Some(PasswordTrouble::Wrong), "{name}");
    }
    let rests = Some(PasswordTrouble::Throttled {
        retry_after: Duration::from_secs(100),
    });
    let throttled = guesser
        .types(&view, &route, "jane", PASSWORD)
        .await
        .unwrap();
    assert_eq!(trouble(&throttled).1, rests, "also for the right password");
    guesser.browser.address_is_shared = true;
    let proven = guesser.types(&view, &route, "emil", "wrong").await.unwrap();
    assert_eq!(
        trouble(&proven).1,
        Some(PasswordTrouble::Wrong),
        "a proxy nobody named locks nobody out"
    );
    guesser.browser.address_is_shared = false;
    let (mut neighbour, elsewhere) = at_the_form(&view).await;
    neighbour.browser.address = Some("192.0.2.2".parse().unwrap());
    let proven = neighbour.types(&view, &elsewhere, "anna", PASSWORD).await;
    assert!(destination(&proven.unwrap()).starts_with("/approval?"));
    clock.advance(Duration::from_mins(5));
    let proven = guesser
        .types(&view, &route, "jane", PASSWORD)
        .await
        .unwrap();
    assert!(destination(&proven).starts_with("/approval?"));
}

/// Answers nobody before so many have asked.
struct Together(FakeConnector, tokio::sync::Barrier);

#[async_trait::async_trait]
impl Connector for Together {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        self.0.begin(ctx).await
    }

    async fn complete(
        &self,
        ctx: &LoginContext,
        memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        self.1.wait().await;
        self.0.complete(ctx, memory, reply).await
    }
}

#[tokio::test]
async fn guesses_sent_at_once_tell_no_more_than_guesses_sent_in_turn() {
    let tenant = a_tenant().with(|spec| spec.limits.password_failures.count = 3);
    let (view, _) = asking_password(tenant);
    let together = Together(
        FakeConnector::asking_password(),
        tokio::sync::Barrier::new(6),
    );
    let together: Arc<dyn Connector> = Arc::new(together);
    let mut connectors = view.connectors.as_ref().clone();
    for connector in connectors.iter_mut() {
        connector.opened = Ok(Arc::clone(&together));
    }
    let view = TenantView {
        connectors: Arc::new(connectors),
        ..view
    };
    let (person, route) = at_the_form(&view).await;
    // The last to come opens the gate and is answered first, the others in turn: the right one last.
    let guesses = ["1", "2", "3", "4", PASSWORD, "5"].map(|guess| {
        let (view, route, mut person) = (&view, &route, person.clone());
        async move { trouble(&person.types(view, route, "jane", guess).await.unwrap()).1 }
    });
    let told = futures_util::future::join_all(guesses).await;
    let is_throttled =
        |told: &&Option<PasswordTrouble>| matches!(told, Some(PasswordTrouble::Throttled { .. }));
    let wrong = told.iter().filter(|t| **t == Some(PasswordTrouble::Wrong));
    assert_eq!(wrong.count(), 3, "{told:?}");
    assert_eq!(told.iter().filter(is_throttled).count(), 3, "{told:?}");
}

#[tokio::test]
async fn a_name_or_password_nobody_has_is_not_looked_up() {
    let (view, _) = asking_password(a_tenant());
    let (view, store, cache) = watched(&view);
    let (mut person, route) = at_the_form(&view).await;
    store.calls();
    for (name, password) in [
        ("a".repeat(1025), "p".to_owned()),
        ("a".into(), "p".repeat(4097)),
    ] {
        cache.calls();
        let wrong = person.types(&view, &route, &name, &password).await.unwrap();
        assert_eq!(
            trouble(&wrong),
            (String::new(), Some(PasswordTrouble::Wrong))
        );
        assert_eq!(cache.calls(), ["get_auth_request"]);
    }
}

#[tokio::test]
async fn the_way_back_cannot_be_planted() {
    let two = || a_tenant().with_connector(a_connector("other"));
    let (ours, _) = asking_password(two());
    let (mut person, route) = at_the_form(&ours).await;
    let state = crate::testing::state_in(&Outcome::Redirect {
        to: route.clone(),
        see_other: false,
    });
    let link = route.replace("back=", "back=https%3A%2F%2Fevil.test");
    let shown = person.opens(&ours, &link).await.unwrap();
    let Outcome::Show(Screen::Password { back, action, .. }) = shown else {
        panic!("not the form");
    };
    let expected = (Some(format!("/auth?req={state}")), route);
    assert_eq!((back, action), expected, "ours is not in the address");

    let (view, _) = asking_password(two().dex());
    let (mut person, route) = at_the_form(&view).await;
    let query = Params::parse(route.split_once('?').unwrap().1).unwrap();
    let state = query.get("state").unwrap();
    for planted in [
        "https%3A%2F%2Fevil.test",
        "%2F%2Fevil.test",
        "%2F%5Cevil.test",
        "javascript%3A1",
    ] {
        let link = format!("/auth/mock/login?back={planted}&state={state}");
        let shown = person.opens(&view, &link).await.unwrap();
        let Outcome::Show(Screen::Password { back, action, .. }) = shown else {
            panic!("not the form");
        };
        assert_eq!(back, None, "dex §1.9: {planted}");
        assert_eq!(action, format!("/auth/mock/login?back=&state={state}"));
    }
    let shown = person.opens(&view, &route).await.unwrap();
    let Outcome::Show(Screen::Password { back, action, .. }) = shown else {
        panic!("not the form");
    };
    assert!(back.unwrap().starts_with("/auth?client_id=app&"));
    assert_eq!(action, route, "the way that was put there stays");
}

#[tokio::test]
async fn a_form_belongs_to_its_connector_its_browser_and_its_stage() {
    let (view, _) = asking_password(a_tenant().with_connector(a_connector("other")));
    let (mut person, route) = at_the_form(&view).await;
    let moved = route.replace("/auth/mock/", "/auth/other/");
    let told = heard(person.types(&view, &moved, "jane", PASSWORD).await);
    assert_eq!(told, (Refusal::WrongConnector, false), "dex §1.9");
    assert_eq!(
        heard(person.opens(&view, &moved).await),
        (Refusal::WrongConnector, false)
    );
    let mut thief = Person::default();
    let told = heard(thief.types(&view, &route, "jane", PASSWORD).await);
    assert_eq!(told, (Refusal::WrongBrowser, false));
    assert_eq!(
        heard(thief.opens(&view, &route).await),
        (Refusal::WrongBrowser, false)
    );
    for bare in ["/auth/mock/login", "/auth/mock/login?state=nothing"] {
        assert_eq!(
            heard(person.opens(&view, bare).await),
            (Refusal::LoginUnknown, false)
        );
    }
    let sent = person
        .opens(&view, &format!("/auth/other?{ASK}"))
        .await
        .unwrap();
    let form = format!(
        "/auth/other/login?state={}",
        crate::testing::state_in(&sent)
    );
    let told = heard(person.types(&view, &form, "jane", PASSWORD).await);
    assert_eq!(
        told,
        (Refusal::WrongStage, false),
        "a redirect is awaited, not a password"
    );
}

#[tokio::test]
async fn a_password_that_cannot_be_looked_up_is_our_storage_failing_and_no_upstream() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, _) = view(tenant);
        let away = ConnectorError::Storage("no answer".into());
        let fake = FakeConnector::asking_password().on_login(Err(away));
        let (view, _) = with_connector(&view, "mock", fake);
        let (mut person, route) = at_the_form(&view).await;
        let told = person.types(&view, &route, "jane", PASSWORD).await;
        let FlowError::Fault { fault, .. } = told.unwrap_err() else {
            panic!("it is no refusal");
        };
        assert!(matches!(&fault, Fault::Store(_)), "{fault:?}");
        assert!(fault.is_temporary());
        let again = person.types(&view, &route, "jane", PASSWORD).await;
        assert!(again.is_ok(), "the form can be sent again");
    }
}

#[tokio::test]
async fn a_connector_that_fails_or_denies_is_no_wrong_password() {
    let denied = || ConnectorError::Denied("locked".into());
    for (tenant, told) in [(a_tenant(), true), (a_tenant().dex(), false)] {
        let (view, _) = view(tenant);
        let fake = FakeConnector::asking_password()
            .on_login(Err(ConnectorError::Busy("full")))
            .on_login(Err(ConnectorError::Upstream("down".into())))
            .on_login(Err(ConnectorError::NotInGroup))
            .on_login(Err(denied()));
        let (view, _) = with_connector(&view, "mock", fake);
        let (mut person, route) = at_the_form(&view).await;
        let (view, _, cache) = watched(&view);
        let busy = heard(person.types(&view, &route, "jane", PASSWORD).await);
        assert_eq!(busy, (Refusal::Overloaded { retry_after_s: 2 }, false));
        let down = person
            .types(&view, &route, "jane", PASSWORD)
            .await
            .unwrap_err();
        assert!(matches!(down, FlowError::Fault { .. }));
        let group = heard(person.types(&view, &route, "jane", PASSWORD).await);
        assert_eq!(group, (Refusal::NotInGroup, false));
        let denied = heard(person.types(&view, &route, "jane", PASSWORD).await);
        assert_eq!(denied, (Refusal::UpstreamDenied("locked".into()), told));
        let calls = cache.calls();
        assert!(!calls.contains(&"count_failures"), "{calls:?}");
        let counted = calls.into_iter().filter(|call| *call == "count");
        assert_eq!(
            counted.count(),
            2,
            "two were denied, and none of it counts against the name"
        );
    }
}

/// What is told of logins that were denied: whose, why, and which of the hour.
async fn denials(view: &TenantView) -> Vec<(Option<String>, Denial, u64)> {
    let told = told(view).await.into_iter();
    told.filter_map(|kind| match kind {
        EventKind::LoginDenied {
            client,
            connector,
            user,
            reason,
            count,
        } => {
            assert_eq!((client.as_str(), connector.as_str()), ("app", "mock"));
            Some((user.map(|user| user.to_string()), reason, count))
        }
        _ => None,
    })
    .collect()
}

#[tokio::test]
async fn a_wrong_password_is_told_of_people_of_the_configuration_and_never_what_was_typed() {
    let tenant = a_tenant()
        .with_password("jane@acme.test", "hash")
        .with(|spec| {
            for connector in &mut spec.connectors {
                "local".clone_into(&mut Arc::make_mut(connector).kind);
            }
            spec.limits.password_failures.count = 2;
        });
    let (view, _) = asking_password(tenant);
    let jane = view.spec.passwords["jane@acme.test"].user_id.to_string();
    let (mut person, route) = at_the_form(&view).await;
    for (name, password) in [
        ("Jane@acme.test", "hidden-1"),
        ("hidden-2", "hidden-3"),
        ("jane@acme.test", "hidden-4"),
        ("jane@acme.test", "hidden-5"),
    ] {
        person.types(&view, &route, name, password).await.unwrap();
    }
    let jane = Some(jane);
    assert_eq!(
        denials(&view).await,
        [
            (jane.clone(), Denial::WrongPassword, 1),
            (None, Denial::WrongPassword, 2),
            (jane.clone(), Denial::WrongPassword, 3),
            (jane, Denial::TooMany, 4),
        ]
    );
    let all = serde_json::to_string(&told(&view).await).unwrap();
    assert!(!all.contains("hidden"), "{all}");
}

#[tokio::test]
async fn a_flood_of_wrong_passwords_is_told_a_hundred_times_an_hour_and_at_each_doubling() {
    let tenant = a_tenant().with(|spec| spec.limits.password_failures.count = 10_000);
    let (view, clock) = asking_password(tenant);
    let (mut person, route) = at_the_form(&view).await;
    for _ in 0..300 {
        person.types(&view, &route, "jane", "wrong").await.unwrap();
    }
    let counts: Vec<_> = denials(&view).await.into_iter().map(|one| one.2).collect();
    let one_by_one: Vec<_> = (1..=100).chain([128, 256]).collect();
    assert_eq!(counts, one_by_one);
    clock.advance(Duration::from_hours(1));
    let (mut person, route) = at_the_form(&view).await;
    person.types(&view, &route, "jane", "wrong").await.unwrap();
    assert_eq!(denials(&view).await.last().map(|one| one.2), Some(1));
}

#[tokio::test]
async fn who_is_denied_is_told_so_although_that_cannot_be_written_down() {
    let (view, _) = asking_password(a_tenant());
    let (view, store, cache) = watched(&view);
    let (mut person, route) = at_the_form(&view).await;
    store.trouble("commit", Trouble::Lost);
    let wrong = person.types(&view, &route, "jane", "wrong").await.unwrap();
    assert_eq!(trouble(&wrong).1, Some(PasswordTrouble::Wrong));
    assert!(cache.calls().contains(&"count"));
    assert_eq!(denials(&view).await, []);
}

/// What the browser is given at the end of a login with a password, and what the form asked.
async fn remembered(tenant: TenantBuilder, wishes: bool) -> (Option<bool>, Option<CookieChange>) {
    let (view, _) = asking_password(tenant);
    let (mut person, route) = at_the_form(&view).await;
    person.wants_to_be_remembered = wishes;
    let form = person.opens(&view, &route).await.unwrap();
    let Outcome::Show(Screen::Password { remember_me, .. }) = form else {
        panic!("not the form");
    };
    let wrong = person.types(&view, &route, "jane", "wrong").await.unwrap();
    let Outcome::Show(Screen::Password {
        remember_me: again, ..
    }) = wrong
    else {
        panic!("not the form again");
    };
    assert_eq!(again, remember_me.map(|_| wishes), "what was ticked stays");
    let mut next = person.types(&view, &route, "jane", PASSWORD).await.unwrap();
    if matches!(next, Outcome::Redirect { .. }) {
        next = person.follows(&view, &next).await.unwrap();
    }
    let (req, hmac) = consent_fields(&next);
    let turn = crate::consent::answer(&view, Some(&req), Some(&hmac), true, &person.browser).await;
    let mut cookies = turn.unwrap().cookies.into_iter();
    let given = cookies.find(|change| matches!(change, CookieChange::LogIn { .. }));
    (remember_me, given)
}

#[tokio::test]
async fn whoever_wants_to_be_remembered_is_and_nobody_else() {
    for wishes in [true, false] {
        let tenant = a_tenant().with(|spec| spec.sessions.remember_me_by_default = !wishes);
        let (asked, given) = Box::pin(remembered(tenant, wishes)).await;
        assert_eq!(asked, Some(!wishes), "as the tenant has it ticked");
        let Some(CookieChange::LogIn { max_age, .. }) = given else {
            panic!("no cookie");
        };
        assert_eq!(max_age.is_some(), wishes);
    }
    let off = a_tenant().with(|spec| spec.sessions.enabled = false);
    let (asked, given) = Box::pin(remembered(off, true)).await;
    assert_eq!((asked, given), (None, None));
}
