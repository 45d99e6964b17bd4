//! Any OpenID Provider as an upstream.

pub(crate) mod details;
mod exchange;
mod groups;
mod identity;
mod provider;
mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use data_encoding::BASE64;
use insula_ambient::{Clock, Entropy, Timestamp, read_base64};
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, Document, ExchangedIdentity, LoginContext,
    LogoutContext, Memory, OpenContext, PkcePair, RedirectFrom, Reply, SubjectToken,
    UpstreamClaims, UpstreamIdentity, UpstreamTokens, authorization_url, random_text, read_code,
};
use insula_jose::constant_time_eq;
use insula_model::{ClockSkew, ConnectorSpec, Issuer};
use insula_secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::warn;

use self::identity::ClaimRules;
use self::provider::{Provider, RelyingParty, USERINFO};
pub(crate) use self::settings::Settings;
use crate::callback;
use crate::http::{
    Answer, Ask, Remembered, Trust, Upstream, UpstreamHttp, UpstreamSettings, root_ca,
};
use crate::oauth_client::same_person;
use crate::token_endpoint::{ClientAt, KnownCredentials, NoTokens, redeem};

/// Everything that is wrong with the settings, found without the network.
pub(crate) fn check(spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
    Settings::read(&spec.config).problems(|settings| settings.problems(spec, issuer))
}

/// Speaks the authorization code flow of OpenID Connect Core §3.1 as a relying party.
///
/// Beyond what dex asks of an upstream: every login carries a nonce, and an answer that names
/// another issuer is refused (RFC 9207).
pub(crate) struct Oidc {
    settings: Settings,
    claim_rules: ClaimRules,
    upstream: Upstream,
    provider: Remembered<Provider>,
    credentials: KnownCredentials,
    clock_skew: ClockSkew,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// Claims that describe a token or the login it came of: userinfo has no say in them.
const OF_THE_LOGIN: &[&str] = &[
    "iss",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "azp",
    "nonce",
    "auth_time",
    "acr",
    "amr",
    "at_hash",
    "c_hash",
    "s_hash",
    "sid",
];

/// Longer ones, in bytes, are no names of anything.
const LONGEST_ACR: usize = 255;

/// What is kept of a login between the question and the answer.
#[derive(Serialize, Deserialize)]
struct Asked {
    nonce: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verifier: Option<String>,
    /// When a new proof was demanded; an older one is not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fresh_since: Option<Timestamp>,
}

/// What is kept of a person to refresh them, in dex's form.
#[derive(Serialize, Deserialize)]
struct ConnectorData {
    #[serde(rename = "RefreshToken", default)]
    refresh_token: String,
}

/// What the upstream says of a person, verified, and what it can be asked with again.
pub(crate) struct Told {
    pub(crate) claims: UpstreamClaims,
    /// Empty where it gave none.
    pub(crate) refresh_token: Secret<str>,
}

impl Oidc {
    pub(crate) fn open(
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        let reading = Settings::read(&spec.config);
        let settings = reading.usable(|settings| settings.problems(spec, &ctx.issuer))?;
        for ignored in settings.ignored() {
            let id = &spec.id;
            warn!(connector.id = %id, "of connector {id} is without effect: {ignored}");
        }
        Self::with(settings, http, spec, ctx)
    }

    /// With settings that are known to be usable, such as those of one vendor.
    pub(crate) fn with(
        settings: Settings,
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        let root_cas: Result<Vec<_>, _> = settings.root_cas.iter().map(|ca| root_ca(ca)).collect();
        let trust = Trust {
            root_cas: root_cas?,
            insecure_skip_verify: settings.insecure_skip_verify,
        };
        let upstream = UpstreamSettings {
            connector: spec.id.as_str().to_owned(),
            timeout: spec.timeout,
            calls: ctx.upstream_calls,
            trust,
            clock: Arc::clone(&ctx.clock),
        };
        Ok(Self {
            claim_rules: settings.claim_rules().map_err(ConnectorError::Settings)?,
            upstream: Upstream::open(http, upstream)?,
            provider: Remembered::new(Arc::clone(&ctx.clock)),
            credentials: KnownCredentials::default(),
            clock_skew: spec.clock_skew,
            clock: Arc::clone(&ctx.clock),
            entropy: Arc::clone(&ctx.entropy),
            settings,
        })
    }

    async fn provider(&self) -> Result<Arc<Provider>, ConnectorError> {
        let clock = Arc::clone(&self.clock);
        let discovery = Provider::discover(&self.upstream, &self.settings, clock);
        self.provider.get(discovery).await
    }

    fn check_callback(&self, ctx: &LoginContext) -> Result<(), ConnectorError> {
        callback::must_be(&self.settings.redirect_uri, &ctx.callback_url)
    }

