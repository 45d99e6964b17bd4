//! The one way on from every step of a login.
//!
//! Whatever a browser comes back from (its arrival, a choice, a password, an upstream, the question
//! of consent), the step adds a fact to the login and calls [`advance`]. What is next is the
//! engine's to say; here stands which function carries it out.

use std::sync::Arc;

use insula_connector_kit::UpstreamIdentity;
use insula_engine::Refusal;
use insula_engine::authorize::{Consent, Next, Standing, depends_on_consent, next};
use insula_model::{
    AuthRequest, AuthorizationRequest, Client, ConnectorId, Login, Proof, ProvenPerson,
};
use insula_oauth::Scopes;

use crate::conversation::Conversation;
use crate::session::LiveSession;
use crate::under_way::{answer_goes_to, client, told};
use crate::{
    Browser, FlowError, TenantView, Turn, choice, consent, device, issue, last_used, log_in,
    login_log, sealed, session,
};

/// How the browser came to a step, which decides whether a page may answer it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// By a GET: a page may answer.
    Get,
    /// By a POST from a page of ours: a redirect must answer, so that reloading does not post again.
    Post,
    /// By a POST from the upstream's page, which `Lax` cookies do not come along with.
    FromElsewhere,
}

/// Takes a login to its next step.
pub(crate) async fn advance(
    view: &TenantView,
    browser: &Browser,
    conversation: Conversation<'_>,
    arrival: Arrival,
) -> Result<Turn, FlowError> {
    let to = answer_goes_to(&conversation.auth);
    let origin = conversation.auth.origin.clone();
    // On the heap, because every flow that takes a step would hold all that any step may need.
    let turn = Box::pin(step(view, browser, conversation, arrival)).await;
    if let Err(FlowError::Refused(refused)) = &turn {
        device::fail(view, &origin, &refused.refusal).await;
    }
    turn.map_err(|error| told(view, error, to.as_ref()))
}

async fn step(
    view: &TenantView,
    browser: &Browser,
    mut conversation: Conversation<'_>,
    arrival: Arrival,
) -> Result<Turn, FlowError> {
    let client = match conversation.client.take() {
        Some(found) => found,
        None => client(view, &conversation.auth.request).await?,
    };
    let client = client.as_ref();
    let mut next = following(view, browser, client, &mut conversation).await?;
    if next == Next::Resume {
        resume(&mut conversation)?;
        next = following(view, browser, client, &mut conversation).await?;
    }
    if conversation.is_proven_now {
        let login = conversation.auth.login().map_err(|_| Refusal::WrongStage)?;
        login_log::successful(view, browser, client, &login);
    }
    match next {
        Next::Confirm => device::ask(view, browser, client, conversation).await,
        Next::Choose(ids) => choice::show(view, browser, client, &ids, conversation).await,
        Next::AskAddress { others, trouble } => {
            choice::ask_address(view, browser, client, others, trouble, conversation).await
        }
        Next::LogIn(id) => log_in::ask(view, browser, client, &id, conversation).await,
        Next::Consent => consent::ask(view, browser, client, conversation, arrival).await,
        Next::Issue => issue::issue(view, browser, client, conversation).await,
        // A session that stands for the login leads to one of the others.
        Next::Resume => Err(Refusal::WrongStage.into()),
    }
}

/// Loads what the engine needs to know here, and asks it.
async fn following(
    view: &TenantView,
    browser: &Browser,
    client: &Client,
    conversation: &mut Conversation<'_>,
) -> Result<Next, FlowError> {
    let request = &conversation.auth.request;
    if conversation.auth.origin.is_unconfirmed() {
        let standing = Standing::Unconfirmed;
        return Ok(next(request, client, &view.spec, standing, view.now())?);
    }
    if let Ok(login) = conversation.auth.login() {
        let allowed;
        let consent = if conversation.is_approved {
            Consent::Now
        } else {
            allowed = allowed_before(view, request, client, &login).await?;
            Consent::Before(allowed.as_ref())
        };
        let login = &login;
        let standing = Standing::Known { login, consent };
        return Ok(next(request, client, &view.spec, standing, view.now())?);
    }
    conversation.live = session::live_for(view, browser, &client.id).await?;
    let session = conversation.live.as_ref().map(|live| &*live.session);
    let first = session.and_then(|session| session.clients.first());
    let found;
    let logged_in_to = match first {
        Some(id) if *id == client.id => Some(client),
        Some(id) => {
            found = view.clients().find(id.as_str()).await?;
            found.as_deref()
        }
        None => None,
    };
    let standing = Standing::Arriving {
        session,
        logged_in_to,
        choice: &conversation.choice,
    };
    Ok(next(request, client, &view.spec, standing, view.now())?)
}

/// A live session stands for the login.
fn resume(conversation: &mut Conversation<'_>) -> Result<(), Refusal> {
    let live = conversation.live.as_ref().ok_or(Refusal::LoginRequired)?;
    let (person, proof) = live.session.proven();
    let auth = conversation.auth.clone().proven(person, proof);
    conversation.auth = auth.map_err(|_| Refusal::WrongStage)?;
    Ok(())
}

/// Somebody proved who they are, says a connector.
pub(crate) async fn proven(
    view: &TenantView,
    browser: &Browser,
    auth: AuthRequest,
    connector: &ConnectorId,
    upstream: UpstreamIdentity,
    arrival: Arrival,
) -> Result<Turn, FlowError> {
    let sealed = upstream
        .connector_data
        .map(|data| sealed::seal(view, &data));
    let person = ProvenPerson {
        connector_id: connector.clone(),
        claims: upstream.claims,
        session_id: None,
        connector_data: sealed,
    };
    let proof = Proof {
        at: view.now(),
        amr: upstream.amr,
        acr: upstream.acr,
    };
    let mut conversation = Conversation::returning(auth);
    let auth = conversation.auth.proven(person, proof);
    conversation.auth = auth.map_err(|_| Refusal::WrongStage)?;
    conversation.is_proven_now = true;
    let mut turn = advance(view, browser, conversation, arrival).await?;
    turn.cookies.extend(last_used::remember(view, connector));
    Ok(turn)
}

/// Somebody said yes to what is asked. A session that stood for them must still stand: who logged
/// out in the meantime is asked to log in, and nothing they said before counts for who comes then.
pub(crate) async fn approved(
    view: &TenantView,
    browser: &Browser,
    auth: AuthRequest,
    client: Arc<Client>,
) -> Result<Turn, FlowError> {
    let mut conversation = Conversation::returning(auth);
    conversation.client = Some(client);
    conversation.is_approved = true;
    let vouching = conversation.auth.person.as_ref();
    if let Some(id) = vouching.and_then(|person| person.session_id.as_ref()) {
        let live = session::live(view, browser).await?;
        conversation.live = live.filter(|live: &LiveSession| live.session.id == *id);
        if conversation.live.is_none() {
            conversation.restart(view);
        }
    }
    advance(view, browser, conversation, Arrival::Post).await
}

/// What a person allowed a client before, where it can matter.
async fn allowed_before(
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
