mod devices;
mod expiring_map;
mod of_tenant;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use insula_ambient::{Clock, Monotonic};
use insula_model::{
    AuthRequest, AuthRequestId, CacheEpoch, CodeGrant, GrantId, Login, TenantId, TokenHash,
};

use self::devices::Device;
use self::expiring_map::ExpiringMap;
use self::of_tenant::OfTenant;
use crate::{Cache, StoreError, TenantCache};

/// How many locks the tenants are spread over.
const SHARDS: usize = 64;
/// How many ended entries a sweep removes under one lock.
const AT_ONCE: usize = 1024;

/// How much of each kind a [`MemoryCache`] holds. For logins under way each tenant says for itself
/// ([`LoginRoom`](crate::LoginRoom)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Codes that wait to be redeemed, per tenant; beyond it no login can be finished.
    pub codes: usize,
    /// Used codes that are remembered, per tenant; beyond it the one that would end first is
    /// forgotten: its replay is then unknown instead of an alarm.
    pub used_codes: usize,
    /// Refreshed logins that could not be stored, per tenant; beyond it the one that would end
    /// first goes.
    pub refreshed: usize,
    /// Counters, per tenant; beyond it the one that would end first goes.
    pub counters: usize,
    /// Entries of all tenants and kinds together; beyond it no new login begins and nothing more
    /// is cached.
    pub total: usize,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            codes: 10_000,
            used_codes: 10_000,
            refreshed: 10_000,
            counters: 50_000,
            total: 1_000_000,
        }
    }
}

/// The short-lived half in the memory of one process.
///
/// Every tenant has entries and locks of its own: one tenant's flood fills its own entries and
/// leaves another's logins alone.
#[derive(Clone)]
pub struct MemoryCache {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    limits: CacheLimits,
    total: Arc<AtomicUsize>,
    hasher: RandomState,
    /// What is in memory is never set back: each cache is one epoch.
    epoch: Option<CacheEpoch>,
    shards: Vec<Mutex<HashMap<TenantId, Arc<TenantEntries>>>>,
}

/// What one tenant holds. A login and its code change in one step, so they share a lock.
struct TenantEntries {
    logins: Mutex<Logins>,
    refreshed: Mutex<ExpiringMap<TokenHash, Refreshed>>,
    counters: Mutex<ExpiringMap<TokenHash, u64>>,
}

/// Who asks the upstream of a grant, or what it said.
enum Refreshed {
    AskedBy(Box<str>),
    Said(Arc<Login>),
}

struct Logins {
    requests: ExpiringMap<AuthRequestId, Arc<AuthRequest>>,
    codes: ExpiringMap<TokenHash, Code>,
    used: ExpiringMap<TokenHash, GrantId>,
    devices: ExpiringMap<TokenHash, Device>,
    /// Which device a user code belongs to. Both end together.
    user_codes: ExpiringMap<TokenHash, TokenHash>,
}

/// A code that was not redeemed yet, and who claimed it last, how often.
struct Code {
    grant: Arc<CodeGrant>,
    claimed: Option<(TokenHash, u32)>,
}

impl Code {
    fn fresh(grant: &CodeGrant) -> Self {
        Self {
            grant: Arc::new(grant.clone()),
            claimed: None,
        }
    }
}

/// A thread that panicked under one of these locks left whole entries behind; they serve on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryCache {
    /// An empty cache. What it holds ends by the clock's count, whatever its wall time is set to.
    pub fn new(clock: Arc<dyn Clock>, limits: CacheLimits) -> Self {
        let hasher = RandomState::new();
        let epoch = format!("{:016x}{:016x}", hasher.hash_one(0), hasher.hash_one(1));
        let shared = Shared {
            clock,
            limits,
            total: Arc::new(AtomicUsize::new(0)),
            epoch: CacheEpoch::parse(epoch),
            hasher,
            shards: std::iter::repeat_with(Mutex::default)
                .take(SHARDS)
                .collect(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// How many entries are held, ended ones included until they are swept.
    pub fn entries(&self) -> usize {
        self.shared.total.load(Ordering::Relaxed)
    }

    /// Removes what has ended, tenant by tenant and in small portions, so that no request waits
    /// long for a lock; answers how many entries went.
    pub fn sweep(&self) -> usize {
        let now = self.shared.clock.monotonic();
        let mut gone = 0;
        for shard in &self.shared.shards {
            let tenants: Vec<Arc<TenantEntries>> = lock(shard).values().cloned().collect();
            gone += tenants.iter().map(|t| t.sweep(now)).sum::<usize>();
            drop(tenants);
            // Whoever still holds a tenant's entries keeps them listed: a second set would split
            // the tenant in two.
            lock(shard).retain(|_, t| Arc::strong_count(t) > 1 || !t.is_empty());
        }
        gone
    }
}

impl Shared {
    fn entries(&self, tenant: &TenantId) -> Arc<TenantEntries> {
        let spread = self.hasher.hash_one(tenant) % (SHARDS as u64);
        let shard = usize::try_from(spread)
            .ok()
            .and_then(|at| self.shards.get(at));
        let Some(shard) = shard else {
            return Arc::new(TenantEntries::new(&self.total));
        };
        let mut shard = lock(shard);
        if let Some(known) = shard.get(tenant) {
            return known.clone();
        }
        let new = Arc::new(TenantEntries::new(&self.total));
        shard.insert(tenant.clone(), new.clone());
        new
    }

    fn is_full(&self) -> bool {
        self.total.load(Ordering::Relaxed) >= self.limits.total
    }
}

impl TenantEntries {
    fn new(total: &Arc<AtomicUsize>) -> Self {
        Self {
            logins: Mutex::new(Logins {
                requests: ExpiringMap::new(total.clone()),
                codes: ExpiringMap::new(total.clone()),
                used: ExpiringMap::new(total.clone()),
                devices: ExpiringMap::new(total.clone()),
                user_codes: ExpiringMap::new(total.clone()),
            }),
            refreshed: Mutex::new(ExpiringMap::new(total.clone())),
            counters: Mutex::new(ExpiringMap::new(total.clone())),
        }
    }

    fn is_empty(&self) -> bool {
        let logins = lock(&self.logins);
        logins.requests.len() + logins.codes.len() + logins.used.len() + logins.devices.len() == 0
            && lock(&self.refreshed).len() == 0
            && lock(&self.counters).len() == 0
    }

    fn sweep(&self, now: Monotonic) -> usize {
        let portions: [&dyn Fn() -> usize; 7] = [
            &|| lock(&self.logins).requests.expire(now, AT_ONCE),
            &|| lock(&self.logins).codes.expire(now, AT_ONCE),
            &|| lock(&self.logins).used.expire(now, AT_ONCE),
            &|| lock(&self.logins).devices.expire(now, AT_ONCE),
            &|| lock(&self.logins).user_codes.expire(now, AT_ONCE),
            &|| lock(&self.refreshed).expire(now, AT_ONCE),
            &|| lock(&self.counters).expire(now, AT_ONCE),
        ];
        let mut gone = 0;
        for portion in portions {
            loop {
                let went = portion();
                gone += went;
                if went < AT_ONCE {
                    break;
                }
            }
        }
        gone
    }
}

#[async_trait]
impl Cache for MemoryCache {
    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantCache> {
        Arc::new(OfTenant {
            entries: self.shared.entries(id),
            shared: self.shared.clone(),
        })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn probe(&self) -> Result<(), StoreError> {
        if self.shared.is_full() {
            return Err(StoreError::Full(
                "entries for what the process still can hold",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
