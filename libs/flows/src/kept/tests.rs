use insula_engine::authorize::LONGEST_IN_BROWSER;
use insula_model::{AuthRequestId, TokenHash};
use insula_store::StoreError;
use insula_testkit::{FakeConnector, PASSWORD, TenantBuilder, a_connector, a_tenant};

use super::*;
use crate::testing::{
    ASK, Person, code_in, destination, heard, reconfigured, state_in, view, with_connector,
};
use crate::{Fault, Outcome, Screen};

/// The request of `ASK` with so long a `state`.
fn asking(length: usize) -> String {
    ASK.replace("state=xyz", &format!("state={}", "s".repeat(length)))
}

/// What the cache holds of a login, written out.
async fn kept(view: &TenantView, outcome: &Outcome) -> AuthRequest {
    let id = AuthRequestId::parse(state_in(outcome)).unwrap();
    let found = view.effects.cache.get_auth_request(&id).await.unwrap();
    found.unwrap()
}

fn length(auth: &AuthRequest) -> usize {
    serde_json::to_vec(auth).unwrap().len()
}

fn dialects() -> [TenantBuilder; 2] {
    [a_tenant(), a_tenant().dex()]
}

#[tokio::test]
async fn whatever_a_stranger_asks_the_cache_keeps_less_than_two_kibibytes_of_it() {
    let long = "x".repeat(1_000);
    let many = ["audience:server:client_id:app"; 30].join("+");
    let rows = [
        ASK.to_owned(),
        asking(500),
        asking(1_000),
        asking(2_000),
        asking(2_400),
        format!("{ASK}&nonce={long}"),
        format!("{ASK}&login_hint={long}"),
        format!("{ASK}&ui_locales={long}"),
        format!("{ASK}&acr_values={long}&nonce={long}"),
        ASK.replace("openid+email", &format!("openid+{many}")),
    ];
    for ask in rows {
        for tenant in dialects() {
            for fake in [
                FakeConnector::redirecting(),
                FakeConnector::asking_password(),
            ] {
                let (view, _) = view(tenant.clone().with_connector(a_connector("other")));
                let (view, _) = with_connector(&view, "mock", fake);
                let mut person = Person::default();
                let route = format!("/auth/mock?{ask}");
                let sent = person.opens(&view, &route).await.unwrap();
                let kept = length(&kept(&view, &sent).await);
                assert!(kept <= 1_750, "{kept} bytes of {ask}");
            }
        }
    }
}

