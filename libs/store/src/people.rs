use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{ClientId, ConnectorId, Event, Identity, IdentityClaims, TokenHash, UserId};
use insula_oauth::Scopes;

use crate::{Changes, Outbox, RecordedLogin, StoreError};

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
pub trait People: Outbox {
    /// A person by the connector they came through.
    async fn find_identity(
        &self,
        connector: &ConnectorId,
        user: &UserId,
    ) -> Result<Option<Identity>, StoreError>;

    /// Commits a [`RecordedLogin`] alone.
    async fn record_login(
        &self,
        connector: &ConnectorId,
        claims: &IdentityClaims,
        consent: Option<(&ClientId, &Scopes)>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let login = RecordedLogin {
            connector: connector.clone(),
            claims: claims.clone(),
            consent: consent.map(|(client, scopes)| (client.clone(), scopes.clone())),
            at,
        };
        let changes = Changes {
            login: Some(login),
            ..Changes::default()
        };
        self.commit(&changes).await.map(drop)
    }

    /// The upgraded password of a login name.
    async fn find_upgraded_password(
        &self,
        email: &str,
    ) -> Result<Option<UpgradedPassword>, StoreError>;

    /// Commits an upgraded password, with the event that tells of it.
    async fn upgrade_password(
        &self,
        upgraded: &UpgradedPassword,
        event: Option<Event>,
    ) -> Result<(), StoreError> {
        let changes = Changes {
            upgraded: Some(upgraded.clone()),
            events: event.into_iter().collect(),
            ..Changes::default()
        };
        self.commit(&changes).await.map(drop)
    }
}
