//! A browser shows a Kerberos ticket, and nobody types.

use insula_connector_kit::{ConnectorError, Negotiation, Once, UpstreamIdentity};
use insula_engine::authorize::may_be_silent;
use insula_model::{ConnectorId, Denial};

use super::Form;
use crate::advance::{self, Arrival};
use crate::denied::{self, Denied};
use crate::under_way::{denial, failed, is_own, within_domains};
use crate::{Browser, FlowError, Negotiate, TenantView, Turn, login_log};

/// Whether a ticket may answer here.
///
/// Browsers show tickets by themselves. So one counts in the browser that began the login alone, in
/// either dialect: a link to the login of a stranger would log that stranger in.
pub(super) fn asked_for(form: &Form<'_>, browser: &Browser) -> Option<Negotiation> {
    let negotiation = form.connector.negotiation()?;
    let may_answer = is_own(form.auth, browser) && may_be_silent(&form.auth.request);
    may_answer.then_some(negotiation)
}

/// Whose ticket it is; nothing if it lets nobody in.
pub(super) async fn heard(
    view: &TenantView,
    form: &Form<'_>,
    browser: &Browser,
    token: &[u8],
) -> Result<Option<Turn>, FlowError> {
    let (id, auth) = (&form.connector_id, form.auth);
    let ctx = view.login_context(id, &auth.id, &auth.request.asked_scopes());
    let (answered, said) = match form.connector.negotiate(&ctx, token).await {
        Ok(taken) => (Ok(taken.identity), Some((taken.answer, taken.once))),
        Err(error) => (Err(error), None),
    };
    let error = match (within_domains(view, id, answered), said) {
        (Ok(identity), Some((answer, once))) if is_first(view, id, &once).await? => {
            let turn = proven(view, form, browser, identity).await?;
            let negotiate = answer.map(Negotiate::Answer);
            return Ok(Some(Turn { negotiate, ..turn }));
        }
        (Ok(_), _) => ConnectorError::BadReply("the ticket was shown before, as it is".to_owned()),
        (Err(error), _) => error,
    };
    let (why, reason) = match (&error, denial(&error)) {
        (ConnectorError::BadReply(why), _) => (why, None),
        (ConnectorError::Denied(why), reason) => (why, reason),
        _ => return Err(failed(view, auth, id, error).await),
    };
    login_log::failed(view, browser, id, "", why);
    if let Some(reason) = reason {
        tell(view, form, reason).await;
    }
    Ok(None)
}

/// In one atomic step, for all nodes: of a token that is shown twice at once the first counts.
async fn is_first(view: &TenantView, id: &ConnectorId, once: &Once) -> Result<bool, FlowError> {
    let key = format!("ticket/{id}/{}", once.mark);
    let shown = view.effects.cache.count(&key, once.remembered).await?;
    Ok(shown == 1)
}

async fn proven(
    view: &TenantView,
    form: &Form<'_>,
    browser: &Browser,
    identity: UpstreamIdentity,
) -> Result<Turn, FlowError> {
    let (id, auth) = (form.connector_id.clone(), form.auth.clone());
    advance::proven(view, browser, auth, &id, identity, Arrival::Get).await
}

async fn tell(view: &TenantView, form: &Form<'_>, reason: Denial) {
    let denied = Denied {
        client: &form.client.id,
        connector: &form.connector_id,
        name: None,
        reason,
    };
    denied::tell(view, denied).await;
}

#[cfg(test)]
mod tests;
