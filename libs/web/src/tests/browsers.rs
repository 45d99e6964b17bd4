use std::time::Duration;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::test::TestRequest;
use insula_flows::CookieChange;
use insula_model::{SessionCookie, TenantSpec};
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
        ("https://a.test", "__Host-insula_session", "/", true),
        (
            "https://a.test/dex",
            "__Secure-insula_session",
            "/dex",
            true,
        ),
        ("http://a.test", "insula_session", "/", false),
        ("http://a.test/dex", "insula_session", "/dex", false),
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
    assert_eq!((ended.name(), ended.value()), ("__Host-insula_session", ""));
    assert!(ended.to_string().contains("Max-Age=0"));
}

#[test]
fn a_cookie_without_the_prefix_its_tenant_needs_counts_for_nothing() {
    let planted = TestRequest::get()
        .cookie(Cookie::new("insula_browser", "planted"))
        .cookie(Cookie::new("__Secure-insula_session", "planted"))
        .to_http_request();
    let browser = read(&planted, &at("https://a.test"));
    assert!(browser.binding.is_none() && browser.session.is_none());
    let browser = read(&planted, &at("https://a.test/dex"));
    assert!(browser.session.is_some());
}

#[test]
fn a_cookie_longer_than_any_of_ours_counts_for_nothing() {
    let long = "x".repeat(129);
    let request = TestRequest::get()
        .cookie(Cookie::new("__Host-insula_browser", long.clone()))
        .cookie(Cookie::new("__Host-insula_session", long))
        .to_http_request();
    let browser = read(&request, &at("https://a.test"));
    assert!(browser.binding.is_none() && browser.session.is_none());
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
    assert!(parts[0].starts_with("__Host-insula_browser="), "{parts:?}");
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(parts.contains(&part), "{part} is not in {parts:?}");
    }
    assert!(!cookies[0].contains("Domain"));
}
