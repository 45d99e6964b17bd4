//! A machine whose clock is set while people log in.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use insula_ambient::{Clock, ForwardClock, ManualClock, Timestamp};
use insula_engine::Refusal;
use insula_model::Dialect;
use insula_oauth::{LogoutRequest, TokenResponse};
use insula_testkit::{FakeConnector, NOW, PASSWORD, TenantBuilder, a_code_grant, a_tenant};

use crate::logout::LogoutAnswer;
use crate::testing::{
    ASK, Person, app, claims_of, code_in, destination, exchange, form, refusal, tokens,
    userinfo_of, view_by, with_connector,
};
use crate::{Effects, FlowError, Outcome, Screen, TenantView, logout};

/// What a token is taken after its end.
const LEEWAY: Duration = Duration::from_secs(5);

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

const STEPS: [Duration; 3] = [SECOND, HOUR, DAY];

const BOTH: [Dialect; 2] = [Dialect::Standard, Dialect::Dex];

/// How the clock of a machine is set.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Set {
    Forward(Duration),
    Back(Duration),
}

impl Set {
    fn every() -> impl Iterator<Item = Self> {
        STEPS
            .into_iter()
            .flat_map(|by| [Self::Forward(by), Self::Back(by)])
    }

    fn on(self, clock: &ManualClock) {
        match self {
            Self::Forward(by) => clock.step_forward(by),
            Self::Back(by) => clock.step_back(by),
        }
    }

    /// Whether it makes what lives so long look old.
    fn outlasts(self, life: Duration) -> bool {
        matches!(self, Self::Forward(by) if by >= life)
    }
}

/// A tenant by the clock that the server has, and the machine's clock under it.
fn at(tenant: TenantBuilder) -> (TenantView, ManualClock) {
    let clock = ManualClock::at(NOW);
    (view_by(tenant, ForwardClock::new(clock.clone())), clock)
}

/// A tenant of either dialect whose people type a password.
fn typing(dialect: Dialect) -> (TenantView, ManualClock) {
    let tenant = match dialect {
        Dialect::Standard => a_tenant(),
        Dialect::Dex => a_tenant().dex(),
    };
    let (view, clock) = at(tenant);
    let fake = FakeConnector::asking_password();
    (with_connector(&view, "mock", fake).0, clock)
}

async fn redeemed(view: &TenantView, code: &str) -> Result<TokenResponse, FlowError> {
    let request = form(&[
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", "https://app.test/cb"),
    ]);
    exchange(view, Some(&app()), &request).await
}

