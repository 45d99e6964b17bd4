//! The revocation endpoint.

use insula_ambient::Timestamp;
use insula_engine::access_token::VerifiedToken;
use insula_engine::grants::RefreshToken;
use insula_engine::{Evidence, Refusal, revoke as rules};
use insula_model::{Client, GrantId, Revocation};
use insula_oauth::RevokeRequest;

use crate::client_authentication::authenticated;
use crate::family::revoke_family_until;
use crate::introspect::is_jwt;
use crate::signing::with_key_of;
use crate::{FlowError, TenantView};

/// Ends a token and all that came of the same grant
/// ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)).
///
/// A token nobody knows is a success: it is as dead as was wished for (RFC 7009 §2.2).
pub async fn revoke(view: &TenantView, evidence: &Evidence<'_>) -> Result<(), FlowError> {
    evidence.must_not_repeat(view.rules())?;
    let proven = authenticated(view, evidence).await?;
    let client = proven.client();
    let token = RevokeRequest::from_params(&evidence.form).token;
    let token = token.ok_or(Refusal::MissingToken)?;
    let token = token.reveal();
    let family = if is_jwt(token) {
        let view = with_key_of(view, token).await;
        family_of_access_token(&view, client, token)?
    } else {
        family_of_refresh_token(view, client, token).await?
    };
    match family {
        Some((grant, until)) => {
            revoke_family_until(view, client, &grant, Revocation::Asked, until).await
        }
        None => Ok(()),
    }
}

/// A family to be revoked, and until when at least: the token that was shown is dead by then.
type Ending = Option<(GrantId, Timestamp)>;

fn family_of_access_token(
    view: &TenantView,
    client: &Client,
    token: &str,
) -> Result<Ending, Refusal> {
    let (spec, keys, now) = (&view.spec, &view.keys, view.now());
    match VerifiedToken::verify(token, spec, keys, now) {
        Some(verified) => {
            let family = rules::access_token(&verified, client)?;
            Ok(family.map(|grant| (grant, verified.dead_at())))
        }
        None if VerifiedToken::is_another_kind(token, spec, keys, now) => {
            Err(Refusal::UnsupportedTokenType)
        }
        None => Ok(None),
    }
}

async fn family_of_refresh_token(
    view: &TenantView,
    client: &Client,
    token: &str,
) -> Result<Ending, FlowError> {
    let Some(presented) = RefreshToken::parse(token, view.rules()) else {
        return Ok(None);
    };
    let Some(grant) = view.effects.store.find_refresh(&presented.id).await? else {
        return Ok(None);
    };
    let family = rules::refresh_token(&presented, client, &grant, &view.keys)?;
    Ok(family.map(|grant| (grant, view.now())))
}

#[cfg(test)]
mod tests;
