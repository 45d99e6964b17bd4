use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{
    AuthRequest, AuthRequestId, BrowserSession, ClientId, CodeGrant, ConnectorId, GrantId,
    Identity, IdentityClaims, RefreshGrant, RefreshId, SessionId, TokenHash, UserId,
};
use insula_oauth::Scopes;
use insula_store::{
    Finish, KeySwap, LoginRoom, Owner, RedeemedCode, RefreshRotation, SealedKeys, StoreError,
    TenantCache, TenantStore, UpgradedPassword,
};

use crate::{Effects, TenantView};

/// Notes every call, and fails them all while it is down.
#[derive(Default)]
pub(crate) struct Spy {
    calls: Mutex<Vec<&'static str>>,
    down: AtomicBool,
}

impl Spy {
    /// What was called since this was last asked.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// From now on nothing answers, or everything does again.
    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    fn call(&self, name: &'static str) -> Result<(), StoreError> {
        self.calls.lock().unwrap().push(name);
        if self.down.load(Ordering::SeqCst) {
            let cause = "it was switched off".to_owned();
            return Err(StoreError::Unavailable {
                backend: "memory",
                cause,
            });
        }
        Ok(())
    }
}

/// The same tenant, whose store and cache are watched.
pub(crate) fn watched(view: &TenantView) -> (TenantView, Arc<Spy>, Arc<Spy>) {
    let (store, cache) = (Arc::new(Spy::default()), Arc::new(Spy::default()));
    let effects = &view.effects;
    let view = TenantView {
        effects: Effects {
            store: Arc::new(WatchedStore(Arc::clone(&effects.store), Arc::clone(&store))),
            cache: Arc::new(WatchedCache(Arc::clone(&effects.cache), Arc::clone(&cache))),
            ..effects.clone()
        },
        ..view.clone()
    };
    (view, store, cache)
}

struct WatchedStore(Arc<dyn TenantStore>, Arc<Spy>);

struct WatchedCache(Arc<dyn TenantCache>, Arc<Spy>);

#[async_trait]
impl TenantStore for WatchedStore {
    async fn claim(&self, issuer: &str) -> Result<Owner, StoreError> {
        self.1.call("claim")?;
        self.0.claim(issuer).await
    }

    async fn adopt(&self, issuer: &str) -> Result<(), StoreError> {
        self.1.call("adopt")?;
        self.0.adopt(issuer).await
    }

    async fn note_left(&self, at: Timestamp) -> Result<(), StoreError> {
        self.1.call("note_left")?;
        self.0.note_left(at).await
    }

    async fn load_keys(&self) -> Result<Option<SealedKeys>, StoreError> {
        self.1.call("load_keys")?;
        self.0.load_keys().await
    }

    async fn swap_keys(
        &self,
        expected: Option<u64>,
        new: &SealedKeys,
    ) -> Result<KeySwap, StoreError> {
        self.1.call("swap_keys")?;
        self.0.swap_keys(expected, new).await
    }

    async fn find_identity(
        &self,
        connector: &ConnectorId,
        user: &UserId,
    ) -> Result<Option<Identity>, StoreError> {
        self.1.call("find_identity")?;
        self.0.find_identity(connector, user).await
    }

    async fn record_login(
        &self,
        connector: &ConnectorId,
        claims: &IdentityClaims,
        consent: Option<(&ClientId, &Scopes)>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.1.call("record_login")?;
        self.0.record_login(connector, claims, consent, at).await
    }

    async fn find_upgraded_password(
        &self,
        email: &str,
    ) -> Result<Option<UpgradedPassword>, StoreError> {
        self.1.call("find_upgraded_password")?;
        self.0.find_upgraded_password(email).await
    }

    async fn upgrade_password(&self, upgraded: &UpgradedPassword) -> Result<(), StoreError> {
        self.1.call("upgrade_password")?;
        self.0.upgrade_password(upgraded).await
    }

