//! The choice among connectors, and the ways that lead to it.

use insula_engine::authorize::available;
use insula_model::{AuthRequest, Client, ConnectorId};
use insula_oauth::{ResponseType, encode_pairs};

use crate::conversation::{Conversation, Whole};
use crate::routes::{choice_route, chosen_route, connector_route, without_connector};
use crate::under_way::bind;
use crate::{Browser, ConnectorChoice, FlowError, Outcome, Screen, TenantView, Turn};

/// Shows the connectors. The login is stored first, and the links name it. A request of dex's dialect
/// that came whole is repeated in them, as dex does: people keep such pages open for days and
/// programs read the request out of them. Nothing is stored of it then.
pub(crate) async fn show(
    view: &TenantView,
    browser: &Browser,
    client: &Client,
    ids: &[ConnectorId],
    mut conversation: Conversation<'_>,
) -> Result<Turn, FlowError> {
    let cookies = match (conversation.whole, conversation.stored) {
        (Some(_), _) => bind(view, browser).1.into_iter().collect(),
        (None, Some(_)) => Vec::new(),
        (None, None) => conversation.store(view, browser).await?.unwrap_or_default(),
    };
    let screen = screen(view, client, ids, &conversation);
    Ok(Turn {
        outcome: Outcome::Show(screen),
        cookies,
    })
}

fn screen(
    view: &TenantView,
    client: &Client,
    ids: &[ConnectorId],
    conversation: &Conversation<'_>,
) -> Screen {
    let auth = &conversation.auth;
    let to = |id: &ConnectorId| match &conversation.whole {
        Some(whole) => connector_route(id, whole.params),
        None => chosen_route(id, &auth.id),
    };
    let mut choices: Vec<_> = ids
        .iter()
        .filter_map(|id| view.spec.connector(id.as_str()))
        .map(|spec| ConnectorChoice {
            id: spec.id.to_string(),
            kind: spec.kind.clone(),
            name: spec.name.clone(),
            to: to(&spec.id),
        })
        .collect();
    if view.rules().sorts_choice_of_connectors {
        choices.sort_by_key(|choice| choice.name.to_lowercase());
    }
    Screen::Choose {
        client_name: client.name.clone(),
        choices,
        login_hint: auth.request.login_hint.clone(),
        ui_locales: auth.request.ui_locales.clone(),
    }
}

/// Where "choose another way" leads from a page of a stored login, if there is a choice. A client
/// that insists on a connector leaves none, nor does dex's dialect, whose way back is in the address.
pub(crate) fn way_back(view: &TenantView, client: &Client, auth: &AuthRequest) -> Option<String> {
    let insists = auth.request.connector_id.is_some();
    let is_choice = !insists && is_choice(view, client, auth.request.response_type);
    is_choice.then(|| choice_route(&auth.id))
}

/// The same for a request of dex's dialect: itself, without a connector.
pub(crate) fn whole_way_back(
    view: &TenantView,
    client: &Client,
    response_type: ResponseType,
    whole: Whole<'_>,
) -> Option<String> {
    let again = || encode_pairs(without_connector(whole.params));
    is_choice(view, client, response_type).then(|| format!("/auth?{}", again()))
}

fn is_choice(view: &TenantView, client: &Client, response_type: ResponseType) -> bool {
    available(response_type, client, &view.spec).count() > 1
}

#[cfg(test)]
mod tests;
