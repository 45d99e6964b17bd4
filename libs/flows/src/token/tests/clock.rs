//! A machine whose clock is set back while people log in.

use std::time::Duration;

use insula_ambient::{ForwardClock, ManualClock};
use insula_engine::Refusal;
use insula_oauth::TokenResponse;
use insula_testkit::{NOW, TenantBuilder, a_code_grant, a_tenant};

use super::super::exchange;
use crate::testing::{ASK, Person, app, code_in, form, refusal, tokens, view_by};
use crate::{FlowError, Outcome, Screen, TenantView, userinfo};

const STEPS: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_hours(1),
    Duration::from_hours(24),
];

/// A tenant by the clock that the server has, and the machine's clock under it.
fn at(tenant: TenantBuilder) -> (TenantView, ManualClock) {
    let clock = ManualClock::at(NOW);
    (view_by(tenant, ForwardClock::new(clock.clone())), clock)
}

async fn refreshed(view: &TenantView, token: &str) -> Result<TokenResponse, FlowError> {
    let request = form(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
    exchange(view, Some(&app()), &request).await
}

/// A login from the client's link to userinfo after a refresh; `before` is called before each step.
async fn a_login(view: &TenantView, before: impl Fn(u32)) {
    let mut person = Person::default();
    before(0);
    let ask = ASK.replace("scope=openid", "scope=openid+offline_access");
    let sent = person.asks(view, &ask).await.unwrap();
    before(1);
    let mut outcome = person.logs_in(view, &sent).await.unwrap();
    before(2);
    if let Outcome::Show(Screen::Consent { .. }) = outcome {
        outcome = person.answers(view, &outcome, true).await.unwrap();
    }
    before(3);
    let code = code_in(&outcome);
    let redeem = form(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", "https://app.test/cb"),
    ]);
    let first = exchange(view, Some(&app()), &redeem).await.unwrap();
    before(4);
    let token = first.refresh_token.unwrap();
    let second = refreshed(view, &token).await.unwrap();
    before(5);
    let shown = userinfo::answer(view, Some(&second.access_token)).await;
    shown.unwrap();
    before(6);
    // Whoever comes back is still logged in.
    person
        .asks(view, &format!("{ask}&prompt=none"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_clock_set_back_between_any_two_steps_costs_nobody_their_login() {
    for step in STEPS {
        for when in 0..7 {
            let (view, clock) = at(a_tenant());
            let before = |n| {
                clock.advance(Duration::from_secs(1));
                if n == when {
                    clock.step_back(step);
                }
            };
            a_login(&view, before).await;
        }
    }
}

#[tokio::test]
async fn a_refresh_token_that_was_replaced_stays_so_when_the_clock_is_set_back() {
    for step in STEPS {
        let (view, clock) = at(a_tenant());
        let stolen = tokens(&view).await.refresh_token.unwrap();
        refreshed(&view, &stolen).await.unwrap();
        clock.step_back(step);
        clock.advance(Duration::from_secs(10));
        let told = refusal(refreshed(&view, &stolen).await);
        let grant = a_code_grant().grant_id;
        assert_eq!(told, Refusal::RefreshReused { grant }, "{step:?}");
    }
}

#[tokio::test]
async fn a_refresh_token_that_was_replaced_stays_so_when_a_process_starts_after_the_step() {
    for step in [Duration::from_hours(1), Duration::from_hours(24)] {
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
async fn a_code_grows_no_older_and_no_younger_when_the_clock_is_set_back() {
    for step in STEPS {
        let (view, clock) = at(a_tenant());
        let code = Person::default().walks(&view, ASK).await;
        clock.step_back(step);
        // Told time goes on at half pace meanwhile, so that a minute's code ends within two.
        clock.advance(Duration::from_mins(2));
        let redeem = form(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", "https://app.test/cb"),
        ]);
        let told = refusal(exchange(&view, Some(&app()), &redeem).await);
        assert_eq!(told, Refusal::CodeUnknown, "{step:?}");
    }
}
