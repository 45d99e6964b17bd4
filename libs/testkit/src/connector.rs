use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, LoginContext, LogoutContext, Memory,
    Negotiated, Negotiation, Once, Reply, UpstreamIdentity,
};
use serde_json::json;

use crate::jane;

/// The password a [`FakeConnector`] takes for right.
pub const PASSWORD: &str = "right";

/// A connector that says what it was told to, and remembers what it was asked.
///
/// Unless told otherwise it knows [`jane`], keeps `upstream-refresh-token` for refreshing, and
/// answers a refresh with what it already knew.
#[derive(Debug)]
pub struct FakeConnector {
    capabilities: Capabilities,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    logins: VecDeque<Result<UpstreamIdentity, ConnectorError>>,
    refreshes: VecDeque<Result<UpstreamIdentity, ConnectorError>>,
    begun: Vec<LoginContext>,
    refreshed: Vec<UpstreamIdentity>,
    logs_out: bool,
    negotiation: Option<Negotiation>,
    shown: Vec<Vec<u8>>,
}

impl FakeConnector {
    /// Sends browsers to `https://upstream.test/authorize`, and can refresh.
    pub fn redirecting() -> Self {
        Self {
            capabilities: Capabilities {
                refresh: true,
                password: false,
                exchange: false,
            },
            state: Mutex::default(),
        }
    }

    /// Asks for a password, of which [`PASSWORD`] is right, and can refresh.
    pub fn asking_password() -> Self {
        let mut fake = Self::redirecting();
        fake.capabilities.password = true;
        fake
    }

    /// Takes tickets, too: of any token, what was scripted for a login.
    pub fn taking_tickets(self, form_without_ticket: bool) -> Self {
        self.state().negotiation = Some(Negotiation {
            form_without_ticket,
        });
        self
    }

    /// The tokens it was shown.
    pub fn shown(&self) -> Vec<Vec<u8>> {
        self.state().shown.clone()
    }

    /// Cannot refresh.
    pub fn without_refresh(mut self) -> Self {
        self.capabilities.refresh = false;
        self
    }

    /// Says this of the next login not yet scripted.
    pub fn on_login(self, answer: Result<UpstreamIdentity, ConnectorError>) -> Self {
        self.state().logins.push_back(answer);
        self
    }

    /// Says this of the next refresh not yet scripted.
    pub fn on_refresh(self, answer: Result<UpstreamIdentity, ConnectorError>) -> Self {
        self.state().refreshes.push_back(answer);
        self
    }

    /// Logs people out at `https://upstream.test/logout`.
    pub fn logging_out(self) -> Self {
        self.state().logs_out = true;
        self
    }

    /// Jane, as this upstream knows her.
    pub fn identity() -> UpstreamIdentity {
        UpstreamIdentity {
            claims: jane(),
            connector_data: Some(b"upstream-refresh-token".to_vec()),
            amr: vec!["pwd".to_owned()],
            acr: None,
        }
    }

    /// What it was told of each login it began.
    pub fn begun(&self) -> Vec<LoginContext> {
        self.state().begun.clone()
    }

    /// What it was handed with each refresh.
    pub fn refreshed(&self) -> Vec<UpstreamIdentity> {
        self.state().refreshed.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Connector for FakeConnector {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn negotiation(&self) -> Option<Negotiation> {
        self.state().negotiation
    }

    async fn negotiate(
        &self,
        _ctx: &LoginContext,
        token: &[u8],
    ) -> Result<Negotiated, ConnectorError> {
        let mut state = self.state();
        state.shown.push(token.to_vec());
        let scripted = state.logins.pop_front();
        Ok(Negotiated {
            identity: scripted.unwrap_or_else(|| Ok(Self::identity()))?,
            answer: Some(b"proof".to_vec()),
            once: Once {
                mark: String::from_utf8_lossy(token).into_owned(),
                remembered: Duration::from_mins(10),
            },
        })
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        self.state().begun.push(ctx.clone());
        if self.capabilities.password {
            let label = "Username".to_owned();
            return Ok(Challenge::AskPassword { label });
        }
        Ok(Challenge::Redirect {
            to: format!("https://upstream.test/authorize?state={}", ctx.state),
            memory: json!({"nonce": "upstream-nonce"}),
        })
    }

    async fn complete(
        &self,
        _ctx: &LoginContext,
        memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        match &reply {
            Reply::Password { password, .. } if password.reveal() != PASSWORD => {
                return Err(ConnectorError::WrongPassword);
            }
            Reply::Query(params) | Reply::Form(params) | Reply::Vouched { params, .. } => {
                if let Some(error) = params.get("error") {
                    return Err(ConnectorError::Denied(error.to_owned()));
                }
                if memory.get("nonce").is_none() {
                    return Err(ConnectorError::BadReply("the memory is gone".to_owned()));
                }
            }
            Reply::Password { .. } => {}
        }
        let scripted = self.state().logins.pop_front();
        scripted.unwrap_or_else(|| Ok(Self::identity()))
    }

    async fn logout_url(&self, ctx: &LogoutContext) -> Result<Option<String>, ConnectorError> {
        if !(self.state().logs_out && ctx.unless_told) {
            return Ok(None);
        }
        let back = ctx.return_url.replace(':', "%3A").replace('/', "%2F");
        let (at, state) = ("https://upstream.test/logout", &ctx.state);
        Ok(Some(format!(
            "{at}?post_logout_redirect_uri={back}&state={state}"
        )))
    }

    async fn refresh(
        &self,
        _ctx: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let mut state = self.state();
        state.refreshed.push(known.clone());
        let scripted = state.refreshes.pop_front();
        scripted.unwrap_or_else(|| Ok(known.clone()))
    }
}
