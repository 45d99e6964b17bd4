use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{ClientId, ConnectorId, Identity, IdentityClaims, TokenHash, UserId};
use insula_oauth::Scopes;

use crate::StoreError;

/// A password hash made here that stands for an older one in a file.
#[derive(Clone, PartialEq, Eq)]
pub struct UpgradedPassword {
    /// Lower-cased login name.
    pub email: String,
    /// The hash of the configured hash text this one replaces; if the file changes, it is void.
    pub replaces: TokenHash,
    /// The new PHC string.
    pub hash: String,
}

impl std::fmt::Debug for UpgradedPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UpgradedPassword")
    }
}

/// The people of a tenant: who they are, what they allowed, and their upgraded passwords.
#[async_trait]
pub trait People: Send + Sync + 'static {
    /// A person by the connector they came through.
    async fn find_identity(
        &self,
        connector: &ConnectorId,
        user: &UserId,
    ) -> Result<Option<Identity>, StoreError>;

    /// Records that a person logged in, with what the connector says of them, and in the same
    /// statement what they allowed `consent.0`, added to what they had allowed it before.
    /// Where nothing changed but the time, the write may be skipped if `last_login_at` moved by
    /// less than a minute.
    async fn record_login(
        &self,
        connector: &ConnectorId,
        claims: &IdentityClaims,
        consent: Option<(&ClientId, &Scopes)>,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// The upgraded password of a login name.
    async fn find_upgraded_password(
        &self,
        email: &str,
    ) -> Result<Option<UpgradedPassword>, StoreError>;

    /// Stores an upgraded password; a later one replaces an earlier one.
    async fn upgrade_password(&self, upgraded: &UpgradedPassword) -> Result<(), StoreError>;
}
