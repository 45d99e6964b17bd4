//! Atlassian Crowd as an upstream.

mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, Document, LoginContext, Memory,
    OpenContext, Reply, UpstreamIdentity,
};
use insula_model::{ConnectorSpec, IdentityClaims, UserId};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use self::settings::{PreferredUsername, Settings};
use crate::http::{Answer, Ask, Trust, Upstream, UpstreamHttp, UpstreamSettings};

/// What Crowd calls a person it does not let in (Crowd REST API: User Management, error reasons).
const NOT_LET_IN: [&str; 4] = [
    "INVALID_USER_AUTHENTICATION",
    "USER_NOT_FOUND",
    "INACTIVE_ACCOUNT",
    "EXPIRED_CREDENTIAL",
];

/// Everything that is wrong with the settings, found without the network.
pub(crate) fn check(spec: &ConnectorSpec) -> Vec<String> {
    Settings::read(&spec.config).problems(Settings::problems)
}

/// Asks people for a name and a password, and Crowd whether they are right.
pub(crate) struct Crowd {
    settings: Settings,
    preferred_username: PreferredUsername,
    api: Url,
    upstream: Upstream,
}

/// What is kept of a person to refresh them, in dex's form.
#[derive(Serialize, Deserialize)]
struct Kept {
    username: String,
}

impl Crowd {
    pub(crate) fn open(
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        let settings = Settings::read(&spec.config).usable(Settings::problems)?;
        let api = settings.api();
        let upstream = UpstreamSettings {
            connector: spec.id.as_str().to_owned(),
            timeout: spec.timeout,
            calls: ctx.upstream_calls,
            trust: Trust::default(),
            clock: Arc::clone(&ctx.clock),
        };
        Ok(Self {
            api: api.ok_or_else(|| ConnectorError::Settings("baseURL is missing".to_owned()))?,
            // Judged when the settings were read.
            preferred_username: settings
                .preferred_username()
                .unwrap_or(PreferredUsername::None),
            upstream: Upstream::open(http, upstream)?,
            settings,
        })
    }

    /// An address of the API about a person.
    fn about(&self, path: &str, username: &str) -> Result<Url, ConnectorError> {
        let url = self.api.join(path);
        let mut url = url.map_err(|_| ConnectorError::Settings("baseURL is odd".to_owned()))?;
        url.query_pairs_mut().append_pair("username", username);
        Ok(url)
    }

    /// Asks as our application. `None`: Crowd does not let the person in.
    async fn ask(&self, ask: Ask, what: &'static str) -> Result<Option<Answer>, ConnectorError> {
        let (name, password) = (&self.settings.client_id, &self.settings.client_secret);
        let ask = ask.with_basic(name.clone(), password.reveal().to_owned());
        let answer = self.upstream.ask(ask).await?;
        let refused = |why: &str| Err(ConnectorError::Upstream(why.to_owned()));
        match answer.status {
            StatusCode::UNAUTHORIZED => {
                refused("it refuses our application; compare clientID and clientSecret with it")
            }
            StatusCode::FORBIDDEN => {
                refused("it does not take our application from this address; add it there")
            }
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => {
                let error = answer.document("error answer")?;
                let reason = error.text("reason")?.unwrap_or_default();
                if NOT_LET_IN.contains(&reason.as_str()) {
                    return Ok(None);
                }
                answer.ok(what).map(Some)
            }
            _ => answer.ok(what).map(Some),
        }
    }

    /// What Crowd says of a person who was let in.
    async fn identity(&self, user: &Document) -> Result<UpstreamIdentity, ConnectorError> {
        let name = user.required("name")?.to_owned();
        let key = user.text("key")?.unwrap_or_else(|| name.clone());
        let email = user.text("email")?.unwrap_or_default();
        let preferred_username = match self.preferred_username {
            PreferredUsername::None => String::new(),
            PreferredUsername::Key => key.clone(),
            PreferredUsername::Name => name.clone(),
            PreferredUsername::Email => email.clone(),
        };
        let user_id = UserId::parse(&key)
            .map_err(|_| ConnectorError::BadReply("its user has an unusable key".to_owned()))?;
        Ok(UpstreamIdentity {
            claims: IdentityClaims {
                preferred_username,
                email_verified: !email.is_empty(),
                email,
                groups: self.groups(&name).await?,
                username: name.clone(),
                ..IdentityClaims::of(user_id)
            },
            connector_data: Some(json!(Kept { username: name }).to_string().into_bytes()),
            amr: vec!["pwd".to_owned()],
            acr: None,
        })
    }

    /// All groups of a person, those within others as well. Crowd writes them in lower case or not as
    /// its directories do, so that their case is not minded.
    async fn groups(&self, name: &str) -> Result<Vec<String>, ConnectorError> {
        let ask = Ask::get(self.about("user/group/nested", name)?);
        let Some(answer) = self.ask(ask, "groups").await? else {
            return Err(gone());
        };
        let told = answer.document("groups")?.names("groups")?;
        let mut groups = told.unwrap_or_default();
        let required = &self.settings.groups;
        if !required.is_empty() {
            groups.retain(|group| required.iter().any(|one| is_same(one, group)));
            if groups.is_empty() {
                return Err(ConnectorError::NotInGroup);
            }
        }
        Ok(groups)
    }
}

fn is_same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

fn gone() -> ConnectorError {
    ConnectorError::Denied("Crowd lets the account in no more".to_owned())
}

#[async_trait]
impl Connector for Crowd {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: true,
            exchange: false,
        }
    }

    async fn begin(&self, _ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        let prompt = &self.settings.username_prompt;
        let label = if prompt.is_empty() {
            "Username"
        } else {
            prompt
        };
        Ok(Challenge::AskPassword {
            label: label.to_owned(),
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
                "a password was expected".to_owned(),
            ));
        };
        if username.is_empty() || password.reveal().is_empty() {
            return Err(ConnectorError::WrongPassword);
        }
        let url = self.about("authentication", &username)?;
        let ask = Ask::post_json(url, &json!({ "value": password.reveal() }));
        match self.ask(ask, "verdict on a password").await? {
            Some(answer) => self.identity(&answer.document("user")?).await,
            None => Err(ConnectorError::WrongPassword),
        }
    }

    async fn refresh(
        &self,
        _ctx: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let data = known.connector_data.as_deref();
        let kept: Option<Kept> = data.and_then(|bytes| serde_json::from_slice(bytes).ok());
        let kept = kept.ok_or_else(|| {
            ConnectorError::Denied("nothing is kept of the login at the upstream".to_owned())
        })?;
        let ask = Ask::get(self.about("user", &kept.username)?);
        let user = self.ask(ask, "user").await?.ok_or_else(gone)?;
        let user = user.document("user")?;
        if user.flag("active")? == Some(false) {
            return Err(gone());
        }
        let told = self.identity(&user).await?;
        if told.claims.user_id != known.claims.user_id {
            return Err(ConnectorError::Denied(
                "the name belongs to another person now".to_owned(),
            ));
        }
        Ok(told)
    }
}

#[cfg(test)]
mod tests;
