//! The end of browser sessions: in the store, at the clients, and of what lives no longer than they do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use insula_model::{
    BrowserSession, Client, ClientId, EventId, RefreshGrant, RefreshTokenLifetime, Revocation,
    SessionCookie, SessionEnd, TokenHash,
};
use insula_store::{Changes, EndedSession, LogoutAudience, SessionEnding};
use tracing::warn;

use crate::commit::write;
use crate::family::revoke_family;
use crate::session::{self, NewSession};
use crate::{Browser, FlowError, TenantView};

/// How many sessions of one person are looked at and ended at once.
const MOST_AT_ONCE: u32 = 100;

/// Ends the sessions of these cookies, and leaves word for the clients that want it; answers those that
/// were there.
pub(crate) async fn end(
    view: &TenantView,
    cookies: &[TokenHash],
    reason: SessionEnd,
) -> Result<Vec<BrowserSession>, FlowError> {
    if cookies.is_empty() {
        return Ok(Vec::new());
    }
    let mut standing = Vec::new();
    for cookie in cookies {
        standing.extend(view.effects.store.find_session(cookie, view.now()).await?);
    }
    let audience = audience(view, &standing).await?;
    let ended = cookies.iter().map(|cookie| EndedSession {
        cookie: *cookie,
        event: Some(ending(view, reason)),
        audience: Some(audience.clone()),
    });
    let changes = Changes {
        ended: ended.collect(),
        ..Changes::default()
    };
    let committed = write(view, &changes).await?;
    for session in &committed.ended {
        end_bound_grants(view, session).await;
    }
    Ok(committed.ended)
}

/// Ends the session of every cookie a browser sent.
pub(crate) async fn end_all(
    view: &TenantView,
    browser: &Browser,
    reason: SessionEnd,
) -> Result<Vec<BrowserSession>, FlowError> {
    let cookies: Vec<_> = browser.sessions.iter().map(SessionCookie::hash).collect();
    end(view, &cookies, reason).await
}

/// The sessions of the same person as `session`, in all their browsers, that stand.
pub(crate) async fn of_same_person(
    view: &TenantView,
    session: &BrowserSession,
) -> Result<Vec<(TokenHash, BrowserSession)>, FlowError> {
    let (connector, user) = (&session.connector_id, &session.claims.user_id);
    let store = &view.effects.store;
    let all = store.sessions_of(connector, user, view.now(), MOST_AT_ONCE);
    let mut all = all.await?;
    all.retain(|(_, session)| session::is_live(view, session, view.now()));
    Ok(all)
}

/// Ends sessions of the same person as `session`, in whatever browser, as many as can be at once;
/// `false` if there was none left.
pub(crate) async fn end_some_of_person(
    view: &TenantView,
    session: &BrowserSession,
) -> Result<bool, FlowError> {
    let (connector, user) = (&session.connector_id, &session.claims.user_id);
    let store = &view.effects.store;
    let left = store.sessions_of(connector, user, view.now(), MOST_AT_ONCE);
    let left: Vec<_> = left.await?.into_iter().map(|(cookie, _)| cookie).collect();
    end(view, &left, SessionEnd::LoggedOut).await?;
    Ok(!left.is_empty())
}

/// Ends what a browser had before it logged in anew. The clients of a session of the same person are
/// told when the new one ends, which stands for them from now on; those of somebody else are told now. A
/// failure is not told: the browser gets its new cookie, and what nobody holds any more ends by itself.
pub(crate) async fn replaced(view: &TenantView, browser: &Browser, new: &NewSession) {
    if let Err(error) = replace(view, browser, new).await {
        warn!(
            ?error,
            "a session that was replaced by a new login could not be ended"
        );
    }
}

async fn replace(view: &TenantView, browser: &Browser, new: &NewSession) -> Result<(), FlowError> {
    let mut session = new.session.clone();
    let (mut changes, mut left) = (Changes::default(), Vec::new());
    for cookie in &browser.sessions {
        let cookie = cookie.hash();
        let standing = view.effects.store.find_session(&cookie, view.now()).await?;
        let is_taken_over = match standing {
            Some(other) if is_same_person(&other, &session) => {
                let takes = session.takes_place_of(other.clone());
                left.extend((!takes).then_some(other));
                takes
            }
            other => {
                left.extend(other);
                false
            }
        };
        let audience = if is_taken_over {
            None
        } else {
            Some(audience(view, &left).await?)
        };
        changes.ended.push(EndedSession {
            cookie,
            event: Some(ending(view, SessionEnd::Replaced)),
            audience,
        });
    }
    if changes.ended.is_empty() {
        return Ok(());
    }
    if session != new.session {
        changes.prolonged = Some((new.cookie.hash(), session));
    }
    write(view, &changes).await?;
    for session in &left {
        end_bound_grants(view, session).await;
    }
    Ok(())
}

