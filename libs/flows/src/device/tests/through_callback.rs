//! dex's form: whoever asks gets codes, the login is the client's, and its answer comes to a callback.

use insula_oauth::Params;

use super::*;
use crate::DeviceAsked;
use crate::testing::{destination, heard};

fn dexs() -> TenantBuilder {
    let tv = a_client().named("tv").public().without_redirects();
    let cli = a_client().named("cli").with_redirect("/device/callback");
    a_tenant()
        .dex()
        .at("acme", "https://acme.test/dex")
        .with_client(tv)
        .with_client(cli)
        .with(|spec| spec.oauth2.grant_types.push(GrantType::DeviceCode))
}

fn poll(code: &str) -> Params {
    let grant_type = GrantType::DeviceCode.as_str();
    form(&[("grant_type", grant_type), ("device_code", code)])
}

async fn polled(view: &TenantView, told: &DeviceAuthorizationResponse) -> Refusal {
    refusal(exchange(view, None, &poll(&told.device_code)).await)
}

impl Person {
    async fn types_code(&mut self, view: &TenantView, typed: &str) -> Outcome {
        let turn = device::enter_and_return(view, typed, &self.browser).await;
        self.keeps(turn.unwrap())
    }

    /// From the page where codes are typed to the answer on its way to the callback.
    async fn follows_code(&mut self, view: &TenantView, typed: &str) -> Params {
        let sent = self.types_code(view, typed).await;
        let query = destination(&sent)
            .strip_prefix("/auth?")
            .unwrap()
            .to_owned();
        self.follows_link(view, &query).await
    }

    async fn follows_link(&mut self, view: &TenantView, query: &str) -> Params {
        let mut outcome = self.asks(view, query).await.unwrap();
        if destination(&outcome).starts_with("/auth/mock?") {
            outcome = self.follows(view, &outcome).await.unwrap();
        }
        outcome = self.logs_in(view, &outcome).await.unwrap();
        outcome = self.follows(view, &outcome).await.unwrap();
        outcome = self.answers(view, &outcome, true).await.unwrap();
        let Outcome::Respond(answer) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(answer.to.redirect_uri, "/dex/device/callback");
        let state = answer.to.state.map(|state| ("state".to_owned(), state));
        Params::from_pairs(answer.params.into_iter().chain(state))
    }

    async fn arrives(&mut self, view: &TenantView, params: &Params) -> Result<Outcome, FlowError> {
        let turn = device::complete(view, params, &self.browser).await?;
        Ok(self.keeps(turn))
    }
}

#[tokio::test]
async fn a_device_of_dex_gets_tokens_through_the_callback() {
    let (view, _) = view(dexs());
    let secret = [("client_id", "cli"), ("client_secret", "app-secret")];
    for asked in [&[("client_id", "tv")][..], &secret] {
        let told = asks(&view, None, asked).await.unwrap();
        assert_eq!(told.verification_uri, "https://acme.test/dex/device");
        assert_eq!((told.expires_in, told.interval), (300, 5));
        assert_eq!((told.device_code.len(), told.user_code.len()), (51, 9));
        let mut person = Person::default();
        let sent = person.types_code(&view, &told.user_code).await;
        let client = asked[0].1;
        let expected = format!(
            "/auth?client_id={client}&redirect_uri=%2Fdex%2Fdevice%2Fcallback&response_type=code\
             &scope=openid&state={}",
            told.user_code
        );
        assert_eq!(destination(&sent), expected);
        let params = person.follows_code(&view, &told.user_code).await;
        assert_eq!(polled(&view, &told).await, Refusal::DevicePending);
        let done = person.arrives(&view, &params).await.unwrap();
        assert_eq!(answer_shown(&done), Some(true));
        let tokens = exchange(&view, None, &poll(&told.device_code))
            .await
            .unwrap();
        assert_eq!(claims_of(&tokens.access_token)["aud"], client);
        assert_eq!(polled(&view, &told).await, Refusal::DeviceCodeUnknown);
        let alive = userinfo_of(&view, &tokens.access_token).await;
        assert!(alive.is_ok(), "whoever asks twice loses nothing in dex");
    }
}

