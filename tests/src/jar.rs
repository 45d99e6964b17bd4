use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use cookie_store::{CookieError, CookieStore};
use url::Url;

/// A cookie as a browser keeps it (RFC 6265 §5.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The host that set it; without `Domain` it is sent to nobody else.
    pub host: String,
    /// `Path`, or the folder of the page that set it.
    pub path: String,
    /// `Secure`.
    pub secure: bool,
    /// `HttpOnly`.
    pub http_only: bool,
    /// `SameSite`.
    pub same_site: Option<String>,
    /// `Domain`; no cookie of ours has one.
    pub domain: Option<String>,
    /// `Max-Age` in seconds; `None` lives until the browser ends.
    pub max_age: Option<i64>,
}

impl Cookie {
    fn of(kept: &cookie_store::Cookie<'static>) -> Self {
        Self {
            name: kept.name().to_owned(),
            value: kept.value().to_owned(),
            host: String::from(&kept.domain),
            path: String::from(&kept.path),
            secure: kept.secure() == Some(true),
            http_only: kept.http_only() == Some(true),
            same_site: kept.same_site().map(|site| site.to_string()),
            domain: kept.domain().map(str::to_owned),
            max_age: kept.max_age().map(|age| age.whole_seconds()),
        }
    }

    /// The `Set-Cookie` line that would have set it.
    fn line(&self) -> String {
        let mut line = format!("{}={}; Path={}", self.name, self.value, self.path);
        for (is_set, attribute) in [(self.secure, "Secure"), (self.http_only, "HttpOnly")] {
            if is_set {
                let _ = write!(line, "; {attribute}");
            }
        }
        for (attribute, value) in [
            ("SameSite", self.same_site.clone()),
            ("Domain", self.domain.clone()),
            ("Max-Age", self.max_age.map(|age| age.to_string())),
        ] {
            if let Some(value) = value {
                let _ = write!(line, "; {attribute}={value}");
            }
        }
        line
    }
}

/// The cookies of one browser.
#[derive(Debug, Default)]
pub(crate) struct Jar(Mutex<CookieStore>, AtomicBool);

impl Jar {
    /// Takes a `Set-Cookie` line; one that a browser would refuse ends the test.
    pub(crate) fn keep(&self, line: &str, url: &Url) {
        match self.0.lock().unwrap().parse(line, url) {
            Ok(_) | Err(CookieError::Expired) => {}
            Err(refused) => panic!("{url} sets a cookie that no browser keeps: {line}: {refused}"),
        }
    }

    /// From now on this machine is as good as TLS, as it is to browsers.
    pub(crate) fn trust_this_machine(&self) {
        self.1.store(true, Ordering::Relaxed);
    }

    /// Puts a cookie where it says it is from.
    pub(crate) fn plant(&self, cookie: &Cookie) {
        let url = format!("https://{}{}", cookie.host, cookie.path);
        self.keep(&cookie.line(), &Url::parse(&url).unwrap());
    }

    /// The `Cookie` header for a URL. `Secure` means TLS here, also on this machine unless that is
    /// trusted, where the store would let it go as browsers do.
    pub(crate) fn header(&self, url: &Url) -> Option<String> {
        let cookies = self.0.lock().unwrap();
        let cookies = cookies.matches(url).into_iter();
        let is_secure = url.scheme() == "https" || self.1.load(Ordering::Relaxed);
        let sent = cookies.filter(|c| c.secure() != Some(true) || is_secure);
        let pairs: Vec<_> = sent
            .map(|c| format!("{}={}", c.name(), c.value()))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    pub(crate) fn all(&self) -> Vec<Cookie> {
        let cookies = self.0.lock().unwrap();
        cookies.iter_unexpired().map(Cookie::of).collect()
    }

    pub(crate) fn forget(&self) {
        self.0.lock().unwrap().clear();
    }
}
