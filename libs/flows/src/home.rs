//! The front page: who is logged in here.

use insula_model::ConnectorId;

use crate::{Browser, FlowError, TenantView, session};

/// Who is logged in in a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// What they are called.
    pub person: String,
    /// Their mail address, if it is known.
    pub email: String,
    /// The connector they came through.
    pub connector_id: ConnectorId,
    /// What people know it as.
    pub connector_name: String,
}

/// Who is logged in, if anybody is.
pub async fn signed_in(
    view: &TenantView,
    browser: &Browser,
) -> Result<Option<SignedIn>, FlowError> {
    let Some(live) = session::live(view, browser).await? else {
        return Ok(None);
    };
    let session = &live.session;
    let id = &session.connector_id;
    let connector = view.spec.connector(id.as_str());
    Ok(Some(SignedIn {
        person: session.claims.display_name().to_owned(),
        email: session.claims.email.clone(),
        connector_name: connector.map_or_else(|| id.to_string(), |known| known.name.clone()),
        connector_id: id.clone(),
    }))
}