    async fn redeem(
        &self,
        provider: &Provider,
        grant: &[(&str, &str)],
    ) -> Result<UpstreamTokens, NoTokens> {
        redeem(
            &self.upstream,
            provider.token_endpoint.as_ref().map_err(Clone::clone)?,
            ClientAt {
                id: &self.settings.client_id,
                secret: self.settings.client_secret.reveal(),
                assertion: None,
                never_basic: self.settings.never_basic(),
            },
            &self.credentials,
            provider.only_body_auth,
            grant,
        )
        .await
    }

    fn us(&self) -> RelyingParty<'_> {
        RelyingParty {
            client_id: &self.settings.client_id,
            clock_skew: self.clock_skew,
        }
    }

    /// What the upstream says of the person: in the ID token, where there is one, and beside it in
    /// userinfo (OpenID Connect Core §5.3), whose claims count first. What describes the login and
    /// the token is the ID token's alone.
    async fn claims(
        &self,
        provider: &Provider,
        access_token: &str,
        id_token: Option<Document>,
        now: Timestamp,
    ) -> Result<UpstreamClaims, ConnectorError> {
        if let (Some(id_token), false) = (&id_token, self.settings.get_user_info) {
            return Ok(UpstreamClaims::of(id_token.clone()));
        }
        let userinfo = self.userinfo(provider, access_token, now).await?;
        let sub = userinfo.required("sub")?;
        let Some(id_token) = id_token else {
            return Ok(UpstreamClaims::of(userinfo.without(OF_THE_LOGIN)));
        };
        // §5.3.2: else the claims of another person could be slipped in.
        if sub != id_token.required("sub")? {
            return Err(ConnectorError::BadReply(
                "its userinfo is about somebody else than its ID token".to_owned(),
            ));
        }
        Ok(UpstreamClaims::of(id_token).with(userinfo.without(OF_THE_LOGIN)))
    }

    async fn userinfo(
        &self,
        provider: &Provider,
        access_token: &str,
        now: Timestamp,
    ) -> Result<Document, ConnectorError> {
        let ask = Self::userinfo_of(provider, access_token)?;
        let answer = self.upstream.ask(ask).await?;
        self.read_userinfo(provider, answer, now).await
    }

    fn userinfo_of(provider: &Provider, access_token: &str) -> Result<Ask, ConnectorError> {
        let endpoint = provider.userinfo_endpoint.clone().map_err(|cause| {
            ConnectorError::Upstream(format!("getUserInfo is set, but {cause}"))
        })?;
        Ok(Ask::get(endpoint)
            .with_bearer(access_token.to_owned())
            .accepting("application/json, application/jwt"))
    }

    async fn read_userinfo(
        &self,
        provider: &Provider,
        answer: Answer,
        now: Timestamp,
    ) -> Result<Document, ConnectorError> {
        let answer = answer.ok(USERINFO)?;
        let Some(jwt) = answer.jwt() else {
            return answer.document(USERINFO);
        };
        let us = self.us();
        provider
            .signed_userinfo(&self.upstream, jwt, &us, now)
            .await
    }

    fn identity(
        &self,
        claims: &UpstreamClaims,
        refresh_token: &str,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        Ok(UpstreamIdentity {
            claims: self.claim_rules.identity(claims)?,
            connector_data: Some(kept_data(refresh_token)),
            amr: amr(claims)?,
            // In a shape nobody understands it says nothing that anybody could trust.
            acr: claims
                .text("acr")
                .ok()
                .flatten()
                .filter(|acr| acr.len() <= LONGEST_ACR),
        })
    }

