use actix_web::http::{Method, Version};
use actix_web::test::TestRequest;
use insula_testkit::a_tenant;

use super::world::{World, connecting, globex};
use crate::WebSettings;

fn with(method: &str, path: &str) -> TestRequest {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    TestRequest::with_uri(path).method(method)
}

#[actix_web::test]
async fn a_host_that_nobody_has_is_not_found() {
    let world = World::usual().await;
    for host in ["evil.test", "", "acme.test.evil.test", "acme", "127.0.0.1"] {
        let answer = world.get_at(host, "/keys").await;
        assert_eq!(answer.status, 404, "{host}");
        assert_eq!(answer.text(), "404 page not found\n");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[actix_web::test]
async fn a_host_is_the_same_in_any_case_and_with_any_port() {
    let world = World::usual().await;
    for host in ["ACME.test", "acme.test:5556", "Acme.Test:443"] {
        assert_eq!(world.get_at(host, "/keys").await.status, 200, "{host}");
    }
}

#[actix_web::test]
async fn two_hosts_in_one_request_are_refused() {
    let world = World::usual().await;
    let request = TestRequest::get()
        .uri("/keys")
        .append_header(("host", "acme.test"))
        .append_header(("host", "globex.test"));
    let answer = world.ask(request).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
}

#[actix_web::test]
async fn the_authority_of_http_2_finds_the_tenant() {
    let world = World::usual().await;
    let answer = world
        .get("https://acme.test:8443/.well-known/openid-configuration")
        .await;
    assert_eq!(answer.json()["issuer"], "https://acme.test");
    assert_eq!(world.get("https://evil.test/keys").await.status, 404);
}

#[actix_web::test]
async fn a_forwarded_host_counts_from_a_trusted_proxy_alone() {
    let settings = WebSettings {
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
    };
    let world = World::with([a_tenant().build(), globex()], settings).await;
    for (peer, status) in [("10.0.0.7:999", 200), ("192.0.2.1:999", 404)] {
        let request = TestRequest::get()
            .uri("/keys")
            .peer_addr(peer.parse().unwrap())
            .insert_header(("host", "internal:8080"))
            .insert_header(("x-forwarded-host", "acme.test"));
        assert_eq!(world.ask(request).await.status, status, "{peer}");
    }
}

#[actix_web::test]
async fn a_path_that_is_not_there_is_not_found_and_no_slash_is_forgiven() {
    let world = World::usual().await;
    for path in [
        "/nothing",
        "/keys/",
        "//keys",
        "/auth/",
        "/auth/a/b",
        "/KEYS",
        "/.well-known/openid-configuration/",
        "/.well-known/oauth-authorization-server/acme",
        "/auth/%ff",
        "/callback/%ff",
        "/static/%ff",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[actix_web::test]
async fn metadata_of_a_path_issuer_is_where_rfc_8414_puts_it() {
    let initech = a_tenant().at("initech", "https://login.test/initech");
    let root = a_tenant().at("root", "https://login.test");
    let elsewhere = a_tenant().at("elsewhere", "https://one.test/dex");
    let world = World::of([initech.build(), root.build(), elsewhere.build()]).await;
    for (host, path, issuer) in [
        ("login.test", "/initech", "https://login.test/initech"),
        ("login.test", "", "https://login.test"),
        ("one.test", "/dex", "https://one.test/dex"),
    ] {
        let path = format!("/.well-known/oauth-authorization-server{path}");
        let answer = world.get_at(host, &path).await;
        assert_eq!(answer.status, 200, "{host}{path}");
        assert_eq!(answer.json()["issuer"], issuer);
    }
    for path in ["/nobody", "/initech/keys", "/initech/", "/"] {
        let path = format!("/.well-known/oauth-authorization-server{path}");
        let answer = world.get_at("login.test", &path).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    assert_eq!(world.get_at("one.test", "/keys").await.status, 404);
    assert_eq!(world.get_at("one.test", "/dexter/keys").await.status, 404);
}

#[actix_web::test]
async fn a_method_a_route_does_not_know_is_refused_with_those_it_knows() {
    let world = World::usual().await;
    for (method, path, allow) in [
        ("GET", "/token", "POST, OPTIONS"),
        ("PUT", "/token", "POST, OPTIONS"),
        ("GET", "/revoke", "POST, OPTIONS"),
        ("HEAD", "/token/introspect", "POST"),
        ("OPTIONS", "/token/introspect", "POST"),
        ("DELETE", "/userinfo", "GET, HEAD, POST, OPTIONS"),
        ("POST", "/keys", "GET, HEAD, OPTIONS"),
        (
            "POST",
            "/.well-known/openid-configuration",
            "GET, HEAD, OPTIONS",
        ),
        ("PUT", "/auth", "GET, HEAD, POST"),
        ("OPTIONS", "/auth", "GET, HEAD, POST"),
        ("TRACE", "/", "GET, HEAD"),
        ("BREW", "/logout", "GET, HEAD, POST"),
        ("POST", "/static/style.css", "GET, HEAD"),
    ] {
        let answer = world.ask(with(method, path)).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
        assert_eq!(answer.header("www-authenticate"), "", "{method} {path}");
    }
}

#[actix_web::test]
async fn dex_answers_documents_to_any_method_and_refuses_programs_with_400() {
    let world = World::usual().await;
    for method in ["GET", "POST", "OPTIONS", "DELETE"] {
        for path in ["/keys", "/.well-known/openid-configuration", "/"] {
            let request = with(method, path).insert_header(("host", "globex.test"));
            assert_eq!(world.ask(request).await.status, 200, "{method} {path}");
        }
    }
    for method in ["GET", "PUT", "OPTIONS"] {
        let request = with(method, "/token").insert_header(("host", "globex.test"));
        let answer = world.ask(request).await;
        assert_eq!(answer.status, 400, "{method}");
        let told = answer.json();
        assert_eq!(told["error"], "invalid_request");
        assert_eq!(told["error_description"], "method not allowed");
    }
}

#[actix_web::test]
async fn head_is_answered_wherever_get_is() {
    let world = World::of([connecting("mock").build()]).await;
    for path in [
        "/",
        "/keys",
        "/.well-known/openid-configuration",
        "/robots.txt",
        "/healthz",
    ] {
        let head = world.ask(with("HEAD", path)).await;
        let get = world.get(path).await;
        assert_eq!(head.status, 200, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"));
    }
}

#[actix_web::test]
async fn the_tenants_port_says_so_when_the_process_cannot_serve() {
    let mut world = World::usual().await;
    let well = world.get("/healthz").await;
    assert_eq!((well.status, well.text()), (200, "Health check passed"));
    world.state.is_healthy = std::sync::Arc::new(|| false);
    let ill = world.get("/healthz").await;
    assert_eq!((ill.status, ill.text()), (500, "Health check failed."));
    assert_eq!(world.get("/healthz/ready").await.status, 503);
    assert_eq!(world.get("/healthz/live").await.status, 200);
}

#[actix_web::test]
async fn a_single_tenant_answers_whatever_the_host_and_announces_its_own_issuer() {
    let world = World::of([a_tenant().at("one", "https://one.test/dex").build()]).await;
    for host in ["10.0.0.7:5556", "dex.svc.cluster.local", "[::1]:5556", ""] {
        let discovery = "/dex/.well-known/openid-configuration";
        let answer = world.get_at(host, discovery).await;
        assert_eq!(answer.status, 200, "{host}");
        assert_eq!(answer.json()["issuer"], "https://one.test/dex");
        assert_eq!(world.get_at(host, "/keys").await.status, 404, "{host}");
    }
}

#[actix_web::test]
async fn a_default_tenant_answers_for_hosts_nobody_has_and_for_no_others() {
    let marked = a_tenant().with(|spec| spec.is_default = true);
    let world = World::of([marked.build(), globex()]).await;
    let issuer = async |host| {
        let answer = world
            .get_at(host, "/.well-known/openid-configuration")
            .await;
        answer.json()["issuer"].clone()
    };
    assert_eq!(issuer("10.0.0.7:5556").await, "https://acme.test");
    assert_eq!(issuer("globex.test").await, "https://globex.test");
}

#[actix_web::test]
async fn only_http_1_0_may_come_without_a_host() {
    let world = World::of([a_tenant().build()]).await;
    for (version, path, status) in [
        (Version::HTTP_10, "/keys", 200),
        (Version::HTTP_10, "/healthz", 200),
        (Version::HTTP_11, "/keys", 400),
    ] {
        let request = TestRequest::get().uri(path).version(version);
        let answer = world.ask_as_it_is(request).await;
        assert_eq!(answer.status, status, "{version:?} {path}");
    }
}

#[actix_web::test]
async fn health_answers_on_every_host_below_every_path_and_wakes_nobody() {
    let dex = a_tenant().dex().at("one", "https://one.test/dex");
    let world = World::of([dex.build(), globex()]).await;
    for (host, path, text) in [
        ("10.0.0.7:5556", "/healthz", "Health check passed"),
        ("nobody.test", "/healthz/live", "ok"),
        ("nobody.test", "/healthz/ready", "ok"),
        ("one.test", "/healthz", "Health check passed"),
        ("globex.test", "/healthz", "Health check passed"),
    ] {
        let answer = world.get_at(host, path).await;
        assert_eq!((answer.status, answer.text()), (200, text), "{host}{path}");
    }
    let awake = world.state.tenancy.statuses().await;
    assert!(awake.iter().all(|tenant| !tenant.is_served), "{awake:?}");
    let own = world.get_at("one.test", "/dex/healthz").await;
    assert_eq!((own.status, own.text()), (200, "Health check passed"));
    assert_eq!(
        world.get_at("one.test", "/dex/healthz/ready").await.status,
        200
    );
    assert_eq!(world.get_at("one.test", "/healthz/other").await.status, 404);
}

#[actix_web::test]
async fn what_strangers_ask_for_makes_no_series_of_its_own() {
    let world = World::usual().await;
    for n in 0..20 {
        let request = with(&format!("M{n}"), &format!("/auth/c{n}"));
        world.ask(request).await;
        world.get(&format!("/no/such/path/{n}")).await;
    }
    let families = world.registry.gather();
    let requests = families.iter().find(|f| f.name() == "http_requests_total");
    let series = requests.unwrap().get_metric();
    assert_eq!(series.len(), 1, "{series:?}");
    let labels = series[0].get_label().iter();
    let labels: Vec<_> = labels.map(prometheus::proto::LabelPair::value).collect();
    assert_eq!(labels, ["405", "/auth/{connector}", "other"]);
}
