//! What connectors share whose upstream speaks plain OAuth 2.0: people are sent to it for a code, the
//! code is redeemed, and the API of the upstream is asked with the token who they are.

use std::sync::Arc;

use async_trait::async_trait;
use insula_ambient::Entropy;
use insula_connector_kit::{
    Challenge, ConnectorError, LoginContext, Memory, OpenContext, PkcePair, RedirectFrom, Reply,
    UpstreamIdentity, UpstreamTokens, authorization_url, read_code,
};
use insula_model::{ConnectorSpec, Issuer};
use insula_oauth::CodeChallengeMethod;
use insula_secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use crate::callback;
use crate::http::{Answer, Ask, Trust, Upstream, UpstreamHttp, UpstreamSettings};
use crate::token_endpoint::{ClientAt, KnownCredentials, NoTokens, redeem};

/// What we are at the upstream, as every such connector's settings say it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Registration {
    #[serde(rename = "clientID")]
    pub(crate) client_id: String,
    pub(crate) client_secret: Secret<str>,
    #[serde(rename = "redirectURI")]
    pub(crate) redirect_uri: String,
}

/// What is wrong where nothing proves who we are.
pub(crate) const NO_SECRET: &str = "clientSecret is missing";

impl Registration {
    /// What is missing, or leads elsewhere.
    pub(crate) fn problems(&self, spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
        let mut problems = Vec::new();
        if self.client_id.is_empty() {
            problems.push("clientID is missing".to_owned());
        }
        if self.client_secret.reveal().is_empty() {
            problems.push(NO_SECRET.to_owned());
        }
        problems.extend(callback::wrong(&self.redirect_uri, spec, issuer));
        problems
    }
}

/// Where the upstream is asked what, and how.
pub(crate) struct Endpoints {
    pub(crate) authorization: Url,
    pub(crate) token: Url,
    /// Whether it takes the credentials of a client in the body alone.
    pub(crate) never_basic: bool,
    /// Whether it takes a code challenge (RFC 7636).
    pub(crate) takes_challenge: bool,
}

/// A client of one upstream. Where its endpoints are told by the upstream itself it has none of its
/// own, `()`.
pub(crate) struct OAuthClient<E = Endpoints> {
    registration: Registration,
    endpoints: E,
    upstream: Upstream,
    credentials: KnownCredentials,
    /// A signed proof of who we are, where there is one.
    assertion: Option<Secret<str>>,
    /// What the vendor says of refresh tokens that are worth nothing, beside `invalid_grant`.
    spent: &'static [&'static str],
    entropy: Arc<dyn Entropy>,
}

/// What is kept of a login between the question and the answer.
#[derive(Serialize, Deserialize)]
struct Asked {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verifier: Option<String>,
}

impl<E> OAuthClient<E> {
    pub(crate) fn open(
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
        registration: Registration,
        endpoints: E,
        trust: Trust,
    ) -> Result<Self, ConnectorError> {
        let upstream = UpstreamSettings {
            connector: spec.id.as_str().to_owned(),
            timeout: spec.timeout,
            calls: ctx.upstream_calls,
            trust,
            clock: Arc::clone(&ctx.clock),
        };
        Ok(Self {
            registration,
            endpoints,
            upstream: Upstream::open(http, upstream)?,
            credentials: KnownCredentials::default(),
            assertion: None,
            spent: &[],
            entropy: Arc::clone(&ctx.entropy),
        })
    }

