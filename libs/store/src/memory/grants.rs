use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{ClientId, ConnectorId, GrantId, RefreshGrant, RefreshId, UserId};

use super::store::{Redeemed, Rows, TenantMemory, room};
use crate::grants::rotated;
use crate::{Grants, NotedRedemption, RedeemedCode, RotatedGrant, StoreError};

/// The most refresh grants [`Grants::refresh_grants_of`] answers.
const MOST_LISTED: usize = 100;

#[async_trait]
impl Grants for TenantMemory {
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

impl Rows {
    /// How a redemption was noted before, if it was.
    pub(super) fn noted(&self, code: &RedeemedCode) -> Result<Option<NotedRedemption>, StoreError> {
        match code {
            RedeemedCode::Beginning { refresh, .. } => {
                let Some(stored) = self.refresh.get(&refresh.id) else {
                    return Ok(None);
                };
                if stored.grant_id != refresh.grant_id {
                    return Err(StoreError::Failed {
                        backend: "memory",
                        cause: "a refresh grant of that id is there already".to_owned(),
                    });
                }
                Ok(Some(NotedRedemption {
                    claim: self.claims.get(&refresh.id).cloned(),
                    answered: stored.answered || stored.generation > 0,
                    refresh: self.living(&refresh.id).cloned().map(Box::new),
                }))
            }
            RedeemedCode::Ending { grant, .. } => {
                Ok(self.redeemed.get(grant).map(|noted| NotedRedemption {
                    claim: noted.claim.clone(),
                    answered: noted.answered,
                    refresh: None,
                }))
            }
        }
    }

    /// Whether there is room for the note of a redemption.
    pub(super) fn has_room_for(&self, code: &RedeemedCode) -> Result<(), StoreError> {
        match code {
            RedeemedCode::Beginning { .. } => room(false, self.refresh.len(), "refresh grants"),
            RedeemedCode::Ending { .. } => room(false, self.redeemed.len(), "redeemed codes"),
        }
    }

    pub(super) fn redeem(&mut self, code: &RedeemedCode) {
        match code {
            RedeemedCode::Beginning { refresh, claim } => {
                self.refresh
                    .insert(refresh.id.clone(), RefreshGrant::clone(refresh));
                if let Some(claim) = claim {
                    self.claims.insert(refresh.id.clone(), claim.clone());
                }
            }
            RedeemedCode::Ending {
                grant,
                claim,
                until,
            } => {
                let row = Redeemed {
                    claim: claim.clone(),
                    answered: false,
                    until: *until,
                };
                self.redeemed.insert(grant.clone(), row);
            }
        }
    }

    /// Whether a refresh grant is where it is expected, and not revoked.
    pub(super) fn may_rotate(&self, to: &RotatedGrant) -> bool {
        let stored = self.living(&to.next.id);
        stored.is_some_and(|stored| stored.generation == to.expected)
    }

    pub(super) fn rotate(&mut self, to: &RotatedGrant) {
        if let Some(stored) = self.refresh.get_mut(&to.next.id) {
            *stored = rotated(stored.clone(), &to.next);
        }
    }
}
