//! What a node's flows hold: the shared stores, behind the wire, and the defects that can be put
//! back into them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{
    AuthRequest, AuthRequestId, BrowserSession, Client, ClientId, CodeClaim, CodeGrant,
    ConnectorId, GrantId, Identity, IdentityClaims, Login, RefreshGrant, RefreshId, SessionId,
    TenantId, TokenHash, UserId,
};
use insula_oauth::Scopes;
use insula_store::{
    Cache, ClaimedCode, ClientPut, Clients, Durable, Finish, KeySwap, KeyVersions, LeaveToAnswer,
    LoginRoom, MemoryStore, Owner, Redemption, RefreshRotation, SealedKeys, StoreError,
    StoredClient, TenantCache, TenantStore, UpgradedPassword,
};

use crate::Defect;
use crate::cache::SharedCache;
use crate::wire::Wire;

type Answer<T> = Result<T, StoreError>;

/// The way of one node to the shared stores.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) wire: Arc<Wire>,
    pub(crate) durable: MemoryStore,
    pub(crate) cache: SharedCache,
    pub(crate) defect: Option<Defect>,
    /// Which answered generations this node has yet to write down: it writes them a moment later,
    /// all together, and they are lost with the node.
    pub(crate) notes: Arc<Mutex<Vec<Note>>>,
    /// The codes that the defect of burnt codes has burnt.
    pub(crate) burnt: Arc<Mutex<BTreeSet<TokenHash>>>,
}

/// That the token of a generation was given out.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    tenant: TenantId,
    id: RefreshId,
    generation: u32,
    at: Timestamp,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// Writes down what the node has noted.
    pub(crate) fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut *lock(&self.notes))
    }
}

impl Note {
    /// Writes it down.
    pub(crate) async fn write(self, durable: &MemoryStore) -> Answer<()> {
        let store = durable.tenant(&self.tenant);
        store
            .note_answered(&self.id, self.generation, self.at)
            .await
    }
}

#[async_trait]
impl KeyVersions for Link {
    async fn key_versions(&self, tenants: &[TenantId]) -> Answer<HashMap<TenantId, u64>> {
        let call = self.durable.key_versions(tenants);
        self.wire.carry("key_versions", call).await
    }
}

#[async_trait]
impl Durable for Link {
    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantStore> {
        Arc::new(NodeStore {
            link: self.clone(),
            store: self.durable.tenant(id),
            tenant: id.clone(),
        })
    }

    async fn ping(&self) -> Answer<()> {
        self.durable.ping().await
    }

    async fn probe(&self, now: Timestamp) -> Answer<()> {
        self.durable.probe(now).await
    }

    async fn fact(&self, name: &str) -> Answer<Option<String>> {
        self.durable.fact(name).await
    }

    async fn settle_fact(&self, name: &str, value: &str) -> Answer<String> {
        self.durable.settle_fact(name, value).await
    }

    async fn owners(&self) -> Answer<Vec<(TenantId, Owner)>> {
        self.durable.owners().await
    }

    async fn some_key_rings(&self, most: u32) -> Answer<Vec<(TenantId, SealedKeys)>> {
        self.durable.some_key_rings(most).await
    }

    async fn lease(&self, name: &str, holder: &str, now: Timestamp, ttl: Duration) -> Answer<bool> {
        self.durable.lease(name, holder, now, ttl).await
    }

    async fn collect_expired(&self, now: Timestamp, batch: u32) -> Answer<u64> {
        self.durable.collect_expired(now, batch).await
    }
}

#[async_trait]
impl Cache for Link {
    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantCache> {
        Arc::new(NodeCache {
            link: self.clone(),
            tenant: id.as_str().to_owned(),
        })
    }

    async fn ping(&self) -> Answer<()> {
        Ok(())
    }

    async fn probe(&self) -> Answer<()> {
        Ok(())
    }
}

struct NodeStore {
    link: Link,
    store: Arc<dyn TenantStore>,
    tenant: TenantId,
}

