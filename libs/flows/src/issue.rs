//! The end of every login: what it changes is committed, and the client gets its answer.

use insula_engine::Refusal;
use insula_model::{
    AuthRequest, AuthorizationCode, AuthorizationRequest, Client, CodeGrant, GrantId, Login, Origin,
};
use insula_store::Finish;

use crate::commit::{LoginChanges, commit, withdraw};
use crate::conversation::Conversation;
use crate::session::NewSession;
use crate::token::gets_refresh;
use crate::under_way::{give_up, reply_to};
use crate::{
    AuthorizationResponse, Browser, FlowError, Outcome, TenantView, Turn, device, kept, session,
    session_end,
};

/// Ends a login with a code. The browser's session begins here, because here it has something to
/// stand for.
pub(crate) async fn issue(
    view: &TenantView,
    browser: &Browser,
    client: &Client,
    conversation: Conversation<'_>,
) -> Result<Turn, FlowError> {
    let Conversation {
        auth,
        stored,
        is_approved,
        live,
        ..
    } = conversation;
    let mut login = auth.login().map_err(|_| Refusal::WrongStage)?;
    let has_session = login.session_id.is_some();
    let new = if has_session {
        None
    } else {
        session::begin(view, &auth.request, &mut login)
    };
    let changes = LoginChanges {
        request: &auth.request,
        login: &login,
        is_new: !has_session,
        is_recorded: is_approved || !has_session,
        is_allowed: is_approved,
        session: new.as_ref(),
        visit: live.filter(|_| has_session).map(|live| (live, &client.id)),
    };
    commit(view, changes).await?;
    let (code, grant) = code_for(view, client, &auth.request, &login);
    let outcome = match &auth.origin {
        Origin::Browser => finish(view, &auth, stored, (&code, &grant), new.as_ref()).await?,
        Origin::Device(device) => {
            let approved = device::approve(view, device, &grant).await;
            if !matches!(approved, Ok(true)) {
                withdraw(view, new.as_ref()).await;
            }
            give_up(view, &auth.id).await;
            if !approved? {
                return Ok(Outcome::Show(device::over(client)).into());
            }
            Outcome::Show(device::approved(client))
        }
    };
    let mut cookies: Vec<_> = kept::released(&auth).into_iter().collect();
    if let Some(new) = new {
        session_end::replaced(view, browser, &new).await;
        cookies.push(session::cookie(view, new, auth.remember_me));
    }
    Ok(Turn { outcome, cookies })
}

/// The record of a stored login and its code change places in one atomic step, so that a form posted
/// twice makes one code. Who comes too late leaves no session behind.
async fn finish(
    view: &TenantView,
    auth: &AuthRequest,
    stored: Option<u32>,
    (code, grant): (&AuthorizationCode, &CodeGrant),
    new: Option<&NewSession>,
) -> Result<Outcome, FlowError> {
    let (cache, hash, ttl) = (&view.effects.cache, code.hash(), view.spec.expiry.codes);
    let finished = match stored {
        Some(version) => {
            cache
                .finish_auth_request(&auth.id, version, &hash, grant, ttl)
                .await
        }
        None => {
            let put = cache.put_code(&hash, grant, ttl).await;
            put.map(|()| Finish::Finished)
        }
    };
    if !matches!(finished, Ok(Finish::Finished)) {
        withdraw(view, new).await;
    }
    match finished? {
        Finish::Finished => Ok(respond(&auth.request, code)),
        Finish::Lost => Err(Refusal::LoginUnknown.into()),
    }
}

fn code_for(
    view: &TenantView,
    client: &Client,
    request: &AuthorizationRequest,
    login: &Login,
) -> (AuthorizationCode, CodeGrant) {
    let entropy = view.effects.entropy.as_ref();
    let grant = CodeGrant {
        grant_id: GrantId::generate(entropy),
        client_id: request.client_id.clone(),
        redirect_uri: request.redirect_uri.clone(),
        scopes: request.scopes.clone(),
        resources: request.resources.clone(),
        claims: request.claims.released,
        nonce: request.nonce.clone(),
        code_challenge: request.code_challenge.clone(),
        login: login.clone(),
        begins_refresh: Some(gets_refresh(view, client, &request.scopes, login)),
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
