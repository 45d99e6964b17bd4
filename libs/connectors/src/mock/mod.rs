//! Connectors that know one person, for trying things out.

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, ExchangedIdentity, LoginContext, Memory,
    Reply, SubjectToken, UpstreamIdentity,
};
use insula_model::{ConnectorSpec, IdentityClaims, Password, UserId};
use insula_oauth::encode_pairs;
use insula_secret::Secret;
use serde::Deserialize;

use crate::settings::{Kind, Setting, read};

const PASSWORD_SETTINGS: &[Setting] = &[
    Setting("username", Kind::Text),
    Setting("password", Kind::Text),
];

/// It has no settings of its own: whatever is written there is unknown.
pub(crate) fn check_callback(spec: &ConnectorSpec) -> Vec<String> {
    read::<serde_json::Value>(&spec.config, &[]).problems(|_| Vec::new())
}

/// Everything that is wrong with the settings of `mockPassword`.
pub(crate) fn check_password(spec: &ConnectorSpec) -> Vec<String> {
    read(&spec.config, PASSWORD_SETTINGS).problems(MockPasswordSettings::problems)
}

/// Sends the browser straight back, and says it is Kilgore Trout.
pub(crate) struct MockCallback;

#[async_trait]
impl Connector for MockCallback {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: false,
            exchange: true,
        }
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        let query = encode_pairs([("state", ctx.state.as_str())]);
        Ok(Challenge::Redirect {
            to: format!("{}?{query}", ctx.callback_url),
            memory: Memory::Null,
        })
    }

    async fn complete(
        &self,
        _ctx: &LoginContext,
        _memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let Reply::Query(params) = reply else {
            return Err(ConnectorError::BadReply(
                "a redirect was expected".to_owned(),
            ));
        };
        match params.get("error") {
            None => {}
            Some("access_denied") => return Err(ConnectorError::Declined),
            Some(_) => {
                return Err(ConnectorError::BadReply(
                    "the answer is an error".to_owned(),
                ));
            }
        }
        kilgore(&["authors"], b"foobar", &[])
    }

    async fn refresh(
        &self,
        _ctx: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let same = kilgore(&["authors"], b"foobar", &[])?;
        same_person(same, known)
    }

    /// Whatever is shown is Kilgore's.
    async fn exchange(&self, _: SubjectToken<'_>) -> Result<ExchangedIdentity, ConnectorError> {
        Ok(ExchangedIdentity {
            identity: kilgore(&["authors"], b"foobar", &[])?,
            claims: serde_json::Map::new(),
            auth_time: None,
        })
    }
}

/// The settings of `mockPassword`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct MockPasswordSettings {
    username: String,
    password: Secret<str>,
}

impl MockPasswordSettings {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, value) in [
            ("username", self.username.as_str()),
            ("password", self.password.reveal()),
        ] {
            if value.is_empty() {
                problems.push(format!("{name} is missing"));
            }
        }
        problems
    }
}

/// Knows one name and one password.
pub(crate) struct MockPassword {
    username: String,
    password: Password,
}

impl MockPassword {
    pub(crate) fn open(spec: &ConnectorSpec) -> Result<Self, ConnectorError> {
        let reading = read(&spec.config, PASSWORD_SETTINGS);
        let settings = reading.usable(MockPasswordSettings::problems)?;
        Ok(Self {
            username: settings.username,
            password: Password::from(settings.password),
        })
    }
}

#[async_trait]
impl Connector for MockPassword {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: true,
            exchange: false,
        }
    }

    async fn begin(&self, _ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        Ok(Challenge::AskPassword {
            label: "Username".to_owned(),
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
        let right = self.password.hash().matches(password.reveal());
        if username == self.username && right {
            kilgore(&[], br#"{"test": "true"}"#, &["pwd"])
        } else {
            Err(ConnectorError::WrongPassword)
        }
    }

    async fn refresh(
        &self,
        _ctx: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let same = kilgore(&[], br#"{"test": "true"}"#, &["pwd"])?;
        same_person(same, known)
    }
}

/// The person dex's mocks know, byte for byte: their `user_id` is part of a `sub`.
fn kilgore(
    groups: &[&str],
    connector_data: &[u8],
    amr: &[&str],
) -> Result<UpstreamIdentity, ConnectorError> {
    let texts = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let user_id = UserId::parse("0-385-28089-0")
        .map_err(|cause| ConnectorError::Settings(cause.to_string()))?;
    Ok(UpstreamIdentity {
        claims: IdentityClaims {
            username: "Kilgore Trout".to_owned(),
            email: "kilgore@kilgore.trout".to_owned(),
            email_verified: true,
            groups: texts(groups),
            ..IdentityClaims::of(user_id)
        },
        connector_data: Some(connector_data.to_vec()),
        amr: texts(amr),
        acr: None,
    })
}

fn same_person(
    now: UpstreamIdentity,
    known: &UpstreamIdentity,
) -> Result<UpstreamIdentity, ConnectorError> {
    if now.claims.user_id == known.claims.user_id {
        Ok(now)
    } else {
        Err(ConnectorError::Denied(
            "the mock knows nobody else".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests;
