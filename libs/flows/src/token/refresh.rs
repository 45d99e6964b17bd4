use std::time::Duration;

use insula_connector_kit::{ConnectorError, UpstreamIdentity};
use insula_engine::Refusal;
use insula_engine::grants::{
    RefreshFacts, RefreshToken, RefreshUse, narrowed_scopes, refresh_plan, refresh_token,
    used_refresh_grant,
};
use insula_engine::token_plan::Asker;
use insula_model::{
    AuthRequestId, Client, IdentityClaims, Login, RefreshGrant, Revocation, TokenHash,
};
use insula_oauth::{RefreshRequest, Scopes, TokenResponse};
use insula_store::{RefreshRotation, StoreError};
use tracing::warn;

use super::{Signers, refused, resources, revoke_family, signers};
use crate::refresh_grant::usable_at;
use crate::{Fault, FlowError, OpenedConnector, TenantView, sealed};

/// How often a grant is judged again after somebody else rotated it under our hands.
const TRIES: usize = 3;

/// How long what an upstream said is kept where it could not be stored durably.
const KEPT_FOR: Duration = Duration::from_hours(1);

/// Uses a refresh token.
///
/// A rotation is unanswered until its commit is known to whoever answers, and as long the token
/// before it is good: a client that heard a fault, or nothing, tries again and is told the new one.
/// The reuse interval counts from then.
pub(super) async fn refresh(
    view: &TenantView,
    client: &Client,
    request: &RefreshRequest,
) -> Result<TokenResponse, FlowError> {
    let text = request.refresh_token.as_ref();
    let text = text.ok_or(Refusal::MissingRefreshToken)?.reveal();
    let presented = RefreshToken::parse(text, view.rules()).ok_or(Refusal::RefreshUnknown)?;
    let signers = signers(view, client).await?;
    let came_at = view.now();
    let mut was_current = false;
    for _ in 0..TRIES {
        let asked_at = view.now();
        let found = view.effects.store.find_refresh(&presented.id).await?;
        let grant = found.ok_or(Refusal::RefreshUnknown)?;
        let facts = RefreshFacts {
            spec: &view.spec,
            keys: &view.keys,
            client,
            grant: &grant,
            came_at,
            asked_at,
            was_current,
        };
        let how = match refresh_token(&presented, facts, view.now()) {
            Ok(how) => how,
            Err(refusal) => return Err(refused(view, client, refusal).await),
        };
        let connector = match usable_at(view, client, &grant).await? {
            Ok(connector) => connector,
            Err(refusal) => return Err(given_up(view, client, &grant, refusal).await),
        };
        let scopes = narrowed_scopes(request.scope.as_ref(), &grant.scopes)?;
        let peers = view.clients().peers(&scopes).await?;
        let asker = Asker {
            client,
            peers: &peers,
            resources: resources(view, &request.resources),
        };
        // Who asks for what they may not have keeps the token they have.
        refresh_plan(&grant, &scopes, asker, &view.spec)?;
        let RefreshUse::Use { rotate } = how else {
            return answer(view, &signers, &grant, &scopes, asker).await;
        };
        was_current = true;
        let Some(login) = refreshed_login(view, client, connector, &grant).await? else {
            continue;
        };
        let policy = &view.spec.expiry.refresh;
        let next = used_refresh_grant(&grant, rotate, login, policy, view.now());
        match view
            .effects
            .store
            .rotate_refresh(grant.generation, &next)
            .await
        {
            Ok(RefreshRotation::Rotated) => {
                // Userinfo of the new token must not tell what was known before.
                view.effects.facts.people.forget(&next.grant_id);
                return answer(view, &signers, &next, &scopes, asker).await;
            }
            Ok(RefreshRotation::Lost) => {}
            Err(error) => {
                keep(view, &grant, &next.login).await;
                return Err(error.into());
            }
        }
    }
    let contended = StoreError::Failed {
        backend: "store",
        cause: "a refresh grant changed under every attempt to rotate it".to_owned(),
    };
    Err(contended.into())
}

/// Tells the current token of a grant.
async fn answer(
    view: &TenantView,
    signers: &Signers<'_>,
    grant: &RefreshGrant,
    scopes: &Scopes,
    asker: Asker<'_>,
) -> Result<TokenResponse, FlowError> {
    if !grant.answered && grant.generation > 0 {
        let store = &view.effects.store;
        let noted = store.note_answered(&grant.id, grant.generation, view.now());
        if let Err(error) = noted.await {
            warn!(%error, "that a refresh token is given out could not be noted");
        }
    }
    let plan = refresh_plan(grant, scopes, asker, &view.spec)?;
    let tokens = signers.sign(&plan).await?;
    Ok(tokens.into_response(view.now()))
}

