use actix_web::test::TestRequest;
use insula_testkit::{NOW, PASSWORD, a_client};

use super::world::{AUTHORIZE, Answer, World, connecting};

/// A browser that keeps what it is told to.
struct Browser<'a> {
    world: &'a World,
    cookies: Vec<(String, String)>,
}

impl<'a> Browser<'a> {
    fn new(world: &'a World) -> Self {
        let cookies = Vec::new();
        Self { world, cookies }
    }

    async fn ask(&mut self, request: TestRequest) -> Answer {
        let pairs = self.cookies.iter().map(|(n, v)| format!("{n}={v}"));
        let header = pairs.collect::<Vec<_>>().join("; ");
        let answer = self
            .world
            .ask(request.insert_header(("cookie", header)))
            .await;
        for cookie in answer.cookies() {
            let pair = cookie.split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        answer
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.ask(TestRequest::get().uri(path)).await
    }

    /// Logs in with a password, nobody being asked for consent; answers the form's address.
    async fn log_in(&mut self, redirect_uri: &str) -> String {
        let uri = insula_oauth::encode_pairs([("redirect_uri", redirect_uri)]);
        let start = AUTHORIZE.replace("redirect_uri=https%3A%2F%2Fapp.test%2Fcb", &uri);
        let begun = self.get(&format!("{start}&prompt=login")).await;
        let form = begun.header("location").to_owned();
        let typed = format!("login=jane&password={PASSWORD}");
        let request = TestRequest::post().uri(&form).set_payload(typed);
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let answer = self.ask(request.insert_header(kind)).await;
        assert!(answer.header("location").starts_with(redirect_uri));
        form
    }
}

async fn world() -> World {
    let tenant = connecting("password").with(|spec| {
        spec.oauth2.skip_approval_screen = true;
        for client in spec.clients.values_mut() {
            let uris = &mut std::sync::Arc::make_mut(client).redirect_uris;
            uris.push("com.example.app:/cb".to_owned());
        }
    });
    World::of([tenant.build()]).await
}

#[actix_web::test]
async fn going_back_to_a_finished_login_leads_to_its_app() {
    let world = world().await;
    let mut browser = Browser::new(&world);
    let form = browser.log_in("https://app.test/cb").await;
    let page = browser.get(&form).await;
    assert_eq!(page.status, 400);
    let text = page.text();
    assert!(text.contains("This sign-in is finished"), "{text}");
    assert!(
        text.contains("id=\"app\" href=\"https://app.test/\""),
        "{text}"
    );
    assert!(text.contains("Continue to app.test"), "{text}");

    let stranger = world.get(&form).await;
    assert_eq!(stranger.status, 400);
    assert!(
        stranger.text().contains("has expired"),
        "{}",
        stranger.text()
    );
    assert!(!stranger.text().contains("app.test"), "nobody else is told");
}

#[actix_web::test]
async fn going_back_to_a_finished_login_of_a_stored_client_leads_to_its_app() {
    let tenant = connecting("password").with(|spec| {
        spec.oauth2.skip_approval_screen = true;
        spec.clients.clear();
    });
    let world = World::of([tenant.build()]).await;
    let context = world.context("acme", TestRequest::get()).await;
    let store = &context.snapshot.view.effects.store;
    let put = store.put_client(&a_client().build(), None, NOW).await;
    put.unwrap();
    let mut browser = Browser::new(&world);
    let form = browser.log_in("https://app.test/cb").await;
    let page = browser.get(&form).await;
    let text = page.text();
    assert!(
        text.contains("id=\"app\" href=\"https://app.test/\""),
        "{text}"
    );
}

#[actix_web::test]
async fn going_back_to_a_native_apps_login_leads_nowhere_and_says_so() {
    let world = world().await;
    let mut browser = Browser::new(&world);
    let form = browser.log_in("com.example.app:/cb").await;
    let page = browser.get(&form).await;
    assert!(page.text().contains("This sign-in is finished"));
    assert!(!page.text().contains("id=\"app\""), "{}", page.text());
}

#[actix_web::test]
async fn no_code_is_kept_for_going_back_and_only_the_last_logins_are() {
    let world = world().await;
    let mut browser = Browser::new(&world);
    let mut forms = Vec::new();
    for _ in 0..6 {
        forms.push(browser.log_in("https://app.test/cb").await);
    }
    let kept = browser.cookies.iter().find(|(n, _)| n.contains("finished"));
    let value = kept.unwrap().1.clone();
    assert_eq!(value.split('~').count(), 4, "{value}");
    for (at, form) in forms.iter().enumerate() {
        let state = form.split_once("state=").unwrap().1;
        assert!(!value.contains(state), "the login itself is not named");
        let page = browser.get(form).await;
        assert_eq!(page.text().contains("is finished"), at >= 2, "{at}");
    }
}

#[actix_web::test]
async fn a_planted_note_leads_to_no_stranger() {
    let world = world().await;
    let mut browser = Browser::new(&world);
    let form = browser.log_in("https://app.test/cb").await;
    let (_, value) = browser
        .cookies
        .iter_mut()
        .find(|(name, _)| name.contains("finished"))
        .unwrap();
    let mark = value.split('.').next().unwrap().to_owned();
    // https://evil.test, https://app.te; the clients app and nobody
    let planted = [
        "aHR0cHM6Ly9ldmlsLnRlc3Q.YXBw",
        "aHR0cHM6Ly9hcHAudGU.YXBw",
        "aHR0cHM6Ly9hcHAudGVzdA.bm9ib2R5",
        "aHR0cHM6Ly9hcHAudGVzdA",
        "aHR0cHM6Ly9hcHAudGVzdA.",
        "!.YXBw",
        ".YXBw",
        "!",
        "",
    ];
    for app in planted {
        let planted = format!("{mark}.{app}");
        for (name, value) in &mut browser.cookies {
            if name.contains("finished") {
                planted.clone_into(value);
            }
        }
        let page = browser.get(&form).await;
        assert!(!page.text().contains("id=\"app\""), "{app}");
    }
}
