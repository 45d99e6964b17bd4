use actix_web::test::TestRequest;
use insula_testkit::a_tenant;

use super::world::{AUTHORIZE, Answer, World, connecting, globex};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn form_at(path: &str, body: &str) -> TestRequest {
    let request = TestRequest::post().uri(path).insert_header(FORM);
    request.set_payload(body.to_owned())
}

fn from_elsewhere(path: &str, body: &str) -> TestRequest {
    form_at(path, body).insert_header(("sec-fetch-site", "cross-site"))
}

fn parameters() -> &'static str {
    AUTHORIZE.split_once('?').unwrap().1
}

#[actix_web::test]
async fn a_form_of_another_site_is_asked_again_by_get_and_cannot_be_read_on_the_way() {
    let world = World::of([connecting("mock").build(), globex()]).await;
    for (path, body) in [
        ("/auth", parameters()),
        ("/auth/mock", parameters()),
        ("/callback", "state=secret-state&code=secret-code"),
        (
            "/callback/mock",
            "RelayState=secret-state&SAMLResponse=secret",
        ),
        ("/logout", "id_token_hint=secret-hint&state=s"),
    ] {
        let answer = world.ask(from_elsewhere(path, body)).await;
        assert_eq!(answer.status, 303, "{path}");
        let to = answer.header("location");
        assert!(to.starts_with(&format!("{path}?posted=")), "{to}");
        assert!(!to.contains("secret") && !to.contains('&'), "{to}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(answer.cookies().is_empty(), "{path}: nothing was judged");
    }
}

#[actix_web::test]
async fn what_was_posted_is_judged_when_it_is_asked_again() {
    let world = World::of([connecting("mock").build()]).await;
    let bounced = world.ask(from_elsewhere("/auth", parameters())).await;
    let again = world.get(bounced.header("location")).await;
    assert_eq!(again.status, 303, "{}", again.text());
    assert!(
        again
            .header("location")
            .starts_with("https://upstream.test/")
    );

    let silent = format!("{}&prompt=none", parameters());
    let bounced = world.ask(from_elsewhere("/auth", &silent)).await;
    let again = world.get(bounced.header("location")).await;
    let to = again.header("location");
    assert!(
        to.starts_with("https://app.test/cb?error=login_required"),
        "{to}"
    );

    let elsewhere = bounced.header("location").replace("/auth?", "/logout?");
    assert_eq!(world.get(&elsewhere).await.status, 400);
    assert_eq!(world.get("/auth?posted=AAAA").await.status, 400);
}

#[actix_web::test]
async fn an_upstreams_form_finds_the_browser_it_was_begun_in() {
    let world = World::of([connecting("mock").build()]).await;
    let begun = world.get(AUTHORIZE).await;
    let binding = begun.cookies()[0].split(';').next().unwrap().to_owned();
    let state = begun.header("location").split_once("state=").unwrap().1;
    let body = format!("state={state}&code=c");
    let bounced = world.ask(from_elsewhere("/callback/mock", &body)).await;
    assert_eq!(bounced.status, 303);
    let again = TestRequest::get().uri(bounced.header("location"));
    let answer = world.ask(again.insert_header(("cookie", binding))).await;
    let to = answer.header("location");
    assert!(to.starts_with("/approval?req="), "{} {to}", answer.status);
}

/// The page a form too long for a URL leads to.
async fn resent(world: &World, path: &str, body: &str) -> Answer {
    let answer = world.ask(from_elsewhere(path, body)).await;
    assert_eq!(answer.status, 200, "{path}");
    let text = answer.text();
    assert!(text.contains(&format!("action=\"{path}\"")), "{text}");
    assert!(text.contains("id=\"submit-continue\""), "{text}");
    answer
}

#[actix_web::test]
async fn a_form_too_long_for_a_url_is_sent_again_from_a_page_of_ours() {
    let world = World::of([connecting("mock").build()]).await;
    let long = format!("RelayState=unknown&SAMLResponse={}", "x".repeat(50_000));
    let page = resent(&world, "/callback", &long).await;
    assert!(page.text().contains("name=\"posted_again\""));
    // A browser that says nothing of where a form comes from is not sent around in a circle.
    let again = form_at("/callback", &format!("{long}&posted_again=1"));
    let answer = world.ask(again.insert_header(("origin", "null"))).await;
    assert_eq!(answer.status, 400, "judged: no such login");

    let long = format!("{}&nonce={}", parameters(), "n".repeat(4000));
    resent(&world, "/auth", &long).await;
    let again = from_elsewhere("/auth", &format!("{long}&posted_again=1"));
    let answer = world.ask(again).await;
    assert!(!answer.header("location").contains("posted_again"));
}

/// Who posts, with which headers, and whether it is judged at once.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], bool);

#[actix_web::test]
async fn our_own_forms_and_programs_are_judged_at_once() {
    let world = World::of([connecting("mock").build()]).await;
    let cookie = (
        "cookie",
        "__Host-insula_browser.acme=abcdefghijabcdefghijabcdefghijab",
    );
    let rows: [Row<'_>; 11] = [
        ("a program", &[], true),
        ("our page", &[("sec-fetch-site", "same-origin")], true),
        ("typed or reloaded", &[("sec-fetch-site", "none")], true),
        ("another site", &[("sec-fetch-site", "cross-site")], false),
        ("a sibling", &[("sec-fetch-site", "same-site")], false),
        (
            "our page, old browser",
            &[("origin", "https://acme.test")],
            true,
        ),
        (
            "another site, old browser",
            &[("origin", "https://app.test")],
            false,
        ),
        ("a name like ours", &[("origin", "https://acme.te")], false),
        ("no referrer, no cookie", &[("origin", "null")], false),
        (
            "no referrer, our cookie",
            &[("origin", "null"), cookie],
            true,
        ),
        (
            "both, the first counts",
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            true,
        ),
    ];
    for (who, headers, at_once) in rows {
        let request = form_at("/auth", parameters());
        let request = headers.iter().fold(request, |r, h| r.insert_header(*h));
        let answer = world.ask(request).await;
        let is_bounced = answer.header("location").starts_with("/auth?posted=");
        assert_eq!(!is_bounced, at_once, "{who}: {}", answer.header("location"));
    }
}

#[actix_web::test]
async fn a_form_is_asked_again_below_the_issuers_path() {
    let tenant = a_tenant()
        .at("initech", "https://login.test/initech")
        .build();
    let world = World::of([tenant]).await;
    let request = from_elsewhere("/initech/logout", "state=s");
    let answer = world
        .ask(request.insert_header(("host", "login.test")))
        .await;
    let to = answer.header("location");
    assert!(to.starts_with("/initech/logout?posted="), "{to}");
}
