//! The browser session: the cache in front, the row behind.

use std::time::Duration;

use insula_ambient::Timestamp;
use insula_model::{
    AuthorizationRequest, BrowserSession, ClientId, Login, SessionCookie, SessionId, TokenHash,
};
use tracing::warn;

use crate::{Browser, CookieChange, FlowError, TenantView};

/// How long a session may be answered from the cache before the row is looked at again.
const CACHED_FOR: Duration = Duration::from_mins(5);

/// A session that stands, and the hash of the cookie it is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveSession {
    pub(crate) session: BrowserSession,
    hash: TokenHash,
}

/// The live session of a browser, if it has one. Each of its cookies is looked at: one that somebody
/// planted beside ours logs nobody out.
pub(crate) async fn live(
    view: &TenantView,
    browser: &Browser,
) -> Result<Option<LiveSession>, FlowError> {
    if !view.spec.sessions.enabled {
        return Ok(None);
    }
    for cookie in &browser.sessions {
        let hash = cookie.hash();
        if let Some(session) = find(view, &hash).await? {
            return Ok(Some(LiveSession { session, hash }));
        }
    }
    Ok(None)
}

/// The live session of a cookie. A cache that fails only costs the SQL read.
async fn find(view: &TenantView, hash: &TokenHash) -> Result<Option<BrowserSession>, FlowError> {
    let now = view.now();
    let session = match view.effects.cache.get_session(hash).await {
        Ok(Some(session)) => Some(session),
        Ok(None) => reload(view, hash, now).await?,
        Err(error) => {
            warn!(%error, "the session cache does not answer; reading the row instead");
            view.effects.store.find_session(hash, now).await?
        }
    };
    Ok(session.filter(|s| is_live(view, s, now)))
}

async fn reload(
    view: &TenantView,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<BrowserSession>, FlowError> {
    let found = view.effects.store.find_session(hash, now).await?;
    if let Some(session) = &found {
        remember(view, hash, session, now).await;
    }
    Ok(found)
}

async fn remember(view: &TenantView, hash: &TokenHash, session: &BrowserSession, now: Timestamp) {
    let ttl = session.expires_at.since(now).min(CACHED_FOR);
    if let Err(error) = view.effects.cache.put_session(hash, session, ttl).await {
        warn!(%error, "a session could not be cached");
    }
}

fn is_live(view: &TenantView, session: &BrowserSession, now: Timestamp) -> bool {
    let idle_end = session.last_seen_at + view.spec.sessions.valid_if_not_used_for;
    now < session.expires_at && now < idle_end
}

/// Logs the browser in: a new cookie, always, so that a planted one is worth nothing (session
/// fixation), and a new row. The login learns its session's id.
pub(crate) async fn begin(
    view: &TenantView,
    browser: &Browser,
    request: &AuthorizationRequest,
    login: &mut Login,
) -> Result<Option<CookieChange>, FlowError> {
    let policy = &view.spec.sessions;
    if !policy.enabled {
        return Ok(None);
    }
    end_all(view, browser).await?;
    let now = view.now();
    let entropy = view.effects.entropy.as_ref();
    let cookie = SessionCookie::generate(entropy);
    let session = BrowserSession {
        id: SessionId::generate(entropy),
        connector_id: login.connector_id.clone(),
        claims: login.claims.clone(),
        auth_time: login.auth_time,
        amr: login.amr.clone(),
        clients: vec![request.client_id.clone()],
        last_seen_at: now,
        expires_at: now + policy.absolute_lifetime,
    };
    view.effects
        .store
        .save_session(&cookie.hash(), &session)
        .await?;
    login.session_id = Some(session.id);
    let max_age = policy
        .remember_me_by_default
        .then_some(policy.absolute_lifetime);
    Ok(Some(CookieChange::LogIn { cookie, max_age }))
}

/// Notes that a session served a client. Written only where it says something new: the client's
/// first visit, or a quarter of the idle life since the last note.
pub(crate) async fn touch(
    view: &TenantView,
    live: LiveSession,
    client: &ClientId,
) -> Result<(), FlowError> {
    let LiveSession { mut session, hash } = live;
    let now = view.now();
    let is_new = !session.clients.contains(client);
    let is_stale = now.since(session.last_seen_at) > view.spec.sessions.valid_if_not_used_for / 4;
    if !is_new && !is_stale {
        return Ok(());
    }
    if is_new {
        session.clients.push(client.clone());
    }
    session.last_seen_at = now;
    // The cache first: whoever logs out meanwhile drops this entry after deleting the row, or the
    // row is found gone here.
    remember(view, &hash, &session, now).await;
    if !view.effects.store.prolong_session(&hash, &session).await? {
        forget(view, &hash).await;
    }
    Ok(())
}

/// Ends the session of every cookie a browser sent.
pub(crate) async fn end_all(view: &TenantView, browser: &Browser) -> Result<(), FlowError> {
    for cookie in &browser.sessions {
        end(view, cookie).await?;
    }
    Ok(())
}

/// Ends the session of a cookie: the row first, because the cache forgets by itself.
async fn end(view: &TenantView, cookie: &SessionCookie) -> Result<(), FlowError> {
    let hash = cookie.hash();
    view.effects.store.end_session(&hash).await?;
    forget(view, &hash).await;
    Ok(())
}

async fn forget(view: &TenantView, hash: &TokenHash) {
    if let Err(error) = view.effects.cache.drop_session(hash).await {
        warn!(%error, "an ended session could not be dropped from the cache; it leaves by itself");
    }
}

#[cfg(test)]
mod tests;
