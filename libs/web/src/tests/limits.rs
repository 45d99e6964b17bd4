use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::TestRequest;
use insula_model::Rate;
use insula_testkit::{a_client, a_tenant};

use super::world::{AUTHORIZE, Answer, World, connecting};
use crate::WebSettings;
use crate::respond::{Surface, panicked};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[actix_web::test]
async fn a_tenant_asked_too_often_says_when_to_come_back() {
    let narrow = a_tenant().with(|spec| {
        spec.limits.requests = Some(Rate {
            count: 2,
            per: Duration::from_mins(1),
        });
    });
    let other = a_tenant().at("other", "https://other.test");
    let world = World::of([narrow.build(), other.build()]).await;
    for _ in 0..2 {
        assert_eq!(world.get("/userinfo").await.status, 401);
    }
    let page = world.get("/auth").await;
    assert_eq!((page.status, page.header("retry-after")), (429, "30"));
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.bytes.len() < 1000, "{}", page.text());
    let json = TestRequest::get()
        .uri("/auth")
        .insert_header(("accept", "application/json"));
    let told = world.ask(json).await;
    assert_eq!(told.status, 429);
    assert_eq!(told.json()["error"], "temporarily_unavailable");
    for (accepted, kind) in [
        ("application/problem+json, */*;q=0.1", "application/json"),
        ("application/json;q=0, */*", "text/html; charset=utf-8"),
        ("text/html, application/json", "text/html; charset=utf-8"),
        ("jsonish", "text/html; charset=utf-8"),
    ] {
        let request = TestRequest::get().uri("/auth");
        let answer = world.ask(request.insert_header(("accept", accepted))).await;
        assert_eq!(answer.header("content-type"), kind, "{accepted}");
    }
    for path in ["/token", "/revoke", "/token/introspect"] {
        let post = TestRequest::post().uri(path).insert_header(FORM);
        let told = world.ask(post).await;
        assert_eq!((told.status, told.header("retry-after")), (429, "30"));
        assert_eq!(told.header("www-authenticate"), "", "{path}");
    }
    let userinfo = world.get("/userinfo").await;
    assert_eq!(userinfo.status, 429);
    assert_eq!(userinfo.header("www-authenticate"), "");
    assert_eq!(userinfo.header("access-control-allow-origin"), "*");
    let neighbour = world.get_at("other.test", "/userinfo").await;
    assert_eq!(neighbour.status, 401, "a flood costs its tenant alone");
    world.clock.step_forward(Duration::from_hours(1));
    assert_eq!(
        world.get("/userinfo").await.status,
        429,
        "no time has passed"
    );
    world.clock.step_back(Duration::from_hours(2));
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.get("/userinfo").await.status, 401);
}

#[actix_web::test]
async fn public_documents_are_served_however_often_the_tenant_was_asked() {
    let closed = a_tenant().with(|spec| {
        spec.limits.requests = Some(Rate {
            count: 1,
            per: Duration::from_hours(1),
        });
    });
    let world = World::of([closed.build()]).await;
    assert_eq!(world.get("/userinfo").await.status, 401);
    for _ in 0..3 {
        for path in [
            "/keys",
            "/.well-known/openid-configuration",
            "/robots.txt",
            "/healthz",
            "/healthz/live",
        ] {
            assert_eq!(world.get(path).await.status, 200, "{path}");
        }
        let preflight = TestRequest::with_uri("/token").method(Method::OPTIONS);
        assert_eq!(world.ask(preflight).await.status, 204);
        assert_eq!(world.get("/userinfo").await.status, 429);
        assert_eq!(world.get("/static/no-such-file").await.status, 429);
        let no_such_hash = "/static/0123456789abcdef-no-such-file";
        assert_eq!(world.get(no_such_hash).await.status, 404);
    }
}

