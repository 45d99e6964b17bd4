mod devices;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use insula_ambient::{Clock as _, ManualClock, Monotonic, Timestamp};
use insula_model::{AuthRequest, AuthRequestId, CacheEpoch, CodeGrant, GrantId, Login, TokenHash};
use insula_store::{ClaimedCode, Failures, Finish, LeaveToAnswer, Pace, RefreshTurn};

use self::devices::Device;
use crate::Defect;

/// The cache that all nodes share, as Redis would be: one thread, its own count of time, and a state
/// that can be lost or set back.
#[derive(Clone)]
pub(crate) struct SharedCache {
    clock: ManualClock,
    /// The defect: lives are measured by the wall clock.
    by_wall: bool,
    /// The defect: one that was set back says that it never was.
    hides_loss: bool,
    tenants: Arc<Mutex<Contents>>,
    /// How often it was set back or lost what it held.
    losses: Arc<AtomicU64>,
}

/// All that it holds, by tenant.
pub(crate) type Contents = BTreeMap<String, TenantEntries>;

/// What it holds of one tenant.
#[derive(Debug, Clone, Default)]
pub(crate) struct TenantEntries {
    logins: BTreeMap<AuthRequestId, (AuthRequest, Monotonic)>,
    codes: BTreeMap<TokenHash, (Code, Monotonic)>,
    used: BTreeMap<TokenHash, (GrantId, Monotonic)>,
    refreshed: BTreeMap<TokenHash, (Refreshed, Monotonic)>,
    counters: BTreeMap<String, (u64, Monotonic)>,
    devices: BTreeMap<TokenHash, (Device, Monotonic)>,
    /// Only for the defect that looks for revocations here.
    pub(crate) revoked: BTreeSet<GrantId>,
}

/// Who asks the upstream of a grant, or what it said.
#[derive(Debug, Clone)]
enum Refreshed {
    AskedBy(String),
    Said(Box<Login>),
}

#[derive(Debug, Clone)]
struct Code {
    grant: CodeGrant,
    claimed: Option<(TokenHash, u32)>,
}

impl SharedCache {
    pub(crate) fn new(clock: ManualClock, defect: Option<Defect>) -> Self {
        Self {
            clock,
            by_wall: defect == Some(Defect::DurationsByWallTime),
            hides_loss: defect == Some(Defect::CacheLossUnnoticed),
            tenants: Arc::default(),
            losses: Arc::default(),
        }
    }

    /// All that is in it.
    pub(crate) fn contents(&self) -> Contents {
        self.lock().clone()
    }

    /// Puts `contents` in the place of all that is in it.
    pub(crate) fn replace(&self, contents: Contents) {
        *self.lock() = contents;
        self.losses.fetch_add(1, Ordering::Relaxed);
    }

    /// Which epoch it is in.
    pub(crate) fn epoch(&self) -> Option<CacheEpoch> {
        let losses = self.losses.load(Ordering::Relaxed);
        let told = if self.hides_loss { 0 } else { losses };
        CacheEpoch::parse(format!("after {told}"))
    }

