use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use insula_ambient::{ManualClock, Timestamp};
use insula_model::{
    AuthRequest, AuthRequestId, BrowserSession, CacheEpoch, Client, ClientId, CodeClaim, CodeGrant,
    ConnectorId, GrantId, Identity, IdentityClaims, Login, RefreshGrant, RefreshId, SessionId,
    TokenHash, UserId,
};
use insula_oauth::Scopes;
use insula_store::{
    ClaimedCode, ClientPut, Clients, Finish, KeySwap, LeaveToAnswer, LoginRoom, Owner, Redemption,
    RefreshRotation, SealedKeys, StoreError, StoredClient, TenantCache, TenantStore,
    UpgradedPassword,
};

use crate::{Effects, TenantView};

/// What happens beside a call.
pub(crate) type Something = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// What may befall a call.
#[derive(Clone)]
pub(crate) enum Trouble {
    /// It never arrives.
    Lost,
    /// It is carried out, and the answer is lost.
    AnswerLost,
    /// It answers with a record that another version wrote.
    Unreadable,
    /// It is carried out, and whoever waits for the answer waits for ever.
    Hangs,
    /// It takes so long.
    Stalls(ManualClock, Duration),
    /// Something else happens before it arrives.
    Meanwhile(Something),
    /// Something else happens, and it never arrives.
    LostAfter(Something),
}

/// Notes every call, fails them all while it is down, and brings trouble to single ones.
#[derive(Default)]
pub(crate) struct Spy {
    calls: Mutex<Vec<&'static str>>,
    down: AtomicBool,
    troubles: Mutex<Vec<(&'static str, Trouble)>>,
    instead: Mutex<Option<Arc<dyn TenantCache>>>,
    tells_no_epoch: AtomicBool,
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

    /// The next call of that name meets `trouble`. Of several, each meets the next.
    pub(crate) fn trouble(&self, call: &'static str, trouble: Trouble) {
        self.troubles.lock().unwrap().push((call, trouble));
    }

    /// From now on codes are looked for in another cache: the one there was has been set back.
    pub(crate) fn set_back(&self, to: Arc<dyn TenantCache>) {
        *self.instead.lock().unwrap() = Some(to);
    }

    /// From now on the cache does not tell which epoch it is in.
    pub(crate) fn tell_no_epoch(&self) {
        self.tells_no_epoch.store(true, Ordering::SeqCst);
    }

    fn epoch(&self, told: Option<CacheEpoch>) -> Option<CacheEpoch> {
        told.filter(|_| !self.tells_no_epoch.load(Ordering::SeqCst))
    }

    async fn watch<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.calls.lock().unwrap().push(name);
        let trouble = {
            let mut troubles = self.troubles.lock().unwrap();
            let next = troubles.iter().position(|(call, _)| *call == name);
            next.map(|at| troubles.remove(at).1)
        };
        if self.down.load(Ordering::SeqCst) || matches!(trouble, Some(Trouble::Lost)) {
            return Err(away());
        }
        if let Some(Trouble::Stalls(clock, by)) = &trouble {
            clock.advance(*by);
        }
        if let Some(Trouble::Meanwhile(something) | Trouble::LostAfter(something)) = &trouble {
            something().await;
        }
        if matches!(trouble, Some(Trouble::LostAfter(_))) {
            return Err(away());
        }
        let answer = call.await;
        match trouble {
            Some(Trouble::AnswerLost) => Err(away()),
            Some(Trouble::Unreadable) => Err(StoreError::Corrupt {
                what: "record",
                cause: "it has a member nobody knows".to_owned(),
            }),
            Some(Trouble::Hangs) => std::future::pending().await,
            _ => answer,
        }
    }
}