    /// Sends the browser to the upstream, with what is asked beside the usual parameters.
    pub(crate) async fn begin_with(
        &self,
        ctx: &LoginContext,
        more: &[(&str, &str)],
    ) -> Result<Challenge, ConnectorError> {
        self.check_callback(ctx)?;
        if self.settings.is_for_exchange_alone() {
            return Err(ConnectorError::Settings(
                "clientID is missing, so that nobody can be sent to it; write one, or list \
                 token-exchange alone in grantTypes of the connector"
                    .to_owned(),
            ));
        }
        let provider = self.provider().await?;
        let endpoint = provider.authorization_endpoint.as_ref();
        let endpoint = endpoint.map_err(Clone::clone)?;
        // Nobody is sent to an upstream that could not be asked afterwards.
        provider.token_endpoint.as_ref().map_err(Clone::clone)?;
        let pkce = provider
            .pkce_method
            .map(|method| PkcePair::generate(method, self.entropy.as_ref()));
        let asked = Asked {
            nonce: random_text(self.entropy.as_ref()),
            verifier: pkce.as_ref().map(|pair| pair.reveal_verifier().to_owned()),
            fresh_since: ctx.force_login.then_some(ctx.now),
        };
        let scope = self.settings.scope();
        let mut acr_values = ctx.acr_values.clone();
        let configured = self.settings.acr_values.iter();
        acr_values.extend(
            configured
                .filter(|acr| !ctx.acr_values.contains(acr))
                .cloned(),
        );
        let acr_values = acr_values.join(" ");
        let challenge = pkce.as_ref().map(PkcePair::challenge);
        let mut parameters = vec![
            ("client_id", self.settings.client_id.as_str()),
            ("redirect_uri", &ctx.callback_url),
            ("response_type", "code"),
            ("scope", &scope),
            ("state", ctx.state.as_str()),
            ("nonce", &asked.nonce),
        ];
        if let (Some(pair), Some(challenge)) = (&pkce, &challenge) {
            parameters.push(("code_challenge", challenge));
            parameters.push(("code_challenge_method", pair.method().as_str()));
        }
        if !acr_values.is_empty() {
            parameters.push(("acr_values", &acr_values));
        }
        if ctx.offline_access {
            parameters.push(("access_type", "offline"));
        }
        parameters.extend(more);
        if let Some(hint) = &ctx.login_hint {
            parameters.push(("login_hint", hint));
        }
        Ok(Challenge::Redirect {
            to: authorization_url(endpoint.as_str(), &parameters)?,
            memory: json!(asked),
        })
    }

    /// Redeems the code that came back, and verifies what the upstream says of the person.
    pub(crate) async fn told(
        &self,
        ctx: &LoginContext,
        memory: &Memory,
        reply: Reply,
    ) -> Result<Told, ConnectorError> {
        let bad = |what: &str| ConnectorError::BadReply(what.to_owned());
        let Reply::Query(params) = reply else {
            return Err(bad("a redirect with a query was expected"));
        };
        self.check_callback(ctx)?;
        let asked: Asked = serde_json::from_value(memory.clone())
            .map_err(|_| bad("nothing is remembered of this login"))?;
        let provider = self.provider().await?;
        let from = RedirectFrom {
            issuer: Some(&provider.issuer),
            always_tells: provider.always_tells_issuer,
        };
        let code = read_code(&params, from)?;
        let mut grant = vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &ctx.callback_url),
        ];
        if let Some(verifier) = &asked.verifier {
            grant.push(("code_verifier", verifier));
        }
        let tokens = match self.redeem(&provider, &grant).await {
            Ok(tokens) => tokens,
            Err(NoTokens::InvalidGrant) => return Err(bad("the upstream refuses its own code")),
            Err(NoTokens::Refused(_, cause) | NoTokens::Failed(cause)) => return Err(cause),
        };
        let id_token = tokens.id_token.as_ref().map(Secret::reveal);
        let id_token = id_token.ok_or_else(|| bad("its token response has no \"id_token\""))?;
        let access_token = tokens.access_token.reveal();
        let verified = provider
            .id_token(&self.upstream, id_token, access_token, &self.us(), ctx.now)
            .await?;
        let nonce = verified.get("nonce").and_then(Value::as_str);
        let nonce = nonce.unwrap_or_default();
        if !constant_time_eq(nonce.as_bytes(), asked.nonce.as_bytes()) {
            return Err(bad(
                "its ID token was made for another login: the nonce differs",
            ));
        }
        if let Some(since) = asked.fresh_since
            && let Some(proved) = verified.time("auth_time")?
            && proved + self.clock_skew.of_proofs() < since
        {
            return Err(bad("the person was not asked to log in again"));
        }
        let claims = self
            .claims(&provider, access_token, Some(verified), ctx.now)
            .await?;
        let refresh_token = tokens.refresh_token.unwrap_or_default();
        Ok(Told {
            claims,
            refresh_token,
        })
    }

    /// What the upstream says of the person now. A refresh token that was not replaced stays
    /// (RFC 6749 §6); one that was goes with a failure as `data_of` it.
    pub(crate) async fn told_again(
        &self,
        ctx: &LoginContext,
        old_token: Secret<str>,
        data_of: fn(&str) -> Vec<u8>,
    ) -> Result<Told, ConnectorError> {
        let provider = self.provider().await?;
        let grant = [
            ("grant_type", "refresh_token"),
            ("refresh_token", old_token.reveal()),
        ];
        let tokens = match self.redeem(&provider, &grant).await {
            Ok(tokens) => tokens,
            Err(NoTokens::InvalidGrant) => {
                return Err(ConnectorError::Denied(
                    "the upstream ended the login".to_owned(),
                ));
            }
            Err(NoTokens::Refused(_, cause) | NoTokens::Failed(cause)) => return Err(cause),
        };
        let claims = self.claims_again(&provider, &tokens, ctx).await;
        let claims = claims.map_err(|cause| match &tokens.refresh_token {
            Some(renewed) => cause.after_renewal(data_of(renewed.reveal())),
            None => cause,
        })?;
        Ok(Told {
            claims,
            refresh_token: tokens.refresh_token.unwrap_or(old_token),
        })
    }

    /// What the tokens of a refresh say.
    async fn claims_again(
        &self,
        provider: &Provider,
        tokens: &UpstreamTokens,
        ctx: &LoginContext,
    ) -> Result<UpstreamClaims, ConnectorError> {
        // OpenID Connect Core §12.2: the answer need not contain an ID token.
        let access_token = tokens.access_token.reveal();
        let id_token = match &tokens.id_token {
            Some(id_token) => {
                let us = self.us();
                let id_token = id_token.reveal();
                let verified =
                    provider.id_token(&self.upstream, id_token, access_token, &us, ctx.now);
                Some(verified.await?)
            }
            None if self.settings.asks_userinfo_without_id_token() => None,
            None => {
                return Err(ConnectorError::BadReply(
                    "a refresh brought no ID token; set getUserInfo to learn the claims without it"
                        .to_owned(),
                ));
            }
        };
        self.claims(provider, access_token, id_token, ctx.now).await
    }
}

