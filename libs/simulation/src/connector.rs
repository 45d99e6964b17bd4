use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, ExchangedIdentity, LoginContext, Memory,
    OpenConnector, OpenContext, Reply, SubjectToken, UpstreamIdentity,
};
use insula_model::{ConnectorSpec, IdentityClaims, Issuer, UserId};
use insula_testkit::{FakeConnector, jane};
use serde_json::{Map, json};
use tokio::task::yield_now;

use crate::tenants::ROTATING;

/// An upstream that believes everybody: who comes back is who they say they are.
struct Upstream {
    /// Where it is one that gives a new refresh token for each use: which one is good, by login.
    current: Option<Arc<Mutex<Vec<u32>>>>,
}

impl Upstream {
    /// Who comes under a name.
    fn person(&self, name: &str) -> Result<UpstreamIdentity, ConnectorError> {
        let user_id = UserId::parse(name)
            .map_err(|_| ConnectorError::BadReply("nobody has that name".to_owned()))?;
        Ok(UpstreamIdentity {
            claims: IdentityClaims {
                user_id,
                username: name.to_owned(),
                preferred_username: name.to_owned(),
                email: address_of(name),
                ..jane()
            },
            connector_data: Some(self.first_token(name)),
            ..FakeConnector::identity()
        })
    }

    /// The refresh token of a new login.
    fn first_token(&self, name: &str) -> Vec<u8> {
        let Some(current) = &self.current else {
            return name.as_bytes().to_vec();
        };
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        current.push(0);
        format!("{}:0", current.len() - 1).into_bytes()
    }

    /// The token that takes the place of `token`, if that is the one that is good. One that was used
    /// before ends the login.
    fn next_token(&self, token: &[u8]) -> Option<Vec<u8>> {
        let Some(current) = &self.current else {
            return Some(token.to_vec());
        };
        let (login, number) = std::str::from_utf8(token).ok()?.split_once(':')?;
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        let good = current.get_mut(login.parse::<usize>().ok()?)?;
        if number.parse() != Ok(*good) {
            *good = ENDED;
            return None;
        }
        *good += 1;
        Some(format!("{login}:{good}").into_bytes())
    }
}

#[async_trait]
impl Connector for Upstream {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: true,
            exchange: true,
        }
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        Ok(Challenge::Redirect {
            to: format!("{UPSTREAM}?state={}", ctx.state),
            memory: json!({}),
        })
    }

    async fn complete(
        &self,
        _: &LoginContext,
        _: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let name = match &reply {
            Reply::Query(params) => params.get("code").unwrap_or_default(),
            Reply::Password { username, .. } => username,
            Reply::Form(_) | Reply::Vouched { .. } => {
                return Err(ConnectorError::BadReply("it is not a query".to_owned()));
            }
        };
        self.person(name)
    }

    async fn exchange(&self, shown: SubjectToken<'_>) -> Result<ExchangedIdentity, ConnectorError> {
        Ok(ExchangedIdentity {
            identity: self.person(shown.token)?,
            claims: Map::new(),
            auth_time: None,
        })
    }

    async fn refresh(
        &self,
        _: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let Some(token) = &known.connector_data else {
            return Ok(known.clone());
        };
        yield_now().await;
        let next = self.next_token(token);
        yield_now().await;
        let next = next.ok_or_else(|| ConnectorError::Denied("the token was used".to_owned()))?;
        Ok(UpstreamIdentity {
            connector_data: Some(next),
            ..known.clone()
        })
    }
}

/// No token of a login is good any more.
const ENDED: u32 = u32::MAX;

/// Where browsers are sent to.
pub(crate) const UPSTREAM: &str = "https://upstream.test/authorize";

/// Opens [`Upstream`] whatever is configured.
#[derive(Default)]
pub(crate) struct Upstreams {
    current: Arc<Mutex<Vec<u32>>>,
}

#[async_trait]
impl OpenConnector for Upstreams {
    fn check(&self, _: &ConnectorSpec, _: &Issuer) -> Vec<String> {
        Vec::new()
    }

    async fn open(
        &self,
        spec: &ConnectorSpec,
        _: &OpenContext,
    ) -> Result<Arc<dyn Connector>, ConnectorError> {
        let rotates = spec.id.as_str() == ROTATING;
        Ok(Arc::new(Upstream {
            current: rotates.then(|| Arc::clone(&self.current)),
        }))
    }
}

/// The mail address of a person.
pub(crate) fn address_of(name: &str) -> String {
    format!("{name}@example.test")
}
