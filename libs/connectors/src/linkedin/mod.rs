//! LinkedIn as an upstream.

mod settings;

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, LoginContext, Memory, OpenContext, Reply,
    UpstreamClaims, UpstreamIdentity,
};
use insula_model::{ConnectorSpec, IdentityClaims, Issuer, UserId};
use url::Url;

use self::settings::Settings;
use crate::http::{Ask, Trust, UpstreamHttp};
use crate::oauth_client::{Endpoints, Identify, KeptTokens, OAuthClient, refreshed};
use crate::oidc::details;

/// What LinkedIn's product for logins grants; what dex asks for, no application of today is granted.
const SCOPE: &str = "openid profile email";
const USERINFO: &str = "userinfo";
/// What LinkedIn says in place of `access_denied`.
const NO: [&str; 2] = ["user_cancelled_login", "user_cancelled_authorize"];

/// Everything that is wrong with the settings, found without the network.
pub(crate) fn check(spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
    Settings::read(&spec.config).problems(|settings| settings.registration.problems(spec, issuer))
}

/// Sends people to LinkedIn, and asks its userinfo who they are.
///
/// LinkedIn gives an ID token, too, but without the nonce it was asked for: it could be one of another
/// login. Userinfo is asked with the token that the code was redeemed for, so nobody can slip one in.
pub(crate) struct Linkedin {
    client: OAuthClient,
    userinfo: Url,
}

/// Where LinkedIn is.
struct Site {
    authorization: String,
    token: String,
    userinfo: String,
}

impl Site {
    fn of_linkedin() -> Self {
        Self {
            authorization: "https://www.linkedin.com/oauth/v2/authorization".to_owned(),
            token: "https://www.linkedin.com/oauth/v2/accessToken".to_owned(),
            userinfo: "https://api.linkedin.com/v2/userinfo".to_owned(),
        }
    }
}

impl Linkedin {
    pub(crate) fn open(
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        Self::at(&Site::of_linkedin(), http, spec, ctx)
    }

    fn at(
        site: &Site,
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        let reading = Settings::read(&spec.config);
        let Settings { registration } =
            reading.usable(|settings| settings.registration.problems(spec, &ctx.issuer))?;
        let url = |text: &str| {
            Url::parse(text).map_err(|_| ConnectorError::Settings("no address".to_owned()))
        };
        let endpoints = Endpoints {
            authorization: url(&site.authorization)?,
            token: url(&site.token)?,
            never_basic: true,
            // LinkedIn refuses clients that send one, unless it was enabled for the application.
            takes_challenge: false,
        };
        let trust = Trust::default();
        Ok(Self {
            client: OAuthClient::open(http, spec, ctx, registration, endpoints, trust)?,
            userinfo: url(&site.userinfo)?,
        })
    }
}

#[async_trait]
impl Identify for Linkedin {
    async fn identity(
        &self,
        _ctx: &LoginContext,
        kept: &KeptTokens,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let ask = Ask::get(self.userinfo.clone());
        let answer = self.client.ask(ask, &kept.access_token(), USERINFO).await?;
        let userinfo = answer.ok(USERINFO)?.document(USERINFO)?;
        let user_id = UserId::parse(userinfo.required("sub")?).map_err(|_| {
            ConnectorError::BadReply("the person's id is longer than 255 or not printable".into())
        })?;
        let email = userinfo.text("email")?.unwrap_or_default();
        let verified = !email.is_empty() && userinfo.flag("email_verified")? == Some(true);
        let name = userinfo.text("name")?;
        let claims = UpstreamClaims::of(userinfo);
        Ok(UpstreamIdentity {
            claims: IdentityClaims {
                // As dex has it.
                username: name.unwrap_or_else(|| email.clone()),
                email,
                email_verified: verified,
                details: details::of(&claims).into_box(),
                ..IdentityClaims::of(user_id)
            },
            connector_data: Some(kept.to_data()),
            amr: Vec::new(),
            acr: None,
        })
    }
}

#[async_trait]
impl Connector for Linkedin {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: false,
            exchange: false,
        }
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        self.client.begin(ctx, SCOPE, &[])
    }

    async fn complete(
        &self,
        ctx: &LoginContext,
        memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        if let Reply::Query(params) = &reply
            && params.duplicate().is_none()
            && params.get("error").is_some_and(|word| NO.contains(&word))
        {
            return Err(ConnectorError::Declined);
        }
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
