mod through_callback;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use insula_ambient::ManualClock;
use insula_connector_kit::ConnectorError;
use insula_engine::device::{WRONG_CODES, WRONG_CODES_OF_ADDRESS};
use insula_engine::{Evidence, Refusal};
use insula_oauth::{DeviceAuthorizationResponse, GrantType, Params, TokenResponse};
use insula_testkit::{CHALLENGE, FakeConnector, TenantBuilder, VERIFIER, a_client, a_tenant};

use crate::testing::{
    Person, Trouble, app, basic, claims_of, elsewhere, exchange, fault, form, kinds, reconfigured,
    refusal, userinfo_of, view, watched, with_connector,
};
use crate::{DeviceTrouble, FlowError, Outcome, Screen, TenantView, device};

/// Where devices of these tests are.
const LIVING_ROOM: &str = "192.0.2.7";

fn a_tenant_with_devices() -> TenantBuilder {
    let tv = a_client().named("tv").public().without_redirects();
    a_tenant()
        .with_client(tv)
        .with(|spec| spec.oauth2.grant_types.push(GrantType::DeviceCode))
}

async fn asks(
    view: &TenantView,
    authorization: Option<&str>,
    pairs: &[(&str, &str)],
) -> Result<DeviceAuthorizationResponse, FlowError> {
    let mut evidence = Evidence::of_form(form(pairs));
    if let Some(header) = authorization {
        evidence = evidence.with_authorization(header);
    }
    let from: IpAddr = LIVING_ROOM.parse().unwrap();
    device::authorize(view, &evidence, Some(from)).await
}

/// What a device of the public client `tv` is told.
async fn tv(view: &TenantView) -> DeviceAuthorizationResponse {
    let scope = "openid email offline_access";
    let asked = asks(view, None, &[("client_id", "tv"), ("scope", scope)]).await;
    asked.unwrap()
}

fn poll_form(code: &str) -> Params {
    form(&[
        ("grant_type", GrantType::DeviceCode.as_str()),
        ("client_id", "tv"),
        ("device_code", code),
    ])
}

async fn polls(view: &TenantView, code: &str) -> Result<TokenResponse, FlowError> {
    exchange(view, None, &poll_form(code)).await
}

impl Person {
    async fn enters(&mut self, view: &TenantView, typed: &str) -> Outcome {
        let turn = device::enter(view, typed, &self.browser).await.unwrap();
        self.keeps(turn)
    }

    async fn confirms(
        &mut self,
        view: &TenantView,
        shown: &Outcome,
        yes: bool,
    ) -> Result<Outcome, FlowError> {
        let (req, hmac) = confirmation(shown);
        let turn = device::answer(view, &req, Some(&hmac), yes, &self.browser).await?;
        Ok(self.keeps(turn))
    }

    /// From the code to the page that says that the device is connected.
    async fn connects(&mut self, view: &TenantView, user_code: &str) -> Outcome {
        let shown = self.enters(view, user_code).await;
        let sent = self.confirms(view, &shown, true).await.unwrap();
        let asked = self.logs_in(view, &sent).await.unwrap();
        self.answers(view, &asked, true).await.unwrap()
    }
}

/// The hidden fields of the question whether a device is the person's.
fn confirmation(shown: &Outcome) -> (String, String) {
    let Outcome::Show(Screen::ConfirmDevice { fields, .. }) = shown else {
        panic!("not the question: {shown:?}");
    };
    let field = |name: &str| {
        let found = fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap()
    };
    (field("req"), field("hmac"))
}

fn answer_shown(outcome: &Outcome) -> Option<bool> {
    match outcome {
        Outcome::Show(Screen::DeviceAnswered { approved, .. }) => *approved,
        other => panic!("not an answer: {other:?}"),
    }
}

fn trouble(outcome: &Outcome) -> Option<DeviceTrouble> {
    match outcome {
        Outcome::Show(Screen::DeviceCode { trouble, .. }) => *trouble,
        other => panic!("not the form: {other:?}"),
    }
}

