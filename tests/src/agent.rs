use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, COOKIE, HOST, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Method};
use serde_json::Value;
use url::Url;

use crate::jar::Jar;
use crate::{Cookie, Page};

/// A browser without a screen: it keeps cookies, follows nothing by itself, and reaches every host
/// name at 127.0.0.1.
#[derive(Debug)]
pub struct Agent {
    http: Client,
    jar: Jar,
    ports: Vec<u16>,
    turn: AtomicUsize,
    headers: Vec<(String, String)>,
    takes_cookies: bool,
    speaks_tls: bool,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked.
    pub url: Url,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, unpacked.
    pub body: String,
}

impl Default for Agent {
    fn default() -> Self {
        Self::new()
    }
}

impl Agent {
    /// One that knocks where the URL says.
    pub fn new() -> Self {
        Self::through(&[])
    }

    /// One that knocks at these ports in turn, whatever port or scheme the URL has: at several
    /// processes that serve the same tenants, or where a proxy would do the TLS.
    pub fn through(ports: &[u16]) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        Self {
            http: client().build().unwrap(),
            jar: Jar::default(),
            ports: ports.to_vec(),
            turn: AtomicUsize::new(0),
            headers: Vec::new(),
            takes_cookies: true,
            speaks_tls: false,
        }
    }

    /// As one that gives up on an answer after so long.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.http = client().timeout(patience).build().unwrap();
        self
    }

    /// As one that does TLS by itself, and trusts this authority, too.
    pub fn trusting(mut self, authority: Certificate) -> Self {
        let client = client().tls_certs_merge([authority]);
        self.http = client.build().unwrap();
        self.speaks_tls = true;
        self
    }

    /// Sends a header along with everything.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As a browser, to which plain HTTP on this machine is as good as TLS: cookies of others may ask for
    /// it.
    pub fn trusting_this_machine(self) -> Self {
        self.jar.trust_this_machine();
        self
    }

    /// As a browser that takes no cookies.
    pub fn without_cookies(mut self) -> Self {
        self.takes_cookies = false;
        self
    }

    /// Its cookies.
    pub fn cookies(&self) -> Vec<Cookie> {
        self.jar.all()
    }

    /// The cookie of a name, whichever tenant it is from.
    pub fn cookie(&self, name: &str) -> Cookie {
        let cookies = self.cookies();
        let found = cookies.iter().find(|cookie| {
            let of_tenant = cookie.name.rsplit_once('.').map(|(name, _)| name);
            of_tenant.map(|name| name.trim_start_matches("__Host-")) == Some(name)
        });
        found
            .unwrap_or_else(|| panic!("no cookie {name} among {cookies:?}"))
            .clone()
    }

    /// Puts a cookie into the jar, as an attacker's page or a colleague's browser might.
    pub fn plant(&self, cookie: Cookie) {
        self.jar.plant(&cookie);
    }

    /// Ends the browser and begins a new one.
    pub fn forget(&self) {
        self.jar.forget();
    }

    /// `GET`.
    pub async fn get(&self, url: impl AsRef<str>) -> Answer {
        self.send(Method::GET, url.as_ref(), &[], None).await
    }

    /// `POST` of a form.
    pub async fn post(&self, url: impl AsRef<str>, form: &[(&str, &str)]) -> Answer {
        self.post_with(url, form, &[]).await
    }

    /// `POST` of a form, with headers.
    pub async fn post_with(
        &self,
        url: impl AsRef<str>,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let body = encode(form);
        self.send(Method::POST, url.as_ref(), headers, Some(body))
            .await
    }

    /// Anything.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        form: Option<String>,
    ) -> Answer {
        let attempt = self.try_send(method, url, headers, form).await;
        attempt.unwrap_or_else(|error| panic!("{url}: {error:?}"))
    }

    /// Anything, where nobody may answer.
    pub async fn try_send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        form: Option<String>,
    ) -> reqwest::Result<Answer> {
        let url = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        let mut target = url.clone();
        if !self.speaks_tls {
            target.set_scheme("http").unwrap();
        }
        target.set_host(Some("127.0.0.1")).unwrap();
        target.set_port(Some(self.port_for(&url))).unwrap();
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str().unwrap()),
            None => url.host_str().unwrap().to_owned(),
        };
        let mut request = self.http.request(method, target).header(HOST, host);
        if let Some(cookies) = self.jar.header(&url) {
            request = request.header(COOKIE, cookies);
        }
        let own = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        for (name, value) in own.chain(headers.iter().copied()) {
            request = request.header(name, value);
        }
        if let Some(body) = form {
            let has_type = headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            if !has_type {
                request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            }
            request = request.body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let lines = headers.get_all(SET_COOKIE).iter();
        for line in lines.filter(|_| self.takes_cookies) {
            self.jar.keep(line.to_str().unwrap(), &url);
        }
        Ok(Answer {
            url,
            status,
            headers,
            body: response.text().await?,
        })
    }

    fn port_for(&self, url: &Url) -> u16 {
        if self.ports.is_empty() {
            return url.port_or_known_default().unwrap();
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.ports[turn % self.ports.len()]
    }
}

fn client() -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(30))
}

impl Answer {
    /// A header's text, empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Where it leads.
    pub fn location(&self) -> Url {
        let location = self.header(LOCATION.as_str());
        assert!(
            self.status >= 300 && !location.is_empty(),
            "{} leads nowhere: {} {}",
            self.url,
            self.status,
            self.words()
        );
        self.url.join(location).unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.url, self.body))
    }

    /// The body as a page.
    pub fn page(&self) -> Page {
        Page::read(&self.body)
    }

    /// The OAuth error of a JSON body.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    /// What a person reads in it.
    pub fn words(&self) -> String {
        self.page().words()
    }

    /// Fails unless it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.url, self.words());
        self
    }

    /// Fails unless whoever carries it is told not to keep it (RFC 6749 §5.1).
    #[track_caller]
    pub fn assert_uncached(&self) {
        let told = ["cache-control", "pragma"].map(|name| self.header(name));
        assert_eq!(told, ["no-store", "no-cache"], "{}", self.url);
    }
}

/// `application/x-www-form-urlencoded`.
pub(crate) fn encode(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}