#[async_trait]
impl Connector for Oidc {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: false,
            exchange: true,
        }
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        let prompt = prompt(ctx, self.settings.prompt_type());
        let mut more = Vec::new();
        if !prompt.is_empty() {
            more.push(("prompt", prompt.as_str()));
        }
        if ctx.force_login {
            more.push(("max_age", "0"));
        }
        self.begin_with(ctx, &more).await
    }

    async fn complete(
        &self,
        ctx: &LoginContext,
        memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let told = self.told(ctx, memory, reply).await?;
        self.identity(&told.claims, told.refresh_token.reveal())
    }

    async fn logout_url(&self, ctx: &LogoutContext) -> Result<Option<String>, ConnectorError> {
        if !self.settings.upstream_logout.unwrap_or(ctx.unless_told) {
            return Ok(None);
        }
        let provider = self.provider().await?;
        let Some(endpoint) = &provider.end_session_endpoint else {
            return Ok(None);
        };
        let parameters = [
            ("client_id", self.settings.client_id.as_str()),
            ("post_logout_redirect_uri", &ctx.return_url),
            ("state", &ctx.state),
        ];
        authorization_url(endpoint.as_str(), &parameters).map(Some)
    }

    async fn refresh(
        &self,
        ctx: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let old_token = refresh_token(known.connector_data.as_deref())?;
        let told = self.told_again(ctx, old_token, kept_data).await?;
        let refreshed = self.identity(&told.claims, told.refresh_token.reveal())?;
        let mut refreshed = same_person(known, refreshed)?;
        if refreshed.amr.is_empty() {
            refreshed.amr.clone_from(&known.amr);
        }
        Ok(refreshed)
    }

    async fn exchange(&self, shown: SubjectToken<'_>) -> Result<ExchangedIdentity, ConnectorError> {
        self.exchanged(shown).await
    }
}

/// How the person proved who they are, as far as that is told.
pub(crate) fn amr(claims: &UpstreamClaims) -> Result<Vec<String>, ConnectorError> {
    let told = claims.texts("amr")?.unwrap_or_default();
    Ok(told.into_iter().take(8).collect())
}

/// The words of `prompt` (OpenID Connect Core §3.1.2.1).
fn prompt(ctx: &LoginContext, prompt_type: &str) -> String {
    let mut words = Vec::new();
    if ctx.force_login {
        words.push("login");
    }
    if ctx.offline_access {
        let more = prompt_type.split_whitespace();
        // `none` may not stand with others, and a forced login cannot do without the person.
        words.extend(more.filter(|word| !ctx.force_login || !matches!(*word, "none" | "login")));
    }
    words.join(" ")
}

fn kept_data(refresh_token: &str) -> Vec<u8> {
    let data = ConnectorData {
        refresh_token: BASE64.encode(refresh_token.as_bytes()),
    };
    json!(data).to_string().into_bytes()
}

fn refresh_token(connector_data: Option<&[u8]>) -> Result<Secret<str>, ConnectorError> {
    let data: Option<ConnectorData> =
        connector_data.and_then(|bytes| serde_json::from_slice(bytes).ok());
    let token = data
        .and_then(|data| read_base64(&data.refresh_token))
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|token| !token.is_empty())
        .map(Secret::new);
    token.ok_or_else(|| {
        ConnectorError::Upstream(
            "it gave no refresh token at the login; ask for it in scopes, often offline_access"
                .to_owned(),
        )
    })
}

#[cfg(test)]
mod tests;
