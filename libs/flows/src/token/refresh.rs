use insula_engine::Refusal;
use insula_engine::grants::{
    RefreshFacts, RefreshToken, RefreshUse, narrowed_scopes, refresh_plan, refresh_token,
    used_refresh_grant,
};
use insula_engine::token_plan::Asker;
use insula_model::{Client, RefreshGrant, Revocation};
use insula_oauth::{RefreshRequest, Scopes, TokenResponse};
use insula_store::{RefreshRotation, StoreError};
use tracing::warn;

use super::{Signers, refused, resources, revoke_family, signers, upstream_refresh};
use crate::refresh_grant::usable_at;
use crate::{FlowError, TenantView};

/// How often a grant is judged again after somebody else rotated it under our hands.
const TRIES: usize = 3;

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
        let login = upstream_refresh::login_now(view, client, connector, &grant).await?;
        let Some(login) = login else {
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
                upstream_refresh::is_stored(view, &grant, &next).await;
                return answer(view, &signers, &next, &scopes, asker).await;
            }
            Ok(RefreshRotation::Lost) => {}
            Err(error) => return Err(error.into()),
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
