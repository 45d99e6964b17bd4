use std::sync::Mutex;

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
    /// `SameSite`, as written.
    pub same_site: Option<String>,
    /// `Domain`, as written; no cookie of ours has one.
    pub domain: Option<String>,
    /// `Max-Age` in seconds; `None` lives until the browser ends.
    pub max_age: Option<i64>,
}

impl Cookie {
    /// Reads one `Set-Cookie` line.
    pub(crate) fn parse(line: &str, url: &Url) -> Self {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next().and_then(|p| p.split_once('=')).unwrap();
        let mut cookie = Self {
            name: name.to_owned(),
            value: value.to_owned(),
            host: url.host_str().unwrap().to_owned(),
            path: folder(url.path()).to_owned(),
            secure: false,
            http_only: false,
            same_site: None,
            domain: None,
            max_age: None,
        };
        for attribute in parts {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            match key.to_ascii_lowercase().as_str() {
                "path" => cookie.path = value.to_owned(),
                "secure" => cookie.secure = true,
                "httponly" => cookie.http_only = true,
                "samesite" => cookie.same_site = Some(value.to_owned()),
                "domain" => cookie.domain = Some(value.to_owned()),
                "max-age" => cookie.max_age = value.parse().ok(),
                _ => {}
            }
        }
        cookie
    }

    fn is_for(&self, url: &Url) -> bool {
        let path = url.path();
        let within = path == self.path
            || path
                .strip_prefix(self.path.as_str())
                .is_some_and(|rest| self.path.ends_with('/') || rest.starts_with('/'));
        url.host_str() == Some(&self.host) && within && (!self.secure || url.scheme() == "https")
    }

    fn is_same_as(&self, other: &Self) -> bool {
        self.name == other.name && self.host == other.host && self.path == other.path
    }
}

fn folder(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

/// The cookies of one browser.
#[derive(Debug, Default)]
pub(crate) struct Jar(Mutex<Vec<Cookie>>);

impl Jar {
    pub(crate) fn keep(&self, cookie: Cookie) {
        let mut cookies = self.0.lock().unwrap();
        cookies.retain(|known| !known.is_same_as(&cookie));
        if cookie.max_age.is_none_or(|age| age > 0) {
            cookies.push(cookie);
        }
    }

    /// The `Cookie` header for a URL.
    pub(crate) fn header(&self, url: &Url) -> Option<String> {
        let cookies = self.0.lock().unwrap();
        let pairs = cookies.iter().filter(|cookie| cookie.is_for(url));
        let pairs: Vec<_> = pairs.map(|c| format!("{}={}", c.name, c.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    pub(crate) fn all(&self) -> Vec<Cookie> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn forget(&self) {
        self.0.lock().unwrap().clear();
    }
}
