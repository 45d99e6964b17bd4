use std::sync::Arc;
use std::time::Duration;

use insula_connector_kit::ConnectorError;
use insula_engine::authorize::ReplyTo;
use insula_model::{AuthRequestId, BindingCookie, RefusalForm, Rules, TenantSpec};
use insula_oauth::{ErrorCode, ResponseMode};
use insula_testkit::{FakeConnector, TenantBuilder, a_client, a_connector, a_tenant};

use super::*;
use crate::testing::{
    ASK, Person, destination, heard, reconfigured, state_in, view, watched, with_connector,
};
use crate::under_way::not_begun;
use crate::{Fault, Outcome, Screen};

fn two() -> TenantBuilder {
    a_tenant().with_connector(a_connector("other"))
}

fn as_dex(tenant: TenantBuilder) -> TenantBuilder {
    tenant.by(Rules::DEX)
}

async fn refused(view: &TenantView, query: &str) -> (Refusal, bool) {
    heard(Person::default().asks(view, query).await)
}

#[tokio::test]
async fn one_connector_is_gone_to_at_once_and_dex_names_it_in_a_route_first() {
    let (ours, _) = view(a_tenant());
    let sent = Person::default().asks(&ours, ASK).await.unwrap();
    assert!(destination(&sent).starts_with("https://upstream.test/authorize?state="));
    assert!(matches!(
        sent,
        Outcome::Redirect {
            see_other: true,
            ..
        }
    ));

    let (dex, _) = view(a_tenant().dex());
    let mut person = Person::default();
    let routed = person.asks(&dex, ASK).await.unwrap();
    // dex §1.6.6, and its parameters in alphabetical order (Go's url.Values)
    let route = "/auth/mock?client_id=app&redirect_uri=https%3A%2F%2Fapp.test%2Fcb\
                 &response_type=code&scope=openid+email&state=xyz";
    let redirect = Outcome::Redirect {
        to: route.to_owned(),
        see_other: false,
    };
    assert_eq!(routed, redirect);
    let sent = person.follows(&dex, &routed).await.unwrap();
    assert!(destination(&sent).starts_with("https://upstream.test/"));
    assert!(
        matches!(
            sent,
            Outcome::Redirect {
                see_other: false,
                ..
            }
        ),
        "dex §12.10"
    );
    assert_eq!(
        person.browser.bindings.len(),
        1,
        "bound where a cookie is taken"
    );
}

#[tokio::test]
async fn a_connector_that_was_named_is_taken_out_of_the_route() {
    let (dex, _) = view(as_dex(two()));
    let query = format!("{ASK}&connector_id=other&zeta=1&alpha=%26");
    let routed = Person::default().asks(&dex, &query).await.unwrap();
    let route = destination(&routed);
    assert!(
        route.starts_with("/auth/other?alpha=%26&client_id=app&"),
        "{route}"
    );
    assert!(
        !route.contains("connector_id") && route.ends_with("&zeta=1"),
        "{route}"
    );
}

#[tokio::test]
async fn a_choice_leads_to_each_connector_and_in_dex_with_the_request_as_it_came() {
    let mut odd = a_connector("a b/c?d");
    odd.name = "alpha".to_owned();
    let tenant = || {
        a_tenant()
            .with_connector(odd.clone())
            .with_connector(a_connector("z"))
    };
    let (ours, _) = view(tenant());
    let query = format!("{ASK}&login_hint=jane&ui_locales=de&prompt=select_account+login");
    let mut person = Person::default();
    let shown = person.asks(&ours, &query).await.unwrap();
    let Outcome::Show(Screen::Choose {
        choices,
        login_hint,
        ui_locales,
        client_name,
        ..
    }) = shown
    else {
        panic!("not a choice");
    };
    assert_eq!(
        (client_name.as_str(), login_hint.as_deref()),
        ("The App", Some("jane"))
    );
    assert_eq!(ui_locales, ["de"]);
    let ids: Vec<_> = choices.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(
        ids,
        ["mock", "a b/c?d", "z"],
        "ours keeps the order of the file"
    );
    let route = &choices[1].to;
    assert!(route.starts_with("/auth/a%20b%2Fc%3Fd?req="), "{route}");
    assert!(!route.contains("client_id"), "{route}");
    let sent = person.opens(&ours, route).await.unwrap();
    assert!(destination(&sent).starts_with("https://upstream.test/"));
    let longest = choices.iter().map(|choice| choice.to.len()).max();
    assert!(longest < Some(60), "{choices:?}");

    let (dex, _) = view(as_dex(tenant()));
    let shown = Person::default().asks(&dex, &query).await.unwrap();
    let Outcome::Show(Screen::Choose { choices, .. }) = shown else {
        panic!("not a choice");
    };
    let route = &choices[0].to;
    assert!(
        route.starts_with("/auth/a%20b%2Fc%3Fd?client_id=app&"),
        "dex §1.6: {route}"
    );
    assert!(
        route.contains("prompt=login&"),
        "the choice is made by following it: {route}"
    );
    let ids: Vec<_> = choices.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(
        ids,
        ["a b/c?d", "mock", "z"],
        "dex §1.6.8 by name, whatever the case"
    );
}

