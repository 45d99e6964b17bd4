//! `/approval`: a person allows a client, or does not.

use insula_engine::{Refusal, Step, proof_of, proves};
use insula_model::{AuthRequest, AuthRequestId, Client, Login, Origin, Resource};
use insula_oauth::{Scope, Scopes};
use url::Url;

use crate::advance::{self, Arrival};
use crate::commit::{LoginChanges, commit, withdraw};
use crate::conversation::Conversation;
use crate::routes::approval_route;
use crate::session::NewSession;
use crate::under_way::{answer_goes_to, bind, client, give_up, is_own, told, under_way};
use crate::{
    Browser, ConsentScope, CookieChange, FlowError, Outcome, Screen, TenantView, Turn, device,
    session, session_end,
};

/// Shows the question.
pub async fn show(
    view: &TenantView,
    req: Option<&str>,
    hmac: Option<&str>,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let auth = proven(view, req, hmac, browser).await?;
    let login = auth.login().map_err(|_| Refusal::WrongStage)?;
    let client = client(view, &auth.request).await?;
    let screen = screen(view, &client, &auth, &login).await?;
    Ok(Outcome::Show(screen).into())
}

/// Hears the answer. Anything but a yes is a no, and the client is told
/// (`access_denied`, RFC 6749 §4.1.2.1); dex shows a page instead.
pub async fn answer(
    view: &TenantView,
    req: Option<&str>,
    hmac: Option<&str>,
    approved: bool,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let auth = proven(view, req, hmac, browser).await?;
    auth.login().map_err(|_| Refusal::WrongStage)?;
    let client = client(view, &auth.request).await?;
    if approved {
        return advance::approved(view, browser, auth, client).await;
    }
    if let Origin::Device(origin) = &auth.origin {
        return device::deny(view, &client, &auth, origin).await;
    }
    give_up(view, &auth.id).await;
    let to = answer_goes_to(&auth);
    Err(told(view, Refusal::ConsentDenied.into(), to.as_ref()))
}

async fn proven(
    view: &TenantView,
    req: Option<&str>,
    hmac: Option<&str>,
    browser: &Browser,
) -> Result<AuthRequest, FlowError> {
    let (req, hmac) = (
        req.ok_or(Refusal::LoginUnknown)?,
        hmac.ok_or(Refusal::BadProof)?,
    );
    if !proves(&view.keys, req, Step::Approval, hmac) {
        return Err(Refusal::BadProof.into());
    }
    under_way(view, req, browser).await
}

/// Asks: stores who it is, and leads the browser to the question.
pub(crate) async fn ask(
    view: &TenantView,
    browser: &Browser,
    client: &Client,
    mut conversation: Conversation<'_>,
    arrival: Arrival,
) -> Result<Turn, FlowError> {
    let mut rebound = None;
    if conversation.stored.is_some() {
        rebound = bind_to_finisher(view, browser, &mut conversation.auth, arrival);
    }
    let new = begin_early(view, &mut conversation).await?;
    let stored = conversation.store(view, browser).await;
    if !matches!(stored, Ok(Some(_))) {
        withdraw(view, new.as_ref()).await;
    }
    let mut cookies = stored?.ok_or(Refusal::LoginUnknown)?;
    cookies.extend(rebound);
    if let Some(new) = new {
        session_end::replaced(view, browser, &new).await;
        cookies.push(session::cookie(view, new, conversation.auth.remember_me));
    }
    let auth = &conversation.auth;
    let is_here = !view.rules().asks_consent_on_page_of_its_own;
    let outcome = if arrival == Arrival::Get && is_here {
        let login = auth.login().map_err(|_| Refusal::WrongStage)?;
        Outcome::Show(screen(view, client, auth, &login).await?)
    } else {
        go_on(view, &auth.id)
    };
    Ok(Turn::new(outcome, cookies))
}