fn a_minute(clock: &ManualClock) {
    clock.advance(Duration::from_mins(1));
}

#[tokio::test]
async fn a_device_gets_tokens_once_a_person_confirmed_it_logged_in_and_allowed_it() {
    let (view, clock) = view(a_tenant_with_devices());
    let told = tv(&view).await;
    assert_eq!(told.verification_uri, "https://acme.test/device");
    let complete = format!("https://acme.test/device?user_code={}", told.user_code);
    assert_eq!(told.verification_uri_complete, complete);
    assert_eq!((told.expires_in, told.interval), (600, 5));
    let pending = polls(&view, &told.device_code).await;
    assert_eq!(refusal(pending), Refusal::DevicePending);
    clock.advance(Duration::from_mins(2));

    let mut person = Person::default();
    let shown = person.enters(&view, &told.user_code.to_lowercase()).await;
    let Outcome::Show(Screen::ConfirmDevice {
        client_name,
        user_code,
        asked_from,
        asked_minutes_ago,
        ..
    }) = &shown
    else {
        panic!("{shown:?}");
    };
    assert_eq!(
        (client_name.as_str(), user_code),
        ("The App", &told.user_code)
    );
    assert_eq!(asked_from.as_deref(), Some(LIVING_ROOM));
    assert_eq!(*asked_minutes_ago, 2);
    let sent = person.confirms(&view, &shown, true).await.unwrap();
    let asked = person.logs_in(&view, &sent).await.unwrap();
    assert_eq!(
        refusal(polls(&view, &told.device_code).await),
        Refusal::DevicePending
    );
    let done = person.answers(&view, &asked, true).await.unwrap();
    assert_eq!(answer_shown(&done), Some(true));
    assert!(person.session().is_some(), "the browser is logged in");

    let tokens = polls(&view, &told.device_code).await.unwrap();
    assert!(tokens.refresh_token.is_some());
    let id_token = claims_of(tokens.id_token.as_deref().unwrap());
    assert_eq!(id_token["aud"], "tv");
    assert_eq!(
        id_token.get("c_hash"),
        None,
        "no code went through the browser"
    );
    assert!(userinfo_of(&view, &tokens.access_token).await.is_ok());
    assert!(kinds(&view).await.contains(&"logged_in".to_owned()));
}

#[tokio::test]
async fn a_device_code_is_good_once_and_a_second_time_takes_its_tokens_with_it() {
    let (view, _) = view(a_tenant_with_devices());
    let told = tv(&view).await;
    Person::default().connects(&view, &told.user_code).await;
    let tokens = polls(&view, &told.device_code).await.unwrap();
    let again = refusal(polls(&view, &told.device_code).await);
    assert!(matches!(again, Refusal::CodeReplayed { .. }), "{again:?}");
    let alive = userinfo_of(&view, &tokens.access_token).await;
    assert_eq!(refusal(alive), Refusal::BearerInvalid);
}

/// Found by the simulation: the poll that was held up was taken for a replay, and the device lost the
/// tokens it had just been given.
#[tokio::test]
async fn a_poll_that_was_held_up_while_another_was_answered_takes_no_tokens_with_it() {
    let (view, _) = view(a_tenant_with_devices());
    let told = tv(&view).await;
    Person::default().connects(&view, &told.user_code).await;
    let (held_up, _, cache) = watched(&view);
    let heard = Arc::<Mutex<Option<TokenResponse>>>::default();
    let other = (view.clone(), told.device_code.clone(), Arc::clone(&heard));
    let meanwhile = Arc::new(move || {
        let (view, code, heard) = other.clone();
        async move {
            let tokens = polls(&view, &code).await.unwrap();
            *heard.lock().unwrap() = Some(tokens);
        }
        .boxed()
    });
    cache.trouble("claim_code", Trouble::Meanwhile(meanwhile));
    let late = refusal(polls(&held_up, &told.device_code).await);
    assert!(matches!(late, Refusal::CodeTakenOver { .. }), "{late:?}");
    let tokens = heard.lock().unwrap().take().unwrap();
    assert!(userinfo_of(&view, &tokens.access_token).await.is_ok());
}

