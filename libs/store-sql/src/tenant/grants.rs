use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{ClientId, ConnectorId, GrantId, RefreshGrant, RefreshId, UserId};
use insula_store::{Grants, StoreError};

use super::{SqlTenant, redemption, refresh, revocation};
use crate::answers::{self, Answer};

#[async_trait]
impl Grants for SqlTenant {
    async fn take_refresh_answer(&self, id: &RefreshId, at: Timestamp) -> Result<bool, StoreError> {
        run!(
            self,
            "take_refresh_answer",
            redemption::take_refresh_answer,
            id,
            at
        )
    }

    async fn take_answer(&self, grant: &GrantId, at: Timestamp) -> Result<bool, StoreError> {
        run!(self, "take_answer", redemption::take_answer, grant, at)
    }

    async fn find_refresh(&self, id: &RefreshId) -> Result<Option<RefreshGrant>, StoreError> {
        run!(self, "find_refresh", refresh::find, id)
    }

    async fn note_answered(
        &self,
        id: &RefreshId,
        generation: u32,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let answer = Answer { generation, at };
        if self.sql.answers.note(&self.id, id, answer) {
            answers::write_down(&self.sql);
        }
        Ok(())
    }

    async fn is_revoked(&self, grant: &GrantId) -> Result<bool, StoreError> {
        run!(self, "is_revoked", revocation::is_revoked, grant)
    }

    async fn refresh_grants_of(
        &self,
        connector: &ConnectorId,
        user: &UserId,
        client: Option<&ClientId>,
    ) -> Result<Vec<RefreshGrant>, StoreError> {
        let client = client.cloned();
        run!(
            self,
            "refresh_grants_of",
            refresh::of_person,
            connector,
            user,
            client
        )
    }
}
