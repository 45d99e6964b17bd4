use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use insula_ambient::{Backoff, Breaker, Clock};
use insula_connector_kit::{ConnectorError, Document};
use insula_secret::Secret;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;
use url::Url;

use super::client::UpstreamHttp;
use super::policy::{OutboundPolicy, Refused};
use super::tls::Trust;

/// An upstream's answers are documents about one person or one provider.
const LARGEST_ANSWER: usize = 1024 * 1024;
const MOST_REDIRECTS: u32 = 3;

/// After so many failures in a row an upstream is left alone.
const FAILURES: u32 = 5;
/// For how long: longer with every call that tries then and fails.
const PAUSES: Backoff = Backoff {
    first: Duration::from_secs(10),
    longest: Duration::from_mins(5),
};

/// One question to an upstream.
#[derive(Clone)]
pub(crate) struct Ask {
    method: Method,
    url: Url,
    body: Option<String>,
    media_type: &'static str,
    basic: Option<(String, String)>,
    bearer: Option<String>,
    accept: &'static str,
    header: Option<(&'static str, &'static str)>,
    token: Option<(&'static str, Secret<str>)>,
    follows: bool,
    is_of_an_exchange: bool,
}

impl Ask {
    /// Fetches a document.
    pub(crate) fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            body: None,
            media_type: "application/x-www-form-urlencoded",
            basic: None,
            bearer: None,
            accept: "application/json",
            header: None,
            token: None,
            follows: false,
            is_of_an_exchange: false,
        }
    }

    /// Posts an encoded form.
    pub(crate) fn post_form(url: Url, form: String) -> Self {
        Self {
            method: Method::POST,
            body: Some(form),
            ..Self::get(url)
        }
    }

    /// Posts a JSON document.
    pub(crate) fn post_json(url: Url, document: &Value) -> Self {
        Self {
            media_type: "application/json",
            ..Self::post_form(url, document.to_string())
        }
    }

    /// With HTTP Basic authentication.
    pub(crate) fn with_basic(mut self, name: String, password: String) -> Self {
        self.basic = Some((name, password));
        self
    }

    /// With an access token (RFC 6750 §2.1).
    pub(crate) fn with_bearer(mut self, token: String) -> Self {
        self.bearer = Some(token);
        self
    }

    /// Says what may be answered, where that is more than JSON.
    pub(crate) fn accepting(mut self, media_types: &'static str) -> Self {
        self.accept = media_types;
        self
    }

    /// With one header more, which a vendor wants.
    pub(crate) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    /// With a token in a header of the vendor's own.
    pub(crate) fn with_token_in(mut self, name: &'static str, token: Secret<str>) -> Self {
        self.token = Some((name, token));
        self
    }

    /// Follows up to three redirects within the same origin. Only for documents that are public:
    /// nothing secret may travel with it.
    pub(crate) fn following_redirects(mut self) -> Self {
        self.follows = true;
        self
    }

    /// For a program that shows a token. What it shows costs a call however worthless it is, so these
    /// take no more than half of the calls: the others are for people who log in.
    pub(crate) fn of_an_exchange(mut self) -> Self {
        self.is_of_an_exchange = true;
        self
    }
}

/// What an upstream answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    content_type: String,
    headers: HeaderMap,
}

impl Answer {
    /// A header's text; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The answer, unless it says that the upstream takes the token no more (401), that too much is
    /// asked of it (429, or 403 with a word on when to come back), or that it fails (5xx).
    pub(crate) fn unless_it_failed(self, what: &str) -> Result<Self, ConnectorError> {
        let status = self.status.as_u16();
        let is_spent = self.header("x-ratelimit-remaining") == "0";
        let is_told_to_wait = !self.header("retry-after").is_empty() || is_spent;
        match status {
            401 => Err(ConnectorError::Denied(format!(
                "it takes the token no more when asked for its {what}"
            ))),
            429 => Err(too_much(what)),
            403 if is_told_to_wait => Err(too_much(what)),
            500.. => Err(ConnectorError::Upstream(format!(
                "it answered {status} when asked for its {what}"
            ))),
            _ => Ok(self),
        }
    }

    /// The body as a JSON object.
    pub(crate) fn document(&self, what: &'static str) -> Result<Document, ConnectorError> {
        Document::parse(what, &self.body)
    }

    /// The body as a list of JSON objects; `null` is an empty one.
    pub(crate) fn documents(&self, what: &'static str) -> Result<Vec<Document>, ConnectorError> {
        let list: Option<Option<Vec<Map<String, Value>>>> = serde_json::from_slice(&self.body).ok();
        let list = list.ok_or_else(|| {
            ConnectorError::BadReply(format!("its {what} are not a JSON list of objects"))
        })?;
        let documents = list.unwrap_or_default().into_iter();
        Ok(documents
            .map(|members| Document::of(what, members))
            .collect())
    }