fn is_same_person(one: &BrowserSession, other: &BrowserSession) -> bool {
    one.connector_id == other.connector_id && one.claims.user_id == other.claims.user_id
}

fn ending(view: &TenantView, reason: SessionEnd) -> SessionEnding {
    SessionEnding {
        id: EventId::generate(view.effects.entropy.as_ref()),
        at: view.now(),
        reason,
    }
}

/// Who is told of the end of these sessions: all their clients but those that want no word.
async fn audience(
    view: &TenantView,
    sessions: &[BrowserSession],
) -> Result<LogoutAudience, FlowError> {
    let known = clients_of(view, sessions).await?;
    let logins = sessions.iter().flat_map(BrowserSession::logins);
    let ids: BTreeSet<&ClientId> = logins.map(|(_, client)| client).collect();
    let wants_word = |id: &ClientId| {
        let client = known.get(id);
        client.is_some_and(|client| client.logout.backchannel_logout_uri.is_some())
    };
    let except = ids.into_iter().filter(|id| !wants_word(id)).cloned();
    Ok(LogoutAudience {
        except: except.collect(),
        at: view.now(),
    })
}

/// The clients that are logged in through these sessions, as far as they exist.
pub(crate) async fn clients_of(
    view: &TenantView,
    sessions: &[BrowserSession],
) -> Result<BTreeMap<ClientId, Arc<Client>>, FlowError> {
    let mut known = BTreeMap::new();
    for (_, id) in sessions.iter().flat_map(BrowserSession::logins) {
        if !known.contains_key(id)
            && let Some(client) = view.clients().find(id.as_str()).await?
        {
            known.insert(id.clone(), client);
        }
    }
    Ok(known)
}

/// Revokes what clients were granted that want no more than the session. A failure is not told: no
/// refresh token of such a client is good without its session.
async fn end_bound_grants(view: &TenantView, session: &BrowserSession) {
    if let Err(error) = try_end_bound_grants(view, session).await {
        warn!(
            ?error,
            "the grants that end with a session could not be revoked; they are not good without it"
        );
    }
}

async fn try_end_bound_grants(
    view: &TenantView,
    session: &BrowserSession,
) -> Result<(), FlowError> {
    let (connector, user) = (&session.connector_id, &session.claims.user_id);
    for (id, client) in clients_of(view, std::slice::from_ref(session)).await? {
        if client.logout.refresh_token_lifetime != RefreshTokenLifetime::Session {
            continue;
        }
        let store = &view.effects.store;
        for grant in store.refresh_grants_of(connector, user, Some(&id)).await? {
            let began_in = grant.login.session_id.as_ref();
            if began_in.is_some_and(|sid| session.is_called(sid.as_str())) {
                let ended = Revocation::SessionEnded;
                revoke_family(view, &client, &grant.grant_id, ended).await?;
            }
        }
    }
    Ok(())
}

/// Whether a refresh grant outlived the session that it ends with. One that began in no session ends
/// with none.
pub(crate) async fn is_outlived(
    view: &TenantView,
    client: &Client,
    grant: &RefreshGrant,
) -> Result<bool, FlowError> {
    let Some(sid) = &grant.login.session_id else {
        return Ok(false);
    };
    if client.logout.refresh_token_lifetime != RefreshTokenLifetime::Session {
        return Ok(false);
    }
    let login = &grant.login;
    let (connector, user) = (&login.connector_id, &login.claims.user_id);
    let store = &view.effects.store;
    // All of them: one that is not among the first of many is not for that ended.
    let standing = store.sessions_of(connector, user, view.now(), u32::MAX);
    let standing = standing.await?;
    Ok(!standing.iter().any(|(_, session)| {
        session.is_called(sid.as_str()) && session::is_live(view, session, view.now())
    }))
}

#[cfg(test)]
mod tests;
