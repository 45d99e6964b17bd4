use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{
    BrowserSession, ClientId, CodeClaim, ConnectorId, GrantId, Identity, IdentityClaims,
    RefreshGrant, RefreshId, SessionId, TenantId, TokenHash, UserId,
};
use insula_oauth::Scopes;

use crate::durable::rotated;
use crate::login::recorded_login;
use crate::{
    Durable, KeySwap, NotedRedemption, Owner, Redemption, RefreshRotation, SealedKeys, StoreError,
    StoredClient, TenantStore, UpgradedPassword,
};

/// How many rows of one kind a tenant may hold: memory is not a database. Tests fill a smaller one.
const MOST_ROWS: usize = if cfg!(test) { 1_000 } else { 100_000 };

/// The most refresh grants [`TenantStore::refresh_grants_of`] answers.
const MOST_LISTED: usize = 100;

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
    owner: Option<Owner>,
    keys: Option<SealedKeys>,
    identities: HashMap<(ConnectorId, UserId), Identity>,
    passwords: HashMap<String, UpgradedPassword>,
    sessions: HashMap<TokenHash, BrowserSession>,
    refresh: BTreeMap<RefreshId, RefreshGrant>,
    /// The claims of the codes that began refresh grants.
    claims: HashMap<RefreshId, CodeClaim>,
    redeemed: HashMap<GrantId, Redeemed>,
    revoked: HashMap<GrantId, Timestamp>,
}

/// That a code was redeemed which began no refresh grant.
#[derive(Debug)]
struct Redeemed {
    claim: Option<CodeClaim>,
    answered: bool,
    until: Timestamp,
}

