//! An upstream provider in a laboratory: it signs with real keys and answers what a test says.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use insula_ambient::ManualClock;
use insula_connector_kit::{
    Challenge, Connector, ConnectorError, LoginContext, Memory, Reply, UpstreamIdentity,
};
use insula_jose::{Alg, KeyId, SigningKey};
use insula_model::{ClockSkew, ConnectorSpec};
use insula_oauth::Params;
use serde_json::{Value, json};
use url::Url;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::super::Oidc;
use crate::testing::{CALLBACK, NOW, a_clock, a_login, a_spec, an_open_context, local_http};

pub(super) const CLIENT: &str = "us & co";

pub(super) struct Lab {
    pub(super) server: MockServer,
    pub(super) key: SigningKey,
    pub(super) clock: ManualClock,
}

impl Lab {
    /// An ordinary provider.
    pub(super) async fn new() -> Self {
        Self::with_metadata(json!({"code_challenge_methods_supported": ["plain", "S256"]})).await
    }

    /// A provider whose metadata say more, or something else.
    pub(super) async fn with_metadata(more: Value) -> Self {
        let lab = Self {
            server: MockServer::start().await,
            key: SigningKey::generate(Alg::ES256, KeyId::new("k1")).unwrap(),
            clock: a_clock(),
        };
        lab.serve_metadata(more).await;
        lab.serve_keys(json!([lab.key.public_jwk()]), None).await;
        lab
    }

    pub(super) async fn serve_metadata(&self, more: Value) {
        let url = |at: &str| format!("{}{at}", self.server.uri());
        let mut metadata = json!({
            "issuer": self.server.uri(),
            "authorization_endpoint": url("/authorize?tenant=t"),
            "token_endpoint": url("/token"),
            "jwks_uri": url("/keys"),
            "userinfo_endpoint": url("/userinfo"),
        });
        let more = more.as_object().unwrap().clone();
        metadata.as_object_mut().unwrap().extend(more);
        Mock::given(path("/.well-known/openid-configuration"))
            .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
            .mount(&self.server)
            .await;
    }

    /// Serves a key set, for ever or so many times.
    pub(super) async fn serve_keys(&self, keys: Value, times: Option<u64>) {
        let answer = ResponseTemplate::new(200).set_body_json(json!({"keys": keys}));
        let mock = Mock::given(path("/keys")).respond_with(answer);
        match times {
            None => mock.mount(&self.server).await,
            Some(times) => mock.up_to_n_times(times).mount(&self.server).await,
        }
    }

    /// Answers the next call to the token endpoint.
    pub(super) async fn serve_tokens_once(&self, answer: ResponseTemplate) {
        Mock::given(method("POST"))
            .and(path("/token"))
            .respond_with(answer)
            .up_to_n_times(1)
            .mount(&self.server)
            .await;
    }

    pub(super) async fn serve_userinfo(&self, userinfo: Value) {
        Mock::given(path("/userinfo"))
            .respond_with(ResponseTemplate::new(200).set_body_json(userinfo))
            .mount(&self.server)
            .await;
    }

    /// Answers the next call to userinfo.
    pub(super) async fn serve_userinfo_once(&self, media_type: &str, body: &str) {
        let body = body.as_bytes().to_vec();
        Mock::given(path("/userinfo"))
            .respond_with(ResponseTemplate::new(200).set_body_raw(body, media_type))
            .up_to_n_times(1)
            .mount(&self.server)
            .await;
    }

    /// The connector, with settings beyond the necessary ones.
    pub(super) fn open(&self, more: &Value) -> Oidc {
        self.try_open(more).unwrap()
    }

    /// The connector, with clocks that may differ by another measure.
    pub(super) fn open_with_skew(&self, clock_skew: ClockSkew) -> Oidc {
        self.opened(&json!({}), clock_skew).unwrap()
    }

    pub(super) fn try_open(&self, more: &Value) -> Result<Oidc, ConnectorError> {
        self.opened(more, ClockSkew::of(Duration::from_mins(1)))
    }

