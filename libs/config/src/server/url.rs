use std::fmt;
use std::path::Path;

use insula_secret::Secret;
use url::Url;

use super::is_from_file;
use crate::reading::Reading;
use crate::section::{Section, suggestion};

/// The URL of a database or a cache. It may carry a password, so that it is printed without user,
/// password and query.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl(Secret<str>);

impl ServiceUrl {
    /// Takes a URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self(Secret::new(url))
    }

    /// The whole of it, secrets included.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// The file of an SQLite database.
    pub fn file(&self) -> Option<&Path> {
        let file = self.reveal().strip_prefix("sqlite://")?;
        file.split('?').next().map(Path::new)
    }

    /// What stands before `:`.
    pub fn scheme(&self) -> &str {
        let url = self.reveal();
        url.split_once(':').map_or(url, |(scheme, _)| scheme)
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.reveal().split_once("://").map_or("", |(_, rest)| rest);
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        // The last @: a password may hold one that nobody escaped.
        let bare = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        write!(f, "{}://{bare}", self.scheme())
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where short-lived state is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheUrl {
    /// In this process, for this process alone.
    Memory,
    /// In Redis: `redis`, `rediss`, `redis+sentinel` or `redis+cluster`.
    Redis(ServiceUrl),
}

pub(super) fn database(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<ServiceUrl> {
    const SCHEMES: [&str; 5] = ["sqlite", "postgres", "postgresql", "mysql", "mariadb"];
    let Some(node) = top.node("database") else {
        return Some(sqlite_below(reading.dir(), "sqlite://insula.db"));
    };
    let text = reading.secret(node, "database")?;
    let url = ServiceUrl::new(text.value.reveal());
    if !SCHEMES.contains(&url.scheme()) {
        refuse_scheme(&url, &SCHEMES, text.at, "database", reading);
        return None;
    }
    if is_from_file("database", reading) {
        return Some(sqlite_below(reading.dir(), url.reveal()));
    }
    Some(url)
}

/// A relative SQLite file is relative to the file that names it.
fn sqlite_below(dir: &Path, url: &str) -> ServiceUrl {
    match url.strip_prefix("sqlite://") {
        Some(file) if !file.starts_with(['/', ':']) && !dir.as_os_str().is_empty() => {
            ServiceUrl::new(format!("sqlite://{}", dir.join(file).display()))
        }
        _ => ServiceUrl::new(url),
    }
}

pub(super) fn cache(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<CacheUrl> {
    const SCHEMES: [&str; 7] = [
        "memory",
        "redis",
        "rediss",
        "redis+sentinel",
        "rediss+sentinel",
        "redis+cluster",
        "rediss+cluster",
    ];
    let Some(node) = top.node("cache") else {
        return Some(CacheUrl::Memory);
    };
    let text = reading.secret(node, "cache")?;
    if text.value.reveal() == "memory" {
        return Some(CacheUrl::Memory);
    }
    let url = ServiceUrl::new(text.value.reveal());
    if url.scheme() == "memory" || !SCHEMES.contains(&url.scheme()) {
        refuse_scheme(&url, &SCHEMES, text.at, "cache", reading);
        return None;
    }
    // Several sentinels or nodes stand in one URL, parted by commas; the first must make a URL.
    let first = url.reveal().split(',').next().unwrap_or_default();
    if !Url::parse(first).is_ok_and(|url| url.has_host()) {
        let next = "write such as redis://host:6379/0";
        reading.error(text.at, "cache", "is a URL without a host", next);
        return None;
    }
    Some(CacheUrl::Redis(url))
}

fn refuse_scheme(
    url: &ServiceUrl,
    schemes: &[&str],
    at: crate::tree::Position,
    key: &str,
    reading: &mut Reading<'_>,
) {
    // What has no scheme may be a secret as a whole, and is not said.
    if url.reveal().contains("://") {
        let cause = format!("{:?} is not a scheme this version speaks", url.scheme());
        reading.error(at, key, cause, &suggestion(url.scheme(), schemes));
    } else {
        let next = format!("begin it with one of {}", schemes.join(", "));
        reading.error(at, key, "is not a URL", &next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_printed_without_what_is_secret_in_it() {
        let url = ServiceUrl::new("postgres://insula:hunter2@db.test/insula?sslpassword=x");
        assert_eq!(url.to_string(), "postgres://db.test/insula");
        assert_eq!(
            format!("{:?}", CacheUrl::Redis(url)),
            "Redis(postgres://db.test/insula)"
        );
    }

    #[test]
    fn a_password_with_an_at_sign_is_not_printed_either() {
        let url = ServiceUrl::new("redis://:p@ss@cache.test:6379/0");
        assert_eq!(url.to_string(), "redis://cache.test:6379/0");
    }
}
