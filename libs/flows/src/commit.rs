//! What a login changes for good.

use insula_model::{AuthorizationRequest, ClientId, Login};
use tracing::warn;

use crate::session::{LiveSession, NewSession};
use crate::{FlowError, TenantView, session};

/// All that a login writes into the database when it comes to its end, in one place.
#[derive(Debug)]
pub(crate) struct Changes<'a> {
    /// Who logged in, and what they allowed just now.
    pub(crate) login: Option<Recorded<'a>>,
    /// The browser session that begins.
    pub(crate) session: Option<&'a NewSession>,
    /// The session that served a client once more.
    pub(crate) visit: Option<(LiveSession, &'a ClientId)>,
}

/// Somebody who logged in.
#[derive(Debug)]
pub(crate) struct Recorded<'a> {
    pub(crate) login: &'a Login,
    /// The request whose scopes they allowed just now, if they did.
    pub(crate) allowed: Option<&'a AuthorizationRequest>,
}

/// Writes it. A session that could not be written with the rest is taken back.
pub(crate) async fn commit(view: &TenantView, changes: Changes<'_>) -> Result<(), FlowError> {
    let store = &view.effects.store;
    if let Some(Recorded { login, allowed }) = changes.login {
        let scopes = allowed.map(|request| (&request.client_id, request.asked_scopes()));
        let consent = scopes.as_ref().map(|(client, scopes)| (*client, scopes));
        let (connector, claims) = (&login.connector_id, &login.claims);
        store
            .record_login(connector, claims, consent, login.auth_time)
            .await?;
    }
    if let Some(new) = changes.session
        && let Err(error) = store.save_session(&new.cookie.hash(), &new.session).await
    {
        withdraw(view, Some(new)).await;
        return Err(error.into());
    }
    match changes.visit {
        Some((live, client)) => session::touch(view, live, client).await,
        None => Ok(()),
    }
}

/// Takes back a session whose login came to nothing after all: nobody was given its cookie. A failure
/// is not told; the row ends by itself.
pub(crate) async fn withdraw(view: &TenantView, new: Option<&NewSession>) {
    let Some(new) = new else {
        return;
    };
    let ended = view.effects.store.end_session(&new.cookie.hash()).await;
    if let Err(error) = ended {
        warn!(%error, "the session of a login that came to nothing could not be ended");
    }
}
