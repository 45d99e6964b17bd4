//! `/callback`: the browser comes back from an upstream.

use insula_connector_kit::{ConnectorMetadata, Reply};
use insula_engine::Refusal;
use insula_model::{Asked, ConnectorId};
use insula_oauth::Params;

use crate::advance::{self, Arrival};
use crate::under_way::{failed, opened, removed, under_way, within_domains};
use crate::{Browser, FlowError, TenantView, Turn, consent};

/// How the upstream sent the browser back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returned {
    /// With a query; the login is named by `state`.
    Query(Params),
    /// With a posted form; the login is named by `RelayState`, else by `state`.
    Form(Params),
    /// With a query, through a proxy that says whose browser it is.
    Vouched {
        /// The query; the login is named by `state`.
        params: Params,
        /// The lines of the headers that [`wanted_headers`] names.
        headers: Vec<(String, String)>,
    },
}

impl Returned {
    /// What names the login.
    pub fn state(&self) -> Option<&str> {
        match self {
            Self::Query(params) | Self::Vouched { params, .. } => params.get("state"),
            Self::Form(params) => params.get("RelayState").or_else(|| params.get("state")),
        }
    }
}

/// Headers that the connector of a callback reads a person from.
pub fn wanted_headers(view: &TenantView, at_connector: Option<&str>) -> Vec<String> {
    let id = at_connector.and_then(|id| ConnectorId::parse(id).ok());
    let known = id.and_then(|id| view.connectors.get(&id));
    let opened = known.and_then(|known| known.opened.as_ref().ok());
    opened.map_or_else(Vec::new, |connector| connector.wanted_headers().to_vec())
}

/// What the upstream of a connector is given to read about us.
pub fn metadata(view: &TenantView, connector: &str) -> Option<ConnectorMetadata> {
    let id = ConnectorId::parse(connector).ok()?;
    let opened = view.connectors.get(&id)?.opened.as_ref().ok()?;
    opened.metadata(&view.callback_url(&id))
}

/// Hears what an upstream says of a person.
///
/// The login is found by the `state` we sent, and belongs to this browser
/// ([RFC 9700 §4.7](https://www.rfc-editor.org/rfc/rfc9700#section-4.7)) and to the connector it
/// was begun at, which alone reads the answer, and at its callback (mix-up, RFC 9700 §4.4).
pub async fn complete(
    view: &TenantView,
    at_connector: Option<&str>,
    returned: Returned,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let state = returned.state().ok_or(Refusal::LoginUnknown)?;
    let auth = under_way(view, state, browser).await?;
    if auth.login().is_ok() {
        // The page was loaded again: the answer is known already.
        return consent::lead_on(view, &auth, browser);
    }
    let Some(Asked {
        connector_id,
        memory,
    }) = auth.asked.clone()
    else {
        return Err(Refusal::WrongStage.into());
    };
    if view.spec.connector(connector_id.as_str()).is_none() {
        return Err(removed(&auth));
    }
    if !may_arrive_at(view, at_connector, &connector_id) {
        return Err(Refusal::WrongConnector.into());
    }
    let ctx = view.login_context(&connector_id, &auth.id, &auth.request.asked_scopes());
    let (reply, arrival) = match returned {
        Returned::Query(params) => (Reply::Query(params), Arrival::Get),
        Returned::Form(params) => (Reply::Form(params), Arrival::FromElsewhere),
        Returned::Vouched { params, headers } => (Reply::Vouched { params, headers }, Arrival::Get),
    };
    let connector = opened(view, &connector_id)?;
    let answered = connector.complete(&ctx, &memory, reply).await;
    match within_domains(view, &connector_id, answered) {
        Ok(identity) => {
            advance::proven(view, browser, auth, &connector_id, identity, arrival).await
        }
        Err(error) => Err(failed(view, &auth, &connector_id, error).await),
    }
}

/// A connector's own callback, which a shared one is not: an answer that arrives there may be meant
/// for another connector.
fn may_arrive_at(view: &TenantView, at_connector: Option<&str>, asked: &ConnectorId) -> bool {
    match at_connector {
        Some(id) => id == asked.as_str(),
        None => view.callback_url(asked) == view.spec.issuer.url("/callback"),
    }
}

#[cfg(test)]
mod tests;
