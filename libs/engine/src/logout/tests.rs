use std::time::Duration;

use insula_jose::Alg;
use insula_model::{ClientId, ConnectorId, Rules, SessionId};
use insula_testkit::{NOW, a_client, a_tenant, jane, test_key, test_keys, test_rotation};
use serde_json::{Value, json};

use super::*;

const BYE: &str = "https://app.test/bye";

fn a_session() -> BrowserSession {
    BrowserSession {
        id: SessionId::parse("session1").unwrap(),
        connector_id: ConnectorId::parse("mock").unwrap(),
        claims: jane(),
        auth_time: NOW,
        amr: Vec::new(),
        acr: None,
        clients: vec![ClientId::parse("app").unwrap()],
        earlier: Vec::new(),
        last_seen_at: NOW,
        expires_at: NOW + Duration::from_hours(1),
    }
}

fn spec(rules: Rules) -> TenantSpec {
    let mut shop = a_client().named("shop").build();
    shop.post_logout_redirect_uris = vec!["https://shop.test/bye?x=1".to_owned()];
    let tenant = a_tenant().with_client(shop);
    tenant.by(rules).build()
}

/// What a request comes to where the clients are those of `spec`.
fn decide(
    request: &LogoutRequest,
    spec: &TenantSpec,
    keys: &KeyRing,
    session: Option<&BrowserSession>,
    confirmed: bool,
    now: Timestamp,
) -> Result<JudgedLogout, Refusal> {
    let verified = VerifiedLogout::verify(request, spec, keys, now);
    let client = verified.client_of_page();
    let client = client.and_then(|id| spec.client(&id));
    verified.decide(client, session, confirmed)
}