#[tokio::test]
async fn a_device_that_was_not_answered_asks_again_and_is() {
    for (of_store, call) in [
        (true, "add_refresh"),
        (false, "answer_code"),
        (false, "claim_code"),
    ] {
        for trouble in [Trouble::Lost, Trouble::AnswerLost] {
            let (view, _) = view(a_tenant_with_devices());
            let told = tv(&view).await;
            Person::default().connects(&view, &told.user_code).await;
            let (view, store, cache) = watched(&view);
            let spy = if of_store { store } else { cache };
            spy.trouble(call, trouble);
            let first = polls(&view, &told.device_code).await;
            let tokens = match first {
                Ok(tokens) => tokens,
                Err(error) => {
                    fault::<()>(Err(error));
                    polls(&view, &told.device_code).await.unwrap()
                }
            };
            assert!(
                userinfo_of(&view, &tokens.access_token).await.is_ok(),
                "{call}"
            );
        }
    }
}

#[tokio::test]
async fn polling_asks_the_cache_once_and_the_store_nothing_until_somebody_approved() {
    let (view, clock) = view(a_tenant_with_devices());
    let told = tv(&view).await;
    let (view, store, cache) = watched(&view);
    for _ in 0..3 {
        a_minute(&clock);
        let pending = refusal(polls(&view, &told.device_code).await);
        assert_eq!(pending, Refusal::DevicePending);
        assert_eq!(cache.calls(), ["poll_device"]);
        assert_eq!(store.calls(), [""; 0]);
    }
}

#[tokio::test]
async fn a_device_that_polls_too_fast_is_told_to_slow_down() {
    let (view, clock) = view(a_tenant_with_devices());
    let told = tv(&view).await;
    for (after, expected) in [
        (0, Refusal::DevicePending),
        (4, Refusal::DevicePolledTooSoon),
        (9, Refusal::DevicePolledTooSoon),
        (15, Refusal::DevicePending),
    ] {
        clock.advance(Duration::from_secs(after));
        assert_eq!(refusal(polls(&view, &told.device_code).await), expected);
    }
}

#[tokio::test]
async fn a_device_that_keeps_to_the_interval_may_arrive_a_moment_early() {
    let (view, clock) = view(a_tenant_with_devices());
    let told = tv(&view).await;
    for _ in 0..20 {
        let pending = refusal(polls(&view, &told.device_code).await);
        assert_eq!(pending, Refusal::DevicePending);
        clock.advance(Duration::from_millis(4_600));
    }
}

#[tokio::test]
async fn both_codes_of_a_device_last_as_long_as_the_tenant_says() {
    let (view, clock) = view(a_tenant_with_devices().with(|spec| {
        spec.expiry.device_requests = Duration::from_mins(7);
    }));
    let told = tv(&view).await;
    assert_eq!(told.expires_in, 420);
    let mut person = Person::default();
    let shown = person.enters(&view, &told.user_code).await;
    let sent = person.confirms(&view, &shown, true).await.unwrap();
    clock.advance(Duration::from_mins(6));
    let asked = person.logs_in(&view, &sent).await.unwrap();
    a_minute(&clock);
    let late = person.answers(&view, &asked, true).await.unwrap();
    assert_eq!(answer_shown(&late), None);
    assert!(person.session().is_none(), "nothing came of the login");
    let expired = refusal(polls(&view, &told.device_code).await);
    assert_eq!(expired, Refusal::DeviceCodeExpired);
    let shown = person.enters(&view, &told.user_code).await;
    assert_eq!(trouble(&shown), Some(DeviceTrouble::Expired));
}

