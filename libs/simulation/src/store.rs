//! What a node's flows hold: the shared stores, behind the wire, and the defects that can be put
//! back into them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_flows::Effects;
use insula_model::{ClientId, RefreshGrant, RefreshId, TenantId, TokenHash};
use insula_store::{
    Cache, Durable, KeyVersions, LastGoodDocuments, MemoryStore, Owner, SealedKeys, StoreError,
    TenantCache, TenantStore,
};

use self::cache::NodeCache;
use crate::Defect;
use crate::cache::SharedCache;
use crate::wire::Wire;

mod cache;
mod clients;
mod grants;
mod keys;
mod logouts;
mod outbox;
mod owners;
mod people;
mod sessions;

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
    /// What this node remembers, for the defects that remember it otherwise.
    pub(crate) facts: Arc<Mutex<Vec<Effects>>>,
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

    /// The facts that requests of this node use from now on.
    pub(crate) fn remember_in(&self, effects: &Effects) {
        if self.has(Defect::LateReadRemembered) || self.has(Defect::RememberedUntilTold) {
            let mut known = lock(&self.facts);
            known.retain(|own| own.facts.tenant() != effects.facts.tenant());
            known.push(effects.clone());
        }
    }

    /// The facts of a tenant at this node, and its clock.
    fn facts_of(&self, tenant: &TenantId) -> Option<Effects> {
        let known = lock(&self.facts);
        let own = known.iter().find(|own| own.facts.tenant() == tenant);
        own.cloned()
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

/// No tenant of a simulation has a document.
#[async_trait]
impl LastGoodDocuments for Link {
    async fn last_good(&self, tenant: &TenantId) -> Answer<Option<Vec<u8>>> {
        self.durable.last_good(tenant).await
    }

    async fn keep_good(&self, tenant: &TenantId, sealed: &[u8], at: Timestamp) -> Answer<()> {
        self.durable.keep_good(tenant, sealed, at).await
    }

    async fn forget_good(&self, tenant: &TenantId) -> Answer<()> {
        self.durable.forget_good(tenant).await
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

    async fn clients_due_logouts(
        &self,
        now: Timestamp,
        most: u32,
    ) -> Answer<Vec<(TenantId, ClientId)>> {
        let call = self.durable.clients_due_logouts(now, most);
        self.wire.carry("clients_due_logouts", call).await
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