    /// Acts on the entries of one tenant, at the present moment.
    pub(crate) fn on<T>(
        &self,
        tenant: &str,
        act: impl FnOnce(&mut TenantEntries, Monotonic) -> T,
    ) -> T {
        let now = if self.by_wall {
            Monotonic::from_start(self.clock.now().since(Timestamp::EPOCH))
        } else {
            self.clock.monotonic()
        };
        let mut tenants = self.lock();
        if let Some(entries) = tenants.get_mut(tenant) {
            return act(entries, now);
        }
        act(tenants.entry(tenant.to_owned()).or_default(), now)
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has not ended.
fn living<V>(found: Option<&(V, Monotonic)>, now: Monotonic) -> Option<&V> {
    found
        .filter(|(_, ends)| now < *ends)
        .map(|(value, _)| value)
}

impl TenantEntries {
    pub(crate) fn put_login(&mut self, login: &AuthRequest, ttl: Duration, now: Monotonic) {
        if !ttl.is_zero() {
            let entry = (login.clone(), now + ttl);
            self.logins.insert(login.id.clone(), entry);
        }
    }

    pub(crate) fn login(&self, id: &AuthRequestId, now: Monotonic) -> Option<AuthRequest> {
        living(self.logins.get(id), now).cloned()
    }

    pub(crate) fn advance(&mut self, next: &AuthRequest, now: Monotonic) -> bool {
        let stands = living(self.logins.get(&next.id), now);
        if stands.is_none_or(|stands| stands.version + 1 != next.version) {
            return false;
        }
        if let Some((stored, _)) = self.logins.get_mut(&next.id) {
            *stored = next.clone();
        }
        true
    }

    pub(crate) fn finish(
        &mut self,
        id: &AuthRequestId,
        version: u32,
        code: (&TokenHash, &CodeGrant, Duration),
        now: Monotonic,
    ) -> Finish {
        let stands = living(self.logins.get(id), now);
        if stands.is_none_or(|stands| stands.version != version) {
            return Finish::Lost;
        }
        self.logins.remove(id);
        let (hash, grant, ttl) = code;
        self.put_code(hash, grant, ttl, now);
        Finish::Finished
    }

    pub(crate) fn drop_login(&mut self, id: &AuthRequestId, now: Monotonic) -> bool {
        let dropped = self.logins.remove(id);
        dropped.is_some_and(|(_, ends)| now < ends)
    }

    pub(crate) fn put_code(
        &mut self,
        hash: &TokenHash,
        grant: &CodeGrant,
        ttl: Duration,
        now: Monotonic,
    ) {
        if !ttl.is_zero() {
            let code = Code {
                grant: grant.clone(),
                claimed: None,
            };
            self.codes.insert(*hash, (code, now + ttl));
        }
    }

    pub(crate) fn peek(&self, hash: &TokenHash, now: Monotonic) -> Option<CodeGrant> {
        living(self.codes.get(hash), now).map(|code| code.grant.clone())
    }

    pub(crate) fn claim(
        &mut self,
        hash: &TokenHash,
        presenter: &TokenHash,
        at_least: Duration,
        now: Monotonic,
    ) -> ClaimedCode {
        if let Some(grant) = living(self.used.get(hash), now) {
            return ClaimedCode::Replayed(grant.clone());
        }
        let Some((code, ends)) = self.codes.get_mut(hash).filter(|(_, ends)| now < *ends) else {
            return ClaimedCode::Unknown;
        };
        let claim = match &code.claimed {
            None => 1,
            Some((by, claims)) if by == presenter => claims + 1,
            Some(_) => return ClaimedCode::Replayed(code.grant.grant_id.clone()),
        };
        code.claimed = Some((*presenter, claim));
        if claim == 1 {
            *ends = (*ends).max(now + at_least);
        }
        ClaimedCode::Claimed {
            grant: Box::new(code.grant.clone()),
            claim,
            epoch: None,
        }
    }

    pub(crate) fn answer(
        &mut self,
        hash: &TokenHash,
        claim: u32,
        remember: Duration,
        now: Monotonic,
    ) -> LeaveToAnswer {
        if living(self.used.get(hash), now).is_some() {
            return LeaveToAnswer::Refused;
        }
        let Some(code) = living(self.codes.get(hash), now) else {
            return LeaveToAnswer::Gone;
        };
        if code.claimed.is_some_and(|(_, latest)| latest > claim) {
            return LeaveToAnswer::Refused;
        }
        if let Some((code, ends)) = self.codes.remove(hash) {
            let ends = ends.max(now + remember);
            self.used.insert(*hash, (code.grant.grant_id, ends));
        }
        LeaveToAnswer::Given(None)
    }

    pub(crate) fn keep(&mut self, usage: &TokenHash, login: &Login, ttl: Duration, now: Monotonic) {
        let said = Refreshed::Said(Box::new(login.clone()));
        self.refreshed.insert(*usage, (said, now + ttl));
    }

    pub(crate) fn begin_refresh(
        &mut self,
        usage: &TokenHash,
        holder: &str,
        ttl: Duration,
        now: Monotonic,
    ) -> RefreshTurn {
        match living(self.refreshed.get(usage), now) {
            Some(Refreshed::Said(login)) => RefreshTurn::Kept(login.clone()),
            Some(Refreshed::AskedBy(_)) => RefreshTurn::Busy,
            None => {
                let asked = Refreshed::AskedBy(holder.to_owned());
                self.refreshed.insert(*usage, (asked, now + ttl));
                RefreshTurn::Taken
            }
        }
    }

    pub(crate) fn end_refresh(&mut self, usage: &TokenHash, holder: &str, now: Monotonic) {
        let stands = living(self.refreshed.get(usage), now);
        if matches!(stands, Some(Refreshed::AskedBy(other)) if other == holder) {
            self.refreshed.remove(usage);
        }
    }

    pub(crate) fn forget(&mut self, usage: &TokenHash) {
        self.refreshed.remove(usage);
    }

    pub(crate) fn count(&mut self, key: &str, window: Duration, now: Monotonic) -> u64 {
        let stands = self.counted(key, now);
        if stands > 0
            && let Some((count, _)) = self.counters.get_mut(key)
        {
            *count += 1;
            return *count;
        }
        self.counters.insert(key.to_owned(), (1, now + window));
        1
    }

    pub(crate) fn counted(&self, key: &str, now: Monotonic) -> u64 {
        living(self.counters.get(key), now).copied().unwrap_or(0)
    }

    pub(crate) fn count_failures(
        &mut self,
        names: &[(String, Pace)],
        now: Monotonic,
    ) -> Vec<Failures> {
        let counted = names.iter().map(|(name, pace)| {
            let stands = self.counters.get(name).filter(|(_, ends)| now < *ends);
            let (before, ends) = stands.copied().unwrap_or((0, now + pace.within));
            let remembered = pace.remembered(before + 1, ends.since(now));
            let counter = (before + 1, now + remembered);
            self.counters.insert(name.clone(), counter);
            pace.standing(before + 1, remembered)
        });
        counted.collect()
    }

    pub(crate) fn failures(&self, names: &[(String, Pace)], now: Monotonic) -> Vec<Failures> {
        let standing = names.iter().map(|(name, pace)| {
            let found = self.counters.get(name).filter(|(_, ends)| now < *ends);
            found.map_or_else(Failures::default, |(count, ends)| {
                pace.standing(*count, ends.since(now))
            })
        });
        standing.collect()
    }
}
