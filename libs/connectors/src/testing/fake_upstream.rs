use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};

use insula_connector_kit::{
    Challenge, Connector, ConnectorError, LoginContext, Reply, UpstreamIdentity,
};
use insula_oauth::Params;
use serde_json::Value;
use url::Url;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// The server of an upstream, which answers what a test says.
pub(crate) struct FakeUpstream {
    pub(crate) server: MockServer,
    next_priority: AtomicU8,
}

impl FakeUpstream {
    pub(crate) async fn new() -> Self {
        Self {
            server: MockServer::start().await,
            next_priority: AtomicU8::new(200),
        }
    }

    /// An address below it.
    pub(crate) fn url(&self, at: &str) -> Url {
        Url::parse(&format!("{}{at}", self.server.uri())).unwrap()
    }

    /// Answers `GET` with a document, until another answer is served.
    pub(crate) async fn serve(&self, at: &str, document: Value) {
        let answer = ResponseTemplate::new(200).set_body_json(document);
        self.answer("GET", at, answer).await;
    }

    /// Answers a method with anything. What is served last counts.
    pub(crate) async fn answer(&self, verb: &str, at: &str, answer: ResponseTemplate) {
        // wiremock asks the lowest number first.
        let priority = self.next_priority.fetch_sub(1, Ordering::Relaxed);
        let mock = Mock::given(method(verb)).and(path(at)).respond_with(answer);
        mock.with_priority(priority).mount(&self.server).await;
    }

    /// Calls to an address so far.
    pub(crate) async fn calls(&self, at: &str) -> Vec<Request> {
        let all = self.server.received_requests().await.unwrap();
        let here = all.into_iter().filter(|request| request.url.path() == at);
        here.collect()
    }
}

/// The parameters people are sent to an upstream with.
pub(crate) async fn asked(
    connector: &dyn Connector,
    ctx: &LoginContext,
) -> HashMap<String, String> {
    let Challenge::Redirect { to, .. } = connector.begin(ctx).await.unwrap() else {
        panic!("nobody is sent anywhere");
    };
    let url = Url::parse(&to).unwrap();
    url.query_pairs().into_owned().collect()
}

/// A whole login, whose code the upstream redeems.
pub(crate) async fn log_in(
    connector: &dyn Connector,
    ctx: &LoginContext,
) -> Result<UpstreamIdentity, ConnectorError> {
    let Challenge::Redirect { memory, .. } = connector.begin(ctx).await? else {
        panic!("nobody is sent anywhere");
    };
    let reply = Reply::Query(Params::parse("code=c1&state=state1").unwrap());
    connector.complete(ctx, &memory, reply).await
}

/// The form of a request.
pub(crate) fn form(request: &Request) -> HashMap<String, String> {
    let pairs = url::form_urlencoded::parse(&request.body);
    pairs.into_owned().collect()
}