#[tokio::test]
async fn whoever_says_no_has_the_device_told_whether_to_the_question_or_to_consent() {
    let (view, _) = view(a_tenant_with_devices());
    let first = tv(&view).await;
    let mut person = Person::default();
    let shown = person.enters(&view, &first.user_code).await;
    let denied = person.confirms(&view, &shown, false).await.unwrap();
    assert_eq!(answer_shown(&denied), Some(false));

    let second = tv(&view).await;
    let shown = person.enters(&view, &second.user_code).await;
    let sent = person.confirms(&view, &shown, true).await.unwrap();
    let asked = person.logs_in(&view, &sent).await.unwrap();
    let denied = person.answers(&view, &asked, false).await.unwrap();
    assert_eq!(answer_shown(&denied), Some(false));

    for told in [first, second] {
        let polled = refusal(polls(&view, &told.device_code).await);
        assert_eq!(polled, Refusal::DeviceDenied);
        let again = person.enters(&view, &told.user_code).await;
        assert_eq!(trouble(&again), Some(DeviceTrouble::Expired));
    }
}

#[tokio::test]
async fn a_device_hears_of_a_login_that_failed_for_good_and_waits_where_its_person_may_try_again() {
    let bad_reply = || ConnectorError::BadReply("no code".to_owned());
    for (error, expected) in [
        (
            ConnectorError::Denied("no".to_owned()),
            Refusal::DeviceDenied,
        ),
        (ConnectorError::Declined, Refusal::DeviceDenied),
        (ConnectorError::NotInGroup, Refusal::DevicePending),
        (bad_reply(), Refusal::DevicePending),
    ] {
        let (view, _) = view(a_tenant_with_devices());
        let fake = FakeConnector::redirecting().on_login(Err(error));
        let (view, _) = with_connector(&view, "mock", fake);
        let told = tv(&view).await;
        let mut person = Person::default();
        let shown = person.enters(&view, &told.user_code).await;
        let sent = person.confirms(&view, &shown, true).await.unwrap();
        let failed = refusal(person.logs_in(&view, &sent).await);
        let polled = refusal(polls(&view, &told.device_code).await);
        assert_eq!(polled, expected, "{failed:?}");
    }
}

#[tokio::test]
async fn a_device_whose_login_cannot_go_on_hears_so_once_it_is_confirmed() {
    let (view, _) = view(a_tenant_with_devices());
    let told = tv(&view).await;
    let view = reconfigured(&view, |spec| {
        let tv = a_client().named("tv").public().allowing("another").build();
        spec.clients.insert(tv.id.clone(), tv.into());
    });
    let mut person = Person::default();
    let shown = person.enters(&view, &told.user_code).await;
    let pending = refusal(polls(&view, &told.device_code).await);
    assert_eq!(pending, Refusal::DevicePending);
    let failed = refusal(person.confirms(&view, &shown, true).await);
    assert_eq!(failed, Refusal::NoConnectorForClient);
    let polled = refusal(polls(&view, &told.device_code).await);
    assert_eq!(polled, Refusal::DeviceDenied);
}

#[tokio::test]
async fn no_step_of_a_login_leads_past_the_question_whose_device_it_is() {
    let (view, _) = view(a_tenant_with_devices());
    let told = tv(&view).await;
    let mut person = Person::default();
    let shown = person.enters(&view, &told.user_code).await;
    let (req, _) = confirmation(&shown);
    for route in [format!("/auth?req={req}"), format!("/auth/mock?req={req}")] {
        let again = person.opens(&view, &route).await.unwrap();
        confirmation(&again);
    }
    let pending = refusal(polls(&view, &told.device_code).await);
    assert_eq!(pending, Refusal::DevicePending);
}

