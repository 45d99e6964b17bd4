//! OpenStack Keystone as an upstream.

mod lookup;
mod settings;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, LoginContext, Memory, OpenContext, Reply,
    UpstreamIdentity,
};
use insula_model::{ConnectorSpec, IdentityClaims, UserId};
use serde_json::{Value, json};

use self::lookup::{Lookup, Proof};
use self::settings::Settings;
use crate::http::{Trust, Upstream, UpstreamHttp, UpstreamSettings};
use crate::oauth_client::same_person;

/// Everything that is wrong with the settings, found without the network.
pub(crate) fn check(spec: &ConnectorSpec) -> Vec<String> {
    Settings::read(&spec.config).problems(Settings::problems)
}

/// Asks people for a name and a password, and Keystone whether they are right (Identity API v3).
pub(crate) struct Keystone {
    keystone: Lookup,
    domain: Value,
}

impl Keystone {
    pub(crate) fn open(
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        let settings = Settings::read(&spec.config).usable(Settings::problems)?;
        let upstream = UpstreamSettings {
            connector: spec.id.as_str().to_owned(),
            timeout: spec.timeout,
            calls: ctx.upstream_calls,
            trust: Trust {
                root_cas: Vec::new(),
                insecure_skip_verify: settings.insecure_skip_verify,
            },
            clock: Arc::clone(&ctx.clock),
        };
        let base = settings.base();
        Ok(Self {
            domain: settings.domain(),
            keystone: Lookup {
                base: base.ok_or_else(|| {
                    ConnectorError::Settings("keystoneHost is missing".to_owned())
                })?,
                upstream: Upstream::open(http, upstream)?,
                domain: settings.domain(),
                username: settings.keystone_username,
                password: settings.keystone_password,
                token: Mutex::default(),
            },
        })
    }

    /// What Keystone says of a person by the id it gave them; `None` if they are gone or disabled.
    async fn identity(
        &self,
        ctx: &LoginContext,
        id: &str,
    ) -> Result<Option<UpstreamIdentity>, ConnectorError> {
        let Some(user) = self.keystone.user(id).await? else {
            return Ok(None);
        };
        if user.flag("enabled")? == Some(false) {
            return Ok(None);
        }
        let user_id = UserId::parse(id)
            .map_err(|_| ConnectorError::BadReply("its user has an unusable id".to_owned()))?;
        let groups = if ctx.groups {
            match self.keystone.groups(id).await? {
                Some(groups) => groups,
                None => return Ok(None),
            }
        } else {
            Vec::new()
        };
        let email = user.text("email")?.unwrap_or_default();
        Ok(Some(UpstreamIdentity {
            claims: IdentityClaims {
                username: user.required("name")?.to_owned(),
                email_verified: !email.is_empty(),
                email,
                groups,
                ..IdentityClaims::of(user_id)
            },
            // Nothing is needed to ask about them; what is there says that they came by this connector, so that
            // trouble at a refresh is told.
            connector_data: Some(b"{}".to_vec()),
            amr: vec!["pwd".to_owned()],
            acr: None,
        }))
    }
}

#[async_trait]
impl Connector for Keystone {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: true,
            exchange: false,
        }
    }

    async fn begin(&self, _ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        Ok(Challenge::AskPassword {
            label: "username".to_owned(),
        })
    }

    async fn complete(
        &self,
        ctx: &LoginContext,
        _memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let Reply::Password { username, password } = reply else {
            return Err(ConnectorError::BadReply(
                "a password was expected".to_owned(),
            ));
        };
        if username.is_empty() || password.reveal().is_empty() {
            return Err(ConnectorError::WrongPassword);
        }
        let who = json!({ "name": username, "domain": self.domain, "password": password.reveal() });
        let told = match self.keystone.prove(&who, None).await? {
            Proof::Right { told, .. } => told,
            Proof::Wrong => return Err(ConnectorError::WrongPassword),
            Proof::NotEnough => {
                return Err(ConnectorError::Denied(
                    "the account needs more than a password at Keystone, which cannot be asked for \
                     here"
                        .to_owned(),
                ));
            }
        };
        let id = told.required("id")?;
        let identity = self.identity(ctx, id).await?;
        identity.ok_or_else(|| {
            ConnectorError::Upstream(
                "it took the password of a person whom it does not know by their id".to_owned(),
            )
        })
    }

    async fn refresh(
        &self,
        ctx: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let told = self.identity(ctx, known.claims.user_id.as_str()).await?;
        let told = told.ok_or_else(|| {
            ConnectorError::Denied("Keystone lets the account in no more".to_owned())
        })?;
        same_person(known, told)
    }
}

#[cfg(test)]
mod tests;
