use actix_web::HttpRequest;
use actix_web::cookie::time::Duration as CookieAge;
use actix_web::cookie::{Cookie, SameSite};
use insula_flows::{Browser, CookieChange};
use insula_model::{SessionCookie, TenantSpec};

/// Names the browser, not the person.
const BINDING: &str = "insula_browser";

/// What the browser brought along for this tenant.
pub(crate) fn read(request: &HttpRequest, spec: &TenantSpec) -> Browser {
    let value = |name: String| {
        request
            .cookie(&name)
            .map(|cookie| cookie.value().to_owned())
    };
    Browser {
        binding: value(full_name(spec, BINDING)).filter(|v| v.len() <= 128),
        session: value(full_name(spec, &spec.sessions.cookie_name))
            .filter(|v| v.len() <= 128)
            .map(SessionCookie::new),
        address: None,
    }
}

/// The cookie that carries a change out.
pub(crate) fn cookie(change: &CookieChange, spec: &TenantSpec) -> Cookie<'static> {
    let session = || full_name(spec, &spec.sessions.cookie_name);
    match change {
        CookieChange::Bind(value) => bake(spec, full_name(spec, BINDING), value.clone(), None),
        CookieChange::LogIn { cookie, max_age } => {
            let age = max_age.and_then(|age| CookieAge::try_from(age).ok());
            bake(spec, session(), cookie.reveal().to_owned(), age)
        }
        CookieChange::LogOut => bake(spec, session(), String::new(), Some(CookieAge::ZERO)),
    }
}

/// Bound to this tenant alone: no `Domain`, the issuer's path, and over TLS the prefix that browsers
/// guard (RFC 6265bis §4.1.3), so that no neighbour under the same parent domain can plant one.
/// `Lax`, so that it comes along when an upstream sends the person back.
fn bake(
    spec: &TenantSpec,
    name: String,
    value: String,
    max_age: Option<CookieAge>,
) -> Cookie<'static> {
    let path = match spec.issuer.path() {
        "" => "/".to_owned(),
        path => path.to_owned(),
    };
    let mut cookie = Cookie::build(name, value)
        .path(path)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(spec.issuer.is_https())
        .finish();
    if let Some(age) = max_age {
        cookie.set_max_age(age);
    }
    cookie
}

fn full_name(spec: &TenantSpec, name: &str) -> String {
    match (spec.issuer.is_https(), spec.issuer.path()) {
        (false, _) => name.to_owned(),
        (true, "") => format!("__Host-{name}"),
        (true, _) => format!("__Secure-{name}"),
    }
}
