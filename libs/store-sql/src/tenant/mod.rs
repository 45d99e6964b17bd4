use std::sync::Arc;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{
    BrowserSession, Client, ClientId, CodeClaim, ConnectorId, GrantId, Identity, IdentityClaims,
    RefreshGrant, RefreshId, SessionId, TenantId, TokenHash, UserId,
};
use insula_oauth::Scopes;
use insula_store::{
    ClientPut, Clients, KeySwap, Owner, Redemption, RefreshRotation, SealedKeys, StoreError,
    StoredClient, TenantStore, UpgradedPassword,
};

use crate::answers::{self, Answer};
use crate::sql::Sql;

mod clients;
mod json;
mod keys;
mod owner;
mod passwords;
mod people;
mod redemption;
mod refresh;
mod revocation;
mod sessions;

pub(crate) use json::{from_json, to_json};
pub(crate) use owner::owners;

/// The rows of one tenant. Every statement below begins its condition with the tenant's id, which
/// no caller can name.
pub(crate) struct SqlTenant {
    sql: Arc<Sql>,
    id: TenantId,
}

impl SqlTenant {
    pub(crate) fn new(sql: Arc<Sql>, id: &TenantId) -> Self {
        Self {
            sql,
            id: id.clone(),
        }
    }
}

/// Hands an operation owned copies of its arguments: it runs on another runtime, maybe repeatedly.
macro_rules! run {
    ($self:ident, $name:literal, $work:path $(, $argument:expr)* $(,)?) => {{
        let tenant = $self.id.clone();
        let arguments = ($($argument.clone(),)*);
        let work = move |sql| $work(sql, tenant.clone(), arguments.clone());
        $self.sql.run($name, work).await
    }};
}

#[async_trait]
impl Clients for SqlTenant {
    async fn find_client(&self, id: &ClientId) -> Result<Option<StoredClient>, StoreError> {
        run!(self, "find_client", clients::find, id)
    }

    async fn clients_after(
        &self,
        after: Option<&ClientId>,
        most: u32,
    ) -> Result<Vec<StoredClient>, StoreError> {
        let after = after.cloned();
        run!(self, "clients_after", clients::after, after, most)
    }

    async fn put_client(
        &self,
        client: &Client,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<ClientPut, StoreError> {
        run!(self, "put_client", clients::put, client, expected, at)
    }

    async fn delete_client(&self, id: &ClientId) -> Result<bool, StoreError> {
        run!(self, "delete_client", clients::delete, id)
    }
}

#[async_trait]
impl TenantStore for SqlTenant {
    async fn claim(&self, issuer: &str) -> Result<Owner, StoreError> {
        let issuer = issuer.to_owned();
        run!(self, "claim", owner::claim, issuer)
    }

    async fn adopt(&self, issuer: &str) -> Result<(), StoreError> {
        let issuer = issuer.to_owned();
        run!(self, "adopt", owner::adopt, issuer)
    }

    async fn note_left(&self, at: Timestamp) -> Result<(), StoreError> {
        run!(self, "note_left", owner::note_left, at)
    }

    async fn load_keys(&self) -> Result<Option<SealedKeys>, StoreError> {
        run!(self, "load_keys", keys::load)
    }

    async fn swap_keys(
        &self,
        expected: Option<u64>,
        new: &SealedKeys,
    ) -> Result<KeySwap, StoreError> {
        run!(self, "swap_keys", keys::swap, expected, new)
    }

    async fn find_identity(
        &self,
        connector: &ConnectorId,
        user: &UserId,
    ) -> Result<Option<Identity>, StoreError> {
        run!(self, "find_identity", people::find, connector, user)
    }

    async fn record_login(
        &self,
        connector: &ConnectorId,
        claims: &IdentityClaims,
        consent: Option<(&ClientId, &Scopes)>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let consent = consent.map(|(client, scopes)| (client.clone(), scopes.clone()));
        run!(
            self,
            "record_login",
            people::record,
            connector,
            claims,
            consent,
            at
        )
    }

    async fn find_upgraded_password(
        &self,
        email: &str,
    ) -> Result<Option<UpgradedPassword>, StoreError> {
        let email = email.to_owned();
        run!(self, "find_upgraded_password", passwords::find, email)
    }

    async fn upgrade_password(&self, upgraded: &UpgradedPassword) -> Result<(), StoreError> {
        run!(self, "upgrade_password", passwords::save, upgraded)
    }

    async fn find_session(
        &self,
        cookie: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<BrowserSession>, StoreError> {
        run!(self, "find_session", sessions::find, cookie, now)
    }

    async fn save_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<(), StoreError> {
        run!(self, "save_session", sessions::save, cookie, session)
    }

    async fn prolong_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<bool, StoreError> {
        run!(self, "prolong_session", sessions::prolong, cookie, session)
    }

    async fn end_session(&self, cookie: &TokenHash) -> Result<Option<BrowserSession>, StoreError> {
        run!(self, "end_session", sessions::end, cookie)
    }

    async fn session_exists(&self, id: &SessionId, now: Timestamp) -> Result<bool, StoreError> {
        run!(self, "session_exists", sessions::exists, id, now)
    }

    async fn add_refresh(
        &self,
        grant: &RefreshGrant,
        claim: Option<&CodeClaim>,
    ) -> Result<Redemption, StoreError> {
        let claim = claim.cloned();
        run!(self, "add_refresh", redemption::add_refresh, grant, claim)
    }

    async fn note_redeemed(
        &self,
        grant: &GrantId,
        claim: Option<&CodeClaim>,
        until: Timestamp,
    ) -> Result<Redemption, StoreError> {
        let claim = claim.cloned();
        run!(self, "note_redeemed", redemption::note, grant, claim, until)
    }

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

    async fn rotate_refresh(
        &self,
        expected: u32,
        next: &RefreshGrant,
    ) -> Result<RefreshRotation, StoreError> {
        run!(self, "rotate_refresh", refresh::rotate, expected, next)
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

    async fn revoke_grant(&self, grant: &GrantId, until: Timestamp) -> Result<(), StoreError> {
        run!(self, "revoke_grant", revocation::revoke, grant, until)
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