#[tokio::test]
async fn a_link_that_was_not_made_by_typing_the_code_in_this_browser_connects_nothing() {
    for sessions in [false, true] {
        let (view, _) = view(dexs().with(|spec| spec.sessions.enabled = sessions));
        let told = tv(&view).await;
        let mut attacker = Person::default();
        let sent = attacker.types_code(&view, &told.user_code).await;
        let link = destination(&sent).strip_prefix("/auth?").unwrap();
        let mut victim = Person::default();
        let params = victim.follows_link(&view, link).await;
        let arrived = victim.arrives(&view, &params).await;
        assert_eq!(refusal(arrived), Refusal::WrongBrowser);
        assert_eq!(polled(&view, &told).await, Refusal::DevicePending);
        // What proves that one code was typed proves nothing of another.
        let other = tv(&view).await;
        victim.types_code(&view, &other.user_code).await;
        let arrived = victim.arrives(&view, &params).await;
        assert_eq!(refusal(arrived), Refusal::WrongBrowser);
    }
}

#[tokio::test]
async fn a_browser_that_takes_no_cookies_is_let_through_where_dex_has_none() {
    for sessions in [false, true] {
        let (view, _) = view(dexs().with(|spec| spec.sessions.enabled = sessions));
        let told = tv(&view).await;
        let params = Person::default().follows_code(&view, &told.user_code).await;
        let arrived = Person::default().arrives(&view, &params).await;
        if sessions {
            assert_eq!(refusal(arrived), Refusal::WrongBrowser);
        } else {
            assert_eq!(answer_shown(&arrived.unwrap()), Some(true));
        }
    }
}

#[tokio::test]
async fn the_callback_says_in_dex_s_words_what_is_wrong() {
    let (view, clock) = view(dexs());
    let told = tv(&view).await;
    let mut person = Person::default();
    let params = person.follows_code(&view, &told.user_code).await;
    let (code, state) = (params.get("code").unwrap(), params.get("state").unwrap());
    for (pairs, expected) in [
        (vec![], Refusal::DeviceAnswerIncomplete),
        (vec![("state", state)], Refusal::DeviceAnswerIncomplete),
        (vec![("code", code)], Refusal::DeviceAnswerIncomplete),
        (
            vec![("error", "access_denied"), ("state", state)],
            Refusal::DeviceAnswerIncomplete,
        ),
        (
            vec![("error", "access_denied"), ("state", state), ("code", code)],
            Refusal::DeviceAnswerRefused,
        ),
        (
            vec![("code", "unknown"), ("state", state)],
            Refusal::DeviceAnswerCodeUnknown,
        ),
        (
            vec![("code", code), ("state", "BBBB-BBBB")],
            Refusal::UserCodeUnknown,
        ),
        (
            vec![("code", code), ("state", "x")],
            Refusal::UserCodeUnknown,
        ),
    ] {
        let arrived = person.arrives(&view, &form(&pairs)).await;
        assert_eq!(heard(arrived), (expected, false), "{pairs:?}");
    }
    person.arrives(&view, &params).await.unwrap();
    let again = person.arrives(&view, &params).await;
    assert_eq!(refusal(again), Refusal::DeviceAnswerCodeUnknown);

    let told = tv(&view).await;
    let params = person.follows_code(&view, &told.user_code).await;
    clock.advance(view.spec.expiry.device_requests);
    let late = person.arrives(&view, &params).await;
    assert_eq!(refusal(late), Refusal::UserCodeUnknown);
    assert_eq!(polled(&view, &told).await, Refusal::DeviceCodeExpired);
}

#[tokio::test]
async fn whoever_asks_gets_codes_and_nothing_comes_of_them_without_the_client_s_secret() {
    let (view, _) = view(dexs());
    for pairs in [
        &[("client_id", "cli")][..],
        &[("client_id", "cli"), ("client_secret", "wrong")],
    ] {
        let told = asks(&view, None, pairs).await.unwrap();
        let mut person = Person::default();
        let params = person.follows_code(&view, &told.user_code).await;
        let arrived = person.arrives(&view, &params).await;
        assert_eq!(refusal(arrived), Refusal::ClientCredentials);
        assert_eq!(polled(&view, &told).await, Refusal::DevicePending);
    }
    let told = asks(&view, None, &[("client_id", "nobody")]).await.unwrap();
    let mut person = Person::default();
    let sent = person.types_code(&view, &told.user_code).await;
    let refused = person.follows(&view, &sent).await;
    assert_eq!(heard(refused), (Refusal::UnknownClient, false));
}