#[tokio::test]
async fn a_device_is_confirmed_in_the_browser_its_code_was_typed_in_and_with_its_proof() {
    let (view, _) = view(a_tenant_with_devices());
    let told = tv(&view).await;
    let mut attacker = Person::default();
    let shown = attacker.enters(&view, &told.user_code).await;
    let mut victim = Person::default();
    victim.walks(&view, crate::testing::ASK).await;
    let forged = victim.confirms(&view, &shown, true).await;
    assert_eq!(refusal(forged), Refusal::WrongBrowser);
    let (req, hmac) = confirmation(&shown);
    for wrong in [None, Some(""), Some("x"), Some(&hmac[1..])] {
        let answer = device::answer(&view, &req, wrong, true, &attacker.browser).await;
        assert_eq!(refusal(answer), Refusal::BadProof);
    }
    let pending = refusal(polls(&view, &told.device_code).await);
    assert_eq!(pending, Refusal::DevicePending);
}

#[tokio::test]
async fn a_session_serves_a_device_once_the_device_is_confirmed() {
    let (view, _) = view(a_tenant_with_devices().with(|spec| {
        spec.oauth2.skip_approval_screen = true;
    }));
    let mut person = Person::default();
    person.walks(&view, crate::testing::ASK).await;
    let told = tv(&view).await;
    let shown = person.enters(&view, &told.user_code).await;
    let done = person.confirms(&view, &shown, true).await.unwrap();
    assert_eq!(answer_shown(&done), Some(true));
    polls(&view, &told.device_code).await.unwrap();
}

#[tokio::test]
async fn a_session_is_asked_for_consent_once_the_device_is_confirmed() {
    let (view, _) = view(a_tenant_with_devices());
    let mut person = Person::default();
    person.walks(&view, crate::testing::ASK).await;
    let told = tv(&view).await;
    let shown = person.enters(&view, &told.user_code).await;
    let (req, _) = confirmation(&shown);
    let asked = person.confirms(&view, &shown, true).await.unwrap();
    let asked = person.follows(&view, &asked).await.unwrap();
    let (same, _) = crate::testing::consent_fields(&asked);
    assert_eq!(same, req, "one login from the code to the answer");
    let done = person.answers(&view, &asked, true).await.unwrap();
    assert_eq!(answer_shown(&done), Some(true));
}

#[tokio::test]
async fn a_question_answered_twice_goes_on_and_a_consent_sent_twice_makes_one_answer() {
    let (view, _) = view(a_tenant_with_devices());
    let told = tv(&view).await;
    let mut person = Person::default();
    let shown = person.enters(&view, &told.user_code).await;
    person.confirms(&view, &shown, true).await.unwrap();
    let sent = person.confirms(&view, &shown, true).await.unwrap();
    let asked = person.logs_in(&view, &sent).await.unwrap();
    let first = person.answers(&view, &asked, true).await.unwrap();
    assert_eq!(answer_shown(&first), Some(true));
    let second = person.answers(&view, &asked, true).await;
    assert_eq!(refusal(second), Refusal::LoginUnknown);
    polls(&view, &told.device_code).await.unwrap();
}

#[tokio::test]
async fn a_confidential_client_proves_itself_when_it_asks_and_when_it_polls() {
    let (view, _) = view(a_tenant_with_devices());
    let wrong = basic("app", "guess");
    for header in [None, Some(wrong.as_str())] {
        let refused = asks(&view, header, &[("client_id", "app")]).await;
        assert_eq!(refusal(refused), Refusal::ClientCredentials);
    }
    let told = asks(&view, Some(&app()), &[]).await.unwrap();
    Person::default().connects(&view, &told.user_code).await;
    let grant_type = GrantType::DeviceCode.as_str();
    let poll = form(&[
        ("grant_type", grant_type),
        ("device_code", &told.device_code),
    ]);
    let guessed = exchange(&view, Some(&wrong), &poll).await;
    assert_eq!(refusal(guessed), Refusal::ClientCredentials);
    let other = polls(&view, &told.device_code).await;
    assert_eq!(
        refusal(other),
        Refusal::DeviceCodeUnknown,
        "another client's"
    );
    exchange(&view, Some(&app()), &poll).await.unwrap();
}

