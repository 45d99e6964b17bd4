mod upstream;

use insula_engine::subject;
use insula_jose::Alg;
use insula_model::{ClientId, Rules, SessionCookie};
use insula_testkit::{NOW, a_client, a_tenant, test_key};
use serde_json::json;

use super::*;
use crate::testing::{ASK, Person, heard, view, watched};

/// The same login where consent has a page of its own.
async fn walks_as_dex(view: &TenantView, person: &mut Person) {
    let mock = format!("/auth/mock?{ASK}");
    let sent = person.opens(view, &mock).await.unwrap();
    let asked = person.logs_in(view, &sent).await.unwrap();
    if matches!(asked, Outcome::Redirect { .. }) {
        let page = person.follows(view, &asked).await.unwrap();
        person.answers(view, &page, true).await.unwrap();
    }
}

const BYE: &str = "https://app.test/bye";

async fn leaves(
    view: &TenantView,
    request: &LogoutRequest,
    proof: Option<&str>,
    person: &Person,
) -> Result<Turn, FlowError> {
    let answer = LogoutAnswer {
        proof,
        ..LogoutAnswer::default()
    };
    logout(view, request, answer, &person.browser).await
}

async fn has_session(view: &TenantView, person: &Person) -> bool {
    let live = session::live(view, &person.browser).await.unwrap();
    live.is_some()
}

/// The proof in the form of a confirmation.
fn proof_in(outcome: &Outcome) -> Option<String> {
    let Outcome::Show(Screen::ConfirmLogout { fields, .. }) = outcome else {
        return None;
    };
    let hmac = fields.iter().find(|(name, _)| name == "hmac");
    hmac.map(|(_, hmac)| hmac.clone())
}

/// The page of those who are logged out and go nowhere.
fn shown(ui_locales: &[&str]) -> Outcome {
    Outcome::Show(Screen::LoggedOut {
        client_name: None,
        return_to: None,
        frames: Vec::new(),
        ui_locales: ui_locales.iter().map(|tag| (*tag).to_owned()).collect(),
    })
}

