use std::time::Duration;

use insula_ambient::ManualClock;
use insula_connector_kit::ConnectorError;
use insula_model::{Rules, TokenHash};
use insula_testkit::{FakeConnector, TenantBuilder, a_connector, a_tenant, jane};

use super::*;
use crate::testing::{
    ASK, Person, at_callback, code_in, consent_fields, destination, heard, kinds, reconfigured,
    state_in, view, with_connector,
};
use crate::{ConsentScope, Fault, Outcome, Screen};

#[tokio::test]
async fn a_login_in_our_dialect_goes_from_request_to_code() {
    let (view, clock) = view(a_tenant());
    let mut person = Person::default();
    let sent = person.asks(&view, ASK).await.unwrap();
    let asked = person.logs_in(&view, &sent).await.unwrap();
    let Outcome::Show(screen) = &asked else {
        panic!("not a page: {asked:?}");
    };
    let Screen::Consent {
        client_name,
        client_host,
        person: name,
        scopes,
        ..
    } = screen
    else {
        panic!("not the consent page");
    };
    assert_eq!(
        (client_name.as_str(), client_host.as_str()),
        ("The App", "app.test")
    );
    assert_eq!(name, "Jane Doe");
    let email = ConsentScope {
        name: "email".to_owned(),
        audience: None,
        description: None,
    };
    assert_eq!(scopes.as_slice(), [email], "openid is not asked about");
    let answered = person.answers(&view, &asked, true).await.unwrap();

    let code = code_in(&answered);
    let Outcome::Respond(response) = answered else {
        panic!("no answer");
    };
    assert_eq!(response.to.redirect_uri, "https://app.test/cb");
    assert_eq!(response.to.state.as_deref(), Some("xyz"));
    let stored = view.effects.cache.peek_code(&TokenHash::of(&code)).await;
    let grant = stored.unwrap().unwrap();
    assert_eq!(grant.client_id.as_str(), "app");
    assert_eq!(grant.redirect_uri, "https://app.test/cb");
    assert_eq!(grant.scopes.to_string(), "openid email");
    assert_eq!(grant.login.auth_time, view.now());
    assert!(grant.login.claims == jane() && grant.login.session_id.is_some());
    assert!(grant.login.connector_data.unwrap() != b"upstream-refresh-token");
    lives_for(&view, &clock, &code, Duration::from_mins(1)).await;
}

#[tokio::test]
async fn a_login_in_dexs_dialect_takes_dexs_redirects_and_no_session() {
    let (view, clock) = view(a_tenant().dex());
    let mut person = Person::default();
    let routed = person.asks(&view, ASK).await.unwrap();
    let sent = person.follows(&view, &routed).await.unwrap();
    let proven = person.logs_in(&view, &sent).await.unwrap();
    assert!(
        matches!(
            proven,
            Outcome::Redirect {
                see_other: true,
                ..
            }
        ),
        "dex §1.11"
    );
    let route = destination(&proven);
    assert!(
        route.starts_with("/approval?req=") && route.contains("&hmac="),
        "{route}"
    );
    let asked = person.follows(&view, &proven).await.unwrap();
    let answered = person.answers(&view, &asked, true).await.unwrap();
    let code = code_in(&answered);
    let stored = view.effects.cache.peek_code(&TokenHash::of(&code)).await;
    let grant = stored.unwrap().unwrap();
    assert_eq!(grant.login.session_id, None);
    assert!(person.browser.sessions.is_empty());
    lives_for(&view, &clock, &code, Duration::from_mins(30)).await;
}

/// A code that is worth something for so long and no longer; dex §12.57 for dex's.
async fn lives_for(view: &TenantView, clock: &ManualClock, code: &str, life: Duration) {
    let (cache, code) = (&view.effects.cache, TokenHash::of(code));
    clock.advance(life.saturating_sub(Duration::from_millis(1)));
    assert!(cache.peek_code(&code).await.unwrap().is_some());
    clock.advance(Duration::from_millis(1));
    assert!(cache.peek_code(&code).await.unwrap().is_none());
}

