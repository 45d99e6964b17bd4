use std::sync::Mutex;

use async_trait::async_trait;
use insula_connector_kit::NotPosted;
use insula_jose::Expected;
use insula_model::{Rules, SessionEnd};
use insula_oauth::Params;
use insula_testkit::{TenantBuilder, a_client, a_tenant};
use serde_json::json;

use super::*;
use crate::session::live;
use crate::session_end::end_all;
use crate::testing::{ASK, Person, reconfigured, view};

/// A client that hears what is posted, and answers as it was told.
struct Hears {
    answer: Mutex<Result<u16, NotPosted>>,
    heard: Mutex<Vec<(String, String)>>,
}

impl Hears {
    fn answering(answer: Result<u16, NotPosted>) -> Self {
        Self {
            answer: Mutex::new(answer),
            heard: Mutex::default(),
        }
    }

    fn answers(&self, answer: Result<u16, NotPosted>) {
        *self.answer.lock().unwrap() = answer;
    }

    fn heard(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

#[async_trait]
impl PostForm for Hears {
    async fn post_form(&self, url: &str, form: String) -> Result<u16, NotPosted> {
        self.heard.lock().unwrap().push((url.to_owned(), form));
        self.answer.lock().unwrap().clone()
    }
}

fn tenant() -> TenantBuilder {
    let mut app = a_client().build();
    app.logout.backchannel_logout_uri = Some("https://app.test/back".to_owned());
    a_tenant().with_client(app)
}

fn app() -> ClientId {
    ClientId::parse("app").unwrap()
}

/// A person logs in and out; the `sid` of their session.
async fn logged_out(view: &TenantView) -> String {
    let mut person = Person::default();
    person.walks(view, ASK).await;
    let session = live(view, &person.browser).await.unwrap().unwrap().session;
    end_all(view, &person.browser, SessionEnd::LoggedOut)
        .await
        .unwrap();
    session.id.as_str().to_owned()
}

async fn told(view: &TenantView, client: &Hears) -> Option<LogoutTold> {
    tell_next(view, &app(), client).await.unwrap()
}

#[tokio::test]
async fn a_client_is_told_once_with_a_token_it_can_believe() {
    let (view, _) = view(tenant());
    let sid = logged_out(&view).await;
    let client = Hears::answering(Ok(200));
    assert_eq!(told(&view, &client).await, Some(LogoutTold::Told));
    assert_eq!(told(&view, &client).await, None, "it is told once");
    let heard = client.heard.lock().unwrap();
    let [(url, form)] = &heard[..] else {
        panic!("{heard:?}");
    };
    assert_eq!(url, "https://app.test/back");
    let form = Params::parse(form).unwrap();
    assert_eq!(form.pairs().count(), 1);
    let token = form.get("logout_token").unwrap();
    let expected = Expected::from_issuer("https://acme.test")
        .for_audience("app")
        .typed("logout+jwt");
    let claims = view.keys.verify(token, view.now(), &expected).unwrap();
    assert_eq!(claims.str("sid"), Some(sid.as_str()));
    let events = &claims.clone().into_map()["events"];
    let event = "http://schemas.openid.net/event/backchannel-logout";
    assert_eq!(*events, json!({event: {}}));
    assert!(!claims.into_map().contains_key("nonce"));
}

#[tokio::test]
async fn a_logout_token_is_no_access_token_and_no_hint() {
    let (view, _) = view(tenant());
    logged_out(&view).await;
    let client = Hears::answering(Ok(200));
    told(&view, &client).await;
    let heard = client.heard.lock().unwrap()[0].1.clone();
    let token = Params::parse(&heard).unwrap().take("logout_token").unwrap();
    for expected in [
        Expected::from_issuer("https://acme.test"),
        Expected::from_issuer("https://acme.test").typed("at+jwt"),
        Expected::from_issuer("https://acme.test").even_expired(),
    ] {
        let taken = view.keys.verify(&token, view.now(), &expected);
        assert!(taken.is_err(), "{expected:?}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_take_it_is_told_again_after_growing_pauses() {
    let (view, clock) = view(tenant());
    logged_out(&view).await;
    let away = NotPosted("app.test cannot be reached".to_owned());
    let client = Hears::answering(Err(away));
    let mut pauses = Vec::new();
    for answer in [Ok(500), Ok(429), Ok(302), Ok(200)] {
        assert_eq!(told(&view, &client).await, Some(LogoutTold::Failed));
        let failed_at = view.now();
        while told_nothing(&view, &client).await {
            clock.advance(Duration::from_secs(1));
        }
        pauses.push(view.now().since(failed_at).as_secs());
        client.answers(answer);
    }
    assert_eq!(pauses, [5, 10, 20, 40]);
    assert_eq!(told(&view, &client).await, Some(LogoutTold::Told));
    clock.advance(Duration::from_hours(2));
    assert_eq!(told(&view, &client).await, None);
    assert_eq!(client.heard(), 5);
}

#[tokio::test]
async fn a_client_that_refuses_one_logout_is_told_of_that_one_alone_later() {
    for (status, told_as) in [
        (400, LogoutTold::Refused),
        (404, LogoutTold::Refused),
        (408, LogoutTold::Failed),
        (429, LogoutTold::Failed),
        (503, LogoutTold::Failed),
    ] {
        let (view, clock) = view(tenant());
        logged_out(&view).await;
        let client = Hears::answering(Ok(status));
        assert_eq!(told(&view, &client).await, Some(told_as), "{status}");
        logged_out(&view).await;
        client.answers(Ok(200));
        assert_eq!(told(&view, &client).await, Some(LogoutTold::Told));
        assert_eq!(told(&view, &client).await, None, "the other is not due");
        clock.advance(Duration::from_secs(5));
        assert_eq!(told(&view, &client).await, Some(LogoutTold::Told));
    }
}

/// Whether nothing is due.
async fn told_nothing(view: &TenantView, client: &Hears) -> bool {
    let before = client.heard();
    let due = view.effects.store.due_logout(&app(), view.now()).await;
    assert_eq!(client.heard(), before);
    due.unwrap().is_none()
}

#[tokio::test]
async fn a_client_that_is_away_for_a_day_is_told_no_more() {
    let (view, clock) = view(tenant());
    logged_out(&view).await;
    let client = Hears::answering(Ok(503));
    let began = view.now();
    let last = loop {
        match told(&view, &client).await {
            None => clock.advance(Duration::from_mins(1)),
            Some(LogoutTold::Failed) => {}
            Some(other) => break other,
        }
    };
    assert_eq!(last, LogoutTold::GivenUp);
    let took = view.now().since(began);
    assert!(took > Duration::from_hours(22), "{took:?}");
    assert!(client.heard() < 50, "{}", client.heard());
    clock.advance(Duration::from_hours(24));
    assert_eq!(told(&view, &client).await, None);
}

#[tokio::test]
async fn who_ends_while_they_tell_a_client_leaves_it_to_another() {
    let (view, clock) = view(tenant());
    logged_out(&view).await;
    let store = &view.effects.store;
    let notice = store.due_logout(&app(), view.now()).await.unwrap().unwrap();
    let claim = view.now() + CLAIMED_FOR;
    assert!(store.claim_logout(&notice, claim).await.unwrap());
    let client = Hears::answering(Ok(200));
    assert_eq!(told(&view, &client).await, None, "somebody has it");
    clock.advance(CLAIMED_FOR);
    assert_eq!(told(&view, &client).await, Some(LogoutTold::Told));
}

#[tokio::test]
async fn a_client_that_wants_no_word_any_more_is_not_told() {
    let (before, _) = view(tenant());
    logged_out(&before).await;
    let after = reconfigured(&before, |spec| spec.clients = a_tenant().build().clients);
    let client = Hears::answering(Ok(200));
    assert_eq!(told(&after, &client).await, Some(LogoutTold::Unwanted));
    assert_eq!(told(&after, &client).await, None);
    assert_eq!(client.heard(), 0);
}

#[tokio::test]
async fn a_logout_token_of_dex_has_no_type() {
    let (view, _) = view(tenant());
    logged_out(&view).await;
    let view = reconfigured(&view, |spec| spec.rules = Rules::DEX);
    let client = Hears::answering(Ok(200));
    assert_eq!(told(&view, &client).await, Some(LogoutTold::Told));
    let heard = client.heard.lock().unwrap()[0].1.clone();
    let token = Params::parse(&heard).unwrap().take("logout_token").unwrap();
    let header = token.split('.').next().unwrap();
    let header = data_encoding::BASE64URL_NOPAD.decode(header.as_bytes());
    let header: serde_json::Value = serde_json::from_slice(&header.unwrap()).unwrap();
    assert_eq!(header.get("typ"), None, "{header}");
}
