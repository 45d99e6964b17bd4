//! A person is sent to a connector.

use std::sync::Arc;

use insula_connector_kit::{Challenge, Connector};
use insula_engine::authorize::forces_login;
use insula_engine::{Refusal, asked_of_upstream};
use insula_model::{Asked, Client, ConnectorId, TokenHash};

use crate::choice::whole_way_back;
use crate::conversation::Conversation;
use crate::routes::{connector_route, password_route};
use crate::under_way::{heard, not_begun, opened};
use crate::{Browser, FlowError, Outcome, TenantView, Turn};

/// Stores where the person goes, and sends them. dex names the connector in a route first.
pub(crate) async fn ask(
    view: &TenantView,
    browser: &Browser,
    client: &Client,
    id: &ConnectorId,
    mut conversation: Conversation<'_>,
) -> Result<Turn, FlowError> {
    if let Some(whole) = conversation.whole.filter(|whole| !whole.at_connector) {
        let to = connector_route(id, whole.params);
        return Ok(Outcome::Redirect {
            to,
            see_other: false,
        }
        .into());
    }
    let connector = opened(view, id)?;
    if let Some(turn) = begin(view, browser, client, (id, &connector), &mut conversation).await? {
        return Ok(turn);
    }
    // Another tab took this login further at the same moment.
    conversation.fork(view);
    let begun = begin(view, browser, client, (id, &connector), &mut conversation).await?;
    begun.ok_or_else(|| Refusal::LoginUnknown.into())
}

/// Nothing where the login went on without us.
async fn begin(
    view: &TenantView,
    browser: &Browser,
    client: &Client,
    (id, connector): (&ConnectorId, &Arc<dyn Connector>),
    conversation: &mut Conversation<'_>,
) -> Result<Option<Turn>, FlowError> {
    let auth = &mut conversation.auth;
    let mut ctx = view.login_context(id, &auth.id, &auth.request.asked_scopes());
    ctx.force_login = forces_login(&auth.request, view.rules());
    ctx.login_hint = auth.login_hint().map(str::to_owned);
    if let Some(upstream) = view.spec.connector(id.as_str()) {
        ctx.acr_values = asked_of_upstream(&auth.request, upstream);
    }
    let challenge = connector.begin(&ctx).await;
    let challenge = challenge.map_err(|error| {
        heard(view, id, Some(&error));
        not_begun(id, error)
    })?;
    let (memory, outcome) = match challenge {
        Challenge::Redirect { to, memory } => {
            let see_other = view.rules().sends_upstream_with_see_other;
            (Some(memory), Outcome::Redirect { to, see_other })
        }
        Challenge::PostForm { to, fields, memory } => {
            (Some(memory), Outcome::PostForm { to, fields })
        }
        Challenge::AskPassword { .. } => {
            let whole = conversation.whole;
            let asked = auth.request.response_type;
            let back = whole.and_then(|whole| whole_way_back(view, client, asked, whole));
            auth.back_hash = back.as_deref().map(TokenHash::of);
            let to = password_route(view, id, &auth.id, back.as_deref());
            let see_other = false;
            (None, Outcome::Redirect { to, see_other })
        }
    };
    let is_known = conversation.stored.is_some() && !conversation.is_address_new;
    if memory.is_none() && is_known {
        // The form's address says all there is to know.
        return Ok(Some(outcome.into()));
    }
    auth.asked = memory.map(|memory| Asked {
        connector_id: id.clone(),
        memory,
    });
    let cookies = conversation.store(view, browser).await?;
    Ok(cookies.map(|cookies| Turn::new(outcome, cookies)))
}
