use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{
    ClientId, CodeClaim, ConnectorId, GrantId, Login, RefreshGrant, RefreshId, UserId,
};

use crate::{Changes, Outbox, Overtaken, RedeemedCode, RevokedGrant, RotatedGrant, StoreError};

/// What came of a refresh rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshRotation {
    /// The grant is at its new generation.
    Rotated,
    /// It was no longer at the generation expected, or is gone; load again.
    Lost,
}

/// What came of noting durably that a code was redeemed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redemption {
    /// It is noted, for the first time.
    First,
    /// It had been noted before.
    Repeated(NotedRedemption),
}

/// A redemption as it was noted, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedRedemption {
    /// The claim that noted it, if it could be placed.
    pub claim: Option<CodeClaim>,
    /// Whether its answer was taken, or its refresh token was used, or it was noted by a version
    /// that told no claims and took no answers.
    pub answered: bool,
    /// The refresh grant it began, as it stands; none if it began none, or if the family was
    /// revoked.
    pub refresh: Option<Box<RefreshGrant>>,
}

/// The grants of a tenant: redemptions of codes, refresh grants, revocations.
#[async_trait]
pub trait Grants: Outbox {
    /// Commits alone that a code is redeemed which begins a refresh grant
    /// ([`RedeemedCode::Beginning`]).
    async fn add_refresh(
        &self,
        grant: &RefreshGrant,
        claim: Option<&CodeClaim>,
    ) -> Result<Redemption, StoreError> {
        let redeemed = RedeemedCode::Beginning {
            refresh: Box::new(grant.clone()),
            claim: claim.cloned(),
        };
        redeem(self, redeemed).await
    }

    /// Commits alone that a code is redeemed which begins none ([`RedeemedCode::Ending`]).
    async fn note_redeemed(
        &self,
        grant: &GrantId,
        claim: Option<&CodeClaim>,
        until: Timestamp,
    ) -> Result<Redemption, StoreError> {
        let redeemed = RedeemedCode::Ending {
            grant: grant.clone(),
            claim: claim.cloned(),
            until,
        };
        redeem(self, redeemed).await
    }

    /// Takes the one answer of a redemption that [`add_refresh`](Self::add_refresh) noted, and notes
    /// that it was given at `at`. `true` to one caller, and to none once the refresh token was used
    /// for another.
    async fn take_refresh_answer(&self, id: &RefreshId, at: Timestamp) -> Result<bool, StoreError>;

    /// The same of one that [`note_redeemed`](Self::note_redeemed) noted.
    async fn take_answer(&self, grant: &GrantId, at: Timestamp) -> Result<bool, StoreError>;

    /// A refresh grant by the first half of its token, expired or not.
    async fn find_refresh(&self, id: &RefreshId) -> Result<Option<RefreshGrant>, StoreError>;

    /// Commits a [`RotatedGrant`] alone.
    async fn rotate_refresh(
        &self,
        expected: u32,
        next: &RefreshGrant,
    ) -> Result<RefreshRotation, StoreError> {
        let rotated = RotatedGrant {
            expected,
            next: next.clone(),
        };
        let changes = Changes {
            rotated: Some(rotated),
            ..Changes::default()
        };
        Ok(match self.commit(&changes).await?.overtaken {
            None => RefreshRotation::Rotated,
            Some(_) => RefreshRotation::Lost,
        })
    }

    /// Notes that the token of a generation was given out at `at`, if the grant still is at that
    /// generation. This store sees it at once; it may be written a moment later, with others, and
    /// be lost with the process.
    async fn note_answered(
        &self,
        id: &RefreshId,
        generation: u32,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Commits a [`RevokedGrant`] alone, and tells nobody.
    async fn revoke_grant(&self, grant: &GrantId, until: Timestamp) -> Result<(), StoreError> {
        let revoked = RevokedGrant {
            grant: grant.clone(),
            until,
            event: None,
        };
        let changes = Changes {
            revoked: Some(revoked),
            ..Changes::default()
        };
        self.commit(&changes).await.map(drop)
    }

    /// Whether a family was revoked.
    async fn is_revoked(&self, grant: &GrantId) -> Result<bool, StoreError>;

    /// What a person's login is worth for refreshes: their refresh grants with `client`, newest
    /// first, at most 100. For logout and for the admin API.
    async fn refresh_grants_of(
        &self,
        connector: &ConnectorId,
        user: &UserId,
        client: Option<&ClientId>,
    ) -> Result<Vec<RefreshGrant>, StoreError>;
}

async fn redeem(
    store: &(impl Outbox + ?Sized),
    redeemed: RedeemedCode,
) -> Result<Redemption, StoreError> {
    let changes = Changes {
        redeemed: Some(redeemed),
        ..Changes::default()
    };
    Ok(match store.commit(&changes).await?.overtaken {
        Some(Overtaken::Redeemed(noted)) => Redemption::Repeated(noted),
        _ => Redemption::First,
    })
}

/// The part of a [`Login`] that a rotation may change, named here because every backend needs it.
pub(crate) fn rotated(mut stored: RefreshGrant, next: &RefreshGrant) -> RefreshGrant {
    let Login {
        connector_data,
        claims,
        ..
    } = &next.login;
    stored.login.claims = claims.clone();
    stored.login.connector_data.clone_from(connector_data);
    stored.answered &= stored.generation == next.generation;
    stored.generation = next.generation;
    stored.last_used_at = next.last_used_at;
    stored.expires_at = next.expires_at;
    stored
}