#[tokio::test]
async fn a_code_of_another_login_or_client_connects_no_device() {
    let (view, _) = view(dexs());
    let secret = [("client_id", "cli"), ("client_secret", "app-secret")];
    let mine = asks(&view, None, &secret).await.unwrap();
    let theirs = tv(&view).await;
    let mut person = Person::default();
    let params = person.follows_code(&view, &mine.user_code).await;
    person.types_code(&view, &theirs.user_code).await;
    let mixed = [
        ("code", params.get("code").unwrap()),
        ("state", &theirs.user_code),
    ];
    let arrived = person.arrives(&view, &form(&mixed)).await;
    assert_eq!(refusal(arrived), Refusal::DeviceAnswerCodeUnknown);

    // The code of a login that returns to the client.
    crate::testing::with_code(&view, "of-the-app", &insula_testkit::a_code_grant()).await;
    let other = [("code", "of-the-app"), ("state", &*theirs.user_code)];
    let arrived = person.arrives(&view, &form(&other)).await;
    assert_eq!(refusal(arrived), Refusal::DeviceAnswerCodeUnknown);
}

#[tokio::test]
async fn the_form_says_what_is_wrong_with_a_code() {
    let (view, clock) = view(dexs());
    let mut person = Person::default();
    let missing = device::enter_and_return(&view, "", &person.browser).await;
    assert_eq!(refusal(missing), Refusal::MissingUserCode);
    let wrong = person.types_code(&view, "bbbb-bbbb").await;
    assert_eq!(trouble(&wrong), Some(DeviceTrouble::Wrong));
    let Outcome::Show(Screen::DeviceCode {
        user_code, action, ..
    }) = &wrong
    else {
        panic!("{wrong:?}");
    };
    assert_eq!(
        (user_code.as_str(), action.as_str()),
        ("BBBB-BBBB", "/device/auth/verify_code")
    );
    let told = tv(&view).await;
    clock.advance(view.spec.expiry.device_requests);
    let expired = person.types_code(&view, &told.user_code).await;
    assert_eq!(trouble(&expired), Some(DeviceTrouble::Expired));
}

#[tokio::test]
async fn a_form_that_its_address_filled_in_says_who_asks_and_from_where() {
    let (view, clock) = view(dexs());
    let told = tv(&view).await;
    clock.advance(Duration::from_mins(2));
    let asked = async |view: &TenantView, typed: &str, trouble| {
        let browser = crate::Browser {
            address: Some("192.0.2.99".parse().unwrap()),
            ..crate::Browser::default()
        };
        let turn = device::show_filled(view, typed.to_owned(), trouble, &browser).await;
        match turn.unwrap().outcome {
            Outcome::Show(Screen::DeviceCode { asked, .. }) => asked,
            other => panic!("not the form: {other:?}"),
        }
    };
    let tv = DeviceAsked {
        client_name: "The App".to_owned(),
        asked_from: Some(LIVING_ROOM.to_owned()),
        minutes_ago: 2,
    };
    assert_eq!(asked(&view, &told.user_code, None).await, Some(tv));
    let wrong = Some(DeviceTrouble::Wrong);
    assert_eq!(asked(&view, &told.user_code, wrong).await, None);
    for other in ["", "x", "BBBB-BBBB"] {
        assert_eq!(asked(&view, other, None).await, None, "{other}");
    }
    let without = reconfigured(&view, |spec| spec.clients.clear());
    assert_eq!(asked(&without, &told.user_code, None).await, None);
    // Who tries out codes here is counted as who types them.
    for _ in 0..WRONG_CODES_OF_ADDRESS.count {
        asked(&view, "BBBB-BBBB", None).await;
    }
    assert_eq!(asked(&view, &told.user_code, None).await, None);
}

#[tokio::test]
async fn dex_s_older_endpoint_answers_the_same_whatever_grants_the_tenant_serves() {
    let (view, _) = view(dexs().with(|spec| spec.oauth2.grant_types.clear()));
    let told = tv(&view).await;
    let refused = refusal(exchange(&view, None, &poll(&told.device_code)).await);
    assert!(matches!(refused, Refusal::UnsupportedGrantType(_)));
    let of_other = form(&[("grant_type", "authorization_code")]);
    let refused = crate::token::poll_for_device(&view, &of_other).await;
    assert_eq!(refusal(refused), Refusal::NoDeviceGrant);
    let none = form(&[("grant_type", GrantType::DeviceCode.as_str())]);
    let refused = crate::token::poll_for_device(&view, &none).await;
    assert_eq!(refusal(refused), Refusal::MissingDeviceCode);
    let mut person = Person::default();
    let params = person.follows_code(&view, &told.user_code).await;
    person.arrives(&view, &params).await.unwrap();
    let polled = crate::token::poll_for_device(&view, &poll(&told.device_code)).await;
    polled.unwrap();
}
