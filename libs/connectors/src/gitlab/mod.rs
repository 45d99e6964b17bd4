//! GitLab, the public one and anybody's own, as an upstream.

mod groups;
mod settings;

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, Document, ExchangedIdentity, LoginContext,
    Memory, OpenContext, Reply, SubjectToken, SubjectTokenAudience, SubjectTokenKind,
    UpstreamIdentity, refused_with,
};
use insula_model::{ConnectorSpec, IdentityClaims, Issuer, UserId};
use insula_secret::Secret;
use reqwest::StatusCode;
use serde_json::json;
use url::Url;

use self::settings::Settings;
use crate::base_url::BaseUrl;
use crate::http::{Answer, Ask, Trust, UpstreamHttp, root_ca};
use crate::oauth_client::{Endpoints, Identify, KeptTokens, OAuthClient, refreshed};

/// Everything that is wrong with the settings, found without the network.
pub(crate) fn check(spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
    Settings::read(&spec.config).problems(|settings| settings.problems(spec, issuer))
}

/// Sends people to GitLab, and asks its API who they are and which groups they are in.
pub(crate) struct Gitlab {
    settings: Settings,
    base: BaseUrl,
    client: OAuthClient,
}

/// A token that GitLab is asked with.
#[derive(Clone, Copy)]
struct Shown<'a> {
    token: &'a Secret<str>,
    /// Whether a program shows it in place of a login.
    is_exchanged: bool,
}

/// What GitLab says of whoever has a token.
struct Told {
    user: Document,
    claims: IdentityClaims,
}

impl Gitlab {
    pub(crate) fn open(
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        let reading = Settings::read(&spec.config);
        let mut settings = reading.usable(|settings| settings.problems(spec, &ctx.issuer))?;
        let base = settings
            .base()
            .ok_or_else(|| ConnectorError::Settings("baseURL is no address".to_owned()))?;
        let root_cas = match settings.root_ca_data.as_str() {
            "" => Vec::new(),
            some => vec![root_ca(some)?],
        };
        let trust = Trust {
            root_cas,
            insecure_skip_verify: false,
        };
        let endpoints = Endpoints {
            authorization: base.at(&["oauth", "authorize"], &[]),
            token: base.at(&["oauth", "token"], &[]),
            never_basic: false,
            takes_challenge: true,
        };
        let registration = std::mem::take(&mut settings.registration);
        Ok(Self {
            client: OAuthClient::open(http, spec, ctx, registration, endpoints, trust)?,
            settings,
            base,
        })
    }

    /// Asks, and tells which scope is missing where GitLab says that one is.
    async fn get(
        &self,
        url: Url,
        shown: Shown<'_>,
        what: &'static str,
        scope: &str,
    ) -> Result<Answer, ConnectorError> {
        let answer = self.ask(url, shown, what).await?;
        let is_refused = answer.status == StatusCode::FORBIDDEN;
        if is_refused && refused_with(&answer.body).as_deref() == Some("insufficient_scope") {
            return Err(ConnectorError::Upstream(format!(
                "it wants the scope {scope} when asked for its {what}; allow it to the application"
            )));
        }
        Ok(answer)
    }

    async fn ask(&self, url: Url, shown: Shown<'_>, what: &str) -> Result<Answer, ConnectorError> {
        let ask = Ask::get(url);
        let ask = if shown.is_exchanged {
            ask.of_an_exchange()
        } else {
            ask
        };
        self.client.ask(ask, shown.token, what).await
    }

    async fn told(&self, shown: Shown<'_>, wants_groups: bool) -> Result<Told, ConnectorError> {
        let url = self.base.at(&["api", "v4", "user"], &[]);
        let answer = self.get(url, shown, "user", "read_user").await?;
        if answer.status == StatusCode::FORBIDDEN {
            return Err(ConnectorError::Denied(
                "it refuses the account, which may be blocked there".to_owned(),
            ));
        }
        let user = answer.ok("user")?.document("user")?;
        let number = user
            .text("id")?
            .ok_or_else(|| ConnectorError::BadReply("its user has no \"id\"".to_owned()))?;
        let login = user.required("username")?.to_owned();
        let id = if self.settings.use_login_as_id {
            &login
        } else {
            &number
        };
        let user_id = UserId::parse(id)
            .map_err(|_| ConnectorError::BadReply("its user has an unusable id".to_owned()))?;
        let groups = if wants_groups || !self.settings.groups.is_empty() {
            self.groups(shown, &number).await?
        } else {
            Vec::new()
        };
        let email = user.text("email")?.unwrap_or_default();
        let claims = IdentityClaims {
            username: user.text("name")?.unwrap_or_else(|| email.clone()),
            preferred_username: login,
            // GitLab tells when the address was confirmed, and nothing while it was not.
            email_verified: !email.is_empty() && user.get("confirmed_at").is_some(),
            email,
            groups,
            ..IdentityClaims::of(user_id)
        };
        Ok(Told { user, claims })
    }
}

fn identity(claims: IdentityClaims, connector_data: Option<Vec<u8>>) -> UpstreamIdentity {
    UpstreamIdentity {
        claims,
        connector_data,
        amr: Vec::new(),
        acr: None,
    }
}

#[async_trait]
impl Identify for Gitlab {
    async fn identity(
        &self,
        ctx: &LoginContext,
        kept: &KeptTokens,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let shown = Shown {
            token: &kept.access_token(),
            is_exchanged: false,
        };
        let told = self.told(shown, ctx.groups).await?;
        Ok(identity(told.claims, Some(kept.to_data())))
    }
}

#[async_trait]
impl Connector for Gitlab {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: false,
            exchange: true,
        }
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        let lists_groups = ctx.groups || !self.settings.groups.is_empty();
        let scope = match (lists_groups, self.settings.inherited_groups) {
            (false, _) => "read_user",
            (true, false) => "read_user openid",
            (true, true) => "read_user openid read_api",
        };
        self.client.begin(ctx, scope, &[])
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

    /// Of whom an access token is. It is opaque to us, so that only GitLab's API can vouch for it; it
    /// says nothing of for whom the token was made. dex asks with whatever it is shown.
    async fn exchange(&self, shown: SubjectToken<'_>) -> Result<ExchangedIdentity, ConnectorError> {
        let bad = |why: &str| ConnectorError::BadReply(why.to_owned());
        if !shown.by_userinfo {
            return Err(bad(
                "only its API can vouch for a token, and accessTokens of the connector's \
                 tokenExchange does not let it",
            ));
        }
        let is_of_dex = shown.audience == SubjectTokenAudience::Anybody;
        if shown.kind != SubjectTokenKind::AccessToken && !is_of_dex {
            return Err(bad("only access tokens of it can be exchanged"));
        }
        let token = Secret::new(shown.token);
        let ours = Shown {
            token: &token,
            is_exchanged: true,
        };
        let told = match self.told(ours, true).await {
            Err(ConnectorError::Denied(why)) => return Err(ConnectorError::BadReply(why)),
            told => told?,
        };
        let mut claims = told.user.members().clone();
        claims.insert("groups".to_owned(), json!(told.claims.groups));
        Ok(ExchangedIdentity {
            identity: identity(told.claims, None),
            claims,
            auth_time: None,
        })
    }
}

#[cfg(test)]
mod tests;
