use actix_web::http::Method;
use actix_web::test::TestRequest;

use super::world::World;

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