#[tokio::test]
async fn the_path_and_the_parameter_must_name_the_same_connector() {
    for tenant in [two(), as_dex(two())] {
        let (view, _) = view(tenant);
        let at = |id: &'static str, query: String| {
            let view = &view;
            async move {
                heard(
                    Person::default()
                        .opens(view, &format!("/auth/{id}?{query}"))
                        .await,
                )
            }
        };
        let clash = at("mock", format!("{ASK}&connector_id=other")).await;
        assert_eq!(
            clash,
            (Refusal::WrongConnector, false),
            "dex §1.8 Bad connector ID"
        );
        let nobody = at("nobody", ASK.to_owned()).await;
        assert_eq!(nobody, (Refusal::UnknownConnector("nobody".into()), false));
        let same = format!("/auth/mock?{ASK}&connector_id=mock");
        assert!(Person::default().opens(&view, &same).await.is_ok());
    }
}

#[tokio::test]
async fn a_connector_that_cannot_be_had_is_told_to_clients_and_in_dex_mostly_by_a_page() {
    let tenant = || two().with_client(a_client().allowing("mock"));
    let unknown = || Refusal::UnknownConnector("x".into());
    let denied = || Refusal::ConnectorNotAllowed("other".into());
    let (ours, _) = view(tenant());
    let (dex, _) = view(as_dex(tenant()));
    let rows = [
        (
            "dex §12.12 at /auth",
            format!("/auth?{ASK}&connector_id=x"),
            unknown(),
            true,
            false,
        ),
        (
            "dex §1.6.5 at /auth",
            format!("/auth?{ASK}&connector_id=other"),
            denied(),
            true,
            false,
        ),
        (
            "dex §1.8 by the path",
            format!("/auth/other?{ASK}"),
            denied(),
            true,
            false,
        ),
        (
            "dex §1.7.4 insisting",
            format!("/auth/other?{ASK}&connector_id=other"),
            denied(),
            true,
            true,
        ),
    ];
    for (clause, route, cause, in_ours, in_dex) in rows {
        let told = heard(Person::default().opens(&ours, &route).await);
        assert_eq!(told, (cause.clone(), in_ours), "{clause}");
        let told = heard(Person::default().opens(&dex, &route).await);
        assert_eq!(told, (cause, in_dex), "{clause}, dex");
    }
    let none = |t: TenantBuilder| t.without_connectors();
    let (ours, _) = view(none(tenant()));
    let (dex, _) = view(as_dex(none(tenant())));
    let cause = Refusal::NoConnectorForClient;
    assert_eq!(refused(&ours, ASK).await, (cause.clone(), true));
    assert_eq!(refused(&dex, ASK).await, (cause, false), "dex §1.6.4");
}

#[tokio::test]
async fn a_refusal_carries_the_proven_redirect_uri_and_the_clients_state() {
    let (ours, _) = view(a_tenant());
    let query = format!("{ASK}&response_mode=form_post&prompt=none");
    let error = Person::default().asks(&ours, &query).await.unwrap_err();
    let FlowError::Refused(told) = error else {
        panic!("a fault");
    };
    assert_eq!(
        told.refusal.code(RefusalForm::Rfc),
        ErrorCode::LoginRequired
    );
    let reply_to = ReplyTo {
        client_id: insula_model::ClientId::parse("app").unwrap(),
        redirect_uri: "https://app.test/cb".to_owned(),
        response_mode: ResponseMode::FormPost,
        state: Some("xyz".to_owned()),
    };
    assert_eq!(told.reply_to, Some(reply_to));

    let flagged = a_tenant().dex().with(|spec| spec.sessions.enabled = true);
    let (dex, _) = view(flagged);
    let told = refused(&dex, &format!("{ASK}&prompt=none")).await;
    assert_eq!(told, (Refusal::LoginRequired, true), "dex §2.8");
}

#[tokio::test]
async fn a_dex_without_sessions_asks_whoever_comes_with_prompt_none() {
    let (dex, _) = view(a_tenant().dex());
    let mut person = Person::default();
    let ask = format!("{ASK}&prompt=none");
    let begun = person.asks(&dex, &ask).await.unwrap();
    let sent = person.follows(&dex, &begun).await.unwrap();
    let back = person.logs_in(&dex, &sent).await.unwrap();
    let asked = person.follows(&dex, &back).await.unwrap();
    assert!(
        matches!(asked, Outcome::Show(Screen::Consent { .. })),
        "nor is the question of consent left out: {asked:?}"
    );
}

