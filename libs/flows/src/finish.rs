//! The last steps of every login: the session, the consent, the code.

use insula_connector_kit::UpstreamIdentity;
use insula_engine::authorize::{Next, Standing, depends_on_consent, next};
use insula_engine::{Refusal, Step, proof_of};
use insula_model::{
    AuthRequest, AuthRequestId, AuthorizationCode, AuthorizationRequest, Client, CodeGrant,
    Dialect, GrantId, Login, Stage,
};
use insula_oauth::{Scope, Scopes};
use insula_store::Finish;
use url::Url;

use crate::login_log;
use crate::routes::approval_route;
use crate::session::LiveSession;
use crate::under_way::{bind, client, is_own, reply_to, told};
use crate::{
    AuthorizationResponse, Browser, ConsentScope, CookieChange, FlowError, Outcome, Screen,
    TenantView, Turn, kept, sealed, session,
};

/// How the browser came back from a login, which decides whether a page may answer it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// By a GET from the upstream: a page may answer.
    Get,
    /// By a POST from a page of ours: a redirect must answer, so that reloading does not post again.
    Post,
    /// By a POST from the upstream's page, which `Lax` cookies do not come along with.
    FromElsewhere,
}

/// Somebody proved who they are. Makes the session, then goes on to consent or to the code.
pub(crate) async fn logged_in(
    view: &TenantView,
    browser: &Browser,
    auth: AuthRequest,
    upstream: UpstreamIdentity,
    arrival: Arrival,
) -> Result<Turn, FlowError> {
    let connector_id = auth.awaited_connector().ok_or(Refusal::WrongStage)?.clone();
    let mut login = Login {
        connector_id,
        claims: upstream.claims,
        auth_time: view.now(),
        amr: upstream.amr,
        acr: upstream.acr,
        session_id: None,
        connector_data: upstream
            .connector_data
            .map(|plain| sealed::seal(view, &plain)),
    };
    let client = client(view, &auth.request)?;
    let client = client.as_ref();
    let reply_to = reply_to(&auth.request);
    let request = auth.request.clone();
    let finished = async {
        let consented = consented(view, &request, client, &login).await?;
        let standing = Standing::Known {
            login: &login,
            consented: consented.as_ref(),
        };
        // Decided first: a person whom the client did not mean gets no session.
        let next = next(&request, client, &view.spec, standing, view.now())?;
        let cookie = session::begin(view, &request, &mut login).await?;
        let auth = auth
            .authenticated(login.clone())
            .map_err(|_| Refusal::WrongStage)?;
        login_log::successful(view, browser, client, &login);
        let mut turn = match next {
            Next::Consent => ask_consent(view, browser, client, auth, &login, arrival).await?,
            _ => {
                let stored = auth.version - 1;
                let issuing = issue(view, &auth.id, stored, &request, &login, Approved::NotAsked);
                let mut turn = issuing.await?;
                turn.cookies.extend(kept::released(&auth));
                turn
            }
        };
        if cookie.is_some() {
            session::replaced(view, browser).await;
        }
        turn.cookies.extend(cookie);
        Ok(turn)
    };
    finished
        .await
        .map_err(|error: FlowError| told(view, error, &reply_to))
}

async fn ask_consent(
    view: &TenantView,
    browser: &Browser,
    client: &Client,
    mut auth: AuthRequest,
    login: &Login,
    arrival: Arrival,
) -> Result<Turn, FlowError> {
    let cookie = bind_to_finisher(view, browser, &mut auth, arrival);
    let record = kept::record(&auth);
    let advancing = view.effects.cache.advance_auth_request(&record);
    if !advancing.await? {
        return Err(Refusal::LoginUnknown.into());
    }
    let outcome = if arrival == Arrival::Get && view.dialect() == Dialect::Standard {
        Outcome::Show(consent_screen(view, client, &auth, login))
    } else {
        go_on(view, &auth.id)
    };
    Ok(Turn {
        outcome,
        cookies: cookie.into_iter().collect(),
    })
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
pub(crate) fn consent_screen(
    view: &TenantView,
    client: &Client,
    auth: &AuthRequest,
    login: &Login,
) -> Screen {
    let hmac = proof_of(&view.keys, auth.id.as_str(), Step::Approval);
    let host = Url::parse(&auth.request.redirect_uri).ok();
    let host = host
        .as_ref()
        .and_then(Url::host_str)
        .unwrap_or_default()
        .to_owned();
    Screen::Consent {
        client_name: client.name.clone(),
        client_host: host,
        person: login.claims.display_name().to_owned(),
        scopes: consent_scopes(view, &auth.request.asked_scopes()),
        action: "/approval".to_owned(),
        fields: vec![
            ("req".to_owned(), auth.id.to_string()),
            ("hmac".to_owned(), hmac),
        ],
        ui_locales: auth.request.ui_locales.clone(),
    }
}

/// A cross-client scope is shown by the other client's name.
fn consent_scopes(view: &TenantView, asked: &Scopes) -> Vec<ConsentScope> {
    let peers = view.clients().peers(asked);
    let scope = |word: &str| ConsentScope {
        name: word.to_owned(),
        audience: match Scope::parse(word) {
            Scope::Audience(id) => {
                let name = peers.get(id).map(|peer| peer.name.clone());
                Some(name.unwrap_or_else(|| id.to_owned()))
            }
            _ => None,
        },
    };
    let asked = asked.words().filter(|word| *word != "openid");
    asked.map(scope).collect()
}

/// Whether the person said yes just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Approved {
    /// They did; it is remembered.
    Now,
    /// It was not asked: skipped, or allowed before.
    NotAsked,
}