#[tokio::test]
async fn where_nobody_need_be_asked_the_callback_answers_with_the_code() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, _) = view(tenant.with(|spec| spec.oauth2.skip_approval_screen = true));
        let mut person = Person::default();
        let sent = person
            .opens(&view, &format!("/auth/mock?{ASK}"))
            .await
            .unwrap();
        let answered = person.logs_in(&view, &sent).await.unwrap();
        assert!(!code_in(&answered).is_empty());
        // The page is loaded again: the login is over, and no second code is made.
        let again = person.logs_in(&view, &sent).await;
        assert_eq!(heard(again), (Refusal::LoginUnknown, false));
    }
}

#[tokio::test]
async fn only_the_browser_that_began_a_login_can_finish_it() {
    let (view, _) = view(a_tenant());
    let (mut person, mut thief) = (Person::default(), Person::default());
    let sent = person.asks(&view, ASK).await.unwrap();
    let told = heard(thief.logs_in(&view, &sent).await);
    assert_eq!(
        told,
        (Refusal::WrongBrowser, false),
        "RFC 9700 §4.7: without a cookie"
    );
    thief.asks(&view, ASK).await.unwrap();
    let told = heard(thief.logs_in(&view, &sent).await);
    assert_eq!(told, (Refusal::WrongBrowser, false), "with another cookie");
    let asked = person.logs_in(&view, &sent).await.unwrap();
    let told = heard(thief.answers(&view, &asked, true).await);
    assert_eq!(told, (Refusal::WrongBrowser, false), "at the consent page");
    assert!(person.answers(&view, &asked, true).await.is_ok());
}

#[tokio::test]
async fn a_login_that_took_too_long_is_over() {
    for (tenant, life) in [
        (a_tenant(), Duration::from_mins(10)),
        (a_tenant().dex(), Duration::from_hours(24)),
    ] {
        let (view, clock) = view(tenant);
        let mut person = Person::default();
        let sent = person
            .opens(&view, &format!("/auth/mock?{ASK}"))
            .await
            .unwrap();
        clock.advance(life);
        let (cause, told) = heard(person.logs_in(&view, &sent).await);
        assert!(cause == Refusal::LoginUnknown && !told);
    }
}

#[tokio::test]
async fn a_page_that_is_loaded_again_goes_on_where_the_login_stands() {
    let (view, _) = view(a_tenant());
    let mut person = Person::default();
    let sent = person.asks(&view, ASK).await.unwrap();
    let asked = person.logs_in(&view, &sent).await.unwrap();
    let session = person.session().map(str::to_owned);
    let again = person.logs_in(&view, &sent).await.unwrap();
    assert!(destination(&again).starts_with("/approval?"));
    let shown = person.follows(&view, &again).await.unwrap();
    assert_eq!(consent_fields(&shown), consent_fields(&asked));
    assert_eq!(
        person.session(),
        session.as_deref(),
        "nobody is logged in twice"
    );
}

#[tokio::test]
async fn two_tabs_are_two_logins() {
    let (view, _) = view(a_tenant());
    let mut person = Person::default();
    let first = person.asks(&view, ASK).await.unwrap();
    let second = person.asks(&view, ASK).await.unwrap();
    assert_ne!(state_in(&first), state_in(&second));
    let asked_second = person.logs_in(&view, &second).await.unwrap();
    let asked_first = person.logs_in(&view, &first).await.unwrap();
    let one = person.answers(&view, &asked_first, true).await.unwrap();
    let other = person.answers(&view, &asked_second, true).await.unwrap();
    assert_ne!(code_in(&one), code_in(&other));
}

#[tokio::test]
async fn an_answer_without_a_login_under_way_is_none() {
    let (view, _) = view(a_tenant());
    let mut person = Person::default();
    for query in [
        "",
        "code=c",
        "code=c&state=",
        "code=c&state=unknown",
        "code=c&state=a%20b",
    ] {
        let told = heard(person.returns(&view, query).await);
        assert_eq!(told, (Refusal::LoginUnknown, false), "{query}");
    }
    let long = format!("state={}", "a".repeat(9999));
    assert_eq!(
        heard(person.returns(&view, &long).await).0,
        Refusal::LoginUnknown
    );
}

