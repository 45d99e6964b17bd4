//! The userinfo endpoint.

use insula_engine::access_token::VerifiedToken;
use insula_engine::{Evidence, Refusal, bearer, userinfo};
use serde_json::{Map, Value};

use crate::family::is_revoked;
use crate::{FlowError, TenantView};

/// What the bearer of an access token may know
/// ([OpenID Connect Core §5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo)).
pub async fn answer(
    view: &TenantView,
    evidence: &Evidence<'_>,
) -> Result<Map<String, Value>, FlowError> {
    let token = bearer::presented(evidence, view.rules())?.ok_or(Refusal::BearerMissing)?;
    let verified = VerifiedToken::verify(token, &view.spec, &view.keys, view.now());
    let verified = verified.ok_or(Refusal::BearerInvalid)?;
    if is_revoked(view, &verified).await? {
        return Err(Refusal::BearerInvalid.into());
    }
    Ok(userinfo::claims(verified, view.rules())?)
}

#[cfg(test)]
mod tests;