impl NodeStore {
    /// A grant as this node sees it: with what it noted and has not written yet.
    fn seen(&self, grant: &RefreshGrant) -> RefreshGrant {
        let notes = lock(&self.link.notes);
        notes
            .iter()
            .filter(|note| note.id == grant.id && note.generation == grant.generation)
            .fold(grant.clone(), |grant, note| RefreshGrant {
                answered: true,
                last_used_at: grant.last_used_at.max(note.at),
                ..grant
            })
    }
}

#[async_trait]
impl Clients for NodeStore {
    async fn find_client(&self, id: &ClientId) -> Answer<Option<StoredClient>> {
        let call = self.store.find_client(id);
        self.link.wire.carry("find_client", call).await
    }

    async fn clients_after(
        &self,
        after: Option<&ClientId>,
        most: u32,
    ) -> Answer<Vec<StoredClient>> {
        let call = self.store.clients_after(after, most);
        self.link.wire.carry("clients_after", call).await
    }

    async fn put_client(
        &self,
        client: &Client,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Answer<ClientPut> {
        let call = self.store.put_client(client, expected, at);
        self.link.wire.carry("put_client", call).await
    }

    async fn delete_client(&self, id: &ClientId) -> Answer<bool> {
        let call = self.store.delete_client(id);
        self.link.wire.carry("delete_client", call).await
    }
}

#[async_trait]
impl TenantStore for NodeStore {
    async fn claim(&self, issuer: &str) -> Answer<Owner> {
        let call = self.store.claim(issuer);
        self.link.wire.carry("claim", call).await
    }

    async fn adopt(&self, issuer: &str) -> Answer<()> {
        let call = self.store.adopt(issuer);
        self.link.wire.carry("adopt", call).await
    }

    async fn note_left(&self, at: Timestamp) -> Answer<()> {
        let call = self.store.note_left(at);
        self.link.wire.carry("note_left", call).await
    }

    async fn load_keys(&self) -> Answer<Option<SealedKeys>> {
        let call = self.store.load_keys();
        self.link.wire.carry("load_keys", call).await
    }

    async fn swap_keys(&self, expected: Option<u64>, new: &SealedKeys) -> Answer<KeySwap> {
        let call = async {
            if !self.link.has(Defect::RotationWithoutSwap) || expected.is_none() {
                return self.store.swap_keys(expected, new).await;
            }
            let stands = self.store.load_keys().await?.map(|keys| keys.version);
            self.store.swap_keys(stands, new).await
        };
        self.link.wire.carry("swap_keys", call).await
    }

    async fn find_identity(
        &self,
        connector: &ConnectorId,
        user: &UserId,
    ) -> Answer<Option<Identity>> {
        let call = self.store.find_identity(connector, user);
        self.link.wire.carry("find_identity", call).await
    }

    async fn record_login(
        &self,
        connector: &ConnectorId,
        claims: &IdentityClaims,
        consent: Option<(&ClientId, &Scopes)>,
        at: Timestamp,
    ) -> Answer<()> {
        let call = self.store.record_login(connector, claims, consent, at);
        self.link.wire.carry("record_login", call).await
    }

    async fn find_upgraded_password(&self, email: &str) -> Answer<Option<UpgradedPassword>> {
        let call = self.store.find_upgraded_password(email);
        self.link.wire.carry("find_upgraded_password", call).await
    }

    async fn upgrade_password(&self, upgraded: &UpgradedPassword) -> Answer<()> {
        let call = self.store.upgrade_password(upgraded);
        self.link.wire.carry("upgrade_password", call).await
    }

    async fn find_session(
        &self,
        cookie: &TokenHash,
        now: Timestamp,
    ) -> Answer<Option<BrowserSession>> {
        let call = self.store.find_session(cookie, now);
        self.link.wire.carry("find_session", call).await
    }

    async fn save_session(&self, cookie: &TokenHash, session: &BrowserSession) -> Answer<()> {
        let call = self.store.save_session(cookie, session);
        self.link.wire.carry("save_session", call).await
    }

    async fn prolong_session(&self, cookie: &TokenHash, session: &BrowserSession) -> Answer<bool> {
        let call = self.store.prolong_session(cookie, session);
        self.link.wire.carry("prolong_session", call).await
    }