#[tokio::test]
async fn the_answer_belongs_to_the_connector_that_was_asked() {
    let (view, _) = view(a_tenant().with_connector(a_connector("other")));
    let mut person = Person::default();
    let sent = person
        .opens(&view, &format!("/auth/mock?{ASK}"))
        .await
        .unwrap();
    let params = Params::from_pairs([("code", "c"), ("state", state_in(&sent).as_str())]);
    let at = |id: &'static str| {
        let returned = Returned::Query(params.clone());
        complete(&view, Some(id), returned, &person.browser)
    };
    let told = heard(at("other").await);
    assert_eq!(told, (Refusal::WrongConnector, false), "RFC 9700 §4.4");
    assert!(at("mock").await.is_ok());
}

#[tokio::test]
async fn an_answer_arrives_at_the_callback_its_upstream_was_told_or_nowhere() {
    let shared = |tenant: TenantBuilder| {
        tenant.with(|spec| {
            let uri = spec.issuer.url("/callback");
            std::sync::Arc::make_mut(&mut spec.connectors[0]).config =
                serde_json::json!({ "redirectURI": uri });
        })
    };
    let own = |tenant: TenantBuilder| {
        tenant.with(|spec| {
            let uri = spec.issuer.url("/callback/mock");
            std::sync::Arc::make_mut(&mut spec.connectors[0]).config =
                serde_json::json!({ "redirectURI": uri });
        })
    };
    let rows = [
        ("ours", a_tenant(), "/callback/mock", false),
        ("ours, shared", shared(a_tenant()), "/callback", true),
        ("dex's", a_tenant().dex(), "/callback", true),
        ("dex's, named", shared(a_tenant().dex()), "/callback", true),
        (
            "dex's, its own",
            own(a_tenant().dex()),
            "/callback/mock",
            false,
        ),
    ];
    for (what, tenant, told, is_shared) in rows {
        let (view, _) = view(tenant.with_connector(a_connector("other")));
        let (view, fake) = with_connector(&view, "mock", FakeConnector::redirecting());
        let mut person = Person::default();
        let sent = person
            .opens(&view, &format!("/auth/mock?{ASK}"))
            .await
            .unwrap();
        let url = &fake.begun()[0].callback_url;
        assert_eq!(url, &format!("https://acme.test{told}"), "{what}");
        let query = format!("code=c&state={}", state_in(&sent));
        let misled = person.returns_at(&view, Some("other"), &query).await;
        assert_eq!(heard(misled), (Refusal::WrongConnector, false), "{what}");
        let bare = person.clone().returns_at(&view, None, &query).await;
        assert_eq!(bare.is_ok(), is_shared, "{what}");
        if !is_shared {
            assert_eq!(heard(bare), (Refusal::WrongConnector, false), "{what}");
            let home = person.returns_at(&view, Some("mock"), &query).await;
            assert!(home.is_ok(), "{what}");
        }
    }
}

