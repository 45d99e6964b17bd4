//! The end of every login: what it changes is committed, and the client gets its answer.

use insula_engine::Refusal;
use insula_engine::authorize::{ReplyTo, answer_mode};
use insula_engine::grants::{FrontChannelFacts, front_channel_plan};
use insula_engine::issue::FrontChannelTokens;
use insula_engine::token_plan::Asker;
use insula_model::{
    AuthRequest, AuthorizationCode, AuthorizationRequest, Client, CodeGrant, GrantId, Login, Origin,
};
use insula_store::Finish;

use crate::commit::{LoginChanges, commit, withdraw};
use crate::conversation::Conversation;
use crate::session::NewSession;
use crate::signing::{Signers, signers};
use crate::token::gets_refresh;
use crate::under_way::{give_up, reply_to};
use crate::{
    AuthorizationResponse, Browser, FlowError, Outcome, TenantView, Turn, device, kept, session,
    session_end,
};

/// Ends a login with what its response type names: a code, tokens, or both. The browser's session
/// begins here, because here it has something to stand for.
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
    // Made before anything is written: a tenant that cannot sign ends no login.
    let answer = Answer::made(view, client, &auth.request, &login).await?;
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
    let outcome = match &auth.origin {
        Origin::Browser => finish(view, &auth, stored, answer, new.as_ref()).await?,
        Origin::Device(device) => {
            let approved = device::approve(view, device, &answer.grant).await;
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
    Ok(Turn::new(outcome, cookies))
}

/// What a login comes to. The code and the tokens beside it are of one family, so that a replay of
/// the code takes them too.
struct Answer {
    code: AuthorizationCode,
    grant: CodeGrant,
    tokens: Option<FrontChannelTokens>,
}

impl Answer {
    async fn made(
        view: &TenantView,
        client: &Client,
        request: &AuthorizationRequest,
        login: &Login,
    ) -> Result<Self, FlowError> {
        let (code, grant) = code_for(view, client, request, login);
        let mut tokens = None;
        if request.response_type.has_front_channel_tokens() {
            let signers = signers(view, client).await?;
            let asked = (client, request);
            tokens = Some(tokens_beside(view, asked, (&code, &grant), &signers).await?);
        }
        Ok(Self {
            code,
            grant,
            tokens,
        })
    }

    fn into_outcome(self, view: &TenantView, request: &AuthorizationRequest) -> Outcome {
        let mut params = Vec::new();
        if request.response_type.code {
            params.push(("code".to_owned(), self.code.reveal().to_owned()));
        }
        let tokens = self.tokens.map(FrontChannelTokens::into_params);
        let tokens = tokens.into_iter().flatten();
        params.extend(tokens.map(|(name, value)| (name.to_owned(), value)));
        Outcome::Respond(AuthorizationResponse {
            to: ReplyTo {
                response_mode: answer_mode(request, view.rules()),
                ..reply_to(request)
            },
            params,
        })
    }
}

/// The record of a stored login and its code change places in one atomic step, so that a form posted
/// twice makes one answer. Where no code is asked for, the one that takes the place is told to
/// nobody. Who comes too late leaves no session behind.
async fn finish(
    view: &TenantView,
    auth: &AuthRequest,
    stored: Option<u32>,
    answer: Answer,
    new: Option<&NewSession>,
) -> Result<Outcome, FlowError> {
    let (cache, hash, ttl) = (
        &view.effects.cache,
        answer.code.hash(),
        view.spec.expiry.codes,
    );
    let finished = match stored {
        Some(version) => {
            cache
                .finish_auth_request(&auth.id, version, &hash, &answer.grant, ttl)
                .await
        }
        None if !auth.request.response_type.code => Ok(Finish::Finished),
        None => {
            let put = cache.put_code(&hash, &answer.grant, ttl).await;
            put.map(|()| Finish::Finished)
        }
    };
    if !matches!(finished, Ok(Finish::Finished)) {
        withdraw(view, new).await;
    }
    match finished? {
        Finish::Finished => Ok(answer.into_outcome(view, &auth.request)),
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

async fn tokens_beside(
    view: &TenantView,
    (client, request): (&Client, &AuthorizationRequest),
    (code, grant): (&AuthorizationCode, &CodeGrant),
    signers: &Signers<'_>,
) -> Result<FrontChannelTokens, FlowError> {
    let peers = view.clients().peers(&request.scopes).await?;
    let facts = FrontChannelFacts {
        spec: &view.spec,
        request,
        login: &grant.login,
        grant_id: &grant.grant_id,
        code: request.response_type.code.then(|| code.reveal()),
        asker: Asker {
            client,
            peers: &peers,
            resources: &[],
        },
    };
    let plan = front_channel_plan(facts)?;
    let asked = request.response_type;
    signers.sign_in_front_channel(asked, &plan).await
}

#[cfg(test)]
mod tests;