/// Ends a stored login with a code. Its record and the code change places in one atomic step, so
/// that a form posted twice makes one code.
pub(crate) async fn issue(
    view: &TenantView,
    id: &AuthRequestId,
    version: u32,
    request: &AuthorizationRequest,
    login: &Login,
    approved: Approved,
) -> Result<Turn, FlowError> {
    record(view, request, login, approved).await?;
    let (code, grant) = code_for(view, request, login);
    let cache = &view.effects.cache;
    let finish = cache
        .finish_auth_request(id, version, &code.hash(), &grant, view.spec.expiry.codes)
        .await?;
    match finish {
        Finish::Finished => Ok(respond(request, &code).into()),
        Finish::Lost => Err(Refusal::LoginUnknown.into()),
    }
}

/// A live session stands for the login: nothing was stored yet, and nothing need be if nobody has
/// to be asked.
pub(crate) async fn resume(
    view: &TenantView,
    browser: &Browser,
    request: AuthorizationRequest,
    client: &Client,
    live: LiveSession,
) -> Result<Turn, FlowError> {
    let login = live.session.login();
    let consented = consented(view, &request, client, &login).await?;
    let standing = Standing::Known {
        login: &login,
        consented: consented.as_ref(),
    };
    let now = view.now();
    match next(&request, client, &view.spec, standing, now)? {
        Next::Consent => {
            let (binding, cookie) = bind(view, browser);
            let auth = AuthRequest {
                id: AuthRequestId::generate(view.effects.entropy.as_ref()),
                version: 1,
                browser: Some(binding),
                carried: false,
                created_at: now,
                stage: Stage::Authenticated {
                    login: login.clone(),
                },
                request,
            };
            let (auth, carried) = kept::begin(view, auth).await?;
            session::touch(view, live, &client.id).await?;
            let outcome = match view.dialect() {
                Dialect::Standard => Outcome::Show(consent_screen(view, client, &auth, &login)),
                Dialect::Dex => go_on(view, &auth.id),
            };
            Ok(Turn {
                outcome,
                cookies: cookie.into_iter().chain(carried).collect(),
            })
        }
        _ => {
            let (code, grant) = code_for(view, &request, &login);
            session::touch(view, live, &client.id).await?;
            view.effects
                .cache
                .put_code(&code.hash(), &grant, view.spec.expiry.codes)
                .await?;
            Ok(respond(&request, &code).into())
        }
    }
}

/// What a person allowed a client before, where it can matter.
async fn consented(
    view: &TenantView,
    request: &AuthorizationRequest,
    client: &Client,
    login: &Login,
) -> Result<Option<Scopes>, FlowError> {
    if !depends_on_consent(request, client, &view.spec) {
        return Ok(None);
    }
    let user = &login.claims.user_id;
    let known = view
        .effects
        .store
        .find_identity(&login.connector_id, user)
        .await?;
    Ok(known.and_then(|mut identity| identity.consents.remove(&client.id)))
}

async fn record(
    view: &TenantView,
    request: &AuthorizationRequest,
    login: &Login,
    approved: Approved,
) -> Result<(), FlowError> {
    let allowed = request.asked_scopes();
    let consent = (approved == Approved::Now).then_some((&request.client_id, &allowed));
    let store = &view.effects.store;
    store
        .record_login(&login.connector_id, &login.claims, consent, login.auth_time)
        .await?;
    Ok(())
}

fn code_for(
    view: &TenantView,
    request: &AuthorizationRequest,
    login: &Login,
) -> (AuthorizationCode, CodeGrant) {
    let entropy = view.effects.entropy.as_ref();
    let grant = CodeGrant {
        grant_id: GrantId::generate(entropy),
        client_id: request.client_id.clone(),
        redirect_uri: request.redirect_uri.clone(),
        scopes: request.scopes.clone(),
        claims: request.claims.released,
        nonce: request.nonce.clone(),
        code_challenge: request.code_challenge.clone(),
        login: login.clone(),
    };
    (AuthorizationCode::generate(entropy), grant)
}

fn respond(request: &AuthorizationRequest, code: &AuthorizationCode) -> Outcome {
    Outcome::Respond(AuthorizationResponse {
        to: reply_to(request),
        params: vec![("code".to_owned(), code.reveal().to_owned())],
    })
}

#[cfg(test)]
mod tests;