/// An ID token of an hour ago, with these claims in the place of the usual ones.
fn hint(changes: &Value) -> String {
    let mut claims = json!({
        "iss": "https://acme.test",
        "aud": "app",
        "sub": subject::encode(&jane().user_id, &ConnectorId::parse("mock").unwrap()),
        "exp": (NOW - Duration::from_hours(1)).as_secs(),
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    test_key(Alg::ES256, "es256").sign(None, &claims).unwrap()
}

fn asks(hint: Option<String>, client_id: Option<&str>, to: Option<&str>) -> LogoutRequest {
    LogoutRequest {
        id_token_hint: hint,
        client_id: client_id.map(Into::into),
        post_logout_redirect_uri: to.map(Into::into),
        ..LogoutRequest::default()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the tables hold results")]
fn gone(then: Option<&str>) -> Result<JudgedLogout, Refusal> {
    let next = LogoutNext::LogOut {
        then: then.map(Into::into),
    };
    Ok(JudgedLogout { next, flaw: None })
}

/// Logged out, and sent nowhere, because of that.
#[expect(clippy::unnecessary_wraps, reason = "the tables hold results")]
fn kept_here(flaw: Refusal) -> Result<JudgedLogout, Refusal> {
    Ok(JudgedLogout {
        next: LogoutNext::LogOut { then: None },
        flaw: Some(flaw),
    })
}

#[test]
fn a_person_is_asked_unless_the_client_proves_whom_it_means() {
    let session = a_session();
    let other = json!({"sub": "somebody"});
    let sid = json!({"sid": "session1"});
    let other_sid = json!({"sid": "session2"});
    let ask = || {
        let next = LogoutNext::Confirm;
        Ok(JudgedLogout { next, flaw: None })
    };
    let none = json!({});
    // RP-Initiated Logout §2: request, with a session, with a session and a yes, without a session
    let rows = [
        (
            "nothing",
            asks(None, None, None),
            ask(),
            gone(None),
            gone(None),
        ),
        (
            "a hint of this session",
            asks(Some(hint(&sid)), None, None),
            gone(None),
            gone(None),
            gone(None),
        ),
        (
            "a hint of this person",
            asks(Some(hint(&none)), None, None),
            gone(None),
            gone(None),
            gone(None),
        ),
        (
            "a hint of another session",
            asks(Some(hint(&other_sid)), None, None),
            ask(),
            gone(None),
            gone(None),
        ),
        (
            "a hint of another person",
            asks(Some(hint(&other)), None, None),
            ask(),
            gone(None),
            gone(None),
        ),
        (
            "a client proves nothing",
            asks(None, Some("app"), Some(BYE)),
            ask(),
            gone(Some(BYE)),
            gone(Some(BYE)),
        ),
    ];
    for (what, request, with, confirmed, without) in rows {
        let spec = spec(Rules::STANDARD);
        let told = |session, yes| decide(&request, &spec, &test_keys(), session, yes, NOW);
        assert_eq!(told(Some(&session), false), with, "{what}");
        assert_eq!(told(Some(&session), true), confirmed, "{what}, confirmed");
        assert_eq!(told(None, false), without, "{what}, without a session");
    }
}

#[test]
fn a_redirect_needs_a_client_that_registered_it() {
    use Refusal as R;
    let shop = json!({"aud": "shop"});
    let two = json!({"aud": ["app", "shop"]});
    let two_by_shop = json!({"aud": ["app", "shop"], "azp": "shop"});
    let nobody = json!({"aud": "nobody"});
    let theirs = json!({"iss": "https://other.test"});
    let none = json!({});
    let shop_bye = "https://shop.test/bye?x=1";
    let forged = format!("{}A", hint(&none));
    // RP-Initiated Logout §2 and §3: hint, client_id, where to, in our dialect, in dex's
    let rows = [
        (
            "by hint",
            Some(hint(&none)),
            None,
            BYE,
            gone(Some(BYE)),
            gone(Some(BYE)),
        ),
        (
            "by client_id",
            None,
            Some("app"),
            BYE,
            gone(Some(BYE)),
            Err(R::LogoutRedirectNeedsHint),
        ),
        (
            "by both",
            Some(hint(&none)),
            Some("app"),
            BYE,
            gone(Some(BYE)),
            gone(Some(BYE)),
        ),
        (
            "by azp",
            Some(hint(&two_by_shop)),
            None,
            shop_bye,
            gone(Some(shop_bye)),
            gone(Some(shop_bye)),
        ),
        (
            "by nothing",
            None,
            None,
            BYE,
            kept_here(R::LogoutRedirectNeedsHint),
            Err(R::LogoutRedirectNeedsHint),
        ),
        (
            "hint and client_id differ",
            Some(hint(&shop)),
            Some("app"),
            BYE,
            kept_here(R::BadLogoutHint),
            Err(R::LogoutRedirectUnregistered),
        ),
        (
            "two audiences",
            Some(hint(&two)),
            None,
            BYE,
            kept_here(R::BadLogoutHint),
            Err(R::BadLogoutHint),
        ),
        (
            "a client that is gone",
            Some(hint(&nobody)),
            None,
            BYE,
            kept_here(R::LogoutClientUnknown),
            Err(R::LogoutClientUnknown),
        ),
        (
            "an unknown client_id",
            None,
            Some("nobody"),
            BYE,
            kept_here(R::LogoutClientUnknown),
            Err(R::LogoutRedirectNeedsHint),
        ),
        (
            "another client's page",
            Some(hint(&shop)),
            None,
            BYE,
            kept_here(R::LogoutRedirectUnregistered),
            Err(R::LogoutRedirectUnregistered),
        ),
        (
            "a longer page",
            Some(hint(&none)),
            None,
            "https://app.test/bye/x",
            kept_here(R::LogoutRedirectUnregistered),
            Err(R::LogoutRedirectUnregistered),
        ),
        (
            "a page elsewhere",
            Some(hint(&none)),
            None,
            "https://evil.test/bye",
            kept_here(R::LogoutRedirectUnregistered),
            Err(R::LogoutRedirectUnregistered),
        ),
        (
            "a redirect URI of logins",
            Some(hint(&none)),
            None,
            "https://app.test/cb",
            kept_here(R::LogoutRedirectUnregistered),
            Err(R::LogoutRedirectUnregistered),
        ),
        (
            "another issuer's hint",
            Some(hint(&theirs)),
            None,
            BYE,
            kept_here(R::BadLogoutHint),
            Err(R::BadLogoutHint),
        ),
        (
            "a forged hint",
            Some(forged),
            None,
            BYE,
            kept_here(R::BadLogoutHint),
            Err(R::BadLogoutHint),
        ),
    ];
    for (what, hint, client_id, to, standard, dex) in rows {
        let request = asks(hint, client_id, Some(to));
        let told = |rules| decide(&request, &spec(rules), &test_keys(), None, false, NOW);
        assert_eq!(told(Rules::STANDARD), standard, "{what}");
        assert_eq!(told(Rules::DEX), dex, "{what}, dex");
    }
}

/// What may be wrong with a request, and the refusal that says so.
fn flawed() -> Vec<(&'static str, LogoutRequest, Refusal)> {
    use Refusal as R;
    let sid = || Some(hint(&json!({"sid": "session1"})));
    let evil = Some("https://evil.test/bye");
    vec![
        (
            "a forged hint",
            asks(sid().map(|hint| hint + "A"), None, None),
            R::BadLogoutHint,
        ),
        (
            "no hint at all",
            asks(Some("nonsense".to_owned()), None, Some(BYE)),
            R::BadLogoutHint,
        ),
        (
            "a hint of another client than the one that asks",
            asks(sid(), Some("shop"), None),
            R::BadLogoutHint,
        ),
        (
            "a page and nobody who wants it",
            asks(None, None, Some(BYE)),
            R::LogoutRedirectNeedsHint,
        ),
        (
            "a page that nobody registered",
            asks(sid(), None, evil),
            R::LogoutRedirectUnregistered,
        ),
        (
            "a page of nobody",
            asks(None, Some("nobody"), Some(BYE)),
            R::LogoutClientUnknown,
        ),
    ]
}

#[test]
fn what_is_wrong_with_a_request_forbids_the_redirect_and_never_the_logout() {
    let (spec, session) = (spec(Rules::STANDARD), a_session());
    for (what, request, flaw) in flawed() {
        let told = |session, yes| decide(&request, &spec, &test_keys(), session, yes, NOW);
        let asked = JudgedLogout {
            next: LogoutNext::Confirm,
            flaw: Some(flaw.clone()),
        };
        assert_eq!(told(Some(&session), false), Ok(asked), "{what}");
        let expected = kept_here(flaw);
        assert_eq!(told(Some(&session), true), expected, "{what}, confirmed");
        assert_eq!(told(None, false), expected, "{what}, without a session");
    }
}

#[test]
fn dex_refuses_what_is_wrong_with_a_request_even_with_a_yes() {
    let (spec, session) = (spec(Rules::DEX), a_session());
    for (what, request, flaw) in flawed() {
        let is_by_client_id = request.client_id.is_some();
        let told = decide(&request, &spec, &test_keys(), Some(&session), true, NOW);
        if is_by_client_id {
            // dex does not know the parameter.
            assert_ne!(told, Err(flaw), "{what}");
        } else {
            assert_eq!(told, Err(flaw), "{what}");
        }
    }
}

#[test]
fn a_hint_of_a_session_that_was_replaced_in_this_browser_is_one_of_it() {
    let mut session = a_session();
    session.earlier.push(insula_model::EarlierSession {
        id: SessionId::parse("session0").unwrap(),
        clients: vec![ClientId::parse("app").unwrap()],
    });
    let request = asks(Some(hint(&json!({"sid": "session0"}))), None, Some(BYE));
    let spec = spec(Rules::STANDARD);
    let told = decide(&request, &spec, &test_keys(), Some(&session), false, NOW);
    assert_eq!(told, gone(Some(BYE)));
}

#[test]
fn a_hint_for_several_clients_counts_for_the_one_that_names_itself() {
    let two = json!({"aud": ["app", "shop"], "sid": "session1"});
    let spec = spec(Rules::STANDARD);
    for (client_id, expected) in [
        (Some("app"), gone(Some(BYE))),
        (Some("other"), kept_here(Refusal::BadLogoutHint)),
        (None, kept_here(Refusal::BadLogoutHint)),
    ] {
        let request = asks(Some(hint(&two)), client_id, Some(BYE));
        let told = decide(&request, &spec, &test_keys(), None, false, NOW);
        assert_eq!(told, expected, "{client_id:?}");
    }
}

#[test]
fn a_logout_hint_of_somebody_else_has_the_person_asked() {
    let (session, sid) = (a_session(), json!({"sid": "session1"}));
    let sub = subject::encode(&jane().user_id, &session.connector_id);
    let spec = spec(Rules::STANDARD);
    for (logout_hint, is_asked) in [
        ("session1", false),
        (sub.as_str(), false),
        (jane().email.to_uppercase().as_str(), false),
        ("john@example.test", true),
        ("", true),
    ] {
        let mut request = asks(Some(hint(&sid)), None, None);
        request.logout_hint = Some(logout_hint.to_owned());
        let told = decide(&request, &spec, &test_keys(), Some(&session), false, NOW);
        let asks = told.unwrap().next == LogoutNext::Confirm;
        assert_eq!(asks, is_asked, "{logout_hint:?}");
    }
}

#[test]
fn a_good_hint_names_its_session_wherever_it_comes_from() {
    let spec = spec(Rules::STANDARD);
    let named = |request: &LogoutRequest| {
        let verified = VerifiedLogout::verify(request, &spec, &test_keys(), NOW);
        verified.hinted_session()
    };
    let good = Some(hint(&json!({"sid": "session1"})));
    let expected = HintedSession {
        sid: "session1".to_owned(),
        user: jane().user_id,
        connector: ConnectorId::parse("mock").unwrap(),
    };
    assert_eq!(named(&asks(good.clone(), None, None)), Some(expected));
    let forged = good.clone().map(|hint| hint + "A");
    let access_token = json!({"sid": "session1"});
    let access_token = test_key(Alg::ES256, "es256").sign(Some("at+jwt"), &access_token);
    for (what, request) in [
        ("no hint", asks(None, Some("app"), None)),
        ("a forged one", asks(forged, None, None)),
        ("one of another client", asks(good, Some("shop"), None)),
        ("one without sid", asks(Some(hint(&json!({}))), None, None)),
        ("an access token", asks(access_token.ok(), None, None)),
    ] {
        assert_eq!(named(&request), None, "{what}");
    }
}

#[test]
fn a_hint_signed_by_a_key_that_only_verifies_is_recognised() {
    let next = test_key(Alg::ES256, "next");
    let ring = test_keys().with_active(next, NOW, &test_rotation());
    let request = asks(Some(hint(&json!({"sid": "session1"}))), None, Some(BYE));
    let spec = spec(Rules::STANDARD);
    let told = decide(&request, &spec, &ring, Some(&a_session()), false, NOW);
    assert_eq!(told, gone(Some(BYE)), "and the hint expired an hour ago");
}

#[test]
fn state_comes_along_encoded_behind_what_the_page_already_says() {
    for (client, page, then) in [
        ("app", BYE, "https://app.test/bye?state=a%26b%0D%0A"),
        (
            "shop",
            "https://shop.test/bye?x=1",
            "https://shop.test/bye?x=1&state=a%26b%0D%0A",
        ),
    ] {
        let mut request = asks(None, Some(client), Some(page));
        request.state = Some("a&b\r\n".to_owned());
        let spec = spec(Rules::STANDARD);
        let told = decide(&request, &spec, &test_keys(), None, false, NOW);
        assert_eq!(told, gone(Some(then)), "RP-Initiated Logout §3");
    }
    let mut request = asks(None, None, None);
    request.state = Some("xyz".to_owned());
    let told = decide(
        &request,
        &spec(Rules::STANDARD),
        &test_keys(),
        None,
        false,
        NOW,
    );
    assert_eq!(told, gone(None), "state without a page goes nowhere");
}
