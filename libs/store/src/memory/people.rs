use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{ClientId, ConnectorId, Identity, IdentityClaims, UserId};
use insula_oauth::Scopes;

use super::store::{TenantMemory, room};
use crate::login::recorded_login;
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

    async fn record_login(
        &self,
        connector: &ConnectorId,
        claims: &IdentityClaims,
        consent: Option<(&ClientId, &Scopes)>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let key = (connector.clone(), claims.user_id.clone());
        let mut rows = self.rows();
        let stored = rows.identities.get(&key).cloned();
        room(stored.is_some(), rows.identities.len(), "identities")?;
        if let Some(next) = recorded_login(stored, connector, claims, consent, at) {
            rows.identities.insert(key, next);
        }
        Ok(())
    }

    async fn find_upgraded_password(
        &self,
        email: &str,
    ) -> Result<Option<UpgradedPassword>, StoreError> {
        Ok(self.rows().passwords.get(email).cloned())
    }

    async fn upgrade_password(&self, upgraded: &UpgradedPassword) -> Result<(), StoreError> {
        let mut rows = self.rows();
        let known = rows.passwords.contains_key(&upgraded.email);
        room(known, rows.passwords.len(), "upgraded passwords")?;
        rows.passwords
            .insert(upgraded.email.clone(), upgraded.clone());
        Ok(())
    }
}
