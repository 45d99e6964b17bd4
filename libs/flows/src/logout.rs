//! `/logout`: a person leaves.

use insula_engine::logout::{
    HintedSession, JudgedLogout, LogoutNext, VerifiedLogout, frontchannel_url,
};
use insula_engine::{Refusal, Step, proof_of, proves};
use insula_model::{BrowserSession, Client, RefusalForm, SessionEnd};
use insula_oauth::LogoutRequest;
use tracing::{info, warn};

use crate::session_end::{self, clients_of, of_same_person};
use crate::signing::with_key_of;
use crate::upstream_logout::{self, Return};
use crate::{
    Browser, CookieChange, FlowError, Outcome, Screen, TenantView, Turn, login_log, session,
};

/// The most clients that a browser is asked to tell.
const MOST_FRAMES: usize = 32;

/// What comes with a logout request beside its parameters.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogoutAnswer<'a> {
    /// `hmac` of the confirmation form.
    pub proof: Option<&'a str>,
    /// Whether the person wants to leave in all their browsers.
    pub everywhere: bool,
    /// Whether a page of ours or a program posted it.
    pub is_posted: bool,
}

impl<'a> LogoutAnswer<'a> {
    /// The confirmation form, with its proof.
    pub fn proven(hmac: &'a str) -> Self {
        Self {
            proof: Some(hmac),
            is_posted: true,
            ..Self::default()
        }
    }
}

/// Logs a browser out, or asks first whether it should be. A good hint with a `sid` ends that session,
/// wherever the request comes from.
///
/// Refresh tokens live on, unless their client wants them to end with the session: `offline_access` is
/// leave to act while the person is away (OpenID Connect Core §11).
pub async fn logout(
    view: &TenantView,
    request: &LogoutRequest,
    answer: LogoutAnswer<'_>,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let session = session::live(view, browser).await?.map(|live| live.session);
    let session = session.as_deref();
    let hint = request.id_token_hint.as_deref();
    let hinted = with_key_of(view, hint.unwrap_or_default()).await;
    let verified = VerifiedLogout::verify(request, &view.spec, &hinted.keys, view.now());
    let client = match verified.client_of_page() {
        Some(id) => view.clients().find(&id).await?,
        None => None,
    };
    let client = client.as_deref();
    let confirmed = is_confirmed(view, request, answer, session);
    let judged = verified.decide(client, session, confirmed);
    let flaw = judged.as_ref().map_or_else(Some, |told| told.flaw.as_ref());
    if let Some(flaw) = flaw {
        let asking = verified.client().unwrap_or_default();
        let page = request.post_logout_redirect_uri.as_deref();
        login_log::about_logout(view, &asking, page.unwrap_or_default());
        if judged.is_ok() {
            let why = flaw.description(RefusalForm::Rfc);
            info!("a logout leads back to no client: {why}");
        }
    }
    let JudgedLogout { next, .. } = judged?;
    if let Some(hinted) = verified.hinted_session() {
        end_elsewhere(view, &hinted, session).await?;
    }
    match (next, session) {
        (LogoutNext::Confirm, Some(session)) => ask(view, request, client, session).await,
        (LogoutNext::Confirm, None) => Ok(Outcome::Show(gone(request)).into()),
        (LogoutNext::LogOut { then }, _) => {
            let everywhere = session.filter(|_| answer.everywhere && confirmed);
            let ended = leave(view, browser, everywhere).await?;
            let outcome = told(view, request, client, then, &ended).await?;
            let was_there = !browser.sessions.is_empty();
            let cookies = was_there.then_some(CookieChange::LogOut);
            Ok(Turn::new(outcome, cookies.into_iter().collect()))
        }
    }
}

/// Whether the person said yes: with the form that they were shown, or by what dex takes for it.
fn is_confirmed(
    view: &TenantView,
    request: &LogoutRequest,
    answer: LogoutAnswer<'_>,
    session: Option<&BrowserSession>,
) -> bool {
    let Some(session) = session else {
        return false;
    };
    let id = session.id.as_str();
    let is_proven = |hmac| proves(&view.keys, id, Step::Logout, hmac);
    let is_taken_for_yes = view.rules().takes_posted_logout_for_a_yes
        && answer.is_posted
        && request.id_token_hint.is_none();
    answer.proof.is_some_and(is_proven) || is_taken_for_yes
}

/// Ends the session that a good hint names, if it is not the browser's own: that one is left to what
/// its person says.
async fn end_elsewhere(
    view: &TenantView,
    hinted: &HintedSession,
    own: Option<&BrowserSession>,
) -> Result<(), FlowError> {
    let is_own = |own: &BrowserSession| own.is_called(&hinted.sid);
    if own.is_some_and(is_own) {
        return Ok(());
    }
    let HintedSession {
        user, connector, ..
    } = hinted;
    let store = &view.effects.store;
    let theirs = store.sessions_of(connector, user, view.now(), u32::MAX);
    let named = theirs.await?.into_iter();
    let named = named.filter(|(_, session)| session.is_called(&hinted.sid));
    let cookies: Vec<_> = named.map(|(cookie, _)| cookie).collect();
    let ended = session_end::end(view, &cookies, SessionEnd::LoggedOut).await?;
    if !ended.is_empty() {
        info!("logout successful");
    }
    Ok(())
}

