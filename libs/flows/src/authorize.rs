//! `GET` and `POST /auth`, `/auth/{connector}`: a request arrives, or a choice is made.

use insula_engine::authorize::{Choice, Rejection, unpacked, validate};
use insula_engine::{Peers, Refusal};
use insula_model::ConnectorId;
use insula_oauth::{AuthorizeRequest, Params, Scopes};

use crate::advance::{Arrival, advance};
use crate::conversation::{Conversation, Whole};
use crate::login_log;
use crate::signing::with_key_of;
use crate::under_way::{removed, under_way};
use crate::{Browser, FlowError, Refused, TenantView, Turn};

/// All parameters together may be this long. Some are only checked, such as `id_token_hint`; of the
/// others far less is kept ([`keeping`](insula_engine::authorize::keeping)).
const LONGEST_REQUEST: usize = 16 * 1024;

/// What the field of a mail address is called.
const ADDRESS: &str = "login";

/// The stored login that a link of ours names, where these are not the parameters of a request.
pub fn named(params: &Params) -> Option<&str> {
    let is_request = params.get("client_id").is_some();
    params.get("req").filter(|_| !is_request)
}

/// Answers an authorization request, up to the first question a person or an upstream is asked.
///
/// `at_connector` is the connector of the path, where there is one; `params` the query or the form
/// (OpenID Connect Core §3.1.2.1 allows both). A link of the choice names a stored login (`req`)
/// instead of a request.
pub async fn start(
    view: &TenantView,
    params: &Params,
    at_connector: Option<&str>,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    check_length(params)?;
    if let Some(id) = named(params) {
        let typed = params.get(ADDRESS);
        return choose(view, id, at_connector, typed, browser).await;
    }
    let mut asked = AuthorizeRequest::from_params(params);
    let client_id = asked.client_id;
    login_log::about_client(view, client_id.unwrap_or_default());
    let client = match client_id {
        Some(id) => view.clients().find(id).await?,
        None => None,
    };
    let inside = match &client {
        Some(client) => unpacked(&asked, client, &view.spec, view.now()),
        None => Ok(None),
    };
    let inside = inside.map_err(|rejection| rejected(view, rejection, false))?;
    if let Some(inside) = &inside {
        asked = AuthorizeRequest::from_params(inside);
    }
    let insists = asked.connector_id.is_some();
    let mut choice = Choice::Open;
    if let Some(id) = at_connector {
        choice = Choice::Made(connector_of_path(view, &asked, id)?);
        asked.connector_id = Some(id);
    }
    let peers = match (&client, asked.scope) {
        (Some(_), Some(scope)) => view.clients().peers(&Scopes::parse(scope)).await?,
        _ => Peers::default(),
    };
    let hint = asked.id_token_hint.unwrap_or_default();
    let hinted = with_key_of(view, hint).await;
    let (spec, keys, now) = (&view.spec, &hinted.keys, view.now());
    let validated = validate(&asked, client.as_deref(), &peers, spec, keys, now);
    let mut request = validated.map_err(|rejection| {
        if rejection.reply_to.is_none() {
            let to = asked.redirect_uri.unwrap_or_default();
            login_log::about_redirect_uri(view, to);
        }
        rejected(view, rejection, at_connector.is_some() && insists)
    })?;
    let at_connector = at_connector.is_some();
    let rules = view.rules();
    let whole = rules.carries_request_in_links.then_some(Whole {
        params,
        at_connector,
    });
    if !rules.connector_of_route_is_insisted_on && !insists {
        request.connector_id = None;
    }
    let mut conversation = Conversation::arriving(view, request, choice, whole);
    conversation.client = client;
    advance(view, browser, conversation, Arrival::Get).await
}

/// A person chose, typed their address, or came back to the choice.
async fn choose(
    view: &TenantView,
    id: &str,
    at_connector: Option<&str>,
    typed: Option<&str>,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let auth = under_way(view, id, browser).await?;
    let choice = match (at_connector, typed) {
        (Some(id), _) => {
            let known = view.spec.connector(id).ok_or_else(|| removed(&auth))?;
            Choice::Made(known.id.clone())
        }
        (None, Some(address)) => Choice::Typed(address.to_owned()),
        (None, None) => Choice::Wanted,
    };
    let conversation = Conversation::choosing(view, auth, choice);
    advance(view, browser, conversation, Arrival::Get).await
}

fn check_length(params: &Params) -> Result<(), Refusal> {
    let length: usize = params.pairs().map(|(n, v)| n.len() + v.len()).sum();
    if length > LONGEST_REQUEST {
        let why = format!("it is longer than {LONGEST_REQUEST} bytes");
        return Err(Refusal::MalformedBody(why));
    }
    Ok(())
}

/// dex tells the client of a connector it cannot have only if the client insisted on the very one
/// of the path; at `/auth`, or for the path alone, a page tells.
fn rejected(view: &TenantView, rejection: Rejection, insists_at_path: bool) -> FlowError {
    let Rejection {
        refusal,
        mut reply_to,
    } = rejection;
    let is_connector = matches!(
        refusal,
        Refusal::UnknownConnector(_) | Refusal::ConnectorNotAllowed(_)
    );
    let on_page = view.rules().tells_of_unavailable_connector_on_page;
    if on_page && is_connector && !insists_at_path {
        reply_to = None;
    }
    let reply_to = reply_to.map(|to| *to);
    Refused { refusal, reply_to }.into()
}

fn connector_of_path(
    view: &TenantView,
    asked: &AuthorizeRequest<'_>,
    id: &str,
) -> Result<ConnectorId, FlowError> {
    let known = known_connector(view, id)?;
    match asked.connector_id {
        Some(other) if other != id => Err(Refusal::WrongConnector.into()),
        _ => Ok(known),
    }
}

fn known_connector(view: &TenantView, id: &str) -> Result<ConnectorId, Refusal> {
    let known = view.spec.connector(id);
    let known = known.ok_or_else(|| Refusal::UnknownConnector(id.to_owned()))?;
    Ok(known.id.clone())
}

#[cfg(test)]
mod tests;