fn away() -> StoreError {
    StoreError::Unavailable {
        backend: "memory",
        cause: "it was switched off".to_owned(),
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
impl Clients for WatchedStore {
    async fn find_client(&self, id: &ClientId) -> Result<Option<StoredClient>, StoreError> {
        self.1.watch("find_client", self.0.find_client(id)).await
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
impl TenantStore for WatchedStore {
    async fn claim(&self, issuer: &str) -> Result<Owner, StoreError> {
        self.1.watch("claim", self.0.claim(issuer)).await
    }

    async fn adopt(&self, issuer: &str) -> Result<(), StoreError> {
        self.1.watch("adopt", self.0.adopt(issuer)).await
    }

    async fn note_left(&self, at: Timestamp) -> Result<(), StoreError> {
        self.1.watch("note_left", self.0.note_left(at)).await
    }

    async fn load_keys(&self) -> Result<Option<SealedKeys>, StoreError> {
        self.1.watch("load_keys", self.0.load_keys()).await
    }

    async fn swap_keys(
        &self,
        expected: Option<u64>,
        new: &SealedKeys,
    ) -> Result<KeySwap, StoreError> {
        self.1
            .watch("swap_keys", self.0.swap_keys(expected, new))
            .await
    }

    async fn find_identity(
        &self,
        connector: &ConnectorId,
        user: &UserId,
    ) -> Result<Option<Identity>, StoreError> {
        self.1
            .watch("find_identity", self.0.find_identity(connector, user))
            .await
    }

    async fn record_login(
        &self,
        connector: &ConnectorId,
        claims: &IdentityClaims,
        consent: Option<(&ClientId, &Scopes)>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.1
            .watch(
                "record_login",
                self.0.record_login(connector, claims, consent, at),
            )
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

    async fn upgrade_password(&self, upgraded: &UpgradedPassword) -> Result<(), StoreError> {
        self.1
            .watch("upgrade_password", self.0.upgrade_password(upgraded))
            .await
    }

    async fn find_session(
        &self,
        cookie: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<BrowserSession>, StoreError> {
        self.1
            .watch("find_session", self.0.find_session(cookie, now))
            .await
    }

    async fn save_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<(), StoreError> {
        self.1
            .watch("save_session", self.0.save_session(cookie, session))
            .await
    }

    async fn prolong_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<bool, StoreError> {
        self.1
            .watch("prolong_session", self.0.prolong_session(cookie, session))
            .await
    }

    async fn end_session(&self, cookie: &TokenHash) -> Result<Option<BrowserSession>, StoreError> {
        self.1
            .watch("end_session", self.0.end_session(cookie))
            .await
    }

    async fn session_exists(&self, id: &SessionId, now: Timestamp) -> Result<bool, StoreError> {
        self.1
            .watch("session_exists", self.0.session_exists(id, now))
            .await
    }

    async fn add_refresh(
        &self,
        grant: &RefreshGrant,
        claim: Option<&CodeClaim>,
    ) -> Result<Redemption, StoreError> {
        self.1
            .watch("add_refresh", self.0.add_refresh(grant, claim))
            .await
    }

    async fn note_redeemed(
        &self,
        grant: &GrantId,
        claim: Option<&CodeClaim>,
        until: Timestamp,
    ) -> Result<Redemption, StoreError> {
        self.1
            .watch("note_redeemed", self.0.note_redeemed(grant, claim, until))
            .await
    }

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

    async fn find_refresh(&self, id: &RefreshId) -> Result<Option<RefreshGrant>, StoreError> {
        self.1.watch("find_refresh", self.0.find_refresh(id)).await
    }

    async fn rotate_refresh(
        &self,
        expected: u32,
        next: &RefreshGrant,
    ) -> Result<RefreshRotation, StoreError> {
        self.1
            .watch("rotate_refresh", self.0.rotate_refresh(expected, next))
            .await
    }

    async fn revoke_grant(&self, grant: &GrantId, until: Timestamp) -> Result<(), StoreError> {
        self.1
            .watch("revoke_grant", self.0.revoke_grant(grant, until))
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

impl WatchedCache {
    fn of_codes(&self) -> Arc<dyn TenantCache> {
        let instead = self.1.instead.lock().unwrap().clone();
        instead.unwrap_or_else(|| Arc::clone(&self.0))
    }
}

#[async_trait]
impl TenantCache for WatchedCache {
    async fn put_auth_request(
        &self,
        request: &AuthRequest,
        room: LoginRoom,
        ttl: Duration,
    ) -> Result<(), StoreError> {
        self.1
            .watch(
                "put_auth_request",
                self.0.put_auth_request(request, room, ttl),
            )
            .await
    }

    async fn get_auth_request(
        &self,
        id: &AuthRequestId,
    ) -> Result<Option<AuthRequest>, StoreError> {
        self.1
            .watch("get_auth_request", self.0.get_auth_request(id))
            .await
    }

    async fn advance_auth_request(&self, next: &AuthRequest) -> Result<bool, StoreError> {
        self.1
            .watch("advance_auth_request", self.0.advance_auth_request(next))
            .await
    }

    async fn finish_auth_request(
        &self,
        id: &AuthRequestId,
        version: u32,
        code: &TokenHash,
        grant: &CodeGrant,
        ttl: Duration,
    ) -> Result<Finish, StoreError> {
        self.1
            .watch(
                "finish_auth_request",
                self.0.finish_auth_request(id, version, code, grant, ttl),
            )
            .await
    }

    async fn drop_auth_request(&self, id: &AuthRequestId) -> Result<bool, StoreError> {
        self.1
            .watch("drop_auth_request", self.0.drop_auth_request(id))
            .await
    }

    async fn put_code(
        &self,
        code: &TokenHash,
        grant: &CodeGrant,
        ttl: Duration,
    ) -> Result<(), StoreError> {
        self.1
            .watch("put_code", self.0.put_code(code, grant, ttl))
            .await
    }

    async fn peek_code(&self, code: &TokenHash) -> Result<Option<CodeGrant>, StoreError> {
        self.1.watch("peek_code", self.0.peek_code(code)).await
    }

    async fn claim_code(
        &self,
        code: &TokenHash,
        presenter: &TokenHash,
        at_least: Duration,
    ) -> Result<ClaimedCode, StoreError> {
        let claim = async {
            let cache = self.of_codes();
            cache.claim_code(code, presenter, at_least).await
        };
        Ok(match self.1.watch("claim_code", claim).await? {
            ClaimedCode::Claimed {
                grant,
                claim,
                epoch,
            } => ClaimedCode::Claimed {
                grant,
                claim,
                epoch: self.1.epoch(epoch),
            },
            other => other,
        })
    }

    async fn answer_code(
        &self,
        code: &TokenHash,
        claim: u32,
        remember: Duration,
    ) -> Result<LeaveToAnswer, StoreError> {
        let answer = async {
            let cache = self.of_codes();
            cache.answer_code(code, claim, remember).await
        };
        Ok(match self.1.watch("answer_code", answer).await? {
            LeaveToAnswer::Given(epoch) => LeaveToAnswer::Given(self.1.epoch(epoch)),
            other => other,
        })
    }

    async fn keep_refreshed(
        &self,
        usage: &TokenHash,
        login: &Login,
        ttl: Duration,
    ) -> Result<(), StoreError> {
        self.1
            .watch("keep_refreshed", self.0.keep_refreshed(usage, login, ttl))
            .await
    }

    async fn kept_refreshed(&self, usage: &TokenHash) -> Result<Option<Login>, StoreError> {
        self.1
            .watch("kept_refreshed", self.0.kept_refreshed(usage))
            .await
    }

    async fn count(&self, key: &str, window: Duration) -> Result<u64, StoreError> {
        self.1.watch("count", self.0.count(key, window)).await
    }

    async fn counted(&self, key: &str) -> Result<u64, StoreError> {
        self.1.watch("counted", self.0.counted(key)).await
    }
}