#[tokio::test]
async fn a_request_beyond_all_measure_is_not_looked_at() {
    let (ours, _) = view(a_tenant());
    let junk = format!("{ASK}&junk={}", "a".repeat(16 * 1024));
    let (cause, told) = refused(&ours, &junk).await;
    assert!(matches!(cause, Refusal::MalformedBody(_)) && !told);
    let long = format!("{ASK}&junk={}", "a".repeat(15 * 1024));
    assert!(Person::default().asks(&ours, &long).await.is_ok());
}

#[tokio::test]
async fn an_upstream_is_asked_for_the_context_that_the_client_asked_for() {
    let tenant = a_tenant().with(|spec| {
        Arc::make_mut(&mut spec.connectors[0]).acr_mapping =
            [("loa2".to_owned(), "two".to_owned())].into();
    });
    let (view, _) = view(tenant);
    let essential = r#"{"id_token":{"acr":{"essential":true,"value":"two"}}}"#;
    let essential: String = url::form_urlencoded::byte_serialize(essential.as_bytes()).collect();
    for (more, asked) in [
        (String::new(), &[][..]),
        ("&acr_values=one+two".to_owned(), &["loa2"]),
        (format!("&claims={essential}"), &["loa2"]),
    ] {
        let (view, fake) = with_connector(&view, "mock", FakeConnector::redirecting());
        let route = format!("/auth/mock?{ASK}{more}");
        Person::default().opens(&view, &route).await.unwrap();
        assert_eq!(fake.begun()[0].acr_values, asked, "{more}");
    }
}

#[tokio::test]
async fn a_new_login_is_forced_upstream_where_an_old_one_will_not_do() {
    let rows = [
        ("", false, false),
        ("&prompt=login", true, true),
        ("&prompt=consent", false, false),
        ("&max_age=0", true, true),
        ("&max_age=3600", true, false),
    ];
    for (more, in_ours, in_dex) in rows {
        for (tenant, forced) in [(a_tenant(), in_ours), (a_tenant().dex(), in_dex)] {
            let (view, _) = view(tenant);
            let (view, fake) = with_connector(&view, "mock", FakeConnector::redirecting());
            let route = format!("/auth/mock?{ASK}&login_hint=jane{more}");
            Person::default().opens(&view, &route).await.unwrap();
            let begun = fake.begun();
            assert_eq!(begun[0].force_login, forced, "OIDC Core §3.1.2.1 {more}");
            assert_eq!(begun[0].login_hint.as_deref(), Some("jane"));
            let callback = if view.rules().connectors_share_callback {
                "https://acme.test/callback"
            } else {
                "https://acme.test/callback/mock"
            };
            assert_eq!(begun[0].callback_url, callback, "RFC 9700 §4.4, dex §12.13");
        }
    }
}

#[tokio::test]
async fn a_browser_is_bound_once_and_a_planted_short_name_is_replaced() {
    let (ours, _) = view(two());
    let route = format!("/auth/mock?{ASK}");
    let mut person = Person::default();
    person.opens(&ours, &route).await.unwrap();
    let bound = person.browser.bindings[0].clone();
    assert!(bound.reveal().len() >= 32);
    person.opens(&ours, &route).await.unwrap();
    assert_eq!(person.browser.bindings, [bound], "a second tab keeps it");
    person.browser.bindings = vec![BindingCookie::new("planted")];
    person.opens(&ours, &route).await.unwrap();
    assert!(person.browser.bindings[0].reveal().len() >= 32);
}

#[tokio::test]
async fn a_connector_that_does_not_open_or_begin_is_told_to_the_person() {
    let (ours, _) = view(a_tenant());
    let mut connectors = ours.connectors.as_ref().clone();
    for connector in connectors.iter_mut() {
        connector.opened = Err("no discovery".to_owned());
    }
    let broken = TenantView {
        connectors: Arc::new(connectors),
        ..ours.clone()
    };
    let told = refused(&broken, ASK).await;
    let unavailable = Refusal::ConnectorUnavailable {
        connector: "mock".into(),
        why: "no discovery".into(),
    };
    assert_eq!(told, (unavailable, false));

    let id = ConnectorId::parse("mock").unwrap();
    let begun = |error| not_begun(&id, error);
    let (cause, _) = heard(Err::<(), _>(begun(ConnectorError::Denied("no".into()))));
    assert_eq!(cause, Refusal::UpstreamDenied("no".into()));
    let (cause, _) = heard(Err::<(), _>(begun(ConnectorError::Busy("full"))));
    assert_eq!(cause, Refusal::Overloaded { retry_after_s: 2 });
    let fault = begun(ConnectorError::Upstream("down".into()));
    assert!(matches!(
        fault,
        FlowError::Fault {
            fault: Fault::Connector { .. },
            ..
        }
    ));
}