    /// The body, if it is said to be a JWT (RFC 7519 §10.3.1).
    pub(crate) fn jwt(&self) -> Option<&str> {
        let (media_type, _) = self
            .content_type
            .split_once(';')
            .unwrap_or((&self.content_type, ""));
        let is_jwt = media_type.trim().eq_ignore_ascii_case("application/jwt");
        str::from_utf8(&self.body)
            .ok()
            .map(str::trim)
            .filter(|_| is_jwt)
    }

    /// The answer, if its status is 200.
    pub(crate) fn ok(self, what: &str) -> Result<Self, ConnectorError> {
        if self.status == StatusCode::OK {
            return Ok(self);
        }
        let status = self.status.as_u16();
        Err(ConnectorError::Upstream(format!(
            "it answered {status} when asked for its {what}"
        )))
    }
}

fn too_much(what: &str) -> ConnectorError {
    ConnectorError::Upstream(format!(
        "it answered that too much is asked of it, when asked for its {what}; try again later"
    ))
}

/// How one connector speaks to its upstream.
pub(crate) struct UpstreamSettings {
    pub(crate) connector: String,
    pub(crate) timeout: Duration,
    pub(crate) calls: u32,
    pub(crate) trust: Trust,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The way to one connector's upstream: a number of calls at once, a circuit breaker, a time-out.
/// What goes wrong behind it stays behind it.
pub(crate) struct Upstream {
    caller: Arc<Caller>,
    calls: Arc<Semaphore>,
    /// Those of them that exchanges may take.
    exchanges: Arc<Semaphore>,
    io: tokio::runtime::Handle,
}

/// What a call needs on the I/O runtime, where it outlives an asker who gave up.
struct Caller {
    connector: String,
    client: reqwest::Client,
    policy: Arc<OutboundPolicy>,
    timeout: Duration,
    breaker: Breaker,
    clock: Arc<dyn Clock>,
}

impl Upstream {
    pub(crate) fn open(
        http: &UpstreamHttp,
        settings: UpstreamSettings,
    ) -> Result<Self, ConnectorError> {
        let calls = usize::try_from(settings.calls.max(1)).unwrap_or(usize::MAX);
        let calls = calls.min(Semaphore::MAX_PERMITS);
        Ok(Self {
            caller: Arc::new(Caller {
                client: http.client_trusting(&settings.trust)?,
                policy: Arc::clone(http.policy()),
                connector: settings.connector,
                timeout: settings.timeout,
                breaker: Breaker::new(FAILURES, PAUSES),
                clock: settings.clock,
            }),
            calls: Arc::new(Semaphore::new(calls)),
            exchanges: Arc::new(Semaphore::new(calls.div_ceil(2))),
            io: http.io().clone(),
        })
    }

    /// Asks, once. A refusal by the guard, a full queue and an open circuit are told at once;
    /// nothing is ever asked twice here.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Answer, ConnectorError> {
        let of_exchanges = ask.is_of_an_exchange.then(|| self.enter_as_exchange());
        let permits = (of_exchanges.transpose()?, self.enter()?);
        self.caller.admit()?;
        let caller = Arc::clone(&self.caller);
        let call = self.io.spawn(async move {
            let answered = caller.call(ask).await;
            caller.report(&answered);
            drop(permits);
            answered
        });
        call.await
            .map_err(|_| ConnectorError::Unreachable("the call was broken off".to_owned()))?
            .map_err(|failure| failure.into_error(&self.caller.connector))
    }

    pub(super) fn enter(&self) -> Result<OwnedSemaphorePermit, ConnectorError> {
        taken(&self.calls, "all calls to the upstream are in use")
    }

    pub(crate) fn enter_as_exchange(&self) -> Result<OwnedSemaphorePermit, ConnectorError> {
        let busy = "all calls to the upstream that token exchanges may take are in use";
        taken(&self.exchanges, busy)
    }
}

fn taken(
    calls: &Arc<Semaphore>,
    busy: &'static str,
) -> Result<OwnedSemaphorePermit, ConnectorError> {
    let permit = Arc::clone(calls).try_acquire_owned();
    permit.map_err(|_| ConnectorError::Busy(busy))
}

/// Why there is no answer.
enum Failure {
    /// We may not ask it.
    Forbidden(String),
    /// We stopped listening.
    Unusable(String),
    /// The upstream did not answer in time, or not at all.
    Silent(String),
}