    /// For a vendor who has words of its own for a refresh token that is worth nothing.
    pub(crate) fn with_spent_words(mut self, words: &'static [&'static str]) -> Self {
        self.spent = words;
        self
    }

    /// Proves who we are by a signed assertion and not by the secret (RFC 7523 §2.2).
    pub(crate) fn with_assertion(mut self, assertion: Option<Secret<str>>) -> Self {
        self.assertion = assertion;
        self
    }

    /// Sends the browser to the upstream (RFC 6749 §4.1.1), with what the vendor wants beside the
    /// usual parameters.
    pub(crate) fn begin_at(
        &self,
        endpoints: &Endpoints,
        ctx: &LoginContext,
        scope: &str,
        more: &[(&str, &str)],
    ) -> Result<Challenge, ConnectorError> {
        callback::must_be(&self.registration.redirect_uri, &ctx.callback_url)?;
        let pkce = endpoints
            .takes_challenge
            .then(|| PkcePair::generate(CodeChallengeMethod::S256, self.entropy.as_ref()));
        let challenge = pkce.as_ref().map(PkcePair::challenge);
        let mut parameters = vec![
            ("client_id", self.registration.client_id.as_str()),
            ("redirect_uri", &ctx.callback_url),
            ("response_type", "code"),
            ("state", ctx.state.as_str()),
        ];
        if !scope.is_empty() {
            parameters.push(("scope", scope));
        }
        if let Some(challenge) = &challenge {
            parameters.push(("code_challenge", challenge));
            parameters.push(("code_challenge_method", "S256"));
        }
        parameters.extend(more);
        let asked = Asked {
            verifier: pkce.as_ref().map(|pair| pair.reveal_verifier().to_owned()),
        };
        Ok(Challenge::Redirect {
            to: authorization_url(endpoints.authorization.as_str(), &parameters)?,
            memory: json!(asked),
        })
    }

    /// Redeems the code that came back (RFC 6749 §4.1.3).
    pub(crate) async fn complete_at(
        &self,
        endpoints: &Endpoints,
        ctx: &LoginContext,
        memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamTokens, ConnectorError> {
        let bad = |what: &str| ConnectorError::BadReply(what.to_owned());
        let Reply::Query(params) = reply else {
            return Err(bad("a redirect with a query was expected"));
        };
        callback::must_be(&self.registration.redirect_uri, &ctx.callback_url)?;
        let asked: Asked = serde_json::from_value(memory.clone())
            .map_err(|_| bad("nothing is remembered of this login"))?;
        let code = read_code(&params, RedirectFrom::default())?;
        let mut grant = vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &ctx.callback_url),
        ];
        if let Some(verifier) = &asked.verifier {
            grant.push(("code_verifier", verifier));
        }
        match self.redeem(endpoints, &grant).await {
            Ok(tokens) => Ok(tokens),
            Err(NoTokens::InvalidGrant) => Err(bad("the upstream refuses its own code")),
            Err(NoTokens::Refused(_, cause) | NoTokens::Failed(cause)) => Err(cause),
        }
    }

    async fn redeem(
        &self,
        endpoints: &Endpoints,
        grant: &[(&str, &str)],
    ) -> Result<UpstreamTokens, NoTokens> {
        let us = ClientAt {
            id: &self.registration.client_id,
            secret: self.registration.client_secret.reveal(),
            assertion: self.assertion.as_ref().map(Secret::reveal),
            never_basic: endpoints.never_basic,
        };
        let (upstream, endpoint) = (&self.upstream, &endpoints.token);
        redeem(upstream, endpoint, us, &self.credentials, false, grant).await
    }

    /// Asks the upstream's API with a token of a person's. What its status means is the vendor's to
    /// say, but for three: the token is refused, too much was asked, the upstream fails.
    pub(crate) async fn ask(
        &self,
        ask: Ask,
        token: &Secret<str>,
        what: &str,
    ) -> Result<Answer, ConnectorError> {
        let ask = ask.with_bearer(token.reveal().to_owned());
        let answer = self.upstream.ask(ask).await?;
        answer.unless_it_failed(what)
    }

    /// Asks for what the upstream tells anybody.
    pub(crate) async fn ask_openly(&self, ask: Ask) -> Result<Answer, ConnectorError> {
        self.upstream.ask(ask).await
    }
}

impl OAuthClient {
    /// Sends the browser to the upstream; see [`begin_at`](Self::begin_at).
    pub(crate) fn begin(
        &self,
        ctx: &LoginContext,
        scope: &str,
        more: &[(&str, &str)],
    ) -> Result<Challenge, ConnectorError> {
        self.begin_at(&self.endpoints, ctx, scope, more)
    }

