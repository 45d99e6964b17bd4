use std::time::Duration;

use insula_engine::Refusal;
use insula_engine::grants::{
    RefreshToken, authorization_code, first_refresh_grant, gets_refresh_token, remember_code_for,
};
use insula_engine::issue::Authorization;
use insula_engine::people::is_still_known;
use insula_jose::SigningKey;
use insula_model::{Client, CodeGrant, Dialect, RefreshGrant, TokenHash};
use insula_oauth::{CodeRequest, CodeVerifier, TokenResponse};
use insula_store::{ClaimedCode, Redemption};
use tracing::warn;

use super::{refused, signed, signing_key};
use crate::{FlowError, TenantView};

/// Redeems a code, once.
///
/// The code is claimed, then the redemption is noted durably, then leave is asked to answer. Who
/// hears a fault, or nothing, may try again with the same code, verifier and redirect URI and gets
/// what the first try began; of any number of tries one is answered. What the cache has forgotten
/// the durable note knows: a code that is new to the cache alone was redeemed before.
pub(super) async fn redeem(
    view: &TenantView,
    client: &Client,
    request: &CodeRequest,
) -> Result<TokenResponse, FlowError> {
    let code = request.code.as_deref().ok_or(Refusal::MissingCode)?;
    let key = signing_key(view)?;
    match redeemed(view, client, request, code, &key).await {
        Err(FlowError::Refused(why)) => Err(refused(view, why.refusal).await),
        answer => answer,
    }
}

async fn redeemed(
    view: &TenantView,
    client: &Client,
    request: &CodeRequest,
    code: &str,
    key: &SigningKey,
) -> Result<TokenResponse, FlowError> {
    let (cache, hash) = (&view.effects.cache, TokenHash::of(code));
    let (grant, claim) = claimed(view, client, request, &hash).await?;
    let login = &grant.login;
    if !is_still_known(&view.spec, &login.connector_id, &login.claims.user_id) {
        return Err(Refusal::CodeUnknown.into());
    }
    let tokens = signed(view, key, &Authorization::of_code(&grant, code))?;
    let remember = remember_code_for(&view.spec);
    let noted = noted(view, client, &grant, claim, remember).await?;
    let answer = cache.answer_code(&hash, claim, remember);
    let family = || grant.grant_id.clone();
    let refresh = match (noted, answer.await) {
        (_, Ok(false)) => return Err(Refusal::CodeTakenOver { grant: family() }.into()),
        (Noted::Before, Ok(true)) => return Err(Refusal::CodeReplayed { grant: family() }.into()),
        (Noted::Before, Err(error)) => return Err(error.into()),
        (Noted::Begun(refresh), Ok(true)) => refresh,
        (Noted::Begun(refresh), Err(error)) => {
            // Whether it was marked is not known; nobody but the same presenter can claim it. It is
            // answered, and the refresh grant says so.
            warn!(%error, "a redeemed code could not be marked in the cache");
            if let Some(begun) = &refresh {
                let (store, now) = (&view.effects.store, view.now());
                store.note_answered(&begun.id, 0, now).await?;
            }
            refresh
        }
    };
    let refresh = refresh.map(|grant| RefreshToken::current(&grant, &view.keys));
    Ok(tokens.into_response(refresh.as_ref(), view.now()))
}

/// Claims the code for all that was presented with it, and judges that.
///
/// Ours claims first: one round trip, and a code that was presented in the wrong way is used up for
/// everybody else, so that nobody tries verifiers on it. dex judges first and leaves a wrongly
/// presented code alone.
async fn claimed(
    view: &TenantView,
    client: &Client,
    request: &CodeRequest,
    hash: &TokenHash,
) -> Result<(CodeGrant, u32), FlowError> {
    let cache = &view.effects.cache;
    let dialect = view.dialect();
    if dialect == Dialect::Dex
        && let Some(grant) = cache.peek_code(hash).await?
    {
        authorization_code(request, client, &grant, dialect)?;
    }
    let presenter = presenter(client, request);
    let (grant, claim) = match cache.claim_code(hash, &presenter).await? {
        ClaimedCode::Claimed { grant, claim } => (*grant, claim),
        ClaimedCode::Replayed(grant) => return Err(Refusal::CodeReplayed { grant }.into()),
        ClaimedCode::Unknown => return Err(Refusal::CodeUnknown.into()),
    };
    authorization_code(request, client, &grant, dialect)?;
    Ok((grant, claim))
}

/// Who presents a code: the client, which is proven, and all it sends beside the code.
fn presenter(client: &Client, request: &CodeRequest) -> TokenHash {
    let verifier = request.code_verifier.as_ref().map(CodeVerifier::reveal);
    let parts = (client.id.as_str(), &request.redirect_uri, verifier);
    TokenHash::of(&format!("{parts:?}"))
}

/// What noting a redemption came to.
enum Noted {
    /// The code is redeemed now, or by an earlier try of the same presenter that was not answered;
    /// the refresh grant it began, if it begins one.
    Begun(Option<Box<RefreshGrant>>),
    /// It was redeemed and answered before, whatever the cache says.
    Before,
}

/// Notes the redemption durably, and begins the refresh grant of this login if it gets one.
///
/// The cache tells a first claim of a code once. If the redemption stands already, the cache has
/// lost what it knew, or a later claim was faster; leave to answer tells the two apart.
async fn noted(
    view: &TenantView,
    client: &Client,
    grant: &CodeGrant,
    claim: u32,
    remember: Duration,
) -> Result<Noted, FlowError> {
    let store = &view.effects.store;
    let is_tried_again = claim > 1;
    if !gets_refresh(view, client, grant) {
        let until = view.now() + remember.max(view.spec.expiry.codes);
        return Ok(match store.note_redeemed(&grant.grant_id, until).await? {
            Redemption::Repeated(_) if !is_tried_again => Noted::Before,
            _ => Noted::Begun(None),
        });
    }
    let policy = &view.spec.expiry.refresh;
    let begun = first_refresh_grant(grant, policy, view.now(), &view.keys);
    Ok(match store.add_refresh(&begun).await? {
        Redemption::First => Noted::Begun(Some(Box::new(begun))),
        // One that was used or answered was handed out; one that is dead was revoked.
        Redemption::Repeated(Some(stored))
            if is_tried_again && stored.generation == 0 && !stored.answered =>
        {
            Noted::Begun(Some(stored))
        }
        Redemption::Repeated(_) => Noted::Before,
    })
}

/// Whether this login gets a refresh token.
fn gets_refresh(view: &TenantView, client: &Client, grant: &CodeGrant) -> bool {
    let Some(connector) = view.connectors.get(&grant.login.connector_id) else {
        return false;
    };
    let can_refresh = connector
        .opened
        .as_ref()
        .is_ok_and(|opened| opened.capabilities().refresh);
    let (scopes, spec) = (&grant.scopes, &view.spec);
    gets_refresh_token(scopes, client, spec, &connector.spec, can_refresh)
}