#[actix_web::test]
async fn a_stranger_who_floods_does_not_use_up_what_others_need() {
    let settings = WebSettings {
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
    };
    let narrow = a_tenant().with(|spec| {
        spec.limits.requests = Some(Rate {
            count: 40,
            per: Duration::from_mins(1),
        });
    });
    let world = World::with([narrow.build()], settings).await;
    let ask = async |address: &str| {
        let request = TestRequest::get()
            .uri("/userinfo")
            .peer_addr("10.0.0.7:999".parse().unwrap())
            .insert_header(("x-forwarded-for", address));
        world.ask(request).await.status
    };
    let mut had = 0;
    for _ in 0..100 {
        had += usize::from(ask("192.0.2.1").await == 401);
    }
    assert!(had < 30, "{had}");
    for person in 1..=5 {
        let address = format!("198.51.100.{person}");
        assert_eq!(ask(&address).await, 401, "{address}");
    }
}

#[actix_web::test]
async fn a_dex_file_has_no_quota() {
    let world = World::usual().await;
    for _ in 0..500 {
        assert_ne!(world.get_at("globex.test", "/userinfo").await.status, 429);
    }
}

#[actix_web::test]
async fn a_tenant_that_cannot_be_served_says_so_and_when_to_come_back() {
    let broken = a_tenant().at("broken", "https://broken.test");
    let world = World::of([broken.build(), a_tenant().build()]).await;
    for path in ["/keys", "/auth", "/keys"] {
        let answer = world.get_at("broken.test", path).await;
        assert_eq!(answer.status, 503, "{path}");
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!(wait >= 1);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let policy = answer.header("content-security-policy");
        assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'");
        assert!(!answer.text().contains("it is broken"));
    }
    assert_eq!(world.get("/keys").await.status, 200);
}

#[actix_web::test]
async fn an_endpoint_that_panics_answers_500_with_an_incident_and_lives_on() {
    let world = World::of([connecting("panics").build()]).await;
    let answer = world.get(AUTHORIZE).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_ne!(answer.header("content-security-policy"), "");
    let text = answer.text();
    assert!(text.contains("incident"), "{text}");
    assert!(!text.contains("last words"), "{text}");
    assert_eq!(world.get("/keys").await.status, 200);
}

#[actix_web::test]
async fn a_program_hears_of_a_panic_in_json() {
    let world = World::usual().await;
    for surface in [Surface::Program, Surface::Bearer] {
        let ctx = world.context("acme", TestRequest::post()).await;
        let answer = Answer::of(panicked(&ctx, surface)).await;
        assert_eq!(answer.status, 500);
        assert_eq!(answer.json()["error"], "server_error");
        let description = answer.json()["error_description"].clone();
        assert_eq!(description, "incident incident-1");
    }
}

#[actix_web::test]
async fn an_upstream_that_fails_is_a_bad_gateway() {
    let world = World::of([connecting("fails").build()]).await;
    let answer = world.get(AUTHORIZE).await;
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("Log in with mock"));
    assert!(!answer.text().contains("connection refused"));
    let dex = connecting("fails").dex().with(|spec| {
        spec.signer.algorithms = vec!["ES256".to_owned()];
    });
    let world = World::of([dex.build()]).await;
    let at_connector = AUTHORIZE.replace("/auth?", "/auth/mock?");
    assert_eq!(world.get(&at_connector).await.status, 500);
}

#[actix_web::test]
async fn a_body_no_honest_form_has_is_refused() {
    let world = World::usual().await;
    let many = "a=1&".repeat(200);
    let bodies = [
        vec![b'a'; 256 * 1024 + 1],
        b"a=\xff".to_vec(),
        b"a=%ff".to_vec(),
        b"a=%c3%28".to_vec(),
        many.into_bytes(),
    ];
    for path in [
        "/token",
        "/revoke",
        "/token/introspect",
        "/auth",
        "/logout",
        "/callback",
    ] {
        for body in &bodies {
            let request = TestRequest::post()
                .uri(path)
                .insert_header(FORM)
                .set_payload(body.clone());
            let answer = world.ask(request).await;
            let start: String = String::from_utf8_lossy(body).chars().take(6).collect();
            assert_eq!(answer.status, 400, "{path}: {start}");
        }
    }
}

