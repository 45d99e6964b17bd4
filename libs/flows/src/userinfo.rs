//! The userinfo endpoint.

use std::sync::Arc;

use insula_engine::access_token::VerifiedToken;
use insula_engine::grants::first_refresh_id;
use insula_engine::userinfo::{Disclosure, Userinfo, judge};
use insula_engine::{Evidence, Refusal, bearer};
use insula_model::{ConnectorId, GrantId, IdentityClaims, Login, UserId};
use insula_store::{PersonFact, StoreError};
use serde_json::{Map, Value};

use crate::family::is_revoked;
use crate::signing::with_key_of;
use crate::{Effects, FlowError, TenantView};

/// What the bearer of an access token may know
/// ([OpenID Connect Core §5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo)).
pub async fn answer(
    view: &TenantView,
    evidence: &Evidence<'_>,
) -> Result<Map<String, Value>, FlowError> {
    let token = bearer::presented(evidence, view.rules())?.ok_or(Refusal::BearerMissing)?;
    let view = &*with_key_of(view, token).await;
    let verified = VerifiedToken::verify(token, &view.spec, &view.keys, view.now());
    let verified = verified.ok_or(Refusal::BearerInvalid)?;
    if is_revoked(view, &verified).await? {
        return Err(Refusal::BearerInvalid.into());
    }
    match judge(verified, &view.spec)? {
        Userinfo::WholeToken(claims) => Ok(claims),
        Userinfo::OfPerson(disclosure) => {
            let claims = person(view, &disclosure).await?;
            Ok(disclosure.of(&*claims.ok_or(Refusal::BearerInvalid)?))
        }
    }
}

/// What is known of the person a token is about; `None` if they are known no more.
///
/// A refresh grant of the token's family knows it as of its last use. Where there is none, or none any
/// more, the person's own record says what it was at their last login. It may have been read a moment
/// ago.
async fn person(
    view: &TenantView,
    asked: &Disclosure,
) -> Result<Option<Arc<IdentityClaims>>, StoreError> {
    known_person(view, asked.family.clone(), &asked.connector, &asked.user).await
}

/// The same of a person by a family of tokens that are about them.
pub(crate) async fn known_person(
    view: &TenantView,
    family: GrantId,
    connector: &ConnectorId,
    user: &UserId,
) -> Result<Option<Arc<IdentityClaims>>, StoreError> {
    let Effects {
        store,
        facts,
        clock,
        ..
    } = &view.effects;
    let read = async {
        let id = first_refresh_id(&family, &view.keys);
        let refreshed = store.find_refresh(&id).await?.map(|grant| grant.login);
        let is_theirs =
            |login: &Login| login.connector_id == *connector && login.claims.user_id == *user;
        let claims = match refreshed.filter(is_theirs) {
            Some(login) => Some(login.claims),
            None => {
                let known = store.find_identity(connector, user).await?;
                known.map(|identity| identity.claims)
            }
        };
        Ok(PersonFact(claims.map(Arc::new)))
    };
    let PersonFact(claims) = facts.people.recall(&family, &**clock, read).await?;
    Ok(claims)
}

#[cfg(test)]
mod tests;