impl Rows {
    /// The refresh grant of an id, if its family lives.
    fn living(&self, id: &RefreshId) -> Option<&RefreshGrant> {
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
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn rows(&self, id: &TenantId) -> Arc<Mutex<Rows>> {
        Arc::clone(lock(&self.0).tenants.entry(id.clone()).or_default())
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
            let house = lock(&self.0);
            let tenants = house.tenants.iter();
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

    async fn collect_expired(&self, now: Timestamp, batch: u32) -> Result<u64, StoreError> {
        let tenants: Vec<_> = lock(&self.0).tenants.values().cloned().collect();
        let batch = usize::try_from(batch).unwrap_or(usize::MAX);
        let (mut sessions, mut refresh, mut redeemed, mut revoked) = (batch, batch, batch, batch);
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

#[async_trait]
impl TenantStore for TenantMemory {
    async fn claim(&self, issuer: &str) -> Result<Owner, StoreError> {
        let mut rows = self.rows();
        let owner = rows.owner.get_or_insert_with(|| Owner {
            issuer: issuer.to_owned(),
            left_at: None,
        });
        Ok(owner.clone())
    }

    async fn adopt(&self, issuer: &str) -> Result<(), StoreError> {
        self.rows().owner = Some(Owner {
            issuer: issuer.to_owned(),
            left_at: None,
        });
        Ok(())
    }

    async fn note_left(&self, at: Timestamp) -> Result<(), StoreError> {
        if let Some(owner) = &mut self.rows().owner {
            owner.left_at = Some(at);
        }
        Ok(())
    }

    async fn load_keys(&self) -> Result<Option<SealedKeys>, StoreError> {
        Ok(self.rows().keys.clone())
    }

    async fn swap_keys(
        &self,
        expected: Option<u64>,
        new: &SealedKeys,
    ) -> Result<KeySwap, StoreError> {
        let mut rows = self.rows();
        if rows.keys.as_ref().map(|keys| keys.version) != expected {
            return Ok(KeySwap::Lost);
        }
        rows.keys = Some(new.clone());
        Ok(KeySwap::Swapped)
    }

    async fn find_identity(
        &self,
        connector: &ConnectorId,
        user: &UserId,
    ) -> Result<Option<Identity>, StoreError> {
        let key = (connector.clone(), user.clone());
        Ok(self.rows().identities.get(&key).cloned())
    }

    async fn record_login(
        &self,
        connector: &ConnectorId,
        claims: &IdentityClaims,
        consent: Option<(&ClientId, &Scopes)>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let key = (connector.clone(), claims.user_id.clone());
        let mut rows = self.rows();
        let stored = rows.identities.get(&key).cloned();
        room(stored.is_some(), rows.identities.len(), "identities")?;
        if let Some(next) = recorded_login(stored, connector, claims, consent, at) {
            rows.identities.insert(key, next);
        }
        Ok(())
    }

    async fn find_upgraded_password(
        &self,
        email: &str,
    ) -> Result<Option<UpgradedPassword>, StoreError> {
        Ok(self.rows().passwords.get(email).cloned())
    }

    async fn upgrade_password(&self, upgraded: &UpgradedPassword) -> Result<(), StoreError> {
        let mut rows = self.rows();
        let known = rows.passwords.contains_key(&upgraded.email);
        room(known, rows.passwords.len(), "upgraded passwords")?;
        rows.passwords
            .insert(upgraded.email.clone(), upgraded.clone());
        Ok(())
    }

    async fn find_session(
        &self,
        cookie: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<BrowserSession>, StoreError> {
        let stored = self.rows().sessions.get(cookie).cloned();
        Ok(stored.filter(|session| now < session.expires_at))
    }

    async fn save_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<(), StoreError> {
        let mut rows = self.rows();
        let known = rows.sessions.contains_key(cookie);
        room(known, rows.sessions.len(), "sessions")?;
        rows.sessions.insert(*cookie, session.clone());
        Ok(())
    }

    async fn prolong_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<bool, StoreError> {
        let mut rows = self.rows();
        let Some(stored) = rows.sessions.get_mut(cookie) else {
            return Ok(false);
        };
        *stored = session.clone();
        Ok(true)
    }

    async fn end_session(&self, cookie: &TokenHash) -> Result<Option<BrowserSession>, StoreError> {
        Ok(self.rows().sessions.remove(cookie))
    }

    async fn session_exists(&self, id: &SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let rows = self.rows();
        let mut lasting = rows.sessions.values().filter(|s| now < s.expires_at);
        Ok(lasting.any(|session| session.id == *id))
    }

    async fn add_refresh(
        &self,
        grant: &RefreshGrant,
        claim: Option<&CodeClaim>,
    ) -> Result<Redemption, StoreError> {
        let mut rows = self.rows();
        if let Some(stored) = rows.refresh.get(&grant.id) {
            if stored.grant_id != grant.grant_id {
                return Err(StoreError::Failed {
                    backend: "memory",
                    cause: "a refresh grant of that id is there already".to_owned(),
                });
            }
            return Ok(Redemption::Repeated(NotedRedemption {
                claim: rows.claims.get(&grant.id).cloned(),
                answered: stored.answered || stored.generation > 0,
                refresh: rows.living(&grant.id).cloned().map(Box::new),
            }));
        }
        room(false, rows.refresh.len(), "refresh grants")?;
        rows.refresh.insert(grant.id.clone(), grant.clone());
        if let Some(claim) = claim {
            rows.claims.insert(grant.id.clone(), claim.clone());
        }
        Ok(Redemption::First)
    }

    async fn note_redeemed(
        &self,
        grant: &GrantId,
        claim: Option<&CodeClaim>,
        until: Timestamp,
    ) -> Result<Redemption, StoreError> {
        let mut rows = self.rows();
        if let Some(noted) = rows.redeemed.get(grant) {
            return Ok(Redemption::Repeated(NotedRedemption {
                claim: noted.claim.clone(),
                answered: noted.answered,
                refresh: None,
            }));
        }
        room(false, rows.redeemed.len(), "redeemed codes")?;
        let row = Redeemed {
            claim: claim.cloned(),
            answered: false,
            until,
        };
        rows.redeemed.insert(grant.clone(), row);
        Ok(Redemption::First)
    }

    async fn take_refresh_answer(&self, id: &RefreshId, at: Timestamp) -> Result<bool, StoreError> {
        let mut rows = self.rows();
        let stored = rows.refresh.get_mut(id);
        let Some(stored) = stored.filter(|row| row.generation == 0 && !row.answered) else {
            return Ok(false);
        };
        stored.answered = true;
        stored.last_used_at = stored.last_used_at.max(at);
        Ok(true)
    }

    async fn take_answer(&self, grant: &GrantId, _: Timestamp) -> Result<bool, StoreError> {
        let mut rows = self.rows();
        let Some(row) = rows.redeemed.get_mut(grant) else {
            return Ok(false);
        };
        Ok(!std::mem::replace(&mut row.answered, true))
    }

    async fn find_refresh(&self, id: &RefreshId) -> Result<Option<RefreshGrant>, StoreError> {
        Ok(self.rows().living(id).cloned())
    }

    async fn rotate_refresh(
        &self,
        expected: u32,
        next: &RefreshGrant,
    ) -> Result<RefreshRotation, StoreError> {
        let mut rows = self.rows();
        match rows.living(&next.id).cloned() {
            Some(stored) if stored.generation == expected => {
                rows.refresh.insert(next.id.clone(), rotated(stored, next));
                Ok(RefreshRotation::Rotated)
            }
            _ => Ok(RefreshRotation::Lost),
        }
    }

    async fn note_answered(
        &self,
        id: &RefreshId,
        generation: u32,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(stored) = self.rows().refresh.get_mut(id)
            && stored.generation == generation
        {
            stored.answered = true;
            stored.last_used_at = stored.last_used_at.max(at);
        }
        Ok(())
    }

    async fn revoke_grant(&self, grant: &GrantId, until: Timestamp) -> Result<(), StoreError> {
        let mut rows = self.rows();
        let known = rows.revoked.contains_key(grant);
        room(known, rows.revoked.len(), "revocations")?;
        let stands = rows.revoked.entry(grant.clone()).or_insert(until);
        *stands = until.max(*stands);
        Ok(())
    }

    async fn is_revoked(&self, grant: &GrantId) -> Result<bool, StoreError> {
        Ok(self.rows().revoked.contains_key(grant))
    }

    async fn refresh_grants_of(
        &self,
        connector: &ConnectorId,
        user: &UserId,
        client: Option<&ClientId>,
    ) -> Result<Vec<RefreshGrant>, StoreError> {
        let mut found: Vec<_> = {
            let rows = self.rows();
            let theirs = |row: &&RefreshGrant| {
                row.login.connector_id == *connector
                    && row.login.claims.user_id == *user
                    && client.is_none_or(|client| row.client_id == *client)
            };
            let living = |row: &&RefreshGrant| !rows.revoked.contains_key(&row.grant_id);
            let of_them = rows.refresh.values().filter(theirs).filter(living);
            of_them.cloned().collect()
        };
        found.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        found.truncate(MOST_LISTED);
        Ok(found)
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
            tenant.upgrade_password(&upgraded).await,
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
