use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{ClientId, CodeClaim, ConnectorId, GrantId, RefreshGrant, RefreshId, UserId};

use super::store::{Redeemed, TenantMemory, room};
use crate::grants::rotated;
use crate::{Grants, NotedRedemption, Redemption, RefreshRotation, StoreError};

/// The most refresh grants [`Grants::refresh_grants_of`] answers.
const MOST_LISTED: usize = 100;

#[async_trait]
impl Grants for TenantMemory {
    async fn add_refresh(
        &self,
        grant: &RefreshGrant,
        claim: Option<&CodeClaim>,
    ) -> Result<Redemption, StoreError> {
        let mut rows = self.rows();
        if let Some(stored) = rows.refresh.get(&grant.id) {
            if stored.grant_id != grant.grant_id {
                return Err(StoreError::Failed {
                    backend: "memory",
                    cause: "a refresh grant of that id is there already".to_owned(),
                });
            }
            return Ok(Redemption::Repeated(NotedRedemption {
                claim: rows.claims.get(&grant.id).cloned(),
                answered: stored.answered || stored.generation > 0,
                refresh: rows.living(&grant.id).cloned().map(Box::new),
            }));
        }
        room(false, rows.refresh.len(), "refresh grants")?;
        rows.refresh.insert(grant.id.clone(), grant.clone());
        if let Some(claim) = claim {
            rows.claims.insert(grant.id.clone(), claim.clone());
        }
        Ok(Redemption::First)
    }

    async fn note_redeemed(
        &self,
        grant: &GrantId,
        claim: Option<&CodeClaim>,
        until: Timestamp,
    ) -> Result<Redemption, StoreError> {
        let mut rows = self.rows();
        if let Some(noted) = rows.redeemed.get(grant) {
            return Ok(Redemption::Repeated(NotedRedemption {
                claim: noted.claim.clone(),
                answered: noted.answered,
                refresh: None,
            }));
        }
        room(false, rows.redeemed.len(), "redeemed codes")?;
        let row = Redeemed {
            claim: claim.cloned(),
            answered: false,
            until,
        };
        rows.redeemed.insert(grant.clone(), row);
        Ok(Redemption::First)
    }

    async fn take_refresh_answer(&self, id: &RefreshId, at: Timestamp) -> Result<bool, StoreError> {
        let mut rows = self.rows();
        let stored = rows.refresh.get_mut(id);
        let Some(stored) = stored.filter(|row| row.generation == 0 && !row.answered) else {
            return Ok(false);
        };
        stored.answered = true;
        stored.last_used_at = stored.last_used_at.max(at);
        Ok(true)
    }

    async fn take_answer(&self, grant: &GrantId, _: Timestamp) -> Result<bool, StoreError> {
        let mut rows = self.rows();
        let Some(row) = rows.redeemed.get_mut(grant) else {
            return Ok(false);
        };
        Ok(!std::mem::replace(&mut row.answered, true))
    }

    async fn find_refresh(&self, id: &RefreshId) -> Result<Option<RefreshGrant>, StoreError> {
        Ok(self.rows().living(id).cloned())
    }

    async fn rotate_refresh(
        &self,
        expected: u32,
        next: &RefreshGrant,
    ) -> Result<RefreshRotation, StoreError> {
        let mut rows = self.rows();
        match rows.living(&next.id).cloned() {
            Some(stored) if stored.generation == expected => {
                rows.refresh.insert(next.id.clone(), rotated(stored, next));
                Ok(RefreshRotation::Rotated)
            }
            _ => Ok(RefreshRotation::Lost),
        }
    }

    async fn note_answered(
        &self,
        id: &RefreshId,
        generation: u32,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(stored) = self.rows().refresh.get_mut(id)
            && stored.generation == generation
        {
            stored.answered = true;
            stored.last_used_at = stored.last_used_at.max(at);
        }
        Ok(())
    }

    async fn is_revoked(&self, grant: &GrantId) -> Result<bool, StoreError> {
        Ok(self.rows().revoked.contains_key(grant))
    }

    async fn refresh_grants_of(
        &self,
        connector: &ConnectorId,
        user: &UserId,
        client: Option<&ClientId>,
    ) -> Result<Vec<RefreshGrant>, StoreError> {
        let mut found: Vec<_> = {
            let rows = self.rows();
            let theirs = |row: &&RefreshGrant| {
                row.login.connector_id == *connector
                    && row.login.claims.user_id == *user
                    && client.is_none_or(|client| row.client_id == *client)
            };
            let living = |row: &&RefreshGrant| !rows.revoked.contains_key(&row.grant_id);
            let of_them = rows.refresh.values().filter(theirs).filter(living);
            of_them.cloned().collect()
        };
        found.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        found.truncate(MOST_LISTED);
        Ok(found)
    }
}