/// Asks the person.
async fn ask(
    view: &TenantView,
    request: &LogoutRequest,
    client: Option<&Client>,
    session: &BrowserSession,
) -> Result<Turn, FlowError> {
    let all = of_same_person(view, session).await?;
    let others = all.iter().filter(|(_, other)| other.id != session.id);
    let hmac = proof_of(&view.keys, session.id.as_str(), Step::Logout);
    Ok(Outcome::Show(Screen::ConfirmLogout {
        person: session.claims.display_name().to_owned(),
        client_name: client.map(|client| client.name.clone()),
        elsewhere: others.count(),
        action: "/logout".to_owned(),
        fields: fields(request, hmac),
        ui_locales: ui_locales(request),
    })
    .into())
}

/// Ends what the browser has, and all else that its person has where that is wanted; answers what the
/// browser had.
async fn leave(
    view: &TenantView,
    browser: &Browser,
    everywhere: Option<&BrowserSession>,
) -> Result<Vec<BrowserSession>, FlowError> {
    let ended = session_end::end_all(view, browser, SessionEnd::LoggedOut).await?;
    if let Some(session) = everywhere {
        while session_end::end_some_of_person(view, session).await? {}
    }
    if !browser.sessions.is_empty() {
        info!("logout successful");
    }
    Ok(ended)
}

/// What the browser is told once its sessions ended: by way of a page of ours, if it is to tell clients.
async fn told(
    view: &TenantView,
    request: &LogoutRequest,
    client: Option<&Client>,
    then: Option<String>,
    ended: &[BrowserSession],
) -> Result<Outcome, FlowError> {
    let Frames {
        addresses: frames,
        left_out,
    } = frames(view, ended).await?;
    if left_out > 0 {
        warn!(
            clients = left_out,
            "{left_out} clients of a logout are not told by the browser, which loads {MOST_FRAMES} \
             frames at most; give them a backchannelLogoutURI, by which all are told"
        );
    }
    let mut see_other = view.rules().leaves_logout_with_see_other;
    let mut to = then;
    let mut client = client;
    if let Some(session) = ended.first() {
        let back = Return {
            then: to.clone(),
            ui_locales: request.ui_locales.clone(),
        };
        if let Some(upstream) = upstream_logout::address(view, session, &back).await {
            (to, see_other, client) = (Some(upstream), true, None);
        }
    }
    Ok(match to {
        Some(to) if frames.is_empty() => Outcome::Redirect { to, see_other },
        return_to => Outcome::Show(Screen::LoggedOut {
            client_name: client
                .filter(|_| return_to.is_some())
                .map(|client| client.name.clone()),
            return_to,
            frames,
            ui_locales: ui_locales(request),
        }),
    })
}

/// A person comes back from the upstream where they were logged out, with the `state` that they were
/// sent there with. Whoever is logged in again meanwhile is not told that they are not.
pub async fn returned(
    view: &TenantView,
    state: Option<&str>,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let back = state.and_then(|state| upstream_logout::open(view, state));
    if back.is_none() && view.rules().refuses_flawed_logouts {
        return Err(Refusal::NoLogoutInProgress.into());
    }
    let back = back.unwrap_or_default();
    if let Some(to) = back.then {
        let see_other = view.rules().leaves_logout_with_see_other;
        return Ok(Outcome::Redirect { to, see_other }.into());
    }
    let request = LogoutRequest {
        ui_locales: back.ui_locales,
        ..LogoutRequest::default()
    };
    match session::live(view, browser).await? {
        Some(live) => ask(view, &request, None, &live.session).await,
        None => Ok(Outcome::Show(gone(&request)).into()),
    }
}

/// What a browser is to load after a logout.
struct Frames {
    addresses: Vec<String>,
    /// How many more would be too many.
    left_out: usize,
}

/// What the browser loads to tell clients that want to be told so
/// ([Front-Channel Logout §3](https://openid.net/specs/openid-connect-frontchannel-1_0.html#OPLogout)).
async fn frames(view: &TenantView, ended: &[BrowserSession]) -> Result<Frames, FlowError> {
    let clients = clients_of(view, ended).await?;
    let mut addresses = Vec::new();
    for (sid, id) in ended.iter().flat_map(BrowserSession::logins) {
        let client = clients.get(id);
        let url = client.and_then(|client| frontchannel_url(client, sid, &view.spec));
        addresses.extend(url.filter(|url| !addresses.contains(url)));
    }
    let left_out = addresses.len().saturating_sub(MOST_FRAMES);
    addresses.truncate(MOST_FRAMES);
    Ok(Frames {
        addresses,
        left_out,
    })
}

fn gone(request: &LogoutRequest) -> Screen {
    Screen::LoggedOut {
        client_name: None,
        return_to: None,
        frames: Vec::new(),
        ui_locales: ui_locales(request),
    }
}

fn ui_locales(request: &LogoutRequest) -> Vec<String> {
    let asked = request.ui_locales.as_deref().unwrap_or_default();
    asked.split_whitespace().map(str::to_owned).collect()
}

/// The request again, as hidden fields of the confirmation form.
fn fields(request: &LogoutRequest, hmac: String) -> Vec<(String, String)> {
    let named = [
        ("id_token_hint", request.id_token_hint.clone()),
        ("client_id", request.client_id.clone()),
        (
            "post_logout_redirect_uri",
            request.post_logout_redirect_uri.clone(),
        ),
        ("state", request.state.clone()),
        ("ui_locales", request.ui_locales.clone()),
        ("logout_hint", request.logout_hint.clone()),
        ("hmac", Some(hmac)),
    ];
    named
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

#[cfg(test)]
mod tests;
