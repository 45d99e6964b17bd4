use std::sync::Arc;

use insula_engine::proof_of;
use insula_model::{
    AuthRequestId, ConnectorId, EventKind, Resource, ResourceScope, SessionEnd, TokenHash,
};
use insula_oauth::{Scopes, encode_pairs};
use insula_testkit::{CHALLENGE, a_client, a_resource, a_tenant, jane};

use super::*;
use crate::testing::{
    ASK, Person, Trouble, app, claims_of, code_form, code_in, consent_fields, exchange, fault,
    form, heard, kinds, reconfigured, told, userinfo_of, view, watched,
};
use crate::{ConsentScope, Fault, Screen};

/// A person before the consent page.
async fn asked(view: &TenantView) -> (Person, Outcome) {
    let mut person = Person::default();
    let sent = person
        .opens(view, &format!("/auth/mock?{ASK}"))
        .await
        .unwrap();
    let mut shown = person.logs_in(view, &sent).await.unwrap();
    if matches!(shown, Outcome::Redirect { .. }) {
        shown = person.follows(view, &shown).await.unwrap();
    }
    (person, shown)
}

async fn allowed(view: &TenantView, client: &str) -> Option<Scopes> {
    let mock = ConnectorId::parse("mock").unwrap();
    let found = view
        .effects
        .store
        .find_identity(&mock, &jane().user_id)
        .await;
    found
        .unwrap()
        .and_then(|identity| identity.consents.get(client).cloned())
}