    async fn end_session(&self, cookie: &TokenHash) -> Answer<Option<BrowserSession>> {
        let call = self.store.end_session(cookie);
        self.link.wire.carry("end_session", call).await
    }

    async fn session_exists(&self, id: &SessionId, now: Timestamp) -> Answer<bool> {
        let call = self.store.session_exists(id, now);
        self.link.wire.carry("session_exists", call).await
    }

    async fn add_refresh(
        &self,
        grant: &RefreshGrant,
        claim: Option<&CodeClaim>,
    ) -> Answer<Redemption> {
        let call = async {
            let redemption = self.store.add_refresh(grant, claim).await?;
            let forgets = self.link.has(Defect::RedemptionInCacheAlone);
            Ok(if forgets {
                Redemption::First
            } else {
                redemption
            })
        };
        self.link.wire.carry("add_refresh", call).await
    }

    async fn note_redeemed(
        &self,
        grant: &GrantId,
        claim: Option<&CodeClaim>,
        until: Timestamp,
    ) -> Answer<Redemption> {
        let call = async {
            if self.link.has(Defect::RedemptionInCacheAlone) {
                return Ok(Redemption::First);
            }
            self.store.note_redeemed(grant, claim, until).await
        };
        self.link.wire.carry("note_redeemed", call).await
    }

    async fn take_refresh_answer(&self, id: &RefreshId, at: Timestamp) -> Answer<bool> {
        let call = self.store.take_refresh_answer(id, at);
        self.link.wire.carry("take_refresh_answer", call).await
    }

    async fn take_answer(&self, grant: &GrantId, at: Timestamp) -> Answer<bool> {
        let call = self.store.take_answer(grant, at);
        self.link.wire.carry("take_answer", call).await
    }

    async fn find_refresh(&self, id: &RefreshId) -> Answer<Option<RefreshGrant>> {
        let call = async {
            let found = self.store.find_refresh(id).await?;
            Ok(found.map(|grant| self.seen(&grant)))
        };
        self.link.wire.carry("find_refresh", call).await
    }

    async fn rotate_refresh(&self, expected: u32, next: &RefreshGrant) -> Answer<RefreshRotation> {
        let call = async {
            let rotation = self.store.rotate_refresh(expected, next).await?;
            if self.link.has(Defect::GraceFromRequestStart) {
                let (id, generation) = (&next.id, next.generation);
                let began = next.last_used_at;
                self.store.note_answered(id, generation, began).await?;
            }
            Ok(rotation)
        };
        self.link.wire.carry("rotate_refresh", call).await
    }

    async fn note_answered(&self, id: &RefreshId, generation: u32, at: Timestamp) -> Answer<()> {
        // No stop: the note is made in the memory of the node.
        lock(&self.link.notes).push(Note {
            tenant: self.tenant.clone(),
            id: id.clone(),
            generation,
            at,
        });
        Ok(())
    }

    async fn revoke_grant(&self, grant: &GrantId, until: Timestamp) -> Answer<()> {
        let call = async {
            let tenant = self.tenant.as_str();
            if self.link.has(Defect::RevocationInCacheAlone) {
                self.link.cache.on(tenant, |shelf, _| {
                    shelf.revoked.insert(grant.clone());
                });
            }
            self.store.revoke_grant(grant, until).await
        };
        self.link.wire.carry("revoke_grant", call).await
    }

    async fn is_revoked(&self, grant: &GrantId) -> Answer<bool> {
        let call = async {
            if self.link.has(Defect::RevocationInCacheAlone) {
                let tenant = self.tenant.as_str();
                let cache = &self.link.cache;
                return Ok(cache.on(tenant, |shelf, _| shelf.revoked.contains(grant)));
            }
            self.store.is_revoked(grant).await
        };
        self.link.wire.carry("is_revoked", call).await
    }

