use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{
    BrowserSession, ClientId, CodeClaim, ConnectorId, GrantId, Identity, RefreshGrant, RefreshId,
    SessionId, TenantId, TokenHash, UserId,
};

use super::outbox::Events;
use crate::{
    Durable, LOGOUTS_TOLD_FOR, LogoutNotice, Owner, SealedKeys, StoreError, StoredClient,
    TenantStore, UpgradedPassword,
};

/// How many rows of one kind a tenant may hold: memory is not a database. Tests fill a smaller one.
pub(super) const MOST_ROWS: usize = if cfg!(test) { 1_000 } else { 100_000 };

/// The durable half in memory, for tests and for trying Insula out: it ends with the process.
/// Clones share their rows.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Tables>>);

#[derive(Debug, Default)]
struct Tables {
    tenants: HashMap<TenantId, Arc<Mutex<Rows>>>,
    leases: HashMap<String, (String, Timestamp)>,
    facts: HashMap<String, String>,
}

#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) clients: BTreeMap<ClientId, StoredClient>,
    pub(super) last_good: Option<Vec<u8>>,
    pub(super) owner: Option<Owner>,
    pub(super) keys: Option<SealedKeys>,
    pub(super) identities: HashMap<(ConnectorId, UserId), Identity>,
    pub(super) passwords: HashMap<String, UpgradedPassword>,
    pub(super) sessions: HashMap<TokenHash, BrowserSession>,
    pub(super) refresh: BTreeMap<RefreshId, RefreshGrant>,
    /// The claims of the codes that began refresh grants.
    pub(super) claims: HashMap<RefreshId, CodeClaim>,
    pub(super) redeemed: HashMap<GrantId, Redeemed>,
    pub(super) revoked: HashMap<GrantId, Timestamp>,
    pub(super) events: Events,
    pub(super) notices: BTreeMap<(ClientId, SessionId), LogoutNotice>,
}

/// That a code was redeemed which began no refresh grant.
#[derive(Debug)]
pub(super) struct Redeemed {
    pub(super) claim: Option<CodeClaim>,
    pub(super) answered: bool,
    pub(super) until: Timestamp,
}

impl Rows {
    /// The refresh grant of an id, if its family lives.
    pub(super) fn living(&self, id: &RefreshId) -> Option<&RefreshGrant> {
        let found = self.refresh.get(id);
        found.filter(|grant| !self.revoked.contains_key(&grant.grant_id))
    }
}

/// Takes a lock whose holder may have panicked: every change below is made in one step, so that
/// what a panic leaves behind is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryStore {
    /// All logouts of a tenant that clients are still to be told, due or not: for who checks that none
    /// is lost.
    pub fn waiting_logouts(&self, tenant: &TenantId) -> Vec<LogoutNotice> {
        let rows = lock(&self.0).tenants.get(tenant).cloned();
        rows.map(|rows| lock(&rows).notices.values().cloned().collect())
            .unwrap_or_default()
    }

    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn rows(&self, id: &TenantId) -> Arc<Mutex<Rows>> {
        Arc::clone(lock(&self.0).tenants.entry(id.clone()).or_default())
    }

    pub(super) fn made(&self, id: &TenantId) -> TenantMemory {
        TenantMemory(self.rows(id))
    }

    /// The rows of a tenant, if it ever had a store.
    pub(super) fn known(&self, id: &TenantId) -> Option<TenantMemory> {
        lock(&self.0).tenants.get(id).cloned().map(TenantMemory)
    }
}