    async fn find_session(
        &self,
        cookie: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<BrowserSession>, StoreError> {
        self.1.call("find_session")?;
        self.0.find_session(cookie, now).await
    }

    async fn save_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<(), StoreError> {
        self.1.call("save_session")?;
        self.0.save_session(cookie, session).await
    }

    async fn prolong_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<bool, StoreError> {
        self.1.call("prolong_session")?;
        self.0.prolong_session(cookie, session).await
    }

    async fn end_session(&self, cookie: &TokenHash) -> Result<Option<BrowserSession>, StoreError> {
        self.1.call("end_session")?;
        self.0.end_session(cookie).await
    }

    async fn session_exists(&self, id: &SessionId, now: Timestamp) -> Result<bool, StoreError> {
        self.1.call("session_exists")?;
        self.0.session_exists(id, now).await
    }

    async fn add_refresh(&self, grant: &RefreshGrant) -> Result<(), StoreError> {
        self.1.call("add_refresh")?;
        self.0.add_refresh(grant).await
    }

    async fn find_refresh(&self, id: &RefreshId) -> Result<Option<RefreshGrant>, StoreError> {
        self.1.call("find_refresh")?;
        self.0.find_refresh(id).await
    }

    async fn rotate_refresh(
        &self,
        expected: u32,
        next: &RefreshGrant,
    ) -> Result<RefreshRotation, StoreError> {
        self.1.call("rotate_refresh")?;
        self.0.rotate_refresh(expected, next).await
    }

    async fn revoke_grant(&self, grant: &GrantId, until: Timestamp) -> Result<(), StoreError> {
        self.1.call("revoke_grant")?;
        self.0.revoke_grant(grant, until).await
    }

    async fn is_revoked(&self, grant: &GrantId) -> Result<bool, StoreError> {
        self.1.call("is_revoked")?;
        self.0.is_revoked(grant).await
    }

    async fn refresh_grants_of(
        &self,
        connector: &ConnectorId,
        user: &UserId,
        client: Option<&ClientId>,
    ) -> Result<Vec<RefreshGrant>, StoreError> {
        self.1.call("refresh_grants_of")?;
        self.0.refresh_grants_of(connector, user, client).await
    }
}

#[async_trait]
impl TenantCache for WatchedCache {
    async fn put_auth_request(
        &self,
        request: &AuthRequest,
        room: LoginRoom,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.1.call("put_auth_request")?;
        self.0.put_auth_request(request, room, now).await
    }

    async fn get_auth_request(
        &self,
        id: &AuthRequestId,
    ) -> Result<Option<AuthRequest>, StoreError> {
        self.1.call("get_auth_request")?;
        self.0.get_auth_request(id).await
    }

    async fn advance_auth_request(
        &self,
        next: &AuthRequest,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.1.call("advance_auth_request")?;
        self.0.advance_auth_request(next, now).await
    }

    async fn finish_auth_request(
        &self,
        id: &AuthRequestId,
        version: u32,
        code: &TokenHash,
        grant: &CodeGrant,
        now: Timestamp,
    ) -> Result<Finish, StoreError> {
        self.1.call("finish_auth_request")?;
        self.0
            .finish_auth_request(id, version, code, grant, now)
            .await
    }

    async fn drop_auth_request(&self, id: &AuthRequestId) -> Result<bool, StoreError> {
        self.1.call("drop_auth_request")?;
        self.0.drop_auth_request(id).await
    }

    async fn put_code(
        &self,
        code: &TokenHash,
        grant: &CodeGrant,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.1.call("put_code")?;
        self.0.put_code(code, grant, now).await
    }

    async fn peek_code(&self, code: &TokenHash) -> Result<Option<CodeGrant>, StoreError> {
        self.1.call("peek_code")?;
        self.0.peek_code(code).await
    }

    async fn take_code(
        &self,
        code: &TokenHash,
        now: Timestamp,
        remember: Duration,
    ) -> Result<RedeemedCode, StoreError> {
        self.1.call("take_code")?;
        self.0.take_code(code, now, remember).await
    }

    async fn get_session(&self, cookie: &TokenHash) -> Result<Option<BrowserSession>, StoreError> {
        self.1.call("get_session")?;
        self.0.get_session(cookie).await
    }

    async fn put_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
        ttl: Duration,
    ) -> Result<(), StoreError> {
        self.1.call("put_session")?;
        self.0.put_session(cookie, session, ttl).await
    }

    async fn drop_session(&self, cookie: &TokenHash) -> Result<(), StoreError> {
        self.1.call("drop_session")?;
        self.0.drop_session(cookie).await
    }

    async fn count(&self, key: &str, window: Duration, now: Timestamp) -> Result<u64, StoreError> {
        self.1.call("count")?;
        self.0.count(key, window, now).await
    }

    async fn counted(&self, key: &str, now: Timestamp) -> Result<u64, StoreError> {
        self.1.call("counted")?;
        self.0.counted(key, now).await
    }
}
