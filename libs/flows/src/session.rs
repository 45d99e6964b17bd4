//! The browser session: a row, of which a moment is remembered. Who logged out is logged out whatever
//! else is away.

use std::sync::Arc;

use insula_ambient::Timestamp;
use insula_engine::people::is_still_known;
use insula_model::{
    AuthorizationRequest, BrowserSession, ClientId, Login, SessionCookie, SessionId, TokenHash,
};
use insula_store::{SessionFact, StoreError};

use crate::{Browser, CookieChange, Effects, FlowError, TenantView};

/// A session that stands, and the hash of the cookie it is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveSession {
    pub(crate) session: Arc<BrowserSession>,
    hash: TokenHash,
}

/// The live session of a browser, if it has one, as its row says now. Each of its cookies is looked
/// at: one that somebody planted beside ours logs nobody out.
pub(crate) async fn live(
    view: &TenantView,
    browser: &Browser,
) -> Result<Option<LiveSession>, FlowError> {
    find(view, browser, None).await
}

/// The same for a request of `client`, to which the session may be remembered from a moment ago. Only
/// a yes is taken from memory, and not where the client's visit is to be noted: another node may have
/// noted another in the row.
pub(crate) async fn live_for(
    view: &TenantView,
    browser: &Browser,
    client: &ClientId,
) -> Result<Option<LiveSession>, FlowError> {
    find(view, browser, Some(client)).await
}

async fn find(
    view: &TenantView,
    browser: &Browser,
    remembered_for: Option<&ClientId>,
) -> Result<Option<LiveSession>, FlowError> {
    if !view.spec.sessions.enabled {
        return Ok(None);
    }
    let now = view.now();
    for cookie in &browser.sessions {
        let hash = cookie.hash();
        let remembered = remembered_for.and_then(|client| remembered(view, &hash, client));
        let found = match remembered {
            Some(session) => Some(session),
            None => read(view, &hash).await?,
        };
        if let Some(session) = found.filter(|session| is_live(view, session, now)) {
            return Ok(Some(LiveSession { session, hash }));
        }
    }
    Ok(None)
}

/// What memory says of a session, where that does.
fn remembered(
    view: &TenantView,
    hash: &TokenHash,
    client: &ClientId,
) -> Option<Arc<BrowserSession>> {
    let Effects { facts, clock, .. } = &view.effects;
    let SessionFact(session) = facts.sessions.get(hash, clock.monotonic())?;
    session.filter(|session| {
        is_live(view, session, view.now()) && !says_something_new(view, session, client)
    })
}

/// What its row says.
async fn read(
    view: &TenantView,
    hash: &TokenHash,
) -> Result<Option<Arc<BrowserSession>>, FlowError> {
    let Effects {
        store,
        facts,
        clock,
        ..
    } = &view.effects;
    let row = async {
        let found = store.find_session(hash, view.now()).await?;
        Ok(SessionFact(found.map(Arc::new)))
    };
    let read: Result<_, StoreError> = facts.sessions.read(hash, &**clock, row).await;
    let SessionFact(session) = read?;
    Ok(session)
}

pub(crate) fn is_live(view: &TenantView, session: &BrowserSession, now: Timestamp) -> bool {
    let is_known = is_still_known(&view.spec, &session.connector_id, &session.claims.user_id);
    now < session.expires_at && now < idle_end(view, session) && is_known
}

/// When it ends if it is not used.
pub(crate) fn idle_end(view: &TenantView, session: &BrowserSession) -> Timestamp {
    session.last_seen_at + view.spec.sessions.valid_if_not_used_for
}

/// A session that begins, once it is written, and the cookie that will stand for it.
#[derive(Debug)]
pub(crate) struct NewSession {
    pub(crate) cookie: SessionCookie,
    pub(crate) session: BrowserSession,
}

/// Makes the session that a login begins: a new cookie, always, so that a planted one is worth
/// nothing (session fixation), and a new row. The login learns its session's id. What the old cookie
/// stood for is ended by [`replaced`](crate::session_end::replaced), once the browser is sure to get the new one.
pub(crate) fn begin(
    view: &TenantView,
    request: &AuthorizationRequest,
    login: &mut Login,
) -> Option<NewSession> {
    let policy = &view.spec.sessions;
    if !policy.enabled {
        return None;
    }
    let now = view.now();
    let entropy = view.effects.entropy.as_ref();
    let cookie = SessionCookie::generate(entropy);
    let session = BrowserSession {
        id: SessionId::generate(entropy),
        connector_id: login.connector_id.clone(),
        claims: login.claims.clone(),
        auth_time: login.auth_time,
        amr: login.amr.clone(),
        acr: login.acr.clone(),
        clients: vec![request.client_id.clone()],
        earlier: Vec::new(),
        last_seen_at: now,
        expires_at: now + policy.absolute_lifetime,
    };
    login.session_id = Some(session.id.clone());
    Some(NewSession { cookie, session })
}

/// What the browser is given once the session is written. It outlives the browser if its person wants
/// that, or, where they were not asked, if the tenant does.
pub(crate) fn cookie(
    view: &TenantView,
    new: NewSession,
    remember_me: Option<bool>,
) -> CookieChange {
    let policy = &view.spec.sessions;
    let remember_me = remember_me.unwrap_or(policy.remember_me_by_default);
    let max_age = remember_me.then_some(policy.absolute_lifetime);
    let cookie = new.cookie;
    CookieChange::LogIn { cookie, max_age }
}

/// What a session becomes by serving a client; nothing where that says nothing new. New is the
/// client's first visit, or a quarter of the idle life since the last note.
pub(crate) fn visited(
    view: &TenantView,
    live: LiveSession,
    client: &ClientId,
) -> Option<(TokenHash, BrowserSession)> {
    let LiveSession { session, hash } = live;
    if !says_something_new(view, &session, client) {
        return None;
    }
    let mut session = Arc::unwrap_or_clone(session);
    if !session.clients.contains(client) {
        session.clients.push(client.clone());
    }
    session.last_seen_at = view.now();
    Some((hash, session))
}

fn says_something_new(view: &TenantView, session: &BrowserSession, client: &ClientId) -> bool {
    let unseen_for = view.now().since(session.last_seen_at);
    let is_stale = unseen_for > view.spec.sessions.valid_if_not_used_for / 4;
    is_stale || !session.clients.contains(client)
}

#[cfg(test)]
mod tests;
