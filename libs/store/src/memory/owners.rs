use async_trait::async_trait;
use insula_ambient::Timestamp;

use super::store::TenantMemory;
use crate::{Owner, Owners, StoreError};

#[async_trait]
impl Owners for TenantMemory {
    async fn claim(&self, issuer: &str) -> Result<Owner, StoreError> {
        let mut rows = self.rows();
        let owner = rows.owner.get_or_insert_with(|| Owner {
            issuer: issuer.to_owned(),
            left_at: None,
        });
        Ok(owner.clone())
    }

    async fn adopt(&self, issuer: &str) -> Result<(), StoreError> {
        self.rows().owner = Some(Owner {
            issuer: issuer.to_owned(),
            left_at: None,
        });
        Ok(())
    }

    async fn note_left(&self, at: Timestamp) -> Result<(), StoreError> {
        if let Some(owner) = &mut self.rows().owner {
            owner.left_at = Some(at);
        }
        Ok(())
    }
}
