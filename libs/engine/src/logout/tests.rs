use std::time::Duration;

use insula_jose::Alg;
use insula_model::{ClientId, ConnectorId, Rules, SessionId};
use insula_testkit::{NOW, a_client, a_tenant, jane, test_key, test_keys};
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
) -> Result<LogoutNext, Refusal> {
    let verified = VerifiedLogout::verify(request, spec, keys, now)?;
    let client = verified.client_of_page()?;
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
fn gone(then: Option<&str>) -> Result<LogoutNext, Refusal> {
    Ok(LogoutNext::LogOut {
        then: then.map(Into::into),
    })
}

#[test]
fn a_person_is_asked_unless_the_client_proves_whom_it_means() {
    let session = a_session();
    let other = json!({"sub": "somebody"});
    let sid = json!({"sid": "session1"});
    let other_sid = json!({"sid": "session2"});
    let ask = || Ok(LogoutNext::Confirm);
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
            Err(R::LogoutRedirectNeedsHint),
            Err(R::LogoutRedirectNeedsHint),
        ),
        (
            "hint and client_id differ",
            Some(hint(&shop)),
            Some("app"),
            BYE,
            Err(R::BadLogoutHint),
            Err(R::LogoutRedirectUnregistered),
        ),
        (
            "two audiences",
            Some(hint(&two)),
            None,
            BYE,
            Err(R::BadLogoutHint),
            Err(R::BadLogoutHint),
        ),
        (
            "a client that is gone",
            Some(hint(&nobody)),
            None,
            BYE,
            Err(R::UnknownClient),
            Err(R::UnknownClient),
        ),
        (
            "an unknown client_id",
            None,
            Some("nobody"),
            BYE,
            Err(R::UnknownClient),
            Err(R::LogoutRedirectNeedsHint),
        ),
        (
            "another client's page",
            Some(hint(&shop)),
            None,
            BYE,
            Err(R::LogoutRedirectUnregistered),
            Err(R::LogoutRedirectUnregistered),
        ),
        (
            "a longer page",
            Some(hint(&none)),
            None,
            "https://app.test/bye/x",
            Err(R::LogoutRedirectUnregistered),
            Err(R::LogoutRedirectUnregistered),
        ),
        (
            "a page elsewhere",
            Some(hint(&none)),
            None,
            "https://evil.test/bye",
            Err(R::LogoutRedirectUnregistered),
            Err(R::LogoutRedirectUnregistered),
        ),
        (
            "a redirect URI of logins",
            Some(hint(&none)),
            None,
            "https://app.test/cb",
            Err(R::LogoutRedirectUnregistered),
            Err(R::LogoutRedirectUnregistered),
        ),
        (
            "another issuer's hint",
            Some(hint(&theirs)),
            None,
            BYE,
            Err(R::BadLogoutHint),
            Err(R::BadLogoutHint),
        ),
        (
            "a forged hint",
            Some(forged),
            None,
            BYE,
            Err(R::BadLogoutHint),
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

#[test]
fn a_bad_redirect_logs_nobody_out_even_with_a_yes() {
    let request = asks(None, Some("app"), Some("https://evil.test/bye"));
    let (spec, session) = (spec(Rules::STANDARD), a_session());
    let told = decide(&request, &spec, &test_keys(), Some(&session), true, NOW);
    assert_eq!(told, Err(Refusal::LogoutRedirectUnregistered));
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
