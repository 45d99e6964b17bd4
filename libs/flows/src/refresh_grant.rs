//! Whether anything can come of a refresh grant: asked where it is used, and where somebody asks what its
//! token is worth.

use insula_engine::Refusal;
use insula_engine::people::is_still_known;
use insula_model::{Client, RefreshGrant};
use insula_oauth::GrantType;

use crate::{FlowError, OpenedConnector, TenantView, session_end};

/// The connector that a grant of `client` can be refreshed at, or why it cannot be: its person was taken
/// out of the configuration, the session that it ends with has ended, or its connector is gone, is not
/// one that the client may use or serves no refreshes.
///
/// Access tokens of such a grant are not asked for: they are good until their end, as they are to a
/// resource that verifies them by itself, unless their family is revoked. A logout does that at once
/// where the client wants no more than the session.
pub(crate) async fn usable_at<'v>(
    view: &'v TenantView,
    client: &Client,
    grant: &RefreshGrant,
) -> Result<Result<&'v OpenedConnector, Refusal>, FlowError> {
    let (login, family) = (&grant.login, || grant.grant_id.clone());
    let id = &login.connector_id;
    if !is_still_known(&view.spec, id, &login.claims.user_id) {
        return Ok(Err(Refusal::RefreshDenied { grant: family() }));
    }
    if session_end::is_outlived(view, client, grant).await? {
        return Ok(Err(Refusal::RefreshSessionEnded { grant: family() }));
    }
    let Some(connector) = view.connectors.get(id) else {
        return Ok(Err(Refusal::RefreshConnectorGone { grant: family() }));
    };
    if !client.allows_connector(id) {
        return Ok(Err(Refusal::ConnectorNotOfClient(id.to_string())));
    }
    if !connector.spec.serves(GrantType::RefreshToken) {
        return Ok(Err(Refusal::RefreshNotOfConnector { grant: family() }));
    }
    Ok(Ok(connector))
}
