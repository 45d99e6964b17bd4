//! What a login changes for good, in one transaction with the events that tell of it.

use insula_engine::Refusal;
use insula_model::{AuthorizationRequest, ClientId, Event, EventId, EventKind, Login, SessionEnd};
use insula_store::{Changes, Committed, EndedSession, RecordedLogin, SessionEnding, StoreError};
use tracing::warn;

use crate::session::{LiveSession, NewSession};
use crate::{FlowError, TenantView, session};

/// All that a login writes into the database when it comes to its end.
#[derive(Debug)]
pub(crate) struct LoginChanges<'a> {
    /// What the client asked for.
    pub(crate) request: &'a AuthorizationRequest,
    /// Who it is.
    pub(crate) login: &'a Login,
    /// Whether they proved it in this login, and not in one that a session stands for.
    pub(crate) is_new: bool,
    /// Whether the person is recorded as having logged in.
    pub(crate) is_recorded: bool,
    /// Whether they allowed the client what it asks for just now.
    pub(crate) is_allowed: bool,
    /// The browser session that begins.
    pub(crate) session: Option<&'a NewSession>,
    /// The session that served a client once more.
    pub(crate) visit: Option<(LiveSession, &'a ClientId)>,
}

/// Writes it. Where the database does not answer, nobody waits for it once more to take back a session
/// that may have begun: nobody is given its cookie, and the row ends by itself.
pub(crate) async fn commit(
    view: &TenantView,
    login_changes: LoginChanges<'_>,
) -> Result<(), FlowError> {
    let changes = changes(view, login_changes);
    if changes == Changes::default() {
        return Ok(());
    }
    let committed = write(view, &changes).await?;
    if changes.prolonged.is_some() && !committed.was_prolonged {
        // The session ended in this moment, and those who end it did not know of this client.
        return Err(Refusal::LoginUnknown.into());
    }
    Ok(())
}

/// The one way to the database for what others may remember: what it changes is forgotten before
/// anybody is answered, also where nobody heard how it ended.
pub(crate) async fn write(view: &TenantView, changes: &Changes) -> Result<Committed, StoreError> {
    let changing = view.effects.facts.changing(changes);
    let committed = view.effects.store.commit(changes).await;
    drop(changing);
    committed
}

fn changes(view: &TenantView, changes: LoginChanges<'_>) -> Changes {
    let LoginChanges { request, login, .. } = changes;
    let allowed = || (request.client_id.clone(), request.asked_scopes());
    let recorded = changes.is_recorded.then(|| RecordedLogin {
        connector: login.connector_id.clone(),
        claims: login.claims.clone(),
        consent: changes.is_allowed.then(allowed),
        at: login.auth_time,
    });
    let mut events = Vec::new();
    if changes.is_new {
        events.push(event(view, logged_in(request, login)));
    }
    if changes.is_allowed {
        events.push(event(view, consent_given(request, login)));
    }
    let visit = changes.visit;
    Changes {
        login: recorded,
        begun: changes
            .session
            .map(|new| (new.cookie.hash(), new.session.clone())),
        prolonged: visit.and_then(|(live, client)| session::visited(view, live, client)),
        events,
        ..Changes::default()
    }
}

/// Something that happens now.
pub(crate) fn event(view: &TenantView, kind: EventKind) -> Event {
    Event {
        id: EventId::generate(view.effects.entropy.as_ref()),
        at: view.now(),
        kind,
    }
}

fn logged_in(request: &AuthorizationRequest, login: &Login) -> EventKind {
    EventKind::LoggedIn {
        client: request.client_id.clone(),
        connector: login.connector_id.clone(),
        user: login.claims.user_id.clone(),
        session: login.session_id.clone(),
        amr: login.amr.clone(),
    }
}

fn consent_given(request: &AuthorizationRequest, login: &Login) -> EventKind {
    EventKind::ConsentGiven {
        client: request.client_id.clone(),
        connector: login.connector_id.clone(),
        user: login.claims.user_id.clone(),
        scopes: request.asked_scopes(),
    }
}

/// Takes back a session whose login came to nothing after all: nobody was given its cookie. A failure
/// is not told; the row ends by itself.
pub(crate) async fn withdraw(view: &TenantView, new: Option<&NewSession>) {
    let Some(new) = new else {
        return;
    };
    let ended = EndedSession {
        cookie: new.cookie.hash(),
        event: Some(SessionEnding {
            id: EventId::generate(view.effects.entropy.as_ref()),
            at: view.now(),
            reason: SessionEnd::Withdrawn,
        }),
        audience: None,
    };
    let changes = Changes {
        ended: vec![ended],
        ..Changes::default()
    };
    if let Err(error) = write(view, &changes).await {
        warn!(
            ?error,
            "the session of a login that came to nothing could not be ended"
        );
    }
}

#[cfg(test)]
mod tests;