#[tokio::test]
async fn a_client_without_the_grant_and_a_tenant_without_it_give_no_codes() {
    let web = a_client().with_grants(&[GrantType::AuthorizationCode]);
    let (limited, _) = view(a_tenant_with_devices().with_client(web));
    let refused = asks(&limited, Some(&app()), &[]).await;
    assert_eq!(refusal(refused), Refusal::GrantNotAllowed);
    let (without, _) = view(a_tenant());
    let refused = refusal(asks(&without, Some(&app()), &[]).await);
    assert!(matches!(refused, Refusal::UnsupportedGrantType(_)));
}

#[tokio::test]
async fn a_device_that_sent_a_challenge_must_meet_it() {
    let (view, _) = view(a_tenant_with_devices());
    let pkce = [
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let asked = [&[("client_id", "tv")][..], &pkce].concat();
    let told = asks(&view, None, &asked).await.unwrap();
    Person::default().connects(&view, &told.user_code).await;
    let (view, _, _) = watched(&view);
    let mut poll: Vec<_> = [
        ("grant_type", GrantType::DeviceCode.as_str()),
        ("client_id", "tv"),
        ("device_code", &told.device_code),
        ("code_verifier", VERIFIER),
    ]
    .into();
    exchange(&view, None, &form(&poll)).await.unwrap();

    let told = asks(&view, None, &asked).await.unwrap();
    Person::default().connects(&view, &told.user_code).await;
    poll[2].1 = &told.device_code;
    poll[3].1 = "another-verifier-another-verifier-another-verifier";
    let refused = refusal(exchange(&view, None, &form(&poll)).await);
    assert!(
        matches!(refused, Refusal::PkceMismatch { .. }),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_device_asks_one_node_and_the_person_another() {
    let (here, _) = view(a_tenant_with_devices());
    let there = elsewhere(&here);
    let told = tv(&here).await;
    Person::default().connects(&there, &told.user_code).await;
    polls(&here, &told.device_code).await.unwrap();
}

#[tokio::test]
async fn wrong_codes_are_counted_by_address_and_for_the_tenant_as_a_whole() {
    let (view, clock) = view(a_tenant_with_devices());
    let told = tv(&view).await;
    let from = |last: u32| {
        let mut person = Person::default();
        person.browser.address = Some(IpAddr::from([203, 0, 113, u8::try_from(last).unwrap()]));
        person
    };
    let mut guesser = from(1);
    for _ in 0..WRONG_CODES_OF_ADDRESS.count {
        let shown = guesser.enters(&view, "BBBB-BBBB").await;
        assert_eq!(trouble(&shown), Some(DeviceTrouble::Wrong));
    }
    for typed in ["BBBB-BBBB", &told.user_code] {
        let shown = guesser.enters(&view, typed).await;
        let throttled = Some(DeviceTrouble::Throttled {
            retry_after: WRONG_CODES_OF_ADDRESS.per / WRONG_CODES_OF_ADDRESS.count,
        });
        assert_eq!(trouble(&shown), throttled, "even the right one");
    }
    let mut neighbour = from(2);
    confirmation(&neighbour.enters(&view, &told.user_code).await);
    // What cannot be a code at all is no guess.
    for _ in 0..=WRONG_CODES_OF_ADDRESS.count {
        let shown = neighbour.enters(&view, "hello").await;
        assert_eq!(trouble(&shown), Some(DeviceTrouble::Wrong));
    }
    let rest = WRONG_CODES.count - WRONG_CODES_OF_ADDRESS.count;
    for n in 0..rest {
        from(10 + n / 10).enters(&view, "BBBB-BBBB").await;
    }
    let shown = neighbour.enters(&view, &told.user_code).await;
    assert!(matches!(
        trouble(&shown),
        Some(DeviceTrouble::Throttled { .. })
    ));
    clock.advance(WRONG_CODES.per);
    let told = tv(&view).await;
    confirmation(&neighbour.enters(&view, &told.user_code).await);
}

#[tokio::test]
async fn a_right_code_among_guesses_sent_at_once_is_not_told_apart_beyond_the_limit() {
    let (view, _) = view(a_tenant_with_devices());
    let (view, _, cache) = watched(&view);
    let told = tv(&view).await;
    let there = view.clone();
    let guesses = move || -> futures_util::future::BoxFuture<'static, ()> {
        let view = there.clone();
        Box::pin(async move {
            for _ in 0..WRONG_CODES_OF_ADDRESS.count {
                let mut guesser = Person::default();
                guesser.browser.address = Some(LIVING_ROOM.parse().unwrap());
                guesser.enters(&view, "BBBB-BBBB").await;
            }
        })
    };
    // They were all let in before the first of them was counted.
    cache.trouble(
        "find_device",
        Trouble::Meanwhile(std::sync::Arc::new(guesses)),
    );
    let mut person = Person::default();
    person.browser.address = Some(LIVING_ROOM.parse().unwrap());
    let shown = person.enters(&view, &told.user_code).await;
    let is_throttled = matches!(trouble(&shown), Some(DeviceTrouble::Throttled { .. }));
    assert!(is_throttled, "{shown:?}");
}

#[tokio::test]
async fn strangers_who_guess_codes_keep_no_browser_waiting_that_is_known() {
    let (view, _) = view(a_tenant_with_devices());
    let told = tv(&view).await;
    for n in 0..WRONG_CODES.count {
        let mut stranger = Person::default();
        let address = [203, 0, 113, u8::try_from(n / 10).unwrap()];
        stranger.browser.address = Some(IpAddr::from(address));
        stranger.enters(&view, "BBBB-BBBB").await;
    }
    let mut person = Person::default();
    person.browser.address = Some(LIVING_ROOM.parse().unwrap());
    let shown = person.enters(&view, &told.user_code).await;
    let everybody_waits = matches!(trouble(&shown), Some(DeviceTrouble::Throttled { .. }));
    assert!(everybody_waits, "who is not known waits: {shown:?}");
    person.browser.devices = vec![known_cookie(&view)];
    confirmation(&person.enters(&view, &told.user_code).await);
    for _ in 0..WRONG_CODES_OF_ADDRESS.count {
        person.browser.address = None;
        person.enters(&view, "BBBB-BBBB").await;
    }
    let shown = person.enters(&view, &told.user_code).await;
    let waits = shown.too_many() == Some(crate::TooMany::UserCodes);
    assert!(waits, "for its own wrong codes: {shown:?}");
}

/// What a browser carries in which somebody logged in with a password.
fn known_cookie(view: &TenantView) -> String {
    let browser = crate::Browser::default();
    match crate::known_device::remember(view, &browser, "mock", "jane") {
        Some(crate::CookieChange::KnowDevice { value, .. }) => value,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_address_that_everybody_has_limits_nobody() {
    let (view, _) = view(a_tenant_with_devices());
    let told = tv(&view).await;
    let mut person = Person::default();
    person.browser.address = Some(LIVING_ROOM.parse().unwrap());
    person.browser.address_is_shared = true;
    for _ in 0..=WRONG_CODES_OF_ADDRESS.count {
        person.enters(&view, "BBBB-BBBB").await;
    }
    confirmation(&person.enters(&view, &told.user_code).await);
}

#[tokio::test]
async fn what_a_device_asks_for_is_small() {
    let (view, _) = view(a_tenant_with_devices());
    let scope = format!("openid {}", "email ".repeat(300));
    let told = asks(&view, None, &[("client_id", "tv"), ("scope", &scope)]).await;
    told.unwrap();
    let (view, _) = crate::testing::view(a_tenant_with_devices().dex());
    let told = asks(&view, None, &[("client_id", "tv"), ("scope", &scope)]).await;
    assert!(matches!(refusal(told), Refusal::TooLong { .. }));
}