impl Failure {
    fn into_error(self, connector: &str) -> ConnectorError {
        let named = |cause| format!("connector {connector:?}: {cause}");
        match self {
            Self::Forbidden(cause) => ConnectorError::Settings(named(cause)),
            Self::Unusable(cause) => ConnectorError::Upstream(cause),
            Self::Silent(cause) => ConnectorError::Unreachable(named(cause)),
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Forbidden(refused.to_string())
    }
}

impl Caller {
    fn admit(&self) -> Result<(), ConnectorError> {
        self.breaker.admit(self.clock.monotonic()).map_err(|pause| {
            ConnectorError::Unreachable(format!(
                "connector {:?}: it failed too often and is left alone for {} s",
                self.connector,
                pause.as_secs().max(1)
            ))
        })
    }

    fn report(&self, answered: &Result<Answer, Failure>) {
        let failed = || self.breaker.failed(self.clock.monotonic());
        let opened = match answered {
            Ok(answer) if answer.status.is_server_error() => failed(),
            Err(Failure::Silent(_)) => failed(),
            Ok(_) => {
                self.breaker.close();
                false
            }
            Err(Failure::Forbidden(_) | Failure::Unusable(_)) => false,
        };
        if opened {
            let id = &self.connector;
            warn!(connector.id = %id, "connector {id} is left alone for a while: its upstream fails");
        }
    }

    async fn call(&self, mut ask: Ask) -> Result<Answer, Failure> {
        let mut redirects = 0;
        loop {
            self.policy.check_url(&ask.url)?;
            let response = self.send(&ask).await?;
            if !(ask.follows && response.status().is_redirection()) {
                return self.read(response, &ask.url).await;
            }
            redirects += 1;
            ask.url = next_hop(&ask.url, response.headers().get(LOCATION), redirects)?;
        }
    }

    async fn send(&self, ask: &Ask) -> Result<reqwest::Response, Failure> {
        let mut request = self
            .client
            .request(ask.method.clone(), ask.url.clone())
            .timeout(self.timeout)
            .header(ACCEPT, HeaderValue::from_static(ask.accept));
        if let Some((name, value)) = ask.header {
            request = request.header(name, value);
        }
        if let Some((name, token)) = &ask.token {
            let mut value = HeaderValue::from_str(token.reveal())
                .map_err(|_| Failure::Unusable("its token fits into no header".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(*name, value);
        }
        if let Some(body) = &ask.body {
            request = request
                .header(CONTENT_TYPE, ask.media_type)
                .body(body.clone());
        }
        if let Some((name, password)) = &ask.basic {
            request = request.basic_auth(name, Some(password));
        }
        if let Some(token) = &ask.bearer {
            request = request.bearer_auth(token);
        }
        request
            .send()
            .await
            .map_err(|cause| self.failure(&ask.url, &cause))
    }

    async fn read(&self, mut response: reqwest::Response, url: &Url) -> Result<Answer, Failure> {
        let too_large =
            || Failure::Unusable(format!("its answer is larger than {LARGEST_ANSWER} bytes"));
        let announced = response.content_length().unwrap_or(0);
        if announced > LARGEST_ANSWER as u64 {
            return Err(too_large());
        }
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failure(url, &e))? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body,
            content_type,
        })
    }

    /// Says what went wrong in our words: the client's own message carries the URL, and a URL may
    /// carry a secret.
    fn failure(&self, url: &Url, cause: &reqwest::Error) -> Failure {
        let host = host(url);
        if let Some(refused) = find::<Refused>(cause) {
            return refused.clone().into();
        }
        if cause.is_timeout() {
            let ms = self.timeout.as_millis();
            return Failure::Silent(format!("{host} did not answer within {ms} ms"));
        }
        if cause.is_connect() {
            let why = root(cause);
            return Failure::Silent(format!("{host} cannot be reached: {why}"));
        }
        if cause.is_builder() {
            return Failure::Forbidden(format!("the call to {host} cannot be made"));
        }
        Failure::Silent(format!("the conversation with {host} broke off"))
    }
}

/// Where a redirect leads, if it stays within the origin.
fn next_hop(from: &Url, location: Option<&HeaderValue>, so_far: u32) -> Result<Url, Failure> {
    let refused = |why: &str| Failure::Unusable(format!("it {why}"));
    if so_far > MOST_REDIRECTS {
        return Err(refused("redirects in circles"));
    }
    let to = location
        .and_then(|location| location.to_str().ok())
        .and_then(|location| from.join(location).ok())
        .ok_or_else(|| refused("redirects nowhere"))?;
    if to.origin() != from.origin() {
        return Err(refused(
            "redirects to another origin, which is not followed",
        ));
    }
    Ok(to)
}

pub(super) fn host(url: &Url) -> String {
    url.host_str().unwrap_or("the upstream").to_owned()
}

pub(super) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

pub(super) fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest
}
