use insula_engine::Refusal;
use insula_jose::Alg;
use insula_model::SessionCookie;
use insula_testkit::{NOW, a_tenant, test_key};
use serde_json::json;

use super::*;
use crate::testing::{ASK, Person, heard, view, watched};

const BYE: &str = "https://app.test/bye";

async fn logged_in(view: &TenantView) -> (Person, String) {
    let mut person = Person::default();
    person.walks(view, ASK).await;
    let session = session::live(view, &person.browser).await.unwrap().unwrap();
    let claims = json!({
        "iss": "https://acme.test",
        "aud": "app",
        "sub": "whoever",
        "sid": session.session.id.as_str(),
        "exp": NOW.as_secs(),
    });
    let hint = test_key(Alg::ES256, "es256").sign(None, &claims).unwrap();
    (person, hint)
}

fn request(hint: Option<&str>, to: Option<&str>) -> LogoutRequest {
    LogoutRequest {
        id_token_hint: hint.map(Into::into),
        client_id: Some("app".into()),
        post_logout_redirect_uri: to.map(Into::into),
        state: Some("xyz".into()),
        ui_locales: Some("de en".into()),
        logout_hint: None,
    }
}

#[tokio::test]
async fn a_client_that_knows_the_session_logs_its_person_out_and_has_them_back() {
    let (view, _) = view(a_tenant());
    let (person, hint) = logged_in(&view).await;
    let turn = logout(
        &view,
        &request(Some(&hint), Some(BYE)),
        None,
        &person.browser,
    )
    .await;
    let turn = turn.unwrap();
    let to = "https://app.test/bye?state=xyz".to_owned();
    assert_eq!(
        turn.outcome,
        Outcome::Redirect {
            to,
            see_other: true
        }
    );
    assert_eq!(turn.cookies, [CookieChange::LogOut]);
    assert_eq!(session::live(&view, &person.browser).await.unwrap(), None);
}

#[tokio::test]
async fn a_stranger_only_has_the_person_asked_and_the_form_carries_the_request() {
    let (view, _) = view(a_tenant());
    let (person, _) = logged_in(&view).await;
    let asked = request(None, Some(BYE));
    let turn = logout(&view, &asked, None, &person.browser).await.unwrap();
    assert!(turn.cookies.is_empty());
    assert!(
        session::live(&view, &person.browser)
            .await
            .unwrap()
            .is_some()
    );
    let Outcome::Show(Screen::ConfirmLogout {
        person: name,
        action,
        fields,
        ui_locales,
    }) = turn.outcome
    else {
        panic!("nobody was asked");
    };
    assert_eq!((name.as_str(), action.as_str()), ("Jane Doe", "/logout"));
    let kept = fields
        .iter()
        .find(|(name, _)| name == "post_logout_redirect_uri");
    assert_eq!(kept.map(|(_, uri)| uri.as_str()), Some(BYE));
    assert_eq!(ui_locales, ["de", "en"]);
    let again = insula_oauth::Params::from_pairs(fields);
    assert_eq!(LogoutRequest::from_params(&again), asked);

    let wrong = logout(&view, &asked, Some("forged"), &person.browser)
        .await
        .unwrap();
    assert!(matches!(
        wrong.outcome,
        Outcome::Show(Screen::ConfirmLogout { .. })
    ));
    let proof = again.get("hmac");
    let turn = logout(&view, &asked, proof, &person.browser).await.unwrap();
    assert!(matches!(turn.outcome, Outcome::Redirect { .. }));
    assert_eq!(session::live(&view, &person.browser).await.unwrap(), None);
}

#[tokio::test]
async fn the_proof_of_one_session_does_not_end_another() {
    let (view, _) = view(a_tenant());
    let (jane, _) = logged_in(&view).await;
    let (john, _) = logged_in(&view).await;
    let session = session::live(&view, &jane.browser).await.unwrap().unwrap();
    let proof = proof_of(&view.keys, session.session.id.as_str(), Step::Logout);
    let turn = logout(&view, &request(None, None), Some(&proof), &john.browser)
        .await
        .unwrap();
    assert!(matches!(
        turn.outcome,
        Outcome::Show(Screen::ConfirmLogout { .. })
    ));
}

#[tokio::test]
async fn without_a_session_there_is_nothing_to_ask_and_a_stale_cookie_goes() {
    let (view, _) = view(a_tenant());
    let nobody = Browser::default();
    let turn = logout(&view, &request(None, None), None, &nobody)
        .await
        .unwrap();
    assert!(matches!(
        turn.outcome,
        Outcome::Show(Screen::LoggedOut { .. })
    ));
    assert!(turn.cookies.is_empty());
    let stale = Browser {
        sessions: vec![SessionCookie::new("stale")],
        ..Browser::default()
    };
    let turn = logout(&view, &request(None, Some(BYE)), None, &stale)
        .await
        .unwrap();
    assert!(matches!(turn.outcome, Outcome::Redirect { .. }));
    assert_eq!(turn.cookies, [CookieChange::LogOut]);
}

#[tokio::test]
async fn a_page_that_is_not_registered_is_not_gone_to_and_nobody_is_logged_out() {
    let (view, _) = view(a_tenant());
    let (person, hint) = logged_in(&view).await;
    let evil = request(Some(&hint), Some("https://evil.test"));
    let told = heard(logout(&view, &evil, None, &person.browser).await);
    assert_eq!(told, (Refusal::LogoutRedirectUnregistered, false));
    assert!(
        session::live(&view, &person.browser)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_logout_needs_the_store_and_not_the_cache() {
    let (view, _) = view(a_tenant());
    let (person, hint) = logged_in(&view).await;
    let (view, store, cache) = watched(&view);
    let asked = request(Some(&hint), None);
    store.set_down(true);
    cache.set_down(true);
    let failed = logout(&view, &asked, None, &person.browser).await;
    assert!(
        matches!(failed, Err(FlowError::Fault { .. })),
        "a cookie alone is no logout"
    );
    store.set_down(false);
    let turn = logout(&view, &asked, None, &person.browser).await.unwrap();
    assert_eq!(turn.cookies, [CookieChange::LogOut]);
}