/// A person who is logged in, and the hint of the client `app` that says so.
async fn logged_in(view: &TenantView) -> (Person, String) {
    let mut person = Person::default();
    if view.rules().asks_consent_on_page_of_its_own {
        walks_as_dex(view, &mut person).await;
    } else {
        person.walks(view, ASK).await;
    }
    let session = session::live(view, &person.browser).await.unwrap().unwrap();
    let claims = json!({
        "iss": "https://acme.test",
        "aud": "app",
        "sub": subject::encode(&session.session.claims.user_id, &session.session.connector_id),
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
    let asked = request(Some(&hint), Some(BYE));
    let turn = leaves(&view, &asked, None, &person).await.unwrap();
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
    let turn = leaves(&view, &asked, None, &person).await.unwrap();
    assert!(turn.cookies.is_empty());
    assert!(
        session::live(&view, &person.browser)
            .await
            .unwrap()
            .is_some()
    );
    let Outcome::Show(Screen::ConfirmLogout {
        person: name,
        client_name,
        elsewhere,
        action,
        fields,
        ui_locales,
    }) = turn.outcome
    else {
        panic!("nobody was asked");
    };
    assert_eq!((name.as_str(), action.as_str()), ("Jane Doe", "/logout"));
    assert_eq!((client_name.as_deref(), elsewhere), (Some("The App"), 0));
    let kept = fields
        .iter()
        .find(|(name, _)| name == "post_logout_redirect_uri");
    assert_eq!(kept.map(|(_, uri)| uri.as_str()), Some(BYE));
    assert_eq!(ui_locales, ["de", "en"]);
    let again = insula_oauth::Params::from_pairs(fields);
    assert_eq!(LogoutRequest::from_params(&again), asked);

    let wrong = leaves(&view, &asked, Some("forged"), &person)
        .await
        .unwrap();
    assert!(matches!(
        wrong.outcome,
        Outcome::Show(Screen::ConfirmLogout { .. })
    ));
    let proof = again.get("hmac");
    let turn = leaves(&view, &asked, proof, &person).await.unwrap();
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
    let turn = leaves(&view, &request(None, None), Some(&proof), &john)
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
    let nobody = Person::default();
    let turn = leaves(&view, &request(None, None), None, &nobody)
        .await
        .unwrap();
    assert!(matches!(
        turn.outcome,
        Outcome::Show(Screen::LoggedOut { .. })
    ));
    assert!(turn.cookies.is_empty());
    let mut stale = Person::default();
    stale.browser.sessions = vec![SessionCookie::new("stale")];
    let turn = leaves(&view, &request(None, Some(BYE)), None, &stale)
        .await
        .unwrap();
    assert!(matches!(turn.outcome, Outcome::Redirect { .. }));
    assert_eq!(turn.cookies, [CookieChange::LogOut]);
}

#[tokio::test]
async fn a_good_hint_of_another_session_leads_to_its_page_after_a_yes_and_a_forged_one_does_not() {
    for is_forged in [false, true] {
        let (view, _) = view(a_tenant());
        let (_, mut hint) = logged_in(&view).await;
        if is_forged {
            hint.push('A');
        }
        let (person, _) = logged_in(&view).await;
        let asked = request(Some(&hint), Some(BYE));
        let page = leaves(&view, &asked, None, &person).await.unwrap();
        let proof = proof_in(&page.outcome).expect("a question");
        assert!(has_session(&view, &person).await);
        let gone = leaves(&view, &asked, Some(&proof), &person).await.unwrap();
        assert!(!has_session(&view, &person).await);
        let to = "https://app.test/bye?state=xyz".to_owned();
        let went = Outcome::Redirect {
            to,
            see_other: true,
        };
        let expected = if is_forged {
            shown(&["de", "en"])
        } else {
            went
        };
        assert_eq!(gone.outcome, expected);
    }
}

#[tokio::test]
async fn a_page_that_is_not_registered_is_not_gone_to_and_the_person_is_asked() {
    let (view, _) = view(a_tenant());
    let (person, hint) = logged_in(&view).await;
    let evil = request(Some(&hint), Some("https://evil.test"));
    let asked = leaves(&view, &evil, None, &person).await.unwrap();
    let proof = proof_in(&asked.outcome).expect("they are asked");
    assert!(has_session(&view, &person).await, "asking ends nothing");
    let gone = leaves(&view, &evil, Some(&proof), &person).await.unwrap();
    assert_eq!(gone.outcome, shown(&["de", "en"]));
    assert!(!has_session(&view, &person).await);
}

#[tokio::test]
async fn dex_refuses_a_page_that_is_not_registered_and_logs_nobody_out() {
    let (view, _) = view(a_tenant().by(Rules::DEX));
    let (person, hint) = logged_in(&view).await;
    let evil = request(Some(&hint), Some("https://evil.test"));
    let told = heard(leaves(&view, &evil, None, &person).await);
    assert_eq!(told, (Refusal::LogoutRedirectUnregistered, false));
    assert!(has_session(&view, &person).await);
}

#[tokio::test]
async fn nobody_is_told_that_they_are_signed_out_while_their_session_lives() {
    let forged = |hint: &str| format!("{hint}A");
    for tenant in [a_tenant(), a_tenant().by(Rules::DEX)] {
        let (view, _) = view(tenant);
        let (other, of_another) = logged_in(&view).await;
        let (person, hint) = logged_in(&view).await;
        let good = Some(hint.as_str());
        for asked in [
            LogoutRequest::default(),
            request(None, None),
            request(None, Some(BYE)),
            request(Some(&forged(&hint)), None),
            request(Some(&of_another), None),
            request(Some(&of_another), Some(BYE)),
            request(good, Some("https://evil.test")),
            LogoutRequest {
                client_id: Some("shop".into()),
                ..request(Some(&forged(&hint)), None)
            },
        ] {
            for proof in [None, Some("AAAA")] {
                let turn = leaves(&view, &asked, proof, &person).await;
                let is_over = turn.is_ok_and(|turn| {
                    !matches!(turn.outcome, Outcome::Show(Screen::ConfirmLogout { .. }))
                });
                assert_eq!(is_over, !has_session(&view, &person).await, "{asked:?}");
                assert!(!is_over, "{asked:?}");
            }
        }
        assert!(!has_session(&view, &other).await, "its own hint ended it");
    }
}

#[tokio::test]
async fn a_good_hint_ends_its_session_from_anywhere_and_no_other() {
    for tenant in [a_tenant(), a_tenant().by(Rules::DEX)] {
        let (view, _) = view(tenant);
        let (jane, hint) = logged_in(&view).await;
        let (in_another_browser, _) = logged_in(&view).await;
        let server = Person::default();
        let asked = request(Some(&hint), None);
        let turn = leaves(&view, &asked, None, &server).await.unwrap();
        assert_eq!(turn.outcome, shown(&["de", "en"]));
        assert!(turn.cookies.is_empty());
        assert!(!has_session(&view, &jane).await);
        assert!(has_session(&view, &in_another_browser).await);
        let again = leaves(&view, &asked, None, &server).await.unwrap();
        assert_eq!(again.outcome, shown(&["de", "en"]), "twice is once");
    }
}

#[tokio::test]
async fn a_person_leaves_everywhere_if_they_say_so() {
    let (view, _) = view(a_tenant());
    let (here, _) = logged_in(&view).await;
    let (there, _) = logged_in(&view).await;
    let (third, _) = logged_in(&view).await;
    let asked = request(None, None);
    let turn = leaves(&view, &asked, None, &here).await.unwrap();
    let Outcome::Show(Screen::ConfirmLogout { elsewhere, .. }) = &turn.outcome else {
        panic!("nobody was asked");
    };
    assert_eq!(*elsewhere, 2);
    let proof = proof_in(&turn.outcome).unwrap();
    let everywhere = LogoutAnswer {
        everywhere: true,
        ..LogoutAnswer::proven("forged")
    };
    logout(&view, &asked, everywhere, &here.browser)
        .await
        .unwrap();
    assert!(has_session(&view, &there).await, "a stranger cannot say so");
    let everywhere = LogoutAnswer {
        everywhere: true,
        ..LogoutAnswer::proven(&proof)
    };
    logout(&view, &asked, everywhere, &here.browser)
        .await
        .unwrap();
    for person in [&here, &there, &third] {
        assert!(!has_session(&view, person).await);
    }
}

#[tokio::test]
async fn a_person_who_leaves_here_stays_logged_in_elsewhere() {
    let (view, _) = view(a_tenant());
    let (here, hint) = logged_in(&view).await;
    let (there, _) = logged_in(&view).await;
    leaves(&view, &request(Some(&hint), None), None, &here)
        .await
        .unwrap();
    assert!(!has_session(&view, &here).await);
    assert!(has_session(&view, &there).await);
}

#[tokio::test]
async fn dex_takes_a_logout_that_is_posted_without_a_hint_for_a_yes() {
    for (rules, ends) in [(Rules::DEX, true), (Rules::STANDARD, false)] {
        let (view, _) = view(a_tenant().by(rules));
        let (person, hint) = logged_in(&view).await;
        let posted = LogoutAnswer {
            is_posted: true,
            ..LogoutAnswer::default()
        };
        let (other, of_another) = logged_in(&view).await;
        let with_hint = request(Some(&of_another), None);
        logout(&view, &with_hint, posted, &person.browser)
            .await
            .unwrap();
        assert!(
            has_session(&view, &person).await,
            "a hint that is not theirs"
        );
        let asked = LogoutRequest::default();
        logout(&view, &asked, posted, &person.browser)
            .await
            .unwrap();
        assert_eq!(!has_session(&view, &person).await, ends);
        drop((hint, other));
    }
}

#[tokio::test]
async fn a_browser_tells_the_clients_that_want_frames_before_it_goes_on() {
    let out = "https://app.test/out";
    let mut app = a_client().build();
    app.logout.frontchannel_logout_uri = Some(out.to_owned());
    let (view, _) = view(a_tenant().with_client(app));
    let (person, hint) = logged_in(&view).await;
    let session = session::live(&view, &person.browser)
        .await
        .unwrap()
        .unwrap();
    let turn = leaves(&view, &request(Some(&hint), Some(BYE)), None, &person)
        .await
        .unwrap();
    let sid = &session.session.id;
    let expected = Screen::LoggedOut {
        client_name: Some("The App".to_owned()),
        return_to: Some("https://app.test/bye?state=xyz".to_owned()),
        frames: vec![format!("{out}?iss=https%3A%2F%2Facme.test&sid={sid}")],
        ui_locales: vec!["de".to_owned(), "en".to_owned()],
    };
    assert_eq!(turn.outcome, Outcome::Show(expected));
    assert_eq!(turn.cookies, [CookieChange::LogOut]);
    assert!(!has_session(&view, &person).await);
}

#[tokio::test]
async fn clients_beyond_the_frames_of_a_page_are_counted_and_not_dropped_in_silence() {
    let mut tenant = a_tenant();
    for n in 0..40 {
        let mut client = a_client().named(&format!("app{n}")).build();
        client.logout.frontchannel_logout_uri = Some(format!("https://app{n}.test/out"));
        tenant = tenant.with_client(client);
    }
    let (view, _) = view(tenant);
    let (person, _) = logged_in(&view).await;
    let live = session::live(&view, &person.browser).await.unwrap();
    let mut session = live.unwrap().session.as_ref().clone();
    session
        .clients
        .extend((0..40).map(|n| ClientId::parse(format!("app{n}")).unwrap()));
    let frames = frames(&view, &[session]).await.unwrap();
    assert_eq!((frames.addresses.len(), frames.left_out), (MOST_FRAMES, 8));
    assert!(frames.addresses[0].starts_with("https://app0.test/out?"));
}

#[tokio::test]
async fn a_logout_needs_the_store_and_not_the_cache() {
    let (view, _) = view(a_tenant());
    let (person, hint) = logged_in(&view).await;
    let (view, store, cache) = watched(&view);
    let asked = request(Some(&hint), None);
    store.set_down(true);
    cache.set_down(true);
    let failed = leaves(&view, &asked, None, &person).await;
    assert!(
        matches!(failed, Err(FlowError::Fault { .. })),
        "a cookie alone is no logout"
    );
    store.set_down(false);
    let turn = leaves(&view, &asked, None, &person).await.unwrap();
    assert_eq!(turn.cookies, [CookieChange::LogOut]);
}