    async fn refresh_grants_of(
        &self,
        connector: &ConnectorId,
        user: &UserId,
        client: Option<&ClientId>,
    ) -> Answer<Vec<RefreshGrant>> {
        let call = self.store.refresh_grants_of(connector, user, client);
        self.link.wire.carry("refresh_grants_of", call).await
    }
}

struct NodeCache {
    link: Link,
    tenant: String,
}

impl NodeCache {
    /// Acts on the tenant's part of the shared cache, behind the wire.
    async fn call<T>(
        &self,
        name: &'static str,
        act: impl FnOnce(&mut crate::cache::Shelf, insula_ambient::Monotonic) -> T,
    ) -> Answer<T> {
        let call = async { Ok(self.link.cache.on(&self.tenant, act)) };
        self.link.wire.carry(name, call).await
    }
}

#[async_trait]
impl TenantCache for NodeCache {
    async fn put_auth_request(
        &self,
        request: &AuthRequest,
        _: LoginRoom,
        ttl: Duration,
    ) -> Answer<()> {
        self.call("put_auth_request", |shelf, at| {
            shelf.put_login(request, ttl, at);
        })
        .await
    }

    async fn get_auth_request(&self, id: &AuthRequestId) -> Answer<Option<AuthRequest>> {
        self.call("get_auth_request", |shelf, at| shelf.login(id, at))
            .await
    }

    async fn advance_auth_request(&self, next: &AuthRequest) -> Answer<bool> {
        self.call("advance_auth_request", |shelf, at| shelf.advance(next, at))
            .await
    }

    async fn finish_auth_request(
        &self,
        id: &AuthRequestId,
        version: u32,
        code: &TokenHash,
        grant: &CodeGrant,
        ttl: Duration,
    ) -> Answer<Finish> {
        let code = (code, grant, ttl);
        self.call("finish_auth_request", |shelf, at| {
            shelf.finish(id, version, code, at)
        })
        .await
    }

    async fn drop_auth_request(&self, id: &AuthRequestId) -> Answer<bool> {
        self.call("drop_auth_request", |shelf, at| shelf.drop_login(id, at))
            .await
    }

    async fn put_code(&self, code: &TokenHash, grant: &CodeGrant, ttl: Duration) -> Answer<()> {
        self.call("put_code", |shelf, at| shelf.put_code(code, grant, ttl, at))
            .await
    }

    async fn peek_code(&self, code: &TokenHash) -> Answer<Option<CodeGrant>> {
        self.call("peek_code", |shelf, at| shelf.peek(code, at))
            .await
    }

    async fn claim_code(
        &self,
        code: &TokenHash,
        presenter: &TokenHash,
        at_least: Duration,
    ) -> Answer<ClaimedCode> {
        self.call("claim_code", |shelf, at| {
            let claimed = shelf.claim(code, presenter, at_least, at);
            match claimed {
                ClaimedCode::Claimed { grant, .. }
                    if self.link.has(Defect::CodeBurntByFailedCommit)
                        && !lock(&self.link.burnt).insert(*code) =>
                {
                    ClaimedCode::Replayed(grant.grant_id)
                }
                ClaimedCode::Claimed { grant, claim, .. } => ClaimedCode::Claimed {
                    grant,
                    claim,
                    epoch: self.link.cache.epoch(),
                },
                _ => claimed,
            }
        })
        .await
    }

    async fn answer_code(
        &self,
        code: &TokenHash,
        claim: u32,
        remember: Duration,
    ) -> Answer<LeaveToAnswer> {
        self.call("answer_code", |shelf, at| {
            match shelf.answer(code, claim, remember, at) {
                LeaveToAnswer::Given(_) => LeaveToAnswer::Given(self.link.cache.epoch()),
                other => other,
            }
        })
        .await
    }

    async fn keep_refreshed(&self, usage: &TokenHash, login: &Login, ttl: Duration) -> Answer<()> {
        self.call("keep_refreshed", |shelf, at| {
            shelf.keep(usage, login, ttl, at);
        })
        .await
    }

    async fn kept_refreshed(&self, usage: &TokenHash) -> Answer<Option<Login>> {
        self.call("kept_refreshed", |shelf, at| shelf.kept(usage, at))
            .await
    }

    async fn count(&self, key: &str, window: Duration) -> Answer<u64> {
        self.call("count", |shelf, at| shelf.count(key, window, at))
            .await
    }

    async fn counted(&self, key: &str) -> Answer<u64> {
        self.call("counted", |shelf, at| shelf.counted(key, at))
            .await
    }
}