/// The session of a dialect whose sessions do not wait for the answer.
async fn begin_early(
    view: &TenantView,
    conversation: &mut Conversation<'_>,
) -> Result<Option<NewSession>, FlowError> {
    let auth = &mut conversation.auth;
    let mut login = auth.login().map_err(|_| Refusal::WrongStage)?;
    if login.session_id.is_some() || !view.rules().session_begins_with_proof {
        return Ok(None);
    }
    let Some(new) = session::begin(view, &auth.request, &mut login) else {
        return Ok(None);
    };
    if let Some(person) = &mut auth.person {
        person.session_id.clone_from(&login.session_id);
    }
    let changes = LoginChanges {
        request: &auth.request,
        login: &login,
        is_new: true,
        is_recorded: false,
        is_allowed: false,
        session: Some(&new),
        visit: None,
    };
    commit(view, changes).await?;
    Ok(Some(new))
}

/// From here on the login is the finisher's, whoever began it: where dex's dialect took a step from
/// a browser without a cookie, the one who holds the old cookie may be somebody else.
fn bind_to_finisher(
    view: &TenantView,
    browser: &Browser,
    auth: &mut AuthRequest,
    arrival: Arrival,
) -> Option<CookieChange> {
    if is_own(auth, browser) {
        return None;
    }
    if arrival == Arrival::FromElsewhere && browser.bindings.is_empty() {
        // The browser may hold a cookie that did not come along: a new one would take its place, and
        // the other logins of this browser would be lost. The proof alone leads on.
        auth.browser = None;
        return None;
    }
    let (binding, cookie) = bind(view, browser);
    auth.browser = Some(binding);
    cookie
}

/// Answers for a step that was finished before: a page loaded again, a form sent twice.
///
/// The proof of a finished step is handed out in the answer to the request that finished it. Who
/// asks later and knows the login by name alone may be the stranger who began it for somebody else;
/// only the browser that finished it, known by its cookie, is led on.
pub(crate) fn lead_on(
    view: &TenantView,
    auth: &AuthRequest,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    if !is_own(auth, browser) {
        return Err(Refusal::WrongBrowser.into());
    }
    Ok(go_on(view, &auth.id).into())
}

/// Sends a browser whose person is known on to the question of consent.
fn go_on(view: &TenantView, id: &AuthRequestId) -> Outcome {
    Outcome::Redirect {
        to: approval_route(view, id),
        see_other: true,
    }
}

/// What is asked of the person before a client gets anything.
async fn screen(
    view: &TenantView,
    client: &Client,
    auth: &AuthRequest,
    login: &Login,
) -> Result<Screen, FlowError> {
    let hmac = proof_of(&view.keys, auth.id.as_str(), Step::Approval);
    let host = Url::parse(&auth.request.redirect_uri).ok();
    let host = host
        .as_ref()
        .and_then(Url::host_str)
        .unwrap_or_default()
        .to_owned();
    Ok(Screen::Consent {
        client_name: client.name.clone(),
        client_host: host,
        person: login.claims.display_name().to_owned(),
        scopes: consent_scopes(view, &auth.request.asked_scopes()).await?,
        action: "/approval".to_owned(),
        fields: vec![
            ("req".to_owned(), auth.id.to_string()),
            ("hmac".to_owned(), hmac),
        ],
        ui_locales: auth.request.ui_locales.clone(),
    })
}

/// A cross-client scope is shown by the other client's name, a resource that is asked for by its own.
async fn consent_scopes(view: &TenantView, asked: &Scopes) -> Result<Vec<ConsentScope>, FlowError> {
    let peers = view.clients().peers(asked).await?;
    let spec = &view.spec;
    let scope = |word: &str| {
        let owner = spec.resource_of_scope(word);
        ConsentScope {
            name: word.to_owned(),
            audience: match (Resource::of_consent_word(word), Scope::parse(word)) {
                (Some(id), _) => {
                    let name = spec.resource(id).map(|resource| resource.name.clone());
                    Some(name.unwrap_or_else(|| id.to_owned()))
                }
                (None, Scope::Audience(id)) => {
                    let name = peers.get(id).map(|peer| peer.name.clone());
                    Some(name.unwrap_or_else(|| id.to_owned()))
                }
                _ => None,
            },
            description: owner
                .and_then(|resource| resource.scope(word))
                .and_then(|scope| scope.description.clone()),
        }
    };
    let asked = asked.words().filter(|word| *word != "openid");
    Ok(asked.map(scope).collect())
}

#[cfg(test)]
mod tests;
