use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{ClientId, SessionId};

use super::store::TenantMemory;
use crate::{LogoutNotice, LogoutNotices, StoreError};

fn key(notice: &LogoutNotice) -> (ClientId, SessionId) {
    (notice.client.clone(), notice.session.clone())
}

#[async_trait]
impl LogoutNotices for TenantMemory {
    async fn due_logout(
        &self,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<Option<LogoutNotice>, StoreError> {
        let rows = self.rows();
        let due = rows.notices.values();
        let due = due.filter(|notice| notice.client == *client && notice.due_at <= now);
        Ok(due.min_by_key(|notice| notice.due_at).cloned())
    }

    async fn claim_logout(
        &self,
        notice: &LogoutNotice,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut rows = self.rows();
        let stored = rows.notices.get_mut(&key(notice));
        let Some(stored) = stored.filter(|stored| stored.due_at == notice.due_at) else {
            return Ok(false);
        };
        stored.due_at = until;
        stored.attempts += 1;
        Ok(true)
    }

    async fn postpone_logout(
        &self,
        notice: &LogoutNotice,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(stored) = self.rows().notices.get_mut(&key(notice)) {
            stored.due_at = at;
        }
        Ok(())
    }

    async fn settle_logout(&self, notice: &LogoutNotice) -> Result<(), StoreError> {
        self.rows().notices.remove(&key(notice));
        Ok(())
    }
}
