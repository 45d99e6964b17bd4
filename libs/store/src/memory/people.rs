use async_trait::async_trait;
use insula_model::{ConnectorId, Identity, UserId};

use super::store::TenantMemory;
use crate::{People, StoreError, UpgradedPassword};

#[async_trait]
impl People for TenantMemory {
    async fn find_identity(
        &self,
        connector: &ConnectorId,
        user: &UserId,
    ) -> Result<Option<Identity>, StoreError> {
        let key = (connector.clone(), user.clone());
        Ok(self.rows().identities.get(&key).cloned())
    }

    async fn find_upgraded_password(
        &self,
        email: &str,
    ) -> Result<Option<UpgradedPassword>, StoreError> {
        Ok(self.rows().passwords.get(email).cloned())
    }
}