async fn refreshed(view: &TenantView, token: &str) -> Result<TokenResponse, FlowError> {
    let request = form(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
    exchange(view, Some(&app()), &request).await
}

/// What was signed at a time: not before the last, and as the node tells the time.
fn honest(view: &TenantView, tokens: &TokenResponse, earliest: Timestamp) {
    let claims = claims_of(tokens.id_token.as_deref().unwrap());
    let time = |name: &str| Timestamp::from_secs(claims[name].as_i64().unwrap());
    let (issued, now) = (time("iat"), Timestamp::from_secs(view.now().as_secs()));
    assert_eq!(issued, now);
    assert!(issued >= earliest, "times that are signed never run back");
    assert_eq!(time("exp"), issued + view.spec.expiry.id_tokens);
    if let Some(at) = claims["auth_time"].as_i64() {
        assert!(Timestamp::from_secs(at) <= issued);
    }
}

/// A login of a person who types a password, from the client's link to the code.
async fn logged_in(person: &mut Person, node: impl Fn() -> TenantView) -> String {
    let ask = ASK.replace("scope=openid", "scope=openid+offline_access");
    let mut outcome = person.asks(&node(), &ask).await.unwrap();
    loop {
        let view = node();
        outcome = match &outcome {
            Outcome::Show(Screen::Consent { .. }) => person.answers(&view, &outcome, true).await,
            Outcome::Redirect { to, .. } if to.contains("/login?") => {
                person.types(&view, to, "jane", PASSWORD).await
            }
            Outcome::Redirect { .. } => person.follows(&view, &outcome).await,
            _ => return code_in(&outcome),
        }
        .unwrap();
    }
}

/// A whole login and what a client does after it. `node` is asked before each step who serves it;
/// `old` says of a lifetime whether the clock was just set beyond it.
async fn a_login(node: impl Fn() -> TenantView, old: impl Fn(Duration) -> bool) {
    let mut person = Person::default();
    let start = Timestamp::from_secs(node().now().as_secs());
    let code = logged_in(&mut person, &node).await;
    let view = node();
    let first = redeemed(&view, &code).await.unwrap();
    honest(&view, &first, start);
    let mut earliest = Timestamp::from_secs(view.now().as_secs());

    let view = node();
    let second = refreshed(&view, first.refresh_token.as_deref().unwrap()).await;
    let mut tokens = second.unwrap();
    honest(&view, &tokens, earliest.min(view.now()));
    earliest = view.now();

    let mut view = node();
    let ends = claims_of(&tokens.access_token)["exp"].as_i64().unwrap();
    if view.now() >= Timestamp::from_secs(ends) + LEEWAY {
        assert!(old(view.spec.expiry.access_tokens));
        // A signed time has passed: the client asks for a fresh token, as it would anyway.
        let late = userinfo_of(&view, &tokens.access_token).await;
        assert_eq!(refusal(late), Refusal::BearerInvalid);
        let token = tokens.refresh_token.as_deref().unwrap();
        tokens = refreshed(&view, token).await.unwrap();
        honest(&view, &tokens, earliest);
    }
    let shown = userinfo_of(&view, &tokens.access_token).await;
    shown.unwrap();

    view = node();
    let leaves = LogoutRequest {
        id_token_hint: tokens.id_token,
        client_id: Some("app".into()),
        post_logout_redirect_uri: Some("https://app.test/bye".into()),
        ..LogoutRequest::default()
    };
    let gone = logout::logout(&view, &leaves, LogoutAnswer::default(), &person.browser).await;
    let gone = gone.unwrap().outcome;
    assert!(destination(&gone).starts_with("https://app.test/bye"));
    // Whoever redeems the code once more, at whatever time, gets nothing.
    let again = refusal(redeemed(&node(), &code).await);
    assert!(matches!(again, Refusal::CodeReplayed { .. }), "{again:?}");
}

#[tokio::test]
async fn a_clock_set_between_any_two_steps_ends_no_login() {
    for dialect in BOTH {
        let (view, clock) = typing(dialect);
        let steps = Cell::new(0);
        let count = || {
            steps.set(steps.get() + 1);
            clock.advance(SECOND);
            view.clone()
        };
        Box::pin(a_login(count, |_| false)).await;
        assert!(steps.get() >= 8, "{}", steps.get());
        for set in Set::every() {
            for when in 1..=steps.get() {
                let (view, clock) = typing(dialect);
                let step = Cell::new(0);
                let node = || {
                    step.set(step.get() + 1);
                    clock.advance(SECOND);
                    if step.get() == when {
                        set.on(&clock);
                    }
                    view.clone()
                };
                println!("{dialect:?}, {set:?} before step {when}");
                Box::pin(a_login(node, |life| {
                    step.get() == when && set.outlasts(life)
                }))
                .await;
            }
        }
    }
}

#[tokio::test]
async fn a_login_that_moves_between_nodes_whose_clocks_differ_by_an_hour_is_one_login() {
    for dialect in BOTH {
        for set in [Set::Forward(HOUR), Set::Back(HOUR)] {
            let (here, _) = typing(dialect);
            let other = ManualClock::at(NOW);
            set.on(&other);
            let there = TenantView {
                effects: Effects {
                    clock: Arc::new(ForwardClock::new(other)) as Arc<dyn Clock>,
                    ..here.effects.clone()
                },
                ..here.clone()
            };
            let step = Cell::new(0);
            let node = || {
                step.set(step.get() + 1);
                if step.get() % 2 == 0 { &here } else { &there }.clone()
            };
            let mut person = Person::default();
            let code = logged_in(&mut person, node).await;
            let first = redeemed(&there, &code).await.unwrap();
            let again = refusal(redeemed(&here, &code).await);
            assert!(matches!(again, Refusal::CodeReplayed { .. }), "{again:?}");
            assert!(first.refresh_token.is_some());
        }
    }
}

#[tokio::test]
async fn a_login_and_a_code_last_as_long_as_they_should_whatever_the_clock_is_set_to() {
    for dialect in BOTH {
        for set in Set::every() {
            let (view, clock) = typing(dialect);
            let expiry = &view.spec.expiry;
            let code = logged_in(&mut Person::default(), || view.clone()).await;
            set.on(&clock);
            clock.advance(expiry.codes);
            let late = refusal(redeemed(&view, &code).await);
            assert_eq!(late, Refusal::CodeUnknown, "{dialect:?}, {set:?}");

            let mut person = Person::default();
            let ask = format!("/auth/mock?{ASK}");
            let form = person.opens(&view, &ask).await.unwrap();
            set.on(&clock);
            clock.advance(expiry.auth_requests);
            let typed = person.types(&view, destination(&form), "jane", PASSWORD);
            let late = refusal(typed.await);
            assert_eq!(late, Refusal::LoginUnknown, "{dialect:?}, {set:?}");
        }
    }
}

#[tokio::test]
async fn too_many_wrong_passwords_wait_as_long_as_told_whatever_the_clock_is_set_to() {
    for set in Set::every() {
        let (view, clock) = typing(Dialect::Standard);
        let mut person = Person::default();
        let form = person.opens(&view, &format!("/auth/mock?{ASK}")).await;
        let form = form.unwrap();
        let route = destination(&form);
        let rate = view.spec.limits.password_failures;
        for _ in 0..rate.count {
            person.types(&view, route, "jane", "wrong").await.unwrap();
        }
        set.on(&clock);
        let rest = rate.per / rate.count;
        clock.advance(rest.saturating_sub(SECOND));
        let early = person.types(&view, route, "jane", PASSWORD).await.unwrap();
        assert!(matches!(early, Outcome::Show(_)), "{set:?}: {early:?}");
        clock.advance(SECOND);
        let proven = person.types(&view, route, "jane", PASSWORD).await.unwrap();
        assert!(matches!(proven, Outcome::Redirect { .. }), "{proven:?}");
    }
}

#[tokio::test]
async fn a_refresh_token_that_was_replaced_stays_so_when_the_clock_is_set() {
    for set in Set::every() {
        let (view, clock) = at(a_tenant());
        let stolen = tokens(&view).await.refresh_token.unwrap();
        refreshed(&view, &stolen).await.unwrap();
        set.on(&clock);
        clock.advance(Duration::from_secs(10));
        let told = refusal(refreshed(&view, &stolen).await);
        let grant = a_code_grant().grant_id;
        assert_eq!(told, Refusal::RefreshReused { grant }, "{set:?}");
    }
}

#[tokio::test]
async fn a_refresh_token_that_was_replaced_stays_so_when_a_process_starts_after_the_step() {
    for step in [HOUR, DAY] {
        let clock = ManualClock::at(NOW);
        let view = view_by(a_tenant(), clock.clone());
        let stolen = tokens(&view).await.refresh_token.unwrap();
        refreshed(&view, &stolen).await.unwrap();
        // A new process has no memory of what was told, only what is stored.
        clock.step_back(step);
        let told = refusal(refreshed(&view, &stolen).await);
        let grant = a_code_grant().grant_id;
        assert_eq!(told, Refusal::RefreshReused { grant }, "{step:?}");
    }
}

#[tokio::test]
async fn a_session_and_an_unused_refresh_token_end_by_the_time_that_is_told() {
    let (view, clock) = at(a_tenant().with(|spec| {
        spec.expiry.refresh.valid_if_not_used_for = Some(DAY);
    }));
    let mut person = Person::default();
    let ask = ASK.replace("scope=openid", "scope=openid+offline_access");
    let code = person.walks(&view, &ask).await;
    let first = redeemed(&view, &code).await.unwrap();
    clock.step_forward(DAY);
    let quiet = person.asks(&view, &format!("{ask}&prompt=none")).await;
    assert_eq!(refusal(quiet), Refusal::LoginRequired);
    let late = refreshed(&view, first.refresh_token.as_deref().unwrap()).await;
    assert!(matches!(refusal(late), Refusal::RefreshExpired { .. }));
}
