use actix_web::http::Method;
use actix_web::test::TestRequest;

use insula_model::{Cors, CorsOrigins};
use insula_testkit::a_tenant;

use super::world::{World, globex};

const FOR_SCRIPTS: [&str; 5] = [
    "/.well-known/openid-configuration",
    "/keys",
    "/token",
    "/revoke",
    "/userinfo",
];

fn preflight(path: &str) -> TestRequest {
    TestRequest::with_uri(path)
        .method(Method::OPTIONS)
        .insert_header(("origin", "https://spa.test"))
        .insert_header(("access-control-request-method", "POST"))
        .insert_header(("access-control-request-headers", "authorization"))
}

#[actix_web::test]
async fn a_preflight_is_answered_for_any_origin_and_without_credentials() {
    let world = World::usual().await;
    for path in FOR_SCRIPTS {
        let answer = world.ask(preflight(path)).await;
        assert_eq!(answer.status, 204, "{path}");
        assert!(answer.bytes.is_empty());
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-allow-methods"), "GET, POST");
        let allowed = answer.header("access-control-allow-headers");
        assert_eq!(allowed, "Authorization, Content-Type");
        assert_eq!(answer.header("access-control-max-age"), "600");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
}

#[actix_web::test]
async fn every_answer_to_a_script_may_be_read_also_a_refusal_and_also_from_a_cache() {
    let world = World::usual().await;
    for path in FOR_SCRIPTS {
        let answer = world.get(path).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
    }
}

#[actix_web::test]
async fn what_acts_on_a_cookie_is_not_for_scripts() {
    let world = World::usual().await;
    for path in [
        "/",
        "/auth",
        "/auth/mock/login",
        "/approval",
        "/logout",
        "/callback",
    ] {
        let request = TestRequest::get()
            .uri(path)
            .insert_header(("origin", "https://spa.test"));
        let answer = world.ask(request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        assert_eq!(world.ask(preflight(path)).await.status, 405, "{path}");
    }
}

#[actix_web::test]
async fn dex_knows_no_cors_unless_it_is_configured() {
    let world = World::usual().await;
    for path in FOR_SCRIPTS.iter().filter(|path| **path != "/revoke") {
        let request = preflight(path).insert_header(("host", "globex.test"));
        let answer = world.ask(request).await;
        assert_ne!(answer.status, 204, "{path}");
        for header in answer.headers.keys() {
            let name = header.as_str();
            assert!(!name.starts_with("access-control"), "{path}: {name}");
        }
    }
}

const SPA: &str = "https://spa.test";

fn listed(headers: Option<&[&str]>) -> Cors {
    Cors {
        origins: CorsOrigins::Listed(vec![SPA.to_owned()]),
        headers: headers.map(|names| names.iter().map(ToString::to_string).collect()),
    }
}

fn asking(path: &str, origin: &str, headers: &str) -> TestRequest {
    TestRequest::with_uri(path)
        .method(Method::OPTIONS)
        .insert_header(("origin", origin))
        .insert_header(("access-control-request-method", "POST"))
        .insert_header(("access-control-request-headers", headers))
}

#[actix_web::test]
async fn what_real_clients_send_is_allowed_and_what_is_no_header_is_not_echoed() {
    let world = World::usual().await;
    let asked = "traceparent,baggage, Sentry-Trace,x-requested-with,dpop,content-type,a b,<x>,";
    let answer = world.ask(asking("/token", SPA, asked)).await;
    assert_eq!(
        answer.header("access-control-allow-headers"),
        "Authorization, Content-Type, traceparent, baggage, Sentry-Trace, x-requested-with, dpop"
    );
    assert_eq!(answer.header("vary"), "Access-Control-Request-Headers");
    let many: Vec<String> = (0..500).map(|n| format!("x-{n}")).collect();
    let answer = world.ask(asking("/token", SPA, &many.join(","))).await;
    let allowed = answer.header("access-control-allow-headers");
    assert_eq!(allowed.split(',').count(), 66);
}

#[actix_web::test]
async fn only_listed_origins_may_read_and_caches_are_told() {
    let spec = a_tenant().with(|spec| spec.http.cors = listed(None));
    let world = World::of([spec.build()]).await;
    for (origin, allowed) in [(SPA, SPA), ("https://evil.test", ""), ("null", "")] {
        let request = TestRequest::get()
            .uri("/keys")
            .insert_header(("origin", origin));
        let answer = world.ask(request).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
        assert_eq!(answer.header("vary"), "Origin", "{origin}");
        let answer = world.ask(asking("/token", origin, "dpop")).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
        let is_allowed = !answer.header("access-control-allow-headers").is_empty();
        assert_eq!(is_allowed, origin == SPA);
    }
    assert_eq!(world.get("/keys").await.header("vary"), "Origin");
}

#[actix_web::test]
async fn only_listed_headers_are_allowed_where_a_tenant_lists_some() {
    let spec = a_tenant().with(|spec| spec.http.cors = listed(Some(&["x-tenant"])));
    let world = World::of([spec.build()]).await;
    let answer = world.ask(asking("/token", SPA, "X-Tenant, dpop")).await;
    let allowed = answer.header("access-control-allow-headers");
    assert_eq!(allowed, "Authorization, Content-Type, X-Tenant");
}

#[actix_web::test]
async fn a_dex_file_with_origins_answers_preflights_as_dex_does() {
    let mut dex = globex();
    dex.http.cors = listed(Some(&["authorization", "x-tenant"]));
    let world = World::of([dex, a_tenant().build()]).await;
    let ask = async |request: TestRequest| {
        let request = request.insert_header(("host", "globex.test"));
        let answer = world.ask(request).await;
        let allowed = answer.header("access-control-allow-headers").to_owned();
        let origin = answer.header("access-control-allow-origin").to_owned();
        (answer.status, origin, allowed)
    };
    let spa = || SPA.to_owned();
    let none = String::new;
    for path in ["/", "/keys", "/token", "/userinfo", "/token/introspect"] {
        let told = ask(asking(path, SPA, "authorization, accept,x-tenant")).await;
        assert_eq!(
            told,
            (200, spa(), "Authorization,X-Tenant".to_owned()),
            "{path}"
        );
    }
    assert_eq!(
        ask(asking("/token", "https://evil.test", "")).await,
        (200, none(), none())
    );
    assert_eq!(
        ask(asking("/token", SPA, "content-type")).await,
        (403, none(), none())
    );
    let put = asking("/token", SPA, "").insert_header(("access-control-request-method", "PUT"));
    assert_eq!(ask(put).await.0, 405);
    let bare = TestRequest::with_uri("/token").method(Method::OPTIONS);
    assert_eq!(ask(bare.insert_header(("origin", SPA))).await.0, 400);
    let get = TestRequest::get()
        .uri("/keys")
        .insert_header(("origin", SPA));
    assert_eq!(ask(get).await, (200, spa(), none()));
    let page = TestRequest::get()
        .uri("/auth")
        .insert_header(("origin", SPA));
    assert_eq!(ask(page).await.1, "");
}

#[actix_web::test]
async fn the_headers_of_a_tenant_are_on_every_answer_but_static_files_and_pages_keep_their_policy()
{
    let spec = a_tenant().with(|spec| {
        spec.http.headers = vec![
            (
                "strict-transport-security".to_owned(),
                "max-age=5".to_owned(),
            ),
            (
                "content-security-policy".to_owned(),
                "default-src *".to_owned(),
            ),
            ("x-frame-options".to_owned(), "SAMEORIGIN".to_owned()),
        ];
    });
    let world = World::of([spec.build()]).await;
    for path in ["/keys", "/userinfo", "/auth", "/"] {
        let answer = world.get(path).await;
        assert_eq!(
            answer.header("strict-transport-security"),
            "max-age=5",
            "{path}"
        );
    }
    let keys = world.get("/keys").await;
    assert_eq!(keys.header("content-security-policy"), "default-src *");
    assert_eq!(keys.header("x-frame-options"), "SAMEORIGIN");
    let page = world.get("/auth").await;
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    assert_eq!(page.header("x-frame-options"), "DENY");
    let robots = world.get("/robots.txt").await;
    assert_eq!(robots.header("content-security-policy"), "default-src *");
}
