//! The choice among connectors, and the ways that lead to it.

use insula_engine::authorize::{AddressTrouble, Choice, available};
use insula_model::{AuthRequest, Client, ConnectorId, LONGEST_ADDRESS};
use insula_oauth::{ResponseType, encode_pairs};

use crate::conversation::{Conversation, Whole};
use crate::routes::{choice_route, chosen_route, connector_route, without_connector};
use crate::under_way::bind;
use crate::{
    AddressForm, Browser, ConnectorChoice, FlowError, Outcome, Screen, TenantView, Turn,
    Unavailability, last_used,
};

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
    let is_known = conversation.stored.is_some() && !conversation.is_address_new;
    let cookies = match conversation.whole {
        Some(_) => bind(view, browser).1.into_iter().collect(),
        None if is_known => Vec::new(),
        None => conversation.store(view, browser).await?.unwrap_or_default(),
    };
    let screen = screen(view, browser, client, ids, &conversation);
    Ok(Turn::new(Outcome::Show(screen), cookies))
}

/// Asks for the person's mail address. The ways that can be chosen without one stand below the field,
/// and before them the one they came in by last, so that they need not type to take it again.
pub(crate) async fn ask_address(
    view: &TenantView,
    browser: &Browser,
    client: &Client,
    mut ids: Vec<ConnectorId>,
    trouble: Option<AddressTrouble>,
    mut conversation: Conversation<'_>,
) -> Result<Turn, FlowError> {
    // What is typed must find its login again, also where links carry the whole request.
    conversation.whole = None;
    let cookies = match conversation.stored {
        Some(_) => Vec::new(),
        None => conversation.store(view, browser).await?.unwrap_or_default(),
    };
    let asked = conversation.auth.request.response_type;
    let last = last_used::remembered(view, browser).filter(|last| {
        !ids.contains(last) && available(asked, client, &view.spec).any(|one| one.id == *last)
    });
    ids.splice(0..0, last);
    let mut screen = screen(view, browser, client, &ids, &conversation);
    if let Screen::Choose {
        address,
        login_hint,
        ..
    } = &mut screen
    {
        *address = Some(AddressForm {
            action: "/auth".to_owned(),
            fields: vec![("req".to_owned(), conversation.auth.id.to_string())],
            trouble,
        });
        if let Choice::Typed(typed) = &conversation.choice {
            *login_hint = Some(typed.chars().take(LONGEST_ADDRESS).collect());
        }
    }
    Ok(Turn::new(Outcome::Show(screen), cookies))
}

fn screen(
    view: &TenantView,
    browser: &Browser,
    client: &Client,
    ids: &[ConnectorId],
    conversation: &Conversation<'_>,
) -> Screen {
    let auth = &conversation.auth;
    let last = last_used::remembered(view, browser);
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
            last_used: last.as_ref() == Some(&spec.id),
            unavailable: unavailable(view, &spec.id),
        })
        .collect();
    if view.rules().sorts_choice_of_connectors {
        choices.sort_by_key(|choice| choice.name.to_lowercase());
    }
    Screen::Choose {
        client_name: client.name.clone(),
        address: None,
        choices,
        login_hint: auth.login_hint().map(str::to_owned),
        ui_locales: auth.request.ui_locales.clone(),
    }
}

fn unavailable(view: &TenantView, id: &ConnectorId) -> Option<Unavailability> {
    let known = view.connectors.get(id)?;
    if known.opened.is_err() {
        return Some(Unavailability::Broken);
    }
    let now = view.effects.clock.monotonic();
    known
        .health
        .is_unavailable(now)
        .then_some(Unavailability::Silent)
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
mod address_tests;
#[cfg(test)]
mod tests;