#[actix_web::test]
async fn a_body_of_another_type_is_an_empty_form() {
    let world = World::usual().await;
    for kind in [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
    ] {
        let request = TestRequest::post()
            .uri("/token")
            .insert_header((CONTENT_TYPE, kind))
            .set_payload("grant_type=authorization_code");
        let answer = world.ask(request).await;
        assert_eq!(answer.status, 400, "{kind}: {}", answer.text());
    }
}

#[actix_web::test]
async fn a_query_that_is_not_utf_8_is_refused_on_a_page() {
    let world = World::usual().await;
    for path in [
        "/auth?state=%ff",
        "/callback?state=%ff",
        "/logout?x=%ff",
        "/approval?req=%ff",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    }
    assert_eq!(world.get("/auth?ui_locales=%ff").await.status, 400);
}

/// A request to the token endpoint that fails on its code alone, if the secret is right.
fn at_the_token_endpoint(client: &str, secret: &str) -> TestRequest {
    let body = format!(
        "grant_type=authorization_code&code=none&redirect_uri=https%3A%2F%2Fapp.test%2Fcb\
         &client_id={client}&client_secret={secret}"
    );
    TestRequest::post()
        .uri("/token")
        .insert_header(FORM)
        .set_payload(body)
}

#[actix_web::test]
async fn a_program_that_guesses_a_secret_is_told_when_to_come_back() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let tenant = tenant.with(|spec| {
            spec.limits.client_failures = Rate {
                count: 2,
                per: Duration::from_mins(10),
            };
        });
        let world = World::of([tenant.build()]).await;
        let ask = async |secret: &str, peer: &str| {
            let request = at_the_token_endpoint("app", secret);
            world.ask(request.peer_addr(peer.parse().unwrap())).await
        };
        for guess in ["one", "two"] {
            let told = ask(guess, "192.0.2.1:999").await;
            assert_eq!((told.status, told.header("retry-after")), (401, ""));
            assert_eq!(told.json()["error"], "invalid_client");
        }
        for secret in ["three", "app-secret"] {
            let told = ask(secret, "192.0.2.1:1000").await;
            assert_eq!((told.status, told.header("retry-after")), (429, "300"));
            assert_eq!(told.json()["error"], "temporarily_unavailable");
            assert_eq!(told.header("www-authenticate"), "");
        }
        let elsewhere = ask("app-secret", "192.0.2.2:999").await;
        assert_eq!(elsewhere.json()["error"], "invalid_grant");
        world.clock.advance(Duration::from_mins(5));
        let later = ask("app-secret", "192.0.2.1:999").await;
        assert_eq!(later.json()["error"], "invalid_grant");
    }
}

#[actix_web::test]
async fn a_client_that_floods_from_many_addresses_leaves_the_tenants_requests_to_others() {
    let other = a_client().named("other").with_secret("others-secret");
    let tenant = a_tenant().with_client(other.build()).with(|spec| {
        spec.limits.requests = Some(Rate {
            count: 40,
            per: Duration::from_hours(1),
        });
    });
    let world = World::of([tenant.build()]).await;
    let ask = async |client: &str, secret: &str, number: u8| {
        let peer = std::net::SocketAddr::from(([192, 0, 2, number], 999));
        let request = at_the_token_endpoint(client, secret).peer_addr(peer);
        world.ask(request).await.status
    };
    let mut served = 0;
    for number in 0..200 {
        served += usize::from(ask("app", "app-secret", number).await == 400);
    }
    assert!((20..=26).contains(&served), "{served}");
    for number in 201..205 {
        let told = ask("other", "others-secret", number).await;
        assert_eq!(told, 400, "only its code is wrong: {number}");
    }
    assert_eq!(ask("app", "app-secret", 210).await, 429);
}
