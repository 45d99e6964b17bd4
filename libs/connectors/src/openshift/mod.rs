//! The people of an OpenShift cluster as an upstream.

mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, Document, LoginContext, Memory,
    OpenContext, Reply, UpstreamIdentity,
};
use insula_model::{ConnectorSpec, IdentityClaims, Issuer, UserId};
use reqwest::StatusCode;
use url::Url;

use self::settings::Settings;
use crate::base_url::BaseUrl;
use crate::http::{Ask, Remembered, Trust, UpstreamHttp, root_ca};
use crate::oauth_client::{Endpoints, Identify, KeptTokens, OAuthClient, same_person};

const METADATA: &str = "OAuth metadata";

/// Everything that is wrong with the settings, found without the network.
pub(crate) fn check(spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
    Settings::read(&spec.config).problems(|settings| settings.problems(spec, issuer))
}

/// Sends people to the OAuth server of a cluster, and asks its API server who they are.
pub(crate) struct Openshift {
    settings: Settings,
    api: BaseUrl,
    client: OAuthClient<()>,
    endpoints: Remembered<Endpoints>,
}

impl Openshift {
    pub(crate) fn open(
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        let reading = Settings::read(&spec.config);
        let mut settings = reading.usable(|settings| settings.problems(spec, &ctx.issuer))?;
        let api = settings
            .api()
            .ok_or_else(|| ConnectorError::Settings("issuer is no address".to_owned()))?;
        let root_cas = match settings.root_ca.as_str() {
            "" => Vec::new(),
            some => vec![root_ca(some)?],
        };
        let trust = Trust {
            root_cas,
            insecure_skip_verify: settings.insecure_ca,
        };
        let registration = std::mem::take(&mut settings.registration);
        Ok(Self {
            client: OAuthClient::open(http, spec, ctx, registration, (), trust)?,
            endpoints: Remembered::new(Arc::clone(&ctx.clock)),
            settings,
            api,
        })
    }

    /// Where the cluster's OAuth server is, as its API server tells (RFC 8414). The issuer that it
    /// names is that of the OAuth server, another host's, so that it cannot be compared with ours.
    async fn endpoints(&self) -> Result<Arc<Endpoints>, ConnectorError> {
        let fetch = async {
            let path = [".well-known", "oauth-authorization-server"];
            let ask = Ask::get(self.api.at(&path, &[])).following_redirects();
            let answer = self.client.ask_openly(ask).await?;
            if answer.status == StatusCode::NOT_FOUND {
                return Err(ConnectorError::Upstream(format!(
                    "it has no {METADATA}; issuer must be the API server, not the OAuth server"
                )));
            }
            self.read(&answer.ok(METADATA)?.document(METADATA)?)
        };
        self.endpoints.get(fetch).await
    }

    fn read(&self, metadata: &Document) -> Result<Endpoints, ConnectorError> {
        let api = self.api.at(&[], &[]);
        let address = |name: &str| {
            let text = metadata.required(name)?;
            let is_one = |url: &Url| {
                url.has_host() && (url.scheme() == "https" || url.scheme() == api.scheme())
            };
            Url::parse(text).ok().filter(is_one).ok_or_else(|| {
                ConnectorError::BadReply(format!(
                    "{name:?} in its {METADATA} is no address that is as safe as its own"
                ))
            })
        };
        let challenges = metadata.texts("code_challenge_methods_supported")?;
        Ok(Endpoints {
            authorization: address("authorization_endpoint")?,
            token: address("token_endpoint")?,
            never_basic: false,
            takes_challenge: challenges.is_some_and(|all| all.iter().any(|one| one == "S256")),
        })
    }
}

#[async_trait]
impl Identify for Openshift {
    async fn identity(
        &self,
        _ctx: &LoginContext,
        kept: &KeptTokens,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let path = ["apis", "user.openshift.io", "v1", "users", "~"];
        let ask = Ask::get(self.api.at(&path, &[]));
        let answer = self.client.ask(ask, &kept.access_token(), "user").await?;
        let user = answer.ok("user")?.document("user")?;
        let metadata = user
            .object("metadata")?
            .ok_or_else(|| ConnectorError::BadReply("its user has no \"metadata\"".to_owned()))?;
        let name = metadata.required("name")?.to_owned();
        // Names are given again to somebody else, so that only an uid will do.
        let uid = metadata.text("uid")?.ok_or_else(|| {
            ConnectorError::Denied(
                "the account has no uid, as the temporary kube:admin has none; log in with another"
                    .to_owned(),
            )
        })?;
        let user_id = UserId::parse(&uid)
            .map_err(|_| ConnectorError::BadReply("its user has an unusable uid".to_owned()))?;
        let groups = user.texts("groups")?.unwrap_or_default();
        let required = &self.settings.groups;
        if !required.is_empty() && !groups.iter().any(|group| required.contains(group)) {
            return Err(ConnectorError::NotInGroup);
        }
        Ok(UpstreamIdentity {
            claims: IdentityClaims {
                username: name.clone(),
                preferred_username: name.clone(),
                // As dex has it. Nobody verified it, and it may be no address.
                email: name,
                email_verified: false,
                groups,
                ..IdentityClaims::of(user_id)
            },
            connector_data: Some(kept.to_data()),
            amr: Vec::new(),
            acr: None,
        })
    }
}

#[async_trait]
impl Connector for Openshift {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: false,
            exchange: false,
        }
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        let endpoints = self.endpoints().await?;
        self.client.begin_at(&endpoints, ctx, "user:info", &[])
    }

    async fn complete(
        &self,
        ctx: &LoginContext,
        memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let endpoints = self.endpoints().await?;
        let tokens = self
            .client
            .complete_at(&endpoints, ctx, memory, reply)
            .await?;
        self.identity(ctx, &KeptTokens::of(&tokens, None)).await
    }

    /// OpenShift gives no refresh tokens: whoever's token ran out, after a day where nobody set it
    /// otherwise, logs in again.
    async fn refresh(
        &self,
        ctx: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let kept = KeptTokens::read(known.connector_data.as_deref())?;
        same_person(known, self.identity(ctx, &kept).await?)
    }
}

#[cfg(test)]
mod tests;