#[tokio::test]
async fn a_login_cannot_begin_without_the_cache_and_dexs_clients_are_not_told() {
    for (tenant, told) in [(a_tenant(), true), (a_tenant().dex(), false)] {
        let (view, _) = view(tenant);
        let (view, _, cache) = watched(&view);
        cache.set_down(true);
        let route = format!("/auth/mock?{ASK}");
        let error = Person::default().opens(&view, &route).await.unwrap_err();
        let FlowError::Fault { fault, reply_to } = error else {
            panic!("a refusal");
        };
        assert!(matches!(&fault, Fault::Store(_)) && fault.is_temporary());
        assert_eq!(reply_to.is_some(), told);
    }
}

#[tokio::test]
async fn the_way_back_is_offered_where_there_is_a_choice_to_make() {
    let password = |tenant: TenantBuilder| {
        let (view, _) = view(tenant);
        with_connector(&view, "mock", FakeConnector::asking_password()).0
    };
    let back = |view: TenantView, route: String| async move {
        let mut person = Person::default();
        let sent = person.opens(&view, &route).await.unwrap();
        let back = form_of(destination(&sent)).take("back");
        let state = state_in(&sent);
        match person.follows(&view, &sent).await.unwrap() {
            Outcome::Show(Screen::Password { back: linked, .. }) => {
                let linked = linked.map(|route| route.replace(&state, "STATE"));
                (back.filter(|back| !back.is_empty()), linked)
            }
            other => panic!("not a form: {other:?}"),
        }
    };
    let plain = format!("/auth/mock?{ASK}&connector_id=");
    let (shown, linked) = back(password(two()), plain.clone()).await;
    assert_eq!(linked.as_deref(), Some("/auth?req=STATE"));
    assert_eq!(shown, None, "the login knows the way");
    let route = "/auth?client_id=app&redirect_uri=https%3A%2F%2Fapp.test%2Fcb\
                 &response_type=code&scope=openid+email&state=xyz";
    let under_path = two().at("acme", "https://acme.test/dex");
    let (shown, linked) = back(password(as_dex(under_path)), plain.clone()).await;
    assert_eq!(shown, Some(format!("/dex{route}")), "dex §12.16");
    assert_eq!(linked.as_deref(), Some(route));

    assert_eq!(
        back(password(a_tenant()), plain.clone()).await,
        (None, None),
        "one connector"
    );
    let only = two().with_client(a_client().allowing("mock"));
    assert_eq!(
        back(password(only), plain).await,
        (None, None),
        "one for this client"
    );
    let insisting = format!("/auth?{ASK}&connector_id=mock");
    assert_eq!(
        back(password(two()), insisting).await,
        (None, None),
        "the client insists"
    );
}

fn form_of(route: &str) -> Params {
    Params::parse(route.split_once('?').unwrap().1).unwrap()
}

#[tokio::test]
async fn what_is_stored_of_a_login_is_what_was_asked() {
    let (ours, clock) = view(a_tenant());
    let mut person = Person::default();
    let sent = person.asks(&ours, ASK).await.unwrap();
    let id = AuthRequestId::parse(state_in(&sent)).unwrap();
    let cache = &ours.effects.cache;
    let stored = cache.get_auth_request(&id).await.unwrap().unwrap();
    assert_eq!(stored.version, 1);
    assert!(
        stored
            .browser
            .unwrap()
            .matches(person.browser.bindings[0].reveal())
    );
    assert_eq!(stored.request.state.as_deref(), Some("xyz"));
    assert_eq!(stored.asked.unwrap().connector_id.as_str(), "mock");
    clock.advance(Duration::from_millis(599_999));
    assert!(cache.get_auth_request(&id).await.unwrap().is_some());
    clock.advance(Duration::from_millis(1));
    assert!(cache.get_auth_request(&id).await.unwrap().is_none());
}

#[tokio::test]
async fn what_was_allowed_is_looked_up_only_where_it_matters() {
    let (ours, _) = view(a_tenant());
    let skipping = reconfigured(&ours, |spec: &mut TenantSpec| {
        spec.oauth2.skip_approval_screen = true;
    });
    for (view, reads) in [(&ours, 1), (&skipping, 0)] {
        let (view, store, _) = watched(view);
        let mut person = Person::default();
        let sent = person.asks(&view, ASK).await.unwrap();
        person.logs_in(&view, &sent).await.unwrap();
        let looked = store.calls();
        let found = looked
            .iter()
            .filter(|call| **call == "find_identity")
            .count();
        assert_eq!(found, reads, "{looked:?}");
    }
}
