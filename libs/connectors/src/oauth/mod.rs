//! Any OAuth 2.0 server with a userinfo endpoint as an upstream.

mod settings;

use async_trait::async_trait;
use data_encoding::BASE64URL_NOPAD;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, Document, LoginContext, Memory,
    OpenContext, Reply, UpstreamIdentity,
};
use insula_model::{ConnectorSpec, IdentityClaims, Issuer, UserId};
use serde_json::Value;
use url::Url;

use self::settings::Settings;
use crate::http::{Ask, Trust, UpstreamHttp, root_ca};
use crate::oauth_client::{Endpoints, Identify, KeptTokens, OAuthClient, refreshed};

const USERINFO: &str = "userinfo";

/// Everything that is wrong with the settings, found without the network.
pub(crate) fn check(spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
    Settings::read(&spec.config).problems(|settings| settings.problems(spec, issuer))
}

/// Sends people to an OAuth 2.0 server, and reads who they are from a document that it answers with.
pub(crate) struct Oauth {
    settings: Settings,
    client: OAuthClient,
    user_info: Url,
    /// Whether ids that are numbers are written as dex writes them.
    writes_ids_as_floats: bool,
}

impl Oauth {
    pub(crate) fn open(
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        let reading = Settings::read(&spec.config);
        let mut settings = reading.usable(|settings| settings.problems(spec, &ctx.issuer))?;
        let addresses = settings.addresses();
        let addresses = addresses
            .ok_or_else(|| ConnectorError::Settings("an address is missing".to_owned()))?;
        let root_cas: Result<Vec<_>, _> = settings.root_cas.iter().map(|ca| root_ca(ca)).collect();
        let trust = Trust {
            root_cas: root_cas?,
            insecure_skip_verify: settings.insecure_skip_verify,
        };
        let endpoints = Endpoints {
            authorization: addresses.authorization,
            token: addresses.token,
            never_basic: false,
            takes_challenge: true,
        };
        let registration = std::mem::take(&mut settings.registration);
        Ok(Self {
            client: OAuthClient::open(http, spec, ctx, registration, endpoints, trust)?,
            user_info: addresses.user_info,
            writes_ids_as_floats: ctx.rules.writes_numeric_ids_as_floats,
            settings,
        })
    }

    fn user_id(&self, told: &Told) -> Result<UserId, ConnectorError> {
        let key = self.settings.user_id_key();
        let id = match told.get(key) {
            Some(Value::Number(number)) if self.writes_ids_as_floats => {
                number.as_f64().map(as_go_prints)
            }
            _ => told.text(key)?,
        };
        let id = id.ok_or_else(|| {
            ConnectorError::BadReply(format!(
                "its {USERINFO} has no {key:?}; name another member with userIDKey"
            ))
        })?;
        UserId::parse(&id).map_err(|_| {
            ConnectorError::BadReply(format!(
                "{key:?} in its {USERINFO} is longer than 255 or not printable"
            ))
        })
    }

    /// The groups of userinfo, and those of an access token that is a JWT: it came from the token
    /// endpoint itself, so that nobody else can have made it.
    fn groups(&self, told: &Told, access_token: &str) -> Result<Vec<String>, ConnectorError> {
        let mut groups = told
            .names(self.settings.claim_mapping.groups())?
            .unwrap_or_default();
        if let Some(claims) = claims_of(access_token) {
            let more = claims.names("groups")?.unwrap_or_default();
            groups.extend(more);
        }
        let mut seen = std::collections::HashSet::new();
        groups.retain(|group| seen.insert(group.clone()));
        Ok(groups)
    }
}

/// What userinfo tells. A key with dots names a member of a member where no member is called so.
struct Told(Document);

impl Told {
    fn get(&self, key: &str) -> Option<&Value> {
        let whole = self.0.get(key);
        whole.or_else(|| {
            let mut parts = key.split('.');
            let first = self.0.get(parts.next()?)?;
            parts.try_fold(first, |value, part| value.get(part))
        })
    }

    /// The member by itself, so that it is read as every other.
    fn one(&self, key: &str) -> Document {
        let member = self.get(key).map(|value| (key.to_owned(), value.clone()));
        Document::of(USERINFO, member.into_iter().collect())
    }

    fn text(&self, key: &str) -> Result<Option<String>, ConnectorError> {
        self.one(key).text(key)
    }

    fn names(&self, key: &str) -> Result<Option<Vec<String>>, ConnectorError> {
        self.one(key).names(key)
    }

    fn is_true(&self, key: &str) -> bool {
        self.one(key).flag(key).ok().flatten() == Some(true)
    }
}

/// The claims of a token that is a JWT.
fn claims_of(token: &str) -> Option<Document> {
    let mut parts = token.split('.');
    let (_header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?;
    Document::parse("access token", &claims).ok()
}

/// A number as Go's `%v` prints a float: with an exponent of two digits at least from a million on.
fn as_go_prints(number: f64) -> String {
    let shortest = format!("{number:e}");
    let Some((digits, exponent)) = shortest.split_once('e') else {
        return shortest;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if (-4..6).contains(&exponent) => format!("{number}"),
        Ok(exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
        Err(_) => shortest,
    }
}

#[async_trait]
impl Identify for Oauth {
    async fn identity(
        &self,
        _ctx: &LoginContext,
        kept: &KeptTokens,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let token = kept.access_token();
        let ask = Ask::get(self.user_info.clone());
        let answer = self.client.ask(ask, &token, USERINFO).await?;
        let told = Told(answer.ok(USERINFO)?.document(USERINFO)?);
        let mapping = &self.settings.claim_mapping;
        let text = |key| told.text(key).map(Option::unwrap_or_default);
        Ok(UpstreamIdentity {
            claims: IdentityClaims {
                username: text(mapping.user_name())?,
                preferred_username: text(mapping.preferred_username())?,
                email: text(mapping.email())?,
                email_verified: told.is_true(mapping.email_verified()),
                groups: self.groups(&told, token.reveal())?,
                ..IdentityClaims::of(self.user_id(&told)?)
            },
            connector_data: Some(kept.to_data()),
            amr: Vec::new(),
            acr: None,
        })
    }
}

#[async_trait]
impl Connector for Oauth {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: false,
            exchange: false,
        }
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        self.client.begin(ctx, &self.settings.scopes.join(" "), &[])
    }

    async fn complete(
        &self,
        ctx: &LoginContext,
        memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let tokens = self.client.complete(ctx, memory, reply).await?;
        self.identity(ctx, &KeptTokens::of(&tokens, None)).await
    }

    async fn refresh(
        &self,
        ctx: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        refreshed(&self.client, self, ctx, known).await
    }
}

#[cfg(test)]
mod tests;