/// Ends the family of a grant that nothing can come of any more: its person or its session is gone. A
/// connector that is gone may come back.
async fn given_up(
    view: &TenantView,
    client: &Client,
    grant: &RefreshGrant,
    refusal: Refusal,
) -> FlowError {
    let reason = match refusal {
        Refusal::RefreshDenied { .. } => Revocation::Denied,
        Refusal::RefreshSessionEnded { .. } => Revocation::SessionEnded,
        _ => return refusal.into(),
    };
    let revoked = revoke_family(view, client, &grant.grant_id, reason).await;
    revoked.err().unwrap_or_else(|| refusal.into())
}

/// The use of a grant that the upstream is asked for: what it is asked with. When the grant was used
/// last is no part of it, for the note that a token was given out moves that, at one node earlier
/// than at another.
fn usage(grant: &RefreshGrant) -> TokenHash {
    let RefreshGrant { id, generation, .. } = grant;
    let asked_with = &grant.login.connector_data;
    TokenHash::of(&format!("{id} {generation} {asked_with:?}"))
}

/// Keeps what the upstream said for the next try: it may have replaced what it is asked with, and
/// would take the old one for stolen.
async fn keep(view: &TenantView, grant: &RefreshGrant, login: &Login) {
    if login.connector_data == grant.login.connector_data {
        return;
    }
    let cache = &view.effects.cache;
    if let Err(error) = cache.keep_refreshed(&usage(grant), login, KEPT_FOR).await {
        warn!(%error, "what an upstream said at a refresh could be stored nowhere");
    }
}

/// What the upstream said at an earlier try that could not store it.
async fn kept(view: &TenantView, grant: &RefreshGrant) -> Option<Login> {
    grant.login.connector_data.as_ref()?;
    let kept = view.effects.cache.kept_refreshed(&usage(grant)).await;
    kept.unwrap_or_else(|error| {
        warn!(%error, "what an upstream said at an earlier try cannot be read; it is asked again");
        None
    })
}

/// The login with what the upstream says of the person now. Who it is never changes. `None` if
/// somebody else used the grant meanwhile, so that the upstream was asked with something stale.
///
/// A person the upstream no longer vouches for loses the family. A login that brought nothing for
/// the connector to ask with (one that came from a browser session) keeps its claims where the
/// connector cannot do without.
async fn refreshed_login(
    view: &TenantView,
    client: &Client,
    connector: &OpenedConnector,
    grant: &RefreshGrant,
) -> Result<Option<Login>, FlowError> {
    let login = &grant.login;
    let failed = |cause| FlowError::from(Fault::of_connector(&login.connector_id, cause));
    let opened = match &connector.opened {
        Ok(opened) => opened,
        Err(why) => return Err(failed(ConnectorError::Settings(why.clone()))),
    };
    if !opened.capabilities().refresh {
        return Ok(Some(login.clone()));
    }
    if let Some(kept) = kept(view, grant).await {
        return Ok(Some(kept));
    }
    let known = UpstreamIdentity {
        claims: login.claims.clone(),
        connector_data: opened_data(view, login).map_err(failed)?,
        amr: login.amr.clone(),
        acr: login.acr.clone(),
    };
    let state = AuthRequestId::generate(view.effects.entropy.as_ref());
    let scopes = grant.claims.with_scopes(&grant.scopes);
    let ctx = view.login_context(&grant.login.connector_id, &state, &scopes);
    match opened.refresh(&ctx, &known).await {
        Ok(now) => Ok(Some(Login {
            claims: IdentityClaims {
                user_id: login.claims.user_id.clone(),
                ..now.claims
            },
            connector_data: match now.connector_data {
                Some(plain) => Some(sealed::seal(view, &plain)),
                None => login.connector_data.clone(),
            },
            ..login.clone()
        })),
        Err(
            ConnectorError::Denied(_)
            | ConnectorError::Declined
            | ConnectorError::NotInGroup
            | ConnectorError::WrongPassword,
        ) => {
            let stands = view.effects.store.find_refresh(&grant.id).await?;
            if stands.is_some_and(|stands| usage(&stands) != usage(grant)) {
                return Ok(None);
            }
            revoke_family(view, client, &grant.grant_id, Revocation::Denied).await?;
            let grant = grant.grant_id.clone();
            Err(Refusal::RefreshDenied { grant }.into())
        }
        // What it is to be written to is away too: who waits is told now, not after another wait.
        Err(cause @ ConnectorError::Storage(_)) => Err(failed(cause)),
        Err(ConnectorError::Unsupported(_)) => Ok(Some(login.clone())),
        Err(_) if known.connector_data.is_none() => Ok(Some(login.clone())),
        Err(cause) => Err(failed(cause)),
    }
}

/// What the connector wants back. Data that no longer opens is a fault, not an absence: the
/// connector must not be asked as if it had never given any.
fn opened_data(view: &TenantView, login: &Login) -> Result<Option<Vec<u8>>, ConnectorError> {
    let Some(sealed) = &login.connector_data else {
        return Ok(None);
    };
    let plain = sealed::open(view, sealed);
    plain.map(Some).map_err(|cause| {
        ConnectorError::Settings(format!("what the connector kept is lost: {cause}"))
    })
}
