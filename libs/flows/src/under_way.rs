//! A login under way: found again, answered for, given up.

use std::sync::Arc;

use insula_connector_kit::{Connector, ConnectorError, UpstreamIdentity};
use insula_engine::Refusal;
use insula_engine::authorize::ReplyTo;
use insula_engine::binding::{Bound, bound, may_take_a_step};
use insula_model::{
    AuthRequest, AuthRequestId, AuthorizationRequest, BindingCookie, Client, ConnectorId, Denial,
    Origin, TokenHash,
};
use insula_store::StoreError;
use tracing::warn;

use crate::denied::{self, Denied};
use crate::login_log;
use crate::routes::choice_route;
use crate::{Browser, CookieChange, Fault, FlowError, TenantView, device, kept};

/// When it is worth asking again after a queue was full: it is served within seconds.
pub(crate) const BUSY_FOR_S: u64 = 2;

/// The login a browser came back to, if it may take the next step of it: known, and not
/// bound to another browser.
pub(crate) async fn under_way(
    view: &TenantView,
    id: &str,
    browser: &Browser,
) -> Result<AuthRequest, FlowError> {
    let id = AuthRequestId::parse(id).map_err(|_| Refusal::LoginUnknown)?;
    let found = match view.effects.cache.get_auth_request(&id).await {
        // Another version of this server wrote it. Nobody can go on with it here, and to begin anew
        // is all there is to do.
        Err(StoreError::Corrupt { what, cause }) => {
            warn!("a login under way is given up: its stored {what} cannot be read: {cause}");
            None
        }
        found => found?,
    };
    let found = found.ok_or(Refusal::LoginUnknown)?;
    login_log::about_client(view, found.request.client_id.as_str());
    if !may_take_a_step(bound(found.browser.as_ref(), &browser.bindings), &view.spec) {
        return Err(Refusal::WrongBrowser.into());
    }
    kept::whole(view, found, browser)
}

/// Whether a browser proves by its cookie that a login is its own.
pub(crate) fn is_own(auth: &AuthRequest, browser: &Browser) -> bool {
    bound(auth.browser.as_ref(), &browser.bindings) == Bound::ToThis
}

/// The client of a login under way; it may have been removed since.
pub(crate) async fn client(
    view: &TenantView,
    request: &AuthorizationRequest,
) -> Result<Arc<Client>, FlowError> {
    let found = view.clients().find(request.client_id.as_str()).await?;
    found.ok_or_else(|| Refusal::UnknownClient.into())
}

/// The browser's binding, old or new. A login is finished by the browser that began it, or by
/// nobody ([RFC 9700 §4.7](https://www.rfc-editor.org/rfc/rfc9700#section-4.7)).
pub(crate) fn bind(view: &TenantView, browser: &Browser) -> (TokenHash, Option<CookieChange>) {
    match browser
        .bindings
        .iter()
        .find(|value| value.reveal().len() >= 32)
    {
        Some(value) => (value.hash(), None),
        None => {
            let value = BindingCookie::new(view.effects.entropy.word(25));
            (value.hash(), Some(CookieChange::Bind(value)))
        }
    }
}

/// The opened connector of an id.
pub(crate) fn opened(view: &TenantView, id: &ConnectorId) -> Result<Arc<dyn Connector>, FlowError> {
    let known = view
        .connectors
        .get(id)
        .ok_or_else(|| Refusal::UnknownConnector(id.to_string()))?;
    known.opened.clone().map_err(|why| {
        let connector = id.to_string();
        Refusal::ConnectorUnavailable { connector, why }.into()
    })
}

/// Notes how a call of a connector to its upstream ended.
pub(crate) fn heard(view: &TenantView, id: &ConnectorId, error: Option<&ConnectorError>) {
    if let Some(known) = view.connectors.get(id) {
        known.health.heard(error, view.effects.clock.monotonic());
    }
}

/// The refusal of a login whose connector was taken out of the configuration meanwhile. The page leads
/// to the other ways, unless the client insists on this one.
pub(crate) fn removed(auth: &AuthRequest) -> FlowError {
    let insists = auth.request.connector_id.is_some();
    let another = (!insists).then(|| choice_route(&auth.id));
    Refusal::ConnectorRemoved { another }.into()
}

