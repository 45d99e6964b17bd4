use actix_web::HttpRequest;
use actix_web::cookie::time::Duration as CookieAge;
use actix_web::cookie::{Cookie, SameSite};
use insula_flows::{Browser, CookieChange};
use insula_model::{BindingCookie, SessionCookie, TenantSpec};

/// Names the browser, not the person.
const BINDING: &str = "insula_browser";

/// Holds a long request while its login is under way.
const CARRIED: &str = "insula_request";

/// Proves that the code of a device was typed in this browser.
const DEVICE: &str = "insula_device";

/// Says which names logged in there with a password.
const KNOWN_DEVICE: &str = "insula_known_device";

/// Says through which connector somebody came in last.
const LAST_USED: &str = "insula_last_used";

/// Browsers keep no longer cookie (RFC 6265 §6.1).
const LONGEST_COOKIE: usize = 4096;

/// No cookie of ours that names something is longer.
const LONGEST_NAME: usize = 128;

/// How many cookies of one name are looked at. Ours is one; more come from whoever plants some, and
/// each costs a look into the stores.
const MOST_OF_ONE_NAME: usize = 4;

/// What the browser brought along for this tenant.
pub(crate) fn read(request: &HttpRequest, spec: &TenantSpec) -> Browser {
    let names = |name: &str| values(request, &full_name(spec, name), LONGEST_NAME);
    let bindings = names(BINDING);
    let sessions = names(&spec.sessions.cookie_name);
    Browser {
        bindings: bindings.into_iter().map(BindingCookie::new).collect(),
        sessions: sessions.into_iter().map(SessionCookie::new).collect(),
        entered: names(DEVICE),
        carried: values(request, &full_name(spec, CARRIED), LONGEST_COOKIE),
        devices: values(request, &full_name(spec, KNOWN_DEVICE), LONGEST_COOKIE),
        last_used: values(request, &full_name(spec, LAST_USED), LONGEST_COOKIE),
        address: None,
        address_is_shared: false,
    }
}

/// Every cookie of a name: which one comes first is up to who set them (RFC 6265 §5.4).
fn values(request: &HttpRequest, name: &str, longest: usize) -> Vec<String> {
    let mut values = Vec::new();
    let Ok(cookies) = request.cookies() else {
        return values;
    };
    for cookie in cookies.iter().filter(|cookie| cookie.name() == name) {
        let value = cookie.value();
        let is_new = !value.is_empty() && !values.iter().any(|known| known == value);
        if is_new && value.len() <= longest && values.len() < MOST_OF_ONE_NAME {
            values.push(value.to_owned());
        }
    }
    values
}

/// The cookie that carries a change out.
pub(crate) fn cookie(change: &CookieChange, spec: &TenantSpec) -> Cookie<'static> {
    let session = || full_name(spec, &spec.sessions.cookie_name);
    match change {
        CookieChange::Bind(value) => {
            let value = value.reveal().to_owned();
            bake(spec, full_name(spec, BINDING), value, None)
        }
        CookieChange::Carry { value, max_age } => {
            let age = CookieAge::try_from(*max_age).ok();
            bake(spec, full_name(spec, CARRIED), value.clone(), age)
        }
        CookieChange::EnterDevice { value, max_age } => {
            let age = CookieAge::try_from(*max_age).ok();
            bake(spec, full_name(spec, DEVICE), value.clone(), age)
        }
        CookieChange::Release => {
            let age = Some(CookieAge::ZERO);
            bake(spec, full_name(spec, CARRIED), String::new(), age)
        }
        CookieChange::KnowDevice { value, max_age } => {
            let age = CookieAge::try_from(*max_age).ok();
            bake(spec, full_name(spec, KNOWN_DEVICE), value.clone(), age)
        }
        CookieChange::RememberConnector { value, max_age } => {
            let age = CookieAge::try_from(*max_age).ok();
            bake(spec, full_name(spec, LAST_USED), value.clone(), age)
        }
        CookieChange::LogIn { cookie, max_age } => {
            let age = max_age.and_then(|age| CookieAge::try_from(age).ok());
            bake(spec, session(), cookie.reveal().to_owned(), age)
        }
        CookieChange::LogOut => bake(spec, session(), String::new(), Some(CookieAge::ZERO)),
    }
}

/// Bound to this tenant alone: its name holds the tenant's, there is no `Domain`, and over TLS the
/// prefix that browsers guard (RFC 6265bis §4.1.3.2), so that no sibling of the host can plant one.
/// That prefix wants the path `/`; without TLS the issuer's own path keeps it narrower. `Lax`, so that
/// it comes along when an upstream sends the person back.
pub(crate) fn bake(
    spec: &TenantSpec,
    name: String,
    value: String,
    max_age: Option<CookieAge>,
) -> Cookie<'static> {
    let path = match spec.issuer.path() {
        path if !path.is_empty() && !spec.issuer.is_https() => path.to_owned(),
        _ => "/".to_owned(),
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

/// The tenant comes after a dot, which no tenant's id has: two tenants of one host never share a
/// name, whatever `sessions.cookieName` is.
pub(crate) fn full_name(spec: &TenantSpec, name: &str) -> String {
    let prefix = if spec.issuer.is_https() {
        "__Host-"
    } else {
        ""
    };
    format!("{prefix}{name}.{}", spec.id)
}