#[tokio::test]
async fn a_claim_asked_for_alone_is_shown_remembered_and_told_as_its_scope_would_be() {
    let (view, _) = view(a_tenant());
    let claims = encode_pairs([(
        "claims",
        r#"{"userinfo":{"email":{"essential":true}},"id_token":{"name":null}}"#,
    )]);
    let pkce = format!("code_challenge={CHALLENGE}&code_challenge_method=S256");
    let asked = ASK.replace("openid+email", "openid+offline_access");
    let query = format!("{asked}&{pkce}&{claims}");
    let mut person = Person::default();
    let sent = person.asks(&view, &query).await.unwrap();
    let shown = person.logs_in(&view, &sent).await.unwrap();
    let Outcome::Show(Screen::Consent { scopes, .. }) = &shown else {
        panic!("{shown:?}");
    };
    let names: Vec<&str> = scopes.iter().map(|scope| scope.name.as_str()).collect();
    assert_eq!(names, ["offline_access", "email", "profile"]);
    let answer = person.answers(&view, &shown, true).await.unwrap();
    let remembered = allowed(&view, "app").await.unwrap().to_string();
    assert_eq!(remembered, "openid offline_access email profile");

    let code = code_form(&code_in(&answer));
    let first = exchange(&view, Some(&app()), &code).await.unwrap();
    let refresh = first.refresh_token.clone().unwrap();
    let request = form(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
    let second = exchange(&view, Some(&app()), &request).await.unwrap();
    for tokens in [first, second] {
        assert_eq!(tokens.scope.as_deref(), Some("openid offline_access"));
        let id_token = claims_of(tokens.id_token.as_deref().unwrap());
        assert_eq!(id_token["name"], "Jane Doe");
        assert_eq!(id_token.get("email"), None);
        let told = userinfo_of(&view, &tokens.access_token).await;
        let told = told.unwrap();
        assert_eq!(told["email"], "jane@example.test");
        assert_eq!(told.get("name"), None);
    }
}

#[tokio::test]
async fn a_yes_sent_twice_makes_one_code() {
    let (view, _) = view(a_tenant());
    let (person, shown) = asked(&view).await;
    let (mut once, mut twice) = (person.clone(), person);
    let (first, second) = tokio::join!(
        once.answers(&view, &shown, true),
        twice.answers(&view, &shown, true)
    );
    assert_eq!(
        [&first, &second]
            .iter()
            .filter(|answer| answer.is_ok())
            .count(),
        1
    );
    let lost = if first.is_ok() { second } else { first };
    assert_eq!(
        heard(lost),
        (Refusal::LoginUnknown, false),
        "the client had its answer"
    );
    let late = twice.answers(&view, &shown, true).await;
    assert_eq!(heard(late), (Refusal::LoginUnknown, false));
}

#[tokio::test]
async fn two_yeses_that_read_the_same_state_make_one_code() {
    let (view, _) = view(a_tenant());
    let (person, shown) = asked(&view).await;
    let (req, _) = consent_fields(&shown);
    let id = AuthRequestId::parse(&req).unwrap();
    let auth = view
        .effects
        .cache
        .get_auth_request(&id)
        .await
        .unwrap()
        .unwrap();
    let client = view.clients().find("app").await.unwrap().unwrap();
    let finish = || {
        let client = Arc::clone(&client);
        advance::approved(&view, &person.browser, auth.clone(), client)
    };
    assert!(finish().await.is_ok());
    assert_eq!(heard(finish().await), (Refusal::LoginUnknown, false));
}

#[tokio::test]
async fn a_no_ends_the_login_and_only_our_clients_hear_of_it() {
    for (tenant, told) in [(a_tenant(), true), (a_tenant().dex(), false)] {
        let (view, _) = view(tenant);
        let (mut person, shown) = asked(&view).await;
        let denied = heard(person.answers(&view, &shown, false).await);
        assert_eq!(
            denied,
            (Refusal::ConsentDenied, told),
            "RFC 6749 §4.1.2.1, dex §12.54"
        );
        assert_eq!(allowed(&view, "app").await, None);
        let late = heard(person.answers(&view, &shown, true).await);
        assert_eq!(late, (Refusal::LoginUnknown, false), "a no stays a no");
    }
}

#[tokio::test]
async fn a_no_leaves_no_session_behind_and_in_dex_the_one_of_its_login() {
    let sessions = |spec: &mut insula_model::TenantSpec| spec.sessions.enabled = true;
    for (tenant, is_known) in [(a_tenant(), false), (a_tenant().dex().with(sessions), true)] {
        let (view, _) = view(tenant);
        let (view, store, _) = watched(&view);
        let (mut person, shown) = asked(&view).await;
        assert_eq!(person.session().is_some(), is_known, "before the answer");
        heard(person.answers(&view, &shown, false).await);
        assert_eq!(person.session().is_some(), is_known, "after a no");
        let is_written = store.calls().contains(&"commit");
        assert_eq!(
            is_written, is_known,
            "there is no row nobody has a cookie of"
        );
        let live = session::live(&view, &person.browser).await.unwrap();
        assert_eq!(live.is_some(), is_known);
    }
}

#[tokio::test]
async fn a_yes_sent_twice_leaves_one_session() {
    let (view, _) = view(a_tenant());
    let (view, store, _) = watched(&view);
    let (person, shown) = asked(&view).await;
    let (mut once, mut twice) = (person.clone(), person);
    // The second yes has read the login before the first is answered.
    store.trouble(
        "commit",
        Trouble::Meanwhile(Arc::new({
            let (view, shown) = (view.clone(), shown.clone());
            let twice = Arc::new(tokio::sync::Mutex::new(twice.clone()));
            move || {
                let (view, shown, twice) = (view.clone(), shown.clone(), twice.clone());
                Box::pin(async move {
                    let answered = twice.lock().await.answers(&view, &shown, true).await;
                    code_in(&answered.unwrap());
                })
            }
        })),
    );
    let lost = once.answers(&view, &shown, true).await;
    assert_eq!(heard(lost), (Refusal::LoginUnknown, false));
    let told = kinds(&view).await;
    let count = |name| told.iter().filter(|kind| *kind == name).count();
    assert_eq!(count("logged_in"), 2, "{told:?}");
    assert_eq!(count("session_ended"), 1, "{told:?}");
    assert_eq!(once.session(), None);
    let told = heard(twice.answers(&view, &shown, true).await);
    assert_eq!(told.0, Refusal::LoginUnknown);
}

#[tokio::test]
async fn a_login_that_cannot_be_finished_leaves_no_session() {
    for trouble in [Trouble::Lost, Trouble::AnswerLost] {
        let (view, _) = view(a_tenant());
        let (view, store, cache) = watched(&view);
        let (mut person, shown) = asked(&view).await;
        cache.trouble("finish_auth_request", trouble);
        store.calls();
        assert!(matches!(
            fault(person.answers(&view, &shown, true).await),
            Fault::Store(_)
        ));
        assert_eq!(store.calls(), ["commit", "commit"]);
        let told = told(&view).await;
        let [
            EventKind::LoggedIn { session: begun, .. },
            EventKind::ConsentGiven { .. },
            EventKind::SessionEnded {
                session, reason, ..
            },
        ] = &told[..]
        else {
            panic!("{told:?}");
        };
        assert_eq!(begun.as_ref(), Some(session));
        assert_eq!(*reason, SessionEnd::Withdrawn);
        assert_eq!(person.session(), None);
    }
}

#[tokio::test]
async fn who_logged_out_while_they_were_asked_is_not_let_in_by_the_yes() {
    let shop = a_client().named("shop");
    let (view, _) = view(a_tenant().with_client(shop));
    let mut person = Person::default();
    person.walks(&view, ASK).await;
    let query = ASK.replace("client_id=app", "client_id=shop");
    let shown = person.asks(&view, &query).await.unwrap();
    assert!(matches!(shown, Outcome::Show(Screen::Consent { .. })));
    session_end::end_all(&view, &person.browser, SessionEnd::LoggedOut)
        .await
        .unwrap();
    let sent = person.answers(&view, &shown, true).await.unwrap();
    let route = crate::testing::destination(&sent);
    assert!(route.starts_with("https://upstream.test/"), "{route}");
    assert_eq!(allowed(&view, "shop").await, None);
    let asked = person.logs_in(&view, &sent).await.unwrap();
    code_in(&person.answers(&view, &asked, true).await.unwrap());
}

#[tokio::test]
async fn what_was_allowed_is_remembered_by_client_and_scope() {
    let (view, _) = view(a_tenant().with_client(a_client().named("shop")));
    let mut person = Person::default();
    person.walks(&view, ASK).await;
    assert_eq!(
        allowed(&view, "app").await,
        Some(Scopes::parse("openid email"))
    );
    assert_eq!(allowed(&view, "shop").await, None);

    let mut stranger = Person::default();
    let sent = stranger.asks(&view, ASK).await.unwrap();
    code_in(&stranger.logs_in(&view, &sent).await.unwrap());
    let more = ASK.replace("openid+email", "openid+email+groups");
    stranger.walks(&view, &format!("{more}&prompt=login")).await;
    assert_eq!(
        allowed(&view, "app").await,
        Some(Scopes::parse("openid email groups"))
    );
    stranger
        .walks(&view, &format!("{ASK}&prompt=login+consent"))
        .await;
    assert_eq!(
        allowed(&view, "app").await,
        Some(Scopes::parse("openid email groups"))
    );
    stranger
        .walks(
            &view,
            &ASK.replace("=app&", "=shop&")
                .replace("state", "prompt=login&state"),
        )
        .await;
    assert_eq!(
        allowed(&view, "shop").await,
        Some(Scopes::parse("openid email"))
    );
}

#[tokio::test]
async fn a_proof_is_of_this_login_and_this_step() {
    let (view, _) = view(a_tenant());
    let (person, shown) = asked(&view).await;
    let (_, other) = asked(&view).await;
    let (req, hmac) = consent_fields(&shown);
    let (_, another) = consent_fields(&other);
    let logout = proof_of(&view.keys, &req, Step::Logout);
    let browser = &person.browser;
    let rows = [
        (
            "dex §1.11 no proof",
            Some(req.as_str()),
            None,
            Refusal::BadProof,
        ),
        (
            "an empty proof",
            Some(req.as_str()),
            Some(""),
            Refusal::BadProof,
        ),
        (
            "the proof of another login",
            Some(req.as_str()),
            Some(another.as_str()),
            Refusal::BadProof,
        ),
        (
            "the proof of another step",
            Some(req.as_str()),
            Some(logout.as_str()),
            Refusal::BadProof,
        ),
        ("no login", None, Some(hmac.as_str()), Refusal::LoginUnknown),
        (
            "another login",
            Some("request1"),
            Some(hmac.as_str()),
            Refusal::BadProof,
        ),
    ];
    for (clause, req, hmac, cause) in rows {
        let told = heard(show(&view, req, hmac, browser).await);
        assert_eq!(told, (cause.clone(), false), "{clause}");
        let told = heard(answer(&view, req, hmac, true, browser).await);
        assert_eq!(told, (cause, false), "{clause}");
    }
    assert!(show(&view, Some(&req), Some(&hmac), browser).await.is_ok());
}

#[tokio::test]
async fn nobody_is_asked_before_they_are_known() {
    let (view, _) = view(a_tenant());
    let mut person = Person::default();
    let sent = person.asks(&view, ASK).await.unwrap();
    let req = crate::testing::state_in(&sent);
    let hmac = proof_of(&view.keys, &req, Step::Approval);
    let (req, hmac) = (Some(req.as_str()), Some(hmac.as_str()));
    let told = heard(show(&view, req, hmac, &person.browser).await);
    assert_eq!(told, (Refusal::WrongStage, false), "dex §1.11");
    let told = heard(answer(&view, req, hmac, true, &person.browser).await);
    assert_eq!(told, (Refusal::WrongStage, false));
}

#[tokio::test]
async fn a_client_that_was_removed_meanwhile_gets_nothing() {
    let (view, _) = view(a_tenant());
    let (mut person, shown) = asked(&view).await;
    let without = reconfigured(&view, |spec| spec.clients.clear());
    for yes in [true, false] {
        let told = heard(person.answers(&without, &shown, yes).await);
        assert_eq!(told, (Refusal::UnknownClient, false));
    }
    assert_eq!(allowed(&view, "app").await, None);
}

#[tokio::test]
async fn a_store_that_fails_keeps_the_login_for_another_try() {
    let (view, _) = view(a_tenant());
    let (mut person, shown) = asked(&view).await;
    let (broken, store, cache) = watched(&view);
    store.set_down(true);
    let error = person.answers(&broken, &shown, true).await.unwrap_err();
    assert!(matches!(
        error,
        FlowError::Fault {
            reply_to: Some(_),
            ..
        }
    ));
    assert!(!cache.calls().contains(&"finish_auth_request"));
    store.set_down(false);
    let answered = person.answers(&broken, &shown, true).await.unwrap();
    let hash = TokenHash::of(&code_in(&answered));
    assert!(view.effects.cache.peek_code(&hash).await.unwrap().is_some());
}

#[tokio::test]
async fn the_page_can_be_loaded_again() {
    let (view, _) = view(a_tenant().dex());
    let (mut person, shown) = asked(&view).await;
    let (req, hmac) = consent_fields(&shown);
    let route = format!("/approval?req={req}&hmac={hmac}");
    assert_eq!(person.opens(&view, &route).await.unwrap(), shown);
}

#[tokio::test]
async fn a_native_app_is_asked_at_every_login_unless_the_tenant_says_otherwise() {
    let native = a_client().public().with_redirect("http://127.0.0.1/cb");
    let (view, _) = view(a_tenant().with_client(native));
    let one = format!(
        "{}&code_challenge_method=S256&code_challenge={CHALLENGE}",
        ASK.replace("https://app.test/cb", "http://127.0.0.1:4711/cb")
    );
    let mut person = Person::default();
    person.walks(&view, &one).await;
    // Another program of the machine listens at another port.
    let other = one.replace(":4711", ":4712");
    let shown = person.asks(&view, &other).await.unwrap();
    assert!(matches!(shown, Outcome::Show(Screen::Consent { .. })));
    let silent = format!("{other}&prompt=none");
    let told = heard(person.asks(&view, &silent).await);
    assert_eq!(told, (Refusal::ConsentRequired, true), "RFC 8252 §8.6");
    let trusting = reconfigured(&view, |spec| spec.oauth2.remember_native_consent = true);
    code_in(&person.asks(&trusting, &silent).await.unwrap());
}

#[tokio::test]
async fn a_cross_client_scope_is_asked_about_by_the_other_clients_name() {
    let mut wiki = a_client().named("wiki").trusting("app").build();
    wiki.name = "The Wiki".to_owned();
    let (view, _) = view(a_tenant().with_client(wiki));
    let scope = "audience:server:client_id:wiki";
    let query = ASK.replace("openid+email", &format!("openid+{scope}"));
    let mut person = Person::default();
    let sent = person.asks(&view, &query).await.unwrap();
    let shown = person.logs_in(&view, &sent).await.unwrap();
    let Outcome::Show(Screen::Consent { scopes, .. }) = &shown else {
        panic!("{shown:?}");
    };
    let expected = ConsentScope {
        name: scope.to_owned(),
        audience: Some("The Wiki".to_owned()),
        description: None,
    };
    assert_eq!(scopes.as_slice(), [expected]);
}

#[tokio::test]
async fn consent_names_a_resource_and_its_scopes_in_the_operators_words() {
    let scope = |name: &str, description: Option<&str>| ResourceScope {
        name: name.to_owned(),
        description: description.map(str::to_owned),
    };
    let orders = Resource {
        name: "Orders".to_owned(),
        scopes: vec![
            scope("orders:read", Some("See your orders")),
            scope("orders:write", None),
        ],
        ..a_resource("https://orders.test", &[])
    };
    let client = a_client().with_scopes(&["openid", "orders:read", "orders:write"]);
    let tenant = a_tenant().with_client(client).with_resource(orders);
    let (view, _) = view(tenant);
    let scopes = "openid+orders:read+orders:write&resource=https://orders.test";
    let query = ASK.replace("openid+email", scopes);
    let mut person = Person::default();
    let sent = person.asks(&view, &query).await.unwrap();
    let outcome = person.logs_in(&view, &sent).await.unwrap();
    let Outcome::Show(Screen::Consent { scopes, .. }) = &outcome else {
        panic!("{outcome:?}");
    };
    let shown: Vec<_> = scopes
        .iter()
        .map(|scope| {
            (
                scope.name.as_str(),
                scope.audience.as_deref(),
                scope.description.as_deref(),
            )
        })
        .collect();
    let expected = [
        ("orders:read", None, Some("See your orders")),
        ("orders:write", None, None),
        ("resource:https://orders.test", Some("Orders"), None),
    ];
    assert_eq!(shown, expected);
    person.answers(&view, &outcome, true).await.unwrap();
    code_in(&person.asks(&view, &query).await.unwrap());
    let more = query.replace(
        "&resource=https://orders.test",
        "&resource=https://acme.test",
    );
    let more = format!("{more}&resource=https://orders.test");
    let shown = person.asks(&view, &more).await.unwrap();
    assert!(
        matches!(shown, Outcome::Show(Screen::Consent { .. })),
        "another resource"
    );
}