    /// Redeems the code that came back.
    pub(crate) async fn complete(
        &self,
        ctx: &LoginContext,
        memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamTokens, ConnectorError> {
        self.complete_at(&self.endpoints, ctx, memory, reply).await
    }

    /// Refreshes (RFC 6749 §6). A token the upstream takes no more ends the login.
    pub(crate) async fn refresh(
        &self,
        refresh_token: &Secret<str>,
    ) -> Result<UpstreamTokens, ConnectorError> {
        let grant = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.reveal()),
        ];
        let ended = || ConnectorError::Denied("the upstream ended the login".to_owned());
        match self.redeem(&self.endpoints, &grant).await {
            Ok(tokens) => Ok(tokens),
            Err(NoTokens::InvalidGrant) => Err(ended()),
            // From an upstream that took our credentials before, the word cannot be about them.
            Err(NoTokens::Refused(word, _))
                if self.credentials.are_taken() && self.spent.contains(&word.as_str()) =>
            {
                Err(ended())
            }
            Err(NoTokens::Refused(_, cause) | NoTokens::Failed(cause)) => Err(cause),
        }
    }
}

/// What is kept of a person to refresh them: the tokens of the upstream, by the names dex gives them.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct KeptTokens {
    #[serde(
        rename = "accessToken",
        alias = "AccessToken",
        alias = "access_token",
        default
    )]
    access_token: String,
    #[serde(
        rename = "refreshToken",
        alias = "RefreshToken",
        alias = "refresh_token",
        default,
        skip_serializing_if = "String::is_empty"
    )]
    refresh_token: String,
}

impl KeptTokens {
    /// Reads what was kept at the login.
    pub(crate) fn read(data: Option<&[u8]>) -> Result<Self, ConnectorError> {
        let kept: Option<Self> = data.and_then(|bytes| serde_json::from_slice(bytes).ok());
        kept.filter(|kept| !kept.access_token.is_empty() || !kept.refresh_token.is_empty())
            .ok_or_else(|| {
                ConnectorError::Denied("nothing is kept of the login at the upstream".to_owned())
            })
    }

    /// The tokens of a login or a refresh. A refresh token that was not replaced stays (RFC 6749 §6).
    pub(crate) fn of(tokens: &UpstreamTokens, before: Option<&Self>) -> Self {
        let new = tokens.refresh_token.as_ref().map(Secret::reveal);
        let old = before.map(|kept| kept.refresh_token.as_str());
        Self {
            access_token: tokens.access_token.reveal().to_owned(),
            refresh_token: new.or(old).unwrap_or_default().to_owned(),
        }
    }

    pub(crate) fn access_token(&self) -> Secret<str> {
        Secret::new(self.access_token.as_str())
    }

    /// Where the upstream gives one.
    pub(crate) fn refresh_token(&self) -> Option<Secret<str>> {
        let token = Some(self.refresh_token.as_str()).filter(|token| !token.is_empty());
        token.map(Secret::new)
    }

    pub(crate) fn to_data(&self) -> Vec<u8> {
        json!(self).to_string().into_bytes()
    }
}

/// Who a person is, says the upstream's API to whoever shows their tokens.
#[async_trait]
pub(crate) trait Identify: Sync {
    async fn identity(
        &self,
        ctx: &LoginContext,
        kept: &KeptTokens,
    ) -> Result<UpstreamIdentity, ConnectorError>;
}

/// Who a person is now, by the tokens of today. The token of the login is tried first; one
/// that the upstream takes no more is renewed, where it gave a refresh token, and asked with again.
pub(crate) async fn refreshed(
    client: &OAuthClient,
    connector: &dyn Identify,
    ctx: &LoginContext,
    known: &UpstreamIdentity,
) -> Result<UpstreamIdentity, ConnectorError> {
    let kept = KeptTokens::read(known.connector_data.as_deref())?;
    let told = connector.identity(ctx, &kept).await;
    let told = match (told, kept.refresh_token()) {
        (Err(ConnectorError::Denied(_)), Some(token)) => {
            let tokens = client.refresh(&token).await?;
            let renewed = KeptTokens::of(&tokens, Some(&kept));
            let told = connector.identity(ctx, &renewed).await;
            told.map_err(|cause| cause.after_renewal(renewed.to_data()))?
        }
        (told, _) => told?,
    };
    same_person(known, told)
}

/// What is told now, if it is of who is known.
pub(crate) fn same_person(
    known: &UpstreamIdentity,
    told: UpstreamIdentity,
) -> Result<UpstreamIdentity, ConnectorError> {
    if told.claims.user_id != known.claims.user_id {
        return Err(ConnectorError::Denied(
            "the refresh tells of another person".to_owned(),
        ));
    }
    Ok(told)
}
