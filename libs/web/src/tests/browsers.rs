use std::time::Duration;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::test::TestRequest;
use insula_flows::CookieChange;
use insula_model::{BindingCookie, SessionCookie, TenantSpec};
use insula_testkit::a_tenant;

use super::world::{AUTHORIZE, World, connecting};
use crate::browser::{cookie, read};

fn at(issuer: &str) -> TenantSpec {
    a_tenant().at("acme", issuer).build()
}

fn log_in(max_age: Option<Duration>) -> CookieChange {
    let cookie = SessionCookie::new("s3ssion".to_owned());
    CookieChange::LogIn { cookie, max_age }
}

#[test]
fn a_cookie_is_bound_to_its_tenant_and_hidden_from_scripts() {
    for (issuer, name, path, is_secure) in [
        ("https://a.test", "__Host-insula_session.acme", "/", true),
        (
            "https://a.test/dex",
            "__Host-insula_session.acme",
            "/",
            true,
        ),
        ("http://a.test", "insula_session.acme", "/", false),
        ("http://a.test/dex", "insula_session.acme", "/dex", false),
    ] {
        let baked = cookie(&log_in(None), &at(issuer));
        assert_eq!(baked.name(), name, "{issuer}");
        assert_eq!(baked.value(), "s3ssion");
        assert_eq!(baked.path(), Some(path), "{issuer}");
        assert_eq!(baked.secure(), Some(is_secure), "{issuer}");
        assert_eq!(baked.http_only(), Some(true));
        assert_eq!(baked.same_site(), Some(SameSite::Lax));
        assert_eq!(baked.domain(), None);
        assert_eq!(baked.max_age(), None);
    }
}

#[test]
fn a_login_to_be_remembered_says_for_how_long_and_a_logout_ends_it_at_once() {
    let spec = at("https://a.test");
    let day = Duration::from_hours(24);
    let remembered = cookie(&log_in(Some(day)), &spec).to_string();
    assert!(remembered.contains("Max-Age=86400"), "{remembered}");
    let ended = cookie(&CookieChange::LogOut, &spec);
    assert_eq!(
        (ended.name(), ended.value()),
        ("__Host-insula_session.acme", "")
    );
    assert!(ended.to_string().contains("Max-Age=0"));
}

#[test]
fn a_cookie_that_a_sibling_host_could_plant_counts_for_nothing_over_tls() {
    let mut planted = TestRequest::get();
    for name in ["insula_browser", "insula_session", "insula_known_device"] {
        for prefix in ["", "__Secure-", "__host-", "__HOST-"] {
            let name = format!("{prefix}{name}.acme");
            planted = planted.cookie(Cookie::new(name, "planted"));
        }
        planted = planted.cookie(Cookie::new(format!("__Host-{name}"), "of no tenant"));
        planted = planted.cookie(Cookie::new(format!("__Host-{name}.b"), "another's"));
    }
    let planted = planted.to_http_request();
    for issuer in ["https://a.test", "https://a.test/dex"] {
        let browser = read(&planted, &at(issuer));
        assert!(browser.bindings.is_empty() && browser.sessions.is_empty());
        assert!(browser.devices.is_empty());
    }
}

#[test]
fn every_cookie_of_a_name_is_read_so_that_a_planted_one_hides_nothing() {
    let header = "insula_browser.acme=planted; insula_session.acme=planted; \
                  insula_browser.acme=ours; insula_session.acme=ours; insula_browser.acme=ours";
    let request = TestRequest::get().insert_header(("cookie", header));
    let browser = read(&request.to_http_request(), &at("http://a.test"));
    let bindings = browser.bindings.iter().map(BindingCookie::reveal);
    assert_eq!(bindings.collect::<Vec<_>>(), ["planted", "ours"]);
    let sessions = browser.sessions.iter().map(SessionCookie::reveal);
    assert_eq!(sessions.collect::<Vec<_>>(), ["planted", "ours"]);
    let many: Vec<_> = (0..99)
        .map(|n| format!("insula_session.acme={n}"))
        .collect();
    let request = TestRequest::get().insert_header(("cookie", many.join("; ")));
    let browser = read(&request.to_http_request(), &at("http://a.test"));
    assert_eq!(
        browser.sessions.len(),
        4,
        "each costs a look into the stores"
    );
}

#[test]
fn two_tenants_of_one_host_share_no_cookie_whatever_they_call_it() {
    let named = |id: &str, name: &str| {
        let tenant = a_tenant().at(id, "https://a.test/x");
        let tenant = tenant.with(|spec| spec.sessions.cookie_name = name.to_owned());
        cookie(&log_in(None), &tenant.build()).name().to_owned()
    };
    assert_eq!(named("b", "x.a"), "__Host-x.a.b");
    let names = [
        named("a", "session"),
        named("b", "session"),
        named("a-b", "session"),
        named("b", "session-a"),
        named("b", "session.a"),
    ];
    for (at, name) in names.iter().enumerate() {
        assert!(!names.iter().skip(at + 1).any(|other| other == name));
    }
}

#[test]
fn a_cookie_longer_than_any_of_ours_counts_for_nothing() {
    let long = "x".repeat(129);
    let request = TestRequest::get()
        .cookie(Cookie::new("__Host-insula_browser.acme", long.clone()))
        .cookie(Cookie::new("__Host-insula_session.acme", long))
        .to_http_request();
    let browser = read(&request, &at("https://a.test"));
    assert!(browser.bindings.is_empty() && browser.sessions.is_empty());
}

#[actix_web::test]
async fn a_login_binds_itself_to_the_browser_that_began_it() {
    let world = World::of([connecting("mock").build()]).await;
    let answer = world.get(AUTHORIZE).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    let cookies = answer.cookies();
    assert_eq!(cookies.len(), 1);
    let parts: Vec<&str> = cookies[0].split("; ").collect();
    assert!(
        parts[0].starts_with("__Host-insula_browser.acme="),
        "{parts:?}"
    );
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(parts.contains(&part), "{part} is not in {parts:?}");
    }
    assert!(!cookies[0].contains("Domain"));
}
