//! The userinfo endpoint.

use insula_engine::access_token::VerifiedToken;
use insula_engine::{Refusal, userinfo};
use serde_json::{Map, Value};

use crate::{FlowError, TenantView};

/// What the bearer of an access token may know
/// ([OpenID Connect Core §5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo)).
///
/// `bearer` is the token itself, wherever the request carried it (RFC 6750 §2).
pub async fn answer(
    view: &TenantView,
    bearer: Option<&str>,
) -> Result<Map<String, Value>, FlowError> {
    let token = bearer
        .filter(|token| !token.is_empty())
        .ok_or(Refusal::BearerMissing)?;
    let verified = VerifiedToken::verify(token, &view.spec, &view.keys, view.now());
    let verified = verified.ok_or(Refusal::BearerInvalid)?;
    if is_revoked(view, &verified).await? {
        return Err(Refusal::BearerInvalid.into());
    }
    Ok(userinfo::claims(verified, view.dialect())?)
}

/// Whether the family of a token was revoked, or its person is known no more. A token without a
/// family is none we issued.
pub(crate) async fn is_revoked(
    view: &TenantView,
    token: &VerifiedToken,
) -> Result<bool, FlowError> {
    if !token.is_of_a_known_person(&view.spec) {
        return Ok(true);
    }
    match token.grant() {
        Some(grant) => Ok(view.effects.store.is_revoked(&grant).await?),
        None => Ok(true),
    }
}

#[cfg(test)]
mod tests;