/// What a connector says of a person, unless it names an address that it may not vouch for.
pub(crate) fn within_domains(
    view: &TenantView,
    id: &ConnectorId,
    answered: Result<UpstreamIdentity, ConnectorError>,
) -> Result<UpstreamIdentity, ConnectorError> {
    heard(view, id, answered.as_ref().err());
    let identity = answered?;
    let spec = view.spec.connector(id.as_str());
    if spec.is_none_or(|spec| spec.may_vouch_for(&identity.claims.email)) {
        return Ok(identity);
    }
    warn!(connector.id = %id,
        "connector {id} named a mail address of a domain that is not among its domains: nobody is \
         let in; write the domain there, or domainsOnly: false");
    let why = "the mail address is of a domain that this connector is not for";
    Err(ConnectorError::Denied(why.to_owned()))
}

/// Why a connector did not begin a login.
pub(crate) fn not_begun(id: &ConnectorId, error: ConnectorError) -> FlowError {
    match error {
        ConnectorError::Denied(why) => Refusal::UpstreamDenied(why).into(),
        ConnectorError::Declined => {
            let connector = id.to_string();
            Refusal::UpstreamDeclined { connector }.into()
        }
        ConnectorError::Busy(_) => Refusal::Overloaded {
            retry_after_s: BUSY_FOR_S,
        }
        .into(),
        cause => Fault::of_connector(id, cause).into(),
    }
}

/// What a connector's failure is to the person and to the client. In our dialect a client hears
/// that its person was denied (RFC 6749 §4.1.2.1), as does a device, and the login is over; dex never
/// tells it. An
/// answer that cannot be used may be a stranger's: it ends nothing.
pub(crate) async fn failed(
    view: &TenantView,
    auth: &AuthRequest,
    connector: &ConnectorId,
    error: ConnectorError,
) -> FlowError {
    let id = || connector.to_string();
    if let Some(reason) = denial(&error) {
        let denied = Denied {
            client: &auth.request.client_id,
            connector,
            name: None,
            reason,
        };
        denied::tell(view, denied).await;
    }
    let refusal = match error {
        ConnectorError::Denied(why) => Refusal::UpstreamDenied(why),
        ConnectorError::Declined => Refusal::UpstreamDeclined { connector: id() },
        ConnectorError::WrongPassword => Refusal::UpstreamDenied("wrong credentials".into()),
        ConnectorError::NotInGroup => Refusal::NotInGroup,
        ConnectorError::BadReply(why) => Refusal::UpstreamReply {
            connector: id(),
            why,
        },
        ConnectorError::Busy(_) => Refusal::Overloaded {
            retry_after_s: BUSY_FOR_S,
        },
        cause => return Fault::of_connector(connector, cause).into(),
    };
    if refusal.is_for_client(view.rules()) {
        give_up(view, &auth.id).await;
        device::fail(view, &auth.origin, &refusal).await;
    }
    told(view, refusal.into(), answer_goes_to(auth).as_ref())
}

/// Why a connector did not let somebody in, if that is what it says.
pub(crate) fn denial(error: &ConnectorError) -> Option<Denial> {
    Some(match error {
        ConnectorError::Denied(_) => Denial::Denied,
        ConnectorError::Declined => Denial::Declined,
        ConnectorError::WrongPassword => Denial::WrongPassword,
        ConnectorError::NotInGroup => Denial::NotInGroup,
        _ => return None,
    })
}

/// Where the answer of a login goes, if it goes to a client through the browser.
pub(crate) fn answer_goes_to(auth: &AuthRequest) -> Option<ReplyTo> {
    match auth.origin {
        Origin::Browser => Some(reply_to(&auth.request)),
        Origin::Device(_) => None,
    }
}

/// Where answers of a proven request go.
pub(crate) fn reply_to(request: &AuthorizationRequest) -> ReplyTo {
    ReplyTo {
        client_id: request.client_id.clone(),
        redirect_uri: request.redirect_uri.clone(),
        response_mode: request.response_mode,
        state: request.state.clone(),
    }
}

/// Tells the client of a proven request what it may hear; a page tells the rest. dex's clients hear
/// nothing of our faults either.
pub(crate) fn told(view: &TenantView, error: FlowError, to: Option<&ReplyTo>) -> FlowError {
    let is_for_client = match &error {
        FlowError::Refused(refused) => refused.refusal.is_for_client(view.rules()),
        FlowError::Fault { .. } => view.rules().tells_clients_what_failed,
    };
    match to {
        Some(to) if is_for_client => error.reply_to(to),
        _ => error,
    }
}

/// Gives up a login, so that its links are worth nothing. A cache that fails only leaves it to
/// expire.
pub(crate) async fn give_up(view: &TenantView, id: &AuthRequestId) {
    if let Err(error) = view.effects.cache.drop_auth_request(id).await {
        warn!(%error, "a login that was given up could not be dropped");
    }
}

#[cfg(test)]
mod tests;
