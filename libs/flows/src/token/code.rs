use insula_engine::Refusal;
use insula_engine::grants::{
    RefreshToken, authorization_code, first_refresh_grant, gets_refresh_token, remember_code_for,
};
use insula_engine::issue::Authorization;
use insula_model::{Client, CodeGrant, Dialect, TokenHash};
use insula_oauth::{CodeRequest, TokenResponse};
use insula_store::RedeemedCode;

use super::{refused, signed, signing_key};
use crate::{FlowError, TenantView};

/// Redeems a code, once.
pub(super) async fn redeem(
    view: &TenantView,
    client: &Client,
    request: &CodeRequest,
) -> Result<TokenResponse, FlowError> {
    let code = request.code.as_deref().ok_or(Refusal::MissingCode)?;
    let key = signing_key(view)?;
    let grant = match taken(view, client, request, code).await {
        Ok(grant) => grant,
        Err(FlowError::Refused(why)) => return Err(refused(view, why.refusal).await),
        Err(fault) => return Err(fault),
    };
    let tokens = signed(view, &key, &Authorization::of_code(&grant, code))?;
    let refresh = begun_refresh(view, client, &grant).await?;
    Ok(tokens.into_response(refresh.as_ref()))
}

/// Takes the code out of the cache and judges it.
///
/// Ours takes first: one round trip, and a code that was presented in the wrong way is used up, so
/// that nobody tries verifiers on it. dex judges first and leaves a wrongly presented code alone.
async fn taken(
    view: &TenantView,
    client: &Client,
    request: &CodeRequest,
    code: &str,
) -> Result<CodeGrant, FlowError> {
    let cache = &view.effects.cache;
    let hash = TokenHash::of(code);
    let (dialect, now) = (view.dialect(), view.now());
    if dialect == Dialect::Dex
        && let Some(grant) = cache.peek_code(&hash).await?
    {
        authorization_code(request, client, &grant, dialect, now)?;
    }
    let remember = remember_code_for(&view.spec);
    let grant = match cache.take_code(&hash, now, remember).await? {
        RedeemedCode::Fresh(grant) => *grant,
        RedeemedCode::Replayed(grant) => return Err(Refusal::CodeReplayed { grant }.into()),
        RedeemedCode::Unknown => return Err(Refusal::CodeUnknown.into()),
    };
    authorization_code(request, client, &grant, dialect, now)?;
    Ok(grant)
}

/// The refresh token of this login, if it gets one.
async fn begun_refresh(
    view: &TenantView,
    client: &Client,
    grant: &CodeGrant,
) -> Result<Option<RefreshToken>, FlowError> {
    let Some(connector) = view.connectors.get(&grant.login.connector_id) else {
        return Ok(None);
    };
    let can_refresh = connector
        .opened
        .as_ref()
        .is_ok_and(|opened| opened.capabilities().refresh);
    let scopes = &grant.scopes;
    if !gets_refresh_token(scopes, client, &view.spec, &connector.spec, can_refresh) {
        return Ok(None);
    }
    let policy = &view.spec.expiry.refresh;
    let entropy = view.effects.entropy.as_ref();
    let begun = first_refresh_grant(grant, policy, view.now(), entropy);
    view.effects.store.add_refresh(&begun).await?;
    Ok(Some(RefreshToken::current(&begun, &view.keys)))
}
