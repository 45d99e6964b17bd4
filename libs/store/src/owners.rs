use async_trait::async_trait;
use insula_ambient::Timestamp;

use crate::StoreError;

/// Whose the rows of a tenant are: ids of tenants are names of folders, which may be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The issuer that keys, sessions and grants were made for.
    pub issuer: String,
    /// Since when there is no such tenant, if it was seen to go.
    pub left_at: Option<Timestamp>,
}

/// Whose the rows of a tenant are.
#[async_trait]
pub trait Owners: Send + Sync + 'static {
    /// Whose the rows are. Where nobody knows yet, they are `issuer`'s from now on.
    async fn claim(&self, issuer: &str) -> Result<Owner, StoreError>;

    /// Says whose the rows are from now on; the tenant is there.
    async fn adopt(&self, issuer: &str) -> Result<(), StoreError>;

    /// Notes that the tenant is gone. Its rows stay; without any, there is nothing to note.
    async fn note_left(&self, at: Timestamp) -> Result<(), StoreError>;
}
