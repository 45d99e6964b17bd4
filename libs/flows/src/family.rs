//! The family of all tokens that came of one grant: whether it still stands, and how it ends.

use insula_ambient::Timestamp;
use insula_engine::Refusal;
use insula_engine::access_token::VerifiedToken;
use insula_engine::introspect::Inactive;
use insula_engine::issue::revoked_until;
use insula_model::{Client, EventKind, GrantId, Revocation};
use insula_store::{Changes, RevocationFact, RevokedGrant};

use crate::commit::{event, write};
use crate::{Effects, FlowError, TenantView};

/// Revokes a family, until the last of its tokens is dead anyway.
pub(crate) async fn revoke_family(
    view: &TenantView,
    client: &Client,
    grant: &GrantId,
    reason: Revocation,
) -> Result<(), FlowError> {
    revoke_family_until(view, client, grant, reason, view.now()).await
}

/// The same, until `until` at least.
pub(crate) async fn revoke_family_until(
    view: &TenantView,
    client: &Client,
    grant: &GrantId,
    reason: Revocation,
    until: Timestamp,
) -> Result<(), FlowError> {
    let told = EventKind::GrantRevoked {
        grant: grant.clone(),
        client: client.id.clone(),
        reason,
    };
    let revoked = RevokedGrant {
        grant: grant.clone(),
        until: until.max(revoked_until(&view.spec, &view.keys, view.now())),
        event: Some(event(view, told)),
    };
    let changes = Changes {
        revoked: Some(revoked),
        ..Changes::default()
    };
    write(view, &changes).await?;
    Ok(())
}

/// What a refusal does beyond being told: a replay or a reuse takes the whole family with it.
pub(crate) async fn refused(view: &TenantView, client: &Client, refusal: Refusal) -> FlowError {
    let Some(grant) = refusal.condemns() else {
        return refusal.into();
    };
    match revoke_family(view, client, grant, Revocation::Reused).await {
        Ok(()) => {
            tracing::warn!(grant.id = %grant, "family {grant} is revoked: {refusal:?}");
            refusal.into()
        }
        Err(fault) => fault,
    }
}

/// Whether the family of a token was revoked, or its person is known no more.
pub(crate) async fn is_revoked(
    view: &TenantView,
    token: &VerifiedToken,
) -> Result<bool, FlowError> {
    Ok(ended(view, token).await?.is_some())
}

/// Why a token that is verified is worth nothing, if it is not. One without a family is none we
/// issued. That a family stands may have been read a moment ago.
pub(crate) async fn ended(
    view: &TenantView,
    token: &VerifiedToken,
) -> Result<Option<Inactive>, FlowError> {
    if !token.is_of_a_known_person(&view.spec) {
        return Ok(Some(Inactive::PersonGone));
    }
    let families = token.grant().zip(token.exchanged_from());
    let Some((own, before)) = families else {
        return Ok(Some(Inactive::Unknown));
    };
    let Effects {
        store,
        facts,
        clock,
        ..
    } = &view.effects;
    // An exchanged token ends with those it was exchanged for.
    for grant in std::iter::once(own).chain(before) {
        let read = async { store.is_revoked(&grant).await.map(RevocationFact) };
        let RevocationFact(is_revoked) = facts.revocations.recall(&grant, &**clock, read).await?;
        if is_revoked {
            return Ok(Some(Inactive::Revoked));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
