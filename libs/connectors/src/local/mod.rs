//! The tenant's own password DB, as a connector.

use std::sync::Arc;

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, LoginContext, LoginName, Memory,
    OpenContext, PasswordBook, PasswordCheck, PasswordVerdict, Reply, UpstreamIdentity,
};
use insula_model::{ConnectorSpec, IdentityClaims, PasswordRecord};
use tracing::warn;

use crate::hashing::nobodys_like;
use crate::settings::read;

/// It has no settings of its own: whatever is written there is unknown.
pub(crate) fn check(spec: &ConnectorSpec) -> Vec<String> {
    read::<serde_json::Value>(&spec.config, &[]).problems(|_| Vec::new())
}

/// Asks for an e-mail address and a password, and looks both up in the password DB.
pub(crate) struct Local {
    id: String,
    passwords: Arc<dyn PasswordBook>,
    hashing: Arc<dyn PasswordCheck>,
}

impl Local {
    pub(crate) fn open(spec: &ConnectorSpec, ctx: &OpenContext) -> Self {
        Self {
            id: spec.id.as_str().to_owned(),
            passwords: Arc::clone(&ctx.passwords),
            hashing: Arc::clone(&ctx.hashing),
        }
    }

    /// A better hash that cannot be stored now is made again at the next login.
    async fn store_upgrade(&self, record: &PasswordRecord, hash: String) {
        if let Err(cause) = self.passwords.upgrade(record, hash).await {
            let id = &self.id;
            warn!(connector.id = %id, %cause, "connector {id} could not store a better password hash");
        }
    }
}

#[async_trait]
impl Connector for Local {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: true,
            exchange: false,
        }
    }

    async fn begin(&self, _ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        Ok(Challenge::AskPassword {
            label: "Email Address".to_owned(),
        })
    }

    async fn complete(
        &self,
        _ctx: &LoginContext,
        _memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let Reply::Password { username, password } = reply else {
            return Err(ConnectorError::BadReply(
                "a password was asked for".to_owned(),
            ));
        };
        // An unknown name must take as long as a wrong password.
        let (record, hash) = match self.passwords.look_up(&login_name(&username)).await? {
            LoginName::Of(record) => {
                let hash = record.hash.clone();
                (Some(record), Some(hash))
            }
            LoginName::Nobodys { like } => (None, like.as_deref().and_then(nobodys_like)),
        };
        let verdict = self.hashing.check(password, hash).await?;
        let (Some(record), PasswordVerdict::Right { upgrade }) = (record, verdict) else {
            return Err(ConnectorError::WrongPassword);
        };
        if let Some(better) = upgrade {
            self.store_upgrade(&record, better).await;
        }
        Ok(identity(record))
    }

    async fn refresh(
        &self,
        _ctx: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let found = self
            .passwords
            .find(&login_name(&known.claims.email))
            .await?;
        let record = found.ok_or_else(|| {
            ConnectorError::Denied("the person is gone from the password DB".into())
        })?;
        if record.user_id != known.claims.user_id {
            return Err(ConnectorError::Denied(
                "the login name belongs to another person now".to_owned(),
            ));
        }
        Ok(UpstreamIdentity {
            amr: known.amr.clone(),
            ..identity(record)
        })
    }
}

fn login_name(typed: &str) -> String {
    typed.trim().to_lowercase()
}

fn identity(record: PasswordRecord) -> UpstreamIdentity {
    let name = record.name.filter(|name| !name.is_empty());
    UpstreamIdentity {
        claims: IdentityClaims {
            user_id: record.user_id,
            username: name.unwrap_or(record.username),
            preferred_username: record.preferred_username,
            email: record.email,
            email_verified: record.email_verified,
            groups: record.groups,
            details: record.details,
        },
        connector_data: None,
        amr: vec!["pwd".to_owned()],
        acr: None,
    }
}

#[cfg(test)]
mod tests;
