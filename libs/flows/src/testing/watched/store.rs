use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{
    BrowserSession, Client, ClientId, ConnectorId, GrantId, Identity, RefreshGrant, RefreshId,
    SessionId, TokenHash, UserId,
};
use insula_store::{
    Changes, ClientPut, Clients, Committed, Grants, Keys, LogoutNotice, LogoutNotices, Outbox,
    Owner, Owners, People, PlacedEvent, SealedKeys, Sessions, StoreError, StoredClient,
    UpgradedPassword,
};

use super::WatchedStore;

#[async_trait]
impl Clients for WatchedStore {
    async fn find_client(&self, id: &ClientId) -> Result<Option<StoredClient>, StoreError> {
        self.1.watch("find_client", self.0.find_client(id)).await
    }

    async fn stored_among(&self, ids: &[ClientId]) -> Result<Vec<ClientId>, StoreError> {
        self.1.watch("stored_among", self.0.stored_among(ids)).await
    }

    async fn clients_after(
        &self,
        after: Option<&ClientId>,
        most: u32,
    ) -> Result<Vec<StoredClient>, StoreError> {
        self.1
            .watch("clients_after", self.0.clients_after(after, most))
            .await
    }

    async fn put_client(
        &self,
        client: &Client,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<ClientPut, StoreError> {
        self.1
            .watch("put_client", self.0.put_client(client, expected, at))
            .await
    }

    async fn delete_client(&self, id: &ClientId) -> Result<bool, StoreError> {
        self.1
            .watch("delete_client", self.0.delete_client(id))
            .await
    }
}

#[async_trait]
impl Outbox for WatchedStore {
    async fn commit(&self, changes: &Changes) -> Result<Committed, StoreError> {
        let committed = self.0.commit(changes);
        self.1.watch(changes.operation(), committed).await
    }

    async fn events_after(&self, position: u64, most: u32) -> Result<Vec<PlacedEvent>, StoreError> {
        let found = self.0.events_after(position, most);
        self.1.watch("events_after", found).await
    }
}

#[async_trait]
impl Owners for WatchedStore {
    async fn claim(&self, issuer: &str) -> Result<Owner, StoreError> {
        self.1.watch("claim", self.0.claim(issuer)).await
    }

    async fn adopt(&self, issuer: &str) -> Result<(), StoreError> {
        self.1.watch("adopt", self.0.adopt(issuer)).await
    }

    async fn note_left(&self, at: Timestamp) -> Result<(), StoreError> {
        self.1.watch("note_left", self.0.note_left(at)).await
    }
}

#[async_trait]
impl Keys for WatchedStore {
    async fn load_keys(&self) -> Result<Option<SealedKeys>, StoreError> {
        self.1.watch("load_keys", self.0.load_keys()).await
    }
}

#[async_trait]
impl People for WatchedStore {
    async fn find_identity(
        &self,
        connector: &ConnectorId,
        user: &UserId,
    ) -> Result<Option<Identity>, StoreError> {
        self.1
            .watch("find_identity", self.0.find_identity(connector, user))
            .await
    }

    async fn find_upgraded_password(
        &self,
        email: &str,
    ) -> Result<Option<UpgradedPassword>, StoreError> {
        self.1
            .watch(
                "find_upgraded_password",
                self.0.find_upgraded_password(email),
            )
            .await
    }
}

#[async_trait]
impl Sessions for WatchedStore {
    async fn find_session(
        &self,
        cookie: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<BrowserSession>, StoreError> {
        self.1
            .watch("find_session", self.0.find_session(cookie, now))
            .await
    }

    async fn sessions_of(
        &self,
        connector: &ConnectorId,
        user: &UserId,
        now: Timestamp,
        most: u32,
    ) -> Result<Vec<(TokenHash, BrowserSession)>, StoreError> {
        self.1
            .watch(
                "sessions_of",
                self.0.sessions_of(connector, user, now, most),
            )
            .await
    }

    async fn session_exists(&self, id: &SessionId, now: Timestamp) -> Result<bool, StoreError> {
        self.1
            .watch("session_exists", self.0.session_exists(id, now))
            .await
    }
}

#[async_trait]
impl LogoutNotices for WatchedStore {
    async fn due_logout(
        &self,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<Option<LogoutNotice>, StoreError> {
        self.1
            .watch("due_logout", self.0.due_logout(client, now))
            .await
    }

    async fn claim_logout(
        &self,
        notice: &LogoutNotice,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.1
            .watch("claim_logout", self.0.claim_logout(notice, until))
            .await
    }

    async fn postpone_logout(
        &self,
        notice: &LogoutNotice,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.1
            .watch("postpone_logout", self.0.postpone_logout(notice, at))
            .await
    }

    async fn settle_logout(&self, notice: &LogoutNotice) -> Result<(), StoreError> {
        self.1
            .watch("settle_logout", self.0.settle_logout(notice))
            .await
    }
}

#[async_trait]
impl Grants for WatchedStore {
    async fn take_refresh_answer(&self, id: &RefreshId, at: Timestamp) -> Result<bool, StoreError> {
        self.1
            .watch("take_refresh_answer", self.0.take_refresh_answer(id, at))
            .await
    }

    async fn take_answer(&self, grant: &GrantId, at: Timestamp) -> Result<bool, StoreError> {
        self.1
            .watch("take_answer", self.0.take_answer(grant, at))
            .await
    }

    async fn find_refresh(&self, id: &RefreshId) -> Result<Option<RefreshGrant>, StoreError> {
        self.1.watch("find_refresh", self.0.find_refresh(id)).await
    }

    async fn note_answered(
        &self,
        id: &RefreshId,
        generation: u32,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.1
            .watch("note_answered", self.0.note_answered(id, generation, at))
            .await
    }

    async fn is_revoked(&self, grant: &GrantId) -> Result<bool, StoreError> {
        self.1.watch("is_revoked", self.0.is_revoked(grant)).await
    }

    async fn refresh_grants_of(
        &self,
        connector: &ConnectorId,
        user: &UserId,
        client: Option<&ClientId>,
    ) -> Result<Vec<RefreshGrant>, StoreError> {
        self.1
            .watch(
                "refresh_grants_of",
                self.0.refresh_grants_of(connector, user, client),
            )
            .await
    }
}
