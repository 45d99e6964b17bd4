//! What a page is called must fit what the person was about.

use actix_web::test::TestRequest;
use insula_engine::authorize::ReplyTo;
use insula_flows::{Fault, FlowError};
use insula_oauth::ResponseMode;
use insula_testkit::a_tenant;

use super::errors::every_refusal;
use super::world::{Answer, World, globex};
use crate::respond::{Surface, fail, panicked, refuse, reply};

const SIGN_IN: [&str; 8] = [
    "/auth",
    "/auth/mock",
    "/auth/mock/login",
    "/callback",
    "/callback/mock",
    "/approval",
    "/auth?ui_locales=x",
    "/approval?req=x",
];
const SIGN_OUT: [&str; 2] = ["/logout", "/logout?state=x"];
const NEITHER: [&str; 5] = ["/", "/robots.txt", "/static/x", "/theme/x", "/healthz"];

/// A language, and its words that speak of signing in and of signing out.
type Words = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const WORDS: [Words; 3] = [
    (
        "en",
        &["sign-in", "sign in", "signed in"],
        &["sign-out", "sign out", "sign you out"],
    ),
    (
        "de",
        &["anmeldung", "anmelden", "angemeldet"],
        &["abmeldung", "abmelden"],
    ),
    (
        "fr",
        &["cette connexion", "connecter ici"],
        &["déconnexion", "déconnecter"],
    ),
];

async fn world() -> World {
    let languages = ["en", "de", "fr"].map(str::to_owned).to_vec();
    World::of([a_tenant()
        .with(|spec| spec.frontend.languages = languages)
        .build()])
    .await
}

fn title(answer: &Answer) -> String {
    let text = answer.text();
    let from = text.find("<title>").unwrap() + "<title>".len();
    let to = text.find("</title>").unwrap();
    let heading = text.split("<h1").nth(1).unwrap();
    let heading = heading.split_once('>').unwrap().1;
    let heading = heading.split("</h1>").next().unwrap();
    let title = text[from..to].to_lowercase();
    assert!(
        title.starts_with(&heading.to_lowercase()),
        "{title}: {heading}"
    );
    title
}

/// The titles of every error at a path, in a language.
async fn titles(world: &World, path: &str, lang: &str) -> Vec<String> {
    let request = || {
        TestRequest::get()
            .uri(path)
            .insert_header(("accept-language", lang))
    };
    let mut titles = Vec::new();
    for refusal in every_refusal() {
        let ctx = world.context("acme", request()).await;
        let answer = refuse(&ctx, Surface::Browser, &refusal, None);
        titles.push(title(&Answer::of(answer).await));
    }
    let faults = [
        Fault::KeysStale,
        Fault::Connector {
            connector: "mock".to_owned(),
            cause: insula_connector_kit::ConnectorError::Upstream("x".to_owned()),
        },
    ];
    for fault in faults {
        let ctx = world.context("acme", request()).await;
        let failure = FlowError::from(fault);
        let answer = fail(&ctx, Surface::Browser, failure);
        titles.push(title(&Answer::of(answer).await));
    }
    let ctx = world.context("acme", request()).await;
    titles.push(title(&Answer::of(panicked(&ctx, Surface::Browser)).await));
    titles
}

#[actix_web::test]
async fn an_errors_title_fits_the_endpoint_in_every_language() {
    let world = world().await;
    for (lang, sign_in, sign_out) in WORDS {
        let says = |title: &String, words: &[&str]| words.iter().any(|word| title.contains(word));
        for (paths, expected, forbidden) in [
            (&SIGN_IN[..], sign_in, sign_out),
            (&SIGN_OUT[..], sign_out, sign_in),
        ] {
            for path in paths {
                let titles = titles(&world, path, lang).await;
                assert!(
                    titles.iter().any(|title| says(title, expected)),
                    "{path} {titles:?}"
                );
                let wrong = titles.iter().find(|title| says(title, forbidden));
                assert_eq!(wrong, None, "{lang} {path}");
            }
        }
        for path in NEITHER {
            let titles = titles(&world, path, lang).await;
            let wrong = titles
                .iter()
                .find(|t| says(t, sign_in) || says(t, sign_out));
            assert_eq!(wrong, None, "{lang} {path}");
        }
    }
}

#[actix_web::test]
async fn a_logout_that_cannot_be_is_not_called_a_sign_in_end_to_end() {
    let world = World::of([a_tenant().build(), globex()]).await;
    let told = world.get_at("acme.test", "/logout?id_token_hint=x").await;
    assert_eq!(told.status, 200, "a flaw forbids no logout");
    let told = world.get_at("globex.test", "/logout?id_token_hint=x").await;
    assert_eq!(told.status, 400);
    assert!(
        title(&told).starts_with("we can’t sign you out this way"),
        "{}",
        title(&told)
    );
    let told = world.get_at("acme.test", "/auth").await;
    assert!(
        title(&told).starts_with("we can’t open this sign-in"),
        "{}",
        title(&told)
    );
}

#[actix_web::test]
async fn a_code_no_redirect_can_carry_is_shown_and_an_error_is_a_page() {
    let world = world().await;
    let to = ReplyTo {
        client_id: insula_model::ClientId::parse("app").unwrap(),
        redirect_uri: "urn:ietf:wg:oauth:2.0:oob".to_owned(),
        response_mode: ResponseMode::Query,
        state: Some("xyz".to_owned()),
    };
    let ctx = world
        .context("acme", TestRequest::get().uri("/approval"))
        .await;
    let code = vec![("code".to_owned(), "c0de".to_owned())];
    let answer = Answer::of(reply(&ctx, &to, code)).await;
    assert_eq!((answer.status, answer.header("location")), (200, ""));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(
        answer.text().contains(">c0de</textarea>"),
        "{}",
        answer.text()
    );
    let refusal = insula_engine::Refusal::LoginRequired;
    let answer = Answer::of(refuse(&ctx, Surface::Browser, &refusal, Some(&to))).await;
    assert_eq!((answer.status, answer.header("location")), (400, ""));
    let failure = FlowError::Fault {
        fault: Fault::KeysStale,
        reply_to: Some(Box::new(to)),
    };
    let answer = Answer::of(fail(&ctx, Surface::Browser, failure)).await;
    assert_eq!((answer.status, answer.header("location")), (503, ""));
}