#[tokio::test]
async fn a_posted_answer_names_its_login_by_relay_state_and_is_answered_by_a_redirect() {
    for name in ["RelayState", "state"] {
        let (view, _) = view(a_tenant());
        let mut person = Person::default();
        let sent = person.asks(&view, ASK).await.unwrap();
        let state = state_in(&sent);
        let form = Params::from_pairs([(name, state.as_str()), ("SAMLResponse", "x")]);
        let at = at_callback(&view);
        let turn = complete(&view, at, Returned::Form(form), &person.browser)
            .await
            .unwrap();
        assert!(
            destination(&turn.outcome).starts_with("/approval?"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_password_form_is_not_answered_by_a_callback() {
    let (view, _) = view(a_tenant());
    let (view, _) = with_connector(&view, "mock", FakeConnector::asking_password());
    let mut person = Person::default();
    let sent = person.asks(&view, ASK).await.unwrap();
    let told = heard(person.logs_in(&view, &sent).await);
    assert_eq!(told, (Refusal::WrongStage, false));
}

/// Whether the client hears it, and whether the login can be tried again.
type Heard = (bool, bool);

#[tokio::test]
async fn an_upstreams_failure_is_told_to_whom_it_concerns() {
    let denied = || ConnectorError::Denied("locked".into());
    let bad = || ConnectorError::BadReply("forged".into());
    let rows: [(ConnectorError, Refusal, Heard, Heard); 5] = [
        (
            ConnectorError::Declined,
            Refusal::UpstreamDeclined {
                connector: "mock".into(),
            },
            (true, false),
            (false, true),
        ),
        (
            denied(),
            Refusal::UpstreamDenied("locked".into()),
            (true, false),
            (false, true),
        ),
        (
            bad(),
            Refusal::UpstreamReply {
                connector: "mock".into(),
                why: "forged".into(),
            },
            (false, true),
            (false, true),
        ),
        (
            ConnectorError::NotInGroup,
            Refusal::NotInGroup,
            (false, true),
            (false, true),
        ),
        (
            ConnectorError::Busy("full"),
            Refusal::Overloaded { retry_after_s: 2 },
            (false, true),
            (false, true),
        ),
    ];
    for (error, cause, in_ours, in_dex) in rows {
        let dialects: [(TenantBuilder, Heard); 2] =
            [(a_tenant(), in_ours), (a_tenant().dex(), in_dex)];
        for (tenant, (told, again)) in dialects {
            let (view, _) = view(tenant);
            let fake = FakeConnector::redirecting().on_login(Err(error.clone()));
            let (view, _) = with_connector(&view, "mock", fake);
            let mut person = Person::default();
            let sent = person
                .opens(&view, &format!("/auth/mock?{ASK}"))
                .await
                .unwrap();
            let first = heard(person.logs_in(&view, &sent).await);
            assert_eq!(first, (cause.clone(), told), "RFC 6749 §4.1.2.1, dex §1.10");
            let denials: &[&str] = match error {
                // It may be a stranger's, or nobody's fault.
                ConnectorError::BadReply(_) | ConnectorError::Busy(_) => &[],
                _ => &["login_denied"],
            };
            assert_eq!(kinds(&view).await, denials, "{cause:?}");
            let second = person.logs_in(&view, &sent).await;
            assert_eq!(second.is_ok(), again, "{cause:?}");
        }
    }
}

#[tokio::test]
async fn an_upstream_that_is_down_is_our_fault_and_named() {
    for error in [
        ConnectorError::Upstream("down".into()),
        ConnectorError::Settings("odd".into()),
    ] {
        let (view, _) = view(a_tenant());
        let fake = FakeConnector::redirecting().on_login(Err(error.clone()));
        let (view, _) = with_connector(&view, "mock", fake);
        let mut person = Person::default();
        let sent = person.asks(&view, ASK).await.unwrap();
        let failed = person.logs_in(&view, &sent).await.unwrap_err();
        let FlowError::Fault { fault, .. } = failed else {
            panic!("a refusal");
        };
        assert!(fault.is_temporary());
        assert!(matches!(fault, Fault::Connector { connector, cause }
            if connector == "mock" && cause == error));
        assert!(
            person.logs_in(&view, &sent).await.is_ok(),
            "it may be tried again"
        );
    }
}

#[tokio::test]
async fn a_client_or_connector_that_is_gone_ends_the_login_with_a_page() {
    let (view, _) = view(a_tenant());
    let mut person = Person::default();
    let sent = person.asks(&view, ASK).await.unwrap();
    let clientless = reconfigured(&view, |spec| spec.clients.clear());
    let told = heard(person.logs_in(&clientless, &sent).await);
    assert_eq!(told, (Refusal::UnknownClient, false));
    let mut connectorless = view.clone();
    connectorless.connectors = std::sync::Arc::default();
    let told = heard(person.logs_in(&connectorless, &sent).await);
    assert_eq!(told, (Refusal::UnknownConnector("mock".into()), false));
    let removed = reconfigured(&connectorless, |spec| spec.connectors.clear());
    let (told, is_for_client) = heard(person.logs_in(&removed, &sent).await);
    let Refusal::ConnectorRemoved { another: Some(way) } = told else {
        panic!("{told:?}");
    };
    assert!(way.starts_with("/auth?req=") && !is_for_client);
    assert!(person.opens(&view, &way).await.is_ok(), "the other ways");
    assert_eq!(view.rules(), &Rules::STANDARD);
}
