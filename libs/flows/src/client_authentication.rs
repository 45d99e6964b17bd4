//! Who asks, at an endpoint for clients' programs.

use insula_engine::Evidence;
use insula_engine::client_auth::{self, ProvenClient};

use crate::{FlowError, TenantView, login_log};

/// The client of a request to the token, revocation or introspection endpoint, proven.
pub(crate) async fn authenticated(
    view: &TenantView,
    evidence: &Evidence<'_>,
) -> Result<ProvenClient, FlowError> {
    let presented = client_auth::read(evidence, view.rules())?;
    login_log::about_client(view, &presented.id);
    let client = view.clients().find(&presented.id).await?;
    Ok(client_auth::prove(client, &presented, view.now())?)
}
