use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::test::TestRequest;
use insula_testkit::a_tenant;

use super::world::{Answer, World, globex};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

async fn world() -> World {
    World::of([a_tenant().build(), globex()]).await
}

fn get() -> TestRequest {
    TestRequest::get().uri("/userinfo")
}

fn posting(body: &str) -> TestRequest {
    let request = TestRequest::post().uri("/userinfo").insert_header(FORM);
    request.set_payload(body.to_owned())
}

fn bearing(request: TestRequest, value: &str) -> TestRequest {
    request.append_header((AUTHORIZATION, value))
}

/// The `error` of the challenge; empty where it is bare.
fn challenged(answer: &Answer) -> &str {
    let challenge = answer.header("www-authenticate");
    assert!(
        challenge.starts_with("Bearer realm=\"https://acme.test\""),
        "{challenge}"
    );
    let error = challenge.split("error=\"").nth(1).unwrap_or_default();
    error.split('"').next().unwrap_or_default()
}

#[actix_web::test]
async fn rfc_6750_a_token_is_looked_for_in_the_header_and_in_a_posted_form() {
    let world = world().await;
    let with_query = || TestRequest::get().uri("/userinfo?access_token=x");
    let of_another_type = TestRequest::post()
        .uri("/userinfo")
        .insert_header(("content-type", "application/json"))
        .set_payload(r#"{"access_token":"x"}"#);
    let in_a_get = get().insert_header(FORM).set_payload("access_token=x");
    let odd = HeaderValue::from_bytes(b"Bearer \xff").unwrap();
    let long = format!("access_token={}", "x".repeat(300 * 1024));
    for (what, request, status, error) in [
        ("nothing", get(), 401, ""),
        ("an empty form", posting(""), 401, ""),
        ("an empty token", posting("access_token="), 401, ""),
        ("another scheme", bearing(get(), "Basic eDp5"), 401, ""),
        ("§2.2 another type", of_another_type, 401, ""),
        ("§2.2 GET", in_a_get, 401, ""),
        ("§2.3 query", with_query(), 401, ""),
        (
            "§2.1 header",
            bearing(get(), "Bearer x"),
            401,
            "invalid_token",
        ),
        ("§2.2 form", posting("access_token=x"), 401, "invalid_token"),
        ("no word", bearing(get(), "Bearer"), 400, "invalid_request"),
        (
            "two words",
            bearing(get(), "Bearer x y"),
            400,
            "invalid_request",
        ),
        (
            "no text",
            get().insert_header((AUTHORIZATION, odd.clone())),
            400,
            "invalid_request",
        ),
        (
            "both",
            bearing(posting("access_token=x"), "Bearer x"),
            400,
            "invalid_request",
        ),
        (
            "with query",
            bearing(with_query(), "Bearer x"),
            400,
            "invalid_request",
        ),
        (
            "two headers",
            bearing(bearing(get(), "Bearer x"), "Bearer x"),
            400,
            "invalid_request",
        ),
        (
            "twice",
            posting("access_token=x&access_token=x"),
            400,
            "invalid_request",
        ),
        (
            "no UTF-8",
            posting("access_token=%ff"),
            400,
            "invalid_request",
        ),
        ("without end", posting(&long), 400, "invalid_request"),
        (
            "no text, and no UTF-8",
            posting("access_token=%ff").insert_header((AUTHORIZATION, odd)),
            400,
            "invalid_request",
        ),
    ] {
        let answer = world.ask(request).await;
        assert_eq!(answer.status, status, "{what}");
        assert_eq!(challenged(&answer), error, "{what}");
        assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    }
}

#[actix_web::test]
async fn dex_looks_at_the_first_header_alone() {
    let world = world().await;
    let odd = HeaderValue::from_bytes(b"Bearer \xff").unwrap();
    for (request, status, challenge) in [
        (posting("access_token=x"), 401, "Bearer"),
        (posting("access_token=x&access_token=%ff"), 401, "Bearer"),
        (
            posting("access_token=%ff").insert_header((AUTHORIZATION, odd)),
            401,
            "Bearer",
        ),
        (bearing(get(), "Bearer"), 401, "Bearer"),
        (bearing(posting("access_token=x"), "Bearer x"), 403, ""),
        (bearing(get(), "Bearer x y"), 403, ""),
    ] {
        let answer = world
            .ask(request.insert_header(("host", "globex.test")))
            .await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.json()["error"], "access_denied");
        assert_eq!(answer.header("www-authenticate"), challenge);
    }
}