#[async_trait]
impl Durable for MemoryStore {
    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantStore> {
        Arc::new(TenantMemory(self.rows(id)))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn probe(&self, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(lock(&self.0).facts.get(name).cloned())
    }

    async fn settle_fact(&self, name: &str, value: &str) -> Result<String, StoreError> {
        let mut tables = lock(&self.0);
        let standing = tables.facts.entry(name.to_owned());
        Ok(standing.or_insert_with(|| value.to_owned()).clone())
    }

    async fn some_key_rings(&self, most: u32) -> Result<Vec<(TenantId, SealedKeys)>, StoreError> {
        let tenants: Vec<_> = {
            let tables = lock(&self.0);
            let tenants = tables.tenants.iter();
            tenants
                .map(|(id, rows)| (id.clone(), rows.clone()))
                .collect()
        };
        let rings = tenants.into_iter().filter_map(|(id, rows)| {
            let keys = lock(&rows).keys.clone()?;
            Some((id, keys))
        });
        Ok(rings
            .take(usize::try_from(most).unwrap_or(usize::MAX))
            .collect())
    }

    async fn owners(&self) -> Result<Vec<(TenantId, Owner)>, StoreError> {
        let tenants: Vec<_> = {
            let database = lock(&self.0);
            let tenants = database.tenants.iter();
            tenants
                .map(|(id, rows)| (id.clone(), rows.clone()))
                .collect()
        };
        let owners = tenants.into_iter().filter_map(|(id, rows)| {
            let owner = lock(&rows).owner.clone()?;
            Some((id, owner))
        });
        Ok(owners.collect())
    }

    async fn lease(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        let mut tables = lock(&self.0);
        let taken = tables
            .leases
            .get(name)
            .is_some_and(|(by, until)| by != holder && *until > now);
        if !taken {
            let lease = (holder.to_owned(), now + ttl);
            tables.leases.insert(name.to_owned(), lease);
        }
        Ok(!taken)
    }

    async fn clients_due_logouts(
        &self,
        now: Timestamp,
        most: u32,
    ) -> Result<Vec<(TenantId, ClientId)>, StoreError> {
        let tenants: Vec<_> = {
            let tables = lock(&self.0);
            let tenants = tables.tenants.iter();
            tenants
                .map(|(id, rows)| (id.clone(), rows.clone()))
                .collect()
        };
        let mut due: BTreeMap<(TenantId, ClientId), Timestamp> = BTreeMap::new();
        for (id, rows) in tenants {
            for notice in lock(&rows).notices.values() {
                if notice.due_at <= now {
                    let key = (id.clone(), notice.client.clone());
                    let first = due.entry(key).or_insert(notice.due_at);
                    *first = (*first).min(notice.due_at);
                }
            }
        }
        let mut due: Vec<_> = due.into_iter().collect();
        due.sort_by_key(|(_, first)| *first);
        due.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(due.into_iter().map(|(who, _)| who).collect())
    }

    async fn collect_expired(&self, now: Timestamp, batch: u32) -> Result<u64, StoreError> {
        let tenants: Vec<_> = lock(&self.0).tenants.values().cloned().collect();
        let batch = usize::try_from(batch).unwrap_or(usize::MAX);
        let (mut sessions, mut refresh, mut redeemed) = (batch, batch, batch);
        let (mut revoked, mut events, mut notices) = (batch, batch, batch);
        let mut gone = 0;
        for tenant in tenants {
            let mut rows = lock(&tenant);
            gone += sweep(&mut sessions, |take| {
                rows.sessions
                    .retain(|_, row| !(row.expires_at <= now && take()));
            });
            gone += sweep(&mut refresh, |take| {
                rows.refresh
                    .retain(|_, row| !(row.expires_at <= now && take()));
            });
            gone += sweep(&mut redeemed, |take| {
                rows.redeemed.retain(|_, row| !(row.until <= now && take()));
            });
            gone += sweep(&mut events, |take| rows.events.collect(now, take));
            gone += sweep(&mut notices, |take| {
                rows.notices
                    .retain(|_, row| !(row.ended_at + LOGOUTS_TOLD_FOR <= now && take()));
            });
            let Rows {
                refresh,
                claims,
                revoked: dead,
                ..
            } = &mut *rows;
            gone += sweep(&mut revoked, |take| {
                dead.retain(|family, until| {
                    let ended = *until <= now && take();
                    if ended {
                        refresh.retain(|_, row| row.grant_id != *family);
                    }
                    !ended
                });
            });
            claims.retain(|id, _| refresh.contains_key(id));
        }
        Ok(gone)
    }
}

/// Runs one sweep that may take as many rows as are `left`; answers how many it took.
fn sweep(left: &mut usize, run: impl FnOnce(&mut dyn FnMut() -> bool)) -> u64 {
    let mut taken = 0;
    run(&mut || {
        let may = *left > 0;
        if may {
            *left -= 1;
            taken += 1;
        }
        may
    });
    taken
}

pub(super) struct TenantMemory(Arc<Mutex<Rows>>);

impl TenantMemory {
    pub(super) fn rows(&self) -> MutexGuard<'_, Rows> {
        lock(&self.0)
    }

    pub(super) fn keys_version(&self) -> Option<u64> {
        self.rows().keys.as_ref().map(|keys| keys.version)
    }
}

/// Refuses a row more than a tenant may hold.
pub(super) fn room(has_it: bool, held: usize, what: &'static str) -> Result<(), StoreError> {
    if has_it || held < MOST_ROWS {
        Ok(())
    } else {
        Err(StoreError::Full(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::durable::records;

    crate::durable_conformance!(async { Some(Arc::new(MemoryStore::new()) as Arc<dyn Durable>) });

    #[tokio::test]
    async fn a_tenant_that_holds_all_it_may_gets_no_more_but_keeps_what_it_has() {
        let store = MemoryStore::new();
        let tenant = store.tenant(&TenantId::parse("full").unwrap());
        for n in 0..MOST_ROWS {
            for written in one_row_of_each_kind(&*tenant, n).await {
                written.unwrap();
            }
        }
        for refused in one_row_of_each_kind(&*tenant, MOST_ROWS).await {
            assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
        }
        // What is there already is written again.
        for written in one_row_of_each_kind(&*tenant, 0).await {
            written.unwrap();
        }
        let other = store.tenant(&TenantId::parse("other").unwrap());
        for written in one_row_of_each_kind(&*other, 0).await {
            written.unwrap();
        }
    }

    /// Writes the row of this number of every kind there is.
    async fn one_row_of_each_kind(
        tenant: &dyn TenantStore,
        n: usize,
    ) -> [Result<(), StoreError>; 6] {
        let word = format!("n{n}");
        let grant = records::grant_id(&word);
        let upgraded = UpgradedPassword {
            email: word.clone(),
            replaces: TokenHash::of("old"),
            hash: "new".to_owned(),
        };
        let session = records::session(&word, records::NOON);
        let refresh = records::refresh(&word, &word);
        let (local, claims) = (records::connector("local"), records::claims(&word));
        [
            tenant
                .record_login(&local, &claims, None, records::NOON)
                .await,
            tenant.upgrade_password(&upgraded, None).await,
            tenant.save_session(&records::cookie(&word), &session).await,
            tenant.add_refresh(&refresh, None).await.map(drop),
            tenant
                .note_redeemed(&grant, None, records::NOON)
                .await
                .map(drop),
            tenant
                .revoke_grant(&records::grant_id(&format!("r{n}")), records::NOON)
                .await,
        ]
    }
}