#[tokio::test]
async fn a_choice_that_nobody_makes_takes_no_more_of_the_cache_than_a_login_that_nobody_finishes() {
    for ask in [ASK.to_owned(), asking(500), asking(1_000), asking(2_400)] {
        let tenant = a_tenant().with_connector(a_connector("other"));
        let (view, _) = view(tenant.with(|spec| spec.limits.logins_under_way = 3));
        let mut shown = Vec::new();
        for _ in 0..5 {
            let mut person = Person::default();
            let page = person.asks(&view, &ask).await.unwrap();
            let Outcome::Show(Screen::Choose { choices, .. }) = page else {
                panic!("not a choice");
            };
            shown.push((person, choices[0].to.clone()));
        }
        for (at, (mut person, link)) in shown.into_iter().enumerate() {
            let sent = person.opens(&view, &link).await;
            assert_eq!(sent.is_ok(), at >= 2, "the oldest goes: {at}");
            if let Ok(sent) = sent {
                let kept = length(&kept(&view, &sent).await);
                assert!(kept <= 1_750, "{kept} bytes of {ask}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_too_long_for_a_browser_too_is_refused_in_plain_words() {
    for tenant in dialects() {
        let (view, _) = view(tenant);
        let is_told = view.rules().tells_clients_what_failed;
        let mut person = Person::default();
        let route = format!("/auth/mock?{}", asking(4_000));
        let told = heard(person.opens(&view, &route).await);
        let refusal = Refusal::TooLong {
            parameter: "the request",
            most: LONGEST_IN_BROWSER,
        };
        assert_eq!(told, (refusal, is_told), "dex tells the person");
    }
}

#[tokio::test]
async fn a_long_request_goes_from_request_to_code_through_the_browser() {
    for tenant in dialects() {
        for asks_consent in [true, false] {
            let skips = !asks_consent;
            let tenant = tenant.clone();
            let tenant = tenant.with(|spec| spec.oauth2.skip_approval_screen = skips);
            let (view, _) = view(tenant);
            let (view, _) = with_connector(&view, "mock", FakeConnector::asking_password());
            let mut person = Person::default();
            let route = format!("/auth/mock?{}&nonce=n", asking(2_000));
            let sent = person.opens(&view, &route).await.unwrap();
            assert_eq!(person.browser.carried.len(), 1);
            assert!(person.browser.carried[0].len() < 4_000, "fits a cookie");
            let shown = person.follows(&view, &sent).await.unwrap();
            assert!(matches!(shown, Outcome::Show(Screen::Password { .. })));
            let form = destination(&sent).to_owned();
            let mut turn = person.types(&view, &form, "jane", PASSWORD).await.unwrap();
            if asks_consent {
                let stored = kept(&view, &sent).await;
                assert!(stored.carried && stored.request.state.is_none());
                let shown = person.follows(&view, &turn).await.unwrap();
                turn = person.answers(&view, &shown, true).await.unwrap();
            }
            assert!(person.browser.carried.is_empty(), "nothing is carried on");
            let Outcome::Respond(response) = &turn else {
                panic!("no answer: {turn:?}");
            };
            assert_eq!(response.to.redirect_uri, "https://app.test/cb");
            assert_eq!(response.to.state, Some("s".repeat(2_000)));
            let code = TokenHash::of(&code_in(&turn));
            let grant = view.effects.cache.peek_code(&code).await.unwrap().unwrap();
            assert_eq!(grant.nonce.as_deref(), Some("n"));
            assert_eq!(grant.scopes.to_string(), "openid email");
        }
    }
}

#[tokio::test]
async fn what_a_browser_carries_is_of_its_own_login_and_written_by_nobody_else() {
    for tenant in dialects() {
        let (view, _) = view(tenant);
        let mut person = Person::default();
        let route = format!("/auth/mock?{}", asking(2_000));
        let first = person.opens(&view, &route).await.unwrap();
        let carried = person.browser.carried.clone();
        let second = person.opens(&view, &route).await.unwrap();
        for wrong in [
            vec![],
            vec![String::new()],
            vec!["not base64 !".to_owned()],
            vec![carried[0].replace(['A', 'B'], "C")],
            person.browser.carried.clone(),
        ] {
            let mut other = person.clone();
            other.browser.carried = wrong;
            let told = heard(other.logs_in(&view, &first).await);
            assert_eq!(told, (Refusal::WrongBrowser, false));
        }
        let mut beset = person.clone();
        beset.browser.carried.insert(0, carried[0].clone());
        assert!(beset.logs_in(&view, &first).await.is_ok(), "all are tried");
        assert!(person.logs_in(&view, &second).await.is_ok());
    }
}

#[tokio::test]
async fn a_tenant_flooded_with_logins_lets_its_oldest_go_within_its_own_limit() {
    for tenant in dialects() {
        let (view, _) = view(tenant.with(|spec| spec.limits.logins_under_way = 3));
        let route = format!("/auth/mock?{ASK}");
        let mut begun = Vec::new();
        for _ in 0..5 {
            let mut person = Person::default();
            let sent = person.opens(&view, &route).await.unwrap();
            begun.push((person, sent));
        }
        for (at, (mut person, sent)) in begun.into_iter().enumerate() {
            let walked = person.logs_in(&view, &sent).await;
            assert_eq!(walked.is_ok(), at >= 2, "{at}");
        }
        let none = reconfigured(&view, |spec| spec.limits.logins_under_way = 0);
        let full = Person::default().opens(&none, &route).await;
        assert!(matches!(
            full.unwrap_err(),
            FlowError::Fault {
                fault: Fault::Store(StoreError::Full(_)),
                ..
            }
        ));
    }
}