    fn opened(&self, more: &Value, clock_skew: ClockSkew) -> Result<Oidc, ConnectorError> {
        let mut config = json!({
            "issuer": self.server.uri(),
            "clientID": CLIENT,
            "clientSecret": "s:cret",
            "redirectURI": CALLBACK,
        });
        config
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let spec = ConnectorSpec {
            clock_skew,
            ..a_spec("oidc", config)
        };
        Oidc::open(&local_http(), &spec, &an_open_context(&self.clock))
    }

    /// What an honest ID token of Jane says.
    pub(super) fn claims(&self, nonce: &str) -> Value {
        json!({
            "iss": self.server.uri(), "aud": CLIENT, "sub": "jane-1",
            "iat": NOW.as_secs(), "exp": NOW.as_secs() + 300, "nonce": nonce,
            "name": "Jane", "preferred_username": "jane",
            "email": "jane@idp.test", "email_verified": true,
        })
    }

    /// Calls to an endpoint so far.
    pub(super) async fn calls(&self, at: &str) -> Vec<Request> {
        let all = self.server.received_requests().await.unwrap();
        all.into_iter()
            .filter(|request| request.url.path() == at)
            .collect()
    }

    /// A whole login, with an ID token made of the nonce.
    pub(super) async fn log_in_with(
        &self,
        oidc: &Oidc,
        id_token: impl FnOnce(&str) -> String,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let ctx = a_login();
        let (asked, memory) = begin(oidc, &ctx).await;
        let tokens = json!({"access_token": "at", "token_type": "Bearer", "refresh_token": "rt1",
            "id_token": id_token(asked.get("nonce").unwrap())});
        self.serve_tokens_once(ResponseTemplate::new(200).set_body_json(tokens))
            .await;
        oidc.complete(&ctx, &memory, query("code=c1&state=state1"))
            .await
    }

    /// A whole login of Jane, with other claims than her usual ones. `null` removes one.
    pub(super) async fn log_in(
        &self,
        oidc: &Oidc,
        other: Value,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let id_token = |nonce: &str| self.key.sign(None, &merged(self.claims(nonce), &other));
        self.log_in_with(oidc, |nonce| id_token(nonce).unwrap())
            .await
    }
}

pub(super) fn merged(mut claims: Value, other: &Value) -> Value {
    let map = claims.as_object_mut().unwrap();
    map.extend(other.as_object().unwrap().clone());
    map.retain(|_, value| !value.is_null());
    claims
}

/// The parameters of the authorization request, and what is remembered of it.
pub(super) async fn begin(oidc: &Oidc, ctx: &LoginContext) -> (HashMap<String, String>, Memory) {
    let challenge = oidc.begin(ctx).await.unwrap();
    let Challenge::Redirect { to, memory } = challenge else {
        panic!("{challenge:?}");
    };
    let url = Url::parse(&to).unwrap();
    (url.query_pairs().into_owned().collect(), memory)
}

pub(super) fn query(text: &str) -> Reply {
    Reply::Query(Params::parse(text).unwrap())
}

/// The text of a refusal that is the upstream's fault.
pub(super) fn bad_reply(answer: Result<UpstreamIdentity, ConnectorError>) -> String {
    match answer {
        Err(ConnectorError::BadReply(said)) => said,
        other => panic!("{other:?}"),
    }
}

pub(super) fn form(request: &Request) -> HashMap<String, String> {
    url::form_urlencoded::parse(&request.body)
        .into_owned()
        .collect()
}

#[tokio::test]
async fn many_logins_at_once_discover_once() {
    let lab = Lab::new().await;
    let oidc = Arc::new(lab.open(&json!({})));
    let ctx = a_login();
    futures_util::future::join_all((0..8).map(|_| oidc.begin(&ctx))).await;
    assert_eq!(
        lab.calls("/.well-known/openid-configuration").await.len(),
        1
    );
}
