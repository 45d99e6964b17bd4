use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::Monotonic;
use insula_model::{
    AuthRequest, AuthRequestId, CodeGrant, DeviceRequest, Login, TokenHash, written_length,
};

use super::expiring_map::ExpiringMap;
use super::{Code, Refreshed, Shared, TenantEntries, lock};
use crate::{
    ClaimedCode, DeviceLife, DevicePace, DevicePoll, Failures, Finish, FoundDevice, LeaveToAnswer,
    LoginRoom, Pace, RefreshTurn, StoreError, TenantCache,
};

/// How many ended entries a write removes while it is there.
const IN_PASSING: usize = 8;

/// Logins under way weigh one for each so many bytes they take written out.
const PORTION: usize = 2048;

/// The entries of one tenant, and the limits they are held to.
pub(super) struct OfTenant {
    pub(super) shared: Arc<Shared>,
    pub(super) entries: Arc<TenantEntries>,
}

impl OfTenant {
    fn now(&self) -> Monotonic {
        self.shared.clock.monotonic()
    }

    /// Makes room on a map whose entries must not be dropped before their time.
    fn refuse_if_full<K: Clone + Eq + std::hash::Hash, V>(
        map: &mut ExpiringMap<K, V>,
        limit: usize,
        what: &'static str,
        now: Monotonic,
    ) -> Result<(), StoreError> {
        map.expire(now, IN_PASSING);
        if map.weight() >= limit {
            map.expire(now, usize::MAX);
        }
        if map.weight() >= limit {
            return Err(StoreError::Full(what));
        }
        Ok(())
    }

    /// Puts one in, and lets go of the first to end where there is no room.
    fn put_refreshed(
        &self,
        refreshed: &mut ExpiringMap<TokenHash, Refreshed>,
        usage: &TokenHash,
        entry: Refreshed,
        ends: Monotonic,
    ) {
        refreshed.expire(self.now(), IN_PASSING);
        refreshed.take(usage);
        let is_full = |count: usize| count >= self.shared.limits.refreshed || self.shared.is_full();
        if is_full(refreshed.len()) {
            refreshed.drop_first_to_end();
        }
        if !is_full(refreshed.len()) {
            refreshed.put(*usage, entry, ends);
        }
    }
}

#[async_trait]
impl TenantCache for OfTenant {
    async fn put_auth_request(
        &self,
        request: &AuthRequest,
        room: LoginRoom,
        ttl: Duration,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let stored = Arc::new(request.clone());
        let weight = portions(request);
        let requests = &mut lock(&self.entries.logins).requests;
        requests.expire(now, IN_PASSING);
        if requests.get(&request.id, now).is_some() {
            return Err(exists("auth request"));
        }
        let entries = usize::try_from(room.entries).unwrap_or(usize::MAX);
        let portions = usize::try_from(room.bytes).unwrap_or(usize::MAX) / PORTION;
        if weight > portions {
            return Err(StoreError::Full("bytes of logins under way"));
        }
        while requests.len() > 0
            && (requests.len() >= entries || requests.weight() + weight > portions)
        {
            requests.drop_first_to_end();
        }
        if self.shared.is_full() {
            return Err(StoreError::Full(
                "logins under way for what the process still can hold",
            ));
        }
        requests.put_weighing(request.id.clone(), stored, now + ttl, weight);
        Ok(())
    }

    async fn get_auth_request(
        &self,
        id: &AuthRequestId,
    ) -> Result<Option<AuthRequest>, StoreError> {
        let now = self.now();
        let found = lock(&self.entries.logins).requests.get(id, now).cloned();
        Ok(found.map(Arc::unwrap_or_clone))
    }

    async fn advance_auth_request(&self, next: &AuthRequest) -> Result<bool, StoreError> {
        let now = self.now();
        let stored = Arc::new(next.clone());
        let weight = portions(next);
        let requests = &mut lock(&self.entries.logins).requests;
        let stands = requests.get(&next.id, now).map(|r| r.version);
        if stands.is_none() || stands != next.version.checked_sub(1) {
            return Ok(false);
        }
        let Some((_, ends)) = requests.take(&next.id) else {
            return Ok(false);
        };
        requests.put_weighing(next.id.clone(), stored, ends, weight);
        Ok(true)
    }

    async fn finish_auth_request(
        &self,
        id: &AuthRequestId,
        version: u32,
        code: &TokenHash,
        grant: &CodeGrant,
        ttl: Duration,
    ) -> Result<Finish, StoreError> {
        let now = self.now();
        let stored = Code::fresh(grant);
        let logins = &mut *lock(&self.entries.logins);
        let stands = logins.requests.get(id, now).map(|r| r.version);
        if stands != Some(version) {
            return Ok(Finish::Lost);
        }
        let limit = self.shared.limits.codes;
        Self::refuse_if_full(&mut logins.codes, limit, "codes", now)?;
        logins.requests.take(id);
        logins.codes.put(*code, stored, now + ttl);
        Ok(Finish::Finished)
    }

    async fn drop_auth_request(&self, id: &AuthRequestId) -> Result<bool, StoreError> {
        let now = self.now();
        let dropped = lock(&self.entries.logins).requests.take(id);
        Ok(dropped.is_some_and(|(_, ends)| now < ends))
    }

    async fn put_code(
        &self,
        code: &TokenHash,
        grant: &CodeGrant,
        ttl: Duration,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let stored = Code::fresh(grant);
        let logins = &mut *lock(&self.entries.logins);
        Self::refuse_if_full(&mut logins.codes, self.shared.limits.codes, "codes", now)?;
        if logins.codes.get(code, now).is_some() || logins.used.get(code, now).is_some() {
            return Err(exists("code"));
        }
        logins.codes.put(*code, stored, now + ttl);
        Ok(())
    }

    async fn peek_code(&self, code: &TokenHash) -> Result<Option<CodeGrant>, StoreError> {
        let now = self.now();
        let logins = lock(&self.entries.logins);
        let found = logins.codes.get(code, now).map(|c| c.grant.clone());
        drop(logins);
        Ok(found.map(Arc::unwrap_or_clone))
    }

    async fn claim_code(
        &self,
        code: &TokenHash,
        presenter: &TokenHash,
        at_least: Duration,
    ) -> Result<ClaimedCode, StoreError> {
        let now = self.now();
        let (grant, claim) = {
            let logins = &mut *lock(&self.entries.logins);
            if let Some(id) = logins.used.get(code, now) {
                return Ok(ClaimedCode::Replayed(id.clone()));
            }
            let Some(stored) = logins.codes.get_mut(code, now) else {
                return Ok(ClaimedCode::Unknown);
            };
            let claim = match &stored.claimed {
                None => 1,
                Some((by, claims)) if by == presenter => claims.saturating_add(1),
                Some(_) => return Ok(ClaimedCode::Replayed(stored.grant.grant_id.clone())),
            };
            stored.claimed = Some((*presenter, claim));
            let grant = stored.grant.clone();
            if claim == 1
                && let Some((stored, ends)) = logins.codes.take(code)
            {
                logins.codes.put(*code, stored, ends.max(now + at_least));
            }
            (grant, claim)
        };
        let grant = Box::new(Arc::unwrap_or_clone(grant));
        let epoch = self.shared.epoch.clone();
        Ok(ClaimedCode::Claimed {
            grant,
            claim,
            epoch,
        })
    }

    async fn answer_code(
        &self,
        code: &TokenHash,
        claim: u32,
        remember: Duration,
    ) -> Result<LeaveToAnswer, StoreError> {
        let now = self.now();
        let logins = &mut *lock(&self.entries.logins);
        if logins.used.get(code, now).is_some() {
            return Ok(LeaveToAnswer::Refused);
        }
        match logins.codes.get(code, now).map(|c| &c.claimed) {
            None => return Ok(LeaveToAnswer::Gone),
            Some(Some((_, latest))) if *latest > claim => return Ok(LeaveToAnswer::Refused),
            Some(_) => {}
        }
        let Some((answered, ends)) = logins.codes.take(code) else {
            return Ok(LeaveToAnswer::Gone);
        };
        logins.used.expire(now, IN_PASSING);
        if logins.used.len() >= self.shared.limits.used_codes || self.shared.is_full() {
            logins.used.drop_first_to_end();
        }
        let ends = ends.max(now + remember);
        logins
            .used
            .put(*code, answered.grant.grant_id.clone(), ends);
        Ok(LeaveToAnswer::Given(self.shared.epoch.clone()))
    }

    async fn put_device(
        &self,
        device: &TokenHash,
        user_code: &TokenHash,
        request: &DeviceRequest,
        room: u32,
        life: DeviceLife,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        if self.shared.is_full() {
            return Err(StoreError::Full(
                "devices for what the process still can hold",
            ));
        }
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let logins = &mut *lock(&self.entries.logins);
        Ok(logins.put_device((device, user_code), request, room, life, now))
    }

    async fn find_device(&self, user_code: &TokenHash) -> Result<FoundDevice, StoreError> {
        let now = self.now();
        Ok(lock(&self.entries.logins).find_device(user_code, now))
    }

    async fn approve_device(
        &self,
        user_code: &TokenHash,
        grant: &CodeGrant,
        at_least: Duration,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let logins = &mut *lock(&self.entries.logins);
        Self::refuse_if_full(&mut logins.codes, self.shared.limits.codes, "codes", now)?;
        Ok(logins.approve_device(user_code, grant, at_least, now))
    }

    async fn deny_device(&self, user_code: &TokenHash) -> Result<bool, StoreError> {
        let now = self.now();
        Ok(lock(&self.entries.logins).deny_device(user_code, now))
    }

    async fn poll_device(
        &self,
        device: &TokenHash,
        pace: DevicePace,
    ) -> Result<DevicePoll, StoreError> {
        let now = self.now();
        Ok(lock(&self.entries.logins).poll_device(device, pace, now))
    }

    async fn begin_refresh(
        &self,
        usage: &TokenHash,
        holder: &str,
        ttl: Duration,
    ) -> Result<RefreshTurn, StoreError> {
        let now = self.now();
        let refreshed = &mut lock(&self.entries.refreshed);
        Ok(match refreshed.get(usage, now) {
            Some(Refreshed::Said(login)) => RefreshTurn::Kept(Box::new(login.as_ref().clone())),
            Some(Refreshed::AskedBy(_)) => RefreshTurn::Busy,
            None => {
                let asked = Refreshed::AskedBy(holder.into());
                self.put_refreshed(refreshed, usage, asked, now + ttl);
                RefreshTurn::Taken
            }
        })
    }

    async fn end_refresh(&self, usage: &TokenHash, holder: &str) -> Result<(), StoreError> {
        let now = self.now();
        let refreshed = &mut lock(&self.entries.refreshed);
        let stands = refreshed.get(usage, now);
        if matches!(stands, Some(Refreshed::AskedBy(other)) if **other == *holder) {
            refreshed.take(usage);
        }
        Ok(())
    }

    async fn keep_refreshed(
        &self,
        usage: &TokenHash,
        login: &Login,
        ttl: Duration,
    ) -> Result<(), StoreError> {
        let said = Refreshed::Said(Arc::new(login.clone()));
        let ends = self.now() + ttl;
        let refreshed = &mut lock(&self.entries.refreshed);
        self.put_refreshed(refreshed, usage, said, ends);
        Ok(())
    }

    async fn forget_refreshed(&self, usage: &TokenHash) -> Result<(), StoreError> {
        lock(&self.entries.refreshed).take(usage);
        Ok(())
    }

    async fn count(&self, key: &str, window: Duration) -> Result<u64, StoreError> {
        let now = self.now();
        let key = TokenHash::of(key);
        let counters = &mut lock(&self.entries.counters);
        counters.expire(now, IN_PASSING);
        if let Some(count) = counters.get_mut(&key, now) {
            *count += 1;
            return Ok(*count);
        }
        counters.take(&key);
        if counters.len() >= self.shared.limits.counters || self.shared.is_full() {
            counters.drop_first_to_end();
        }
        counters.put(key, 1, now + window);
        Ok(1)
    }

    async fn counted(&self, key: &str) -> Result<u64, StoreError> {
        let now = self.now();
        let counters = lock(&self.entries.counters);
        Ok(counters
            .get(&TokenHash::of(key), now)
            .copied()
            .unwrap_or_default())
    }

    async fn count_failures(&self, names: &[(String, Pace)]) -> Result<Vec<Failures>, StoreError> {
        let now = self.now();
        let counters = &mut lock(&self.entries.counters);
        counters.expire(now, IN_PASSING);
        let counted = names.iter().map(|(name, pace)| {
            let key = TokenHash::of(name);
            let stands = counters.take(&key).filter(|(_, ends)| now < *ends);
            let (before, ends) = stands.unwrap_or((0, now + pace.within));
            if before == 0
                && (counters.len() >= self.shared.limits.counters || self.shared.is_full())
            {
                counters.drop_first_to_end();
            }
            let count = before.saturating_add(1);
            let remembered = pace.remembered(count, ends.since(now));
            counters.put(key, count, now + remembered);
            pace.standing(count, remembered)
        });
        Ok(counted.collect())
    }

    async fn failures(&self, names: &[(String, Pace)]) -> Result<Vec<Failures>, StoreError> {
        let now = self.now();
        let counters = lock(&self.entries.counters);
        let standing = names.iter().map(|(name, pace)| {
            let found = counters.get_with_end(&TokenHash::of(name), now);
            found.map_or_else(Failures::default, |(count, ends)| {
                pace.standing(*count, ends.since(now))
            })
        });
        Ok(standing.collect())
    }
}

/// How many portions a login under way counts for: its length, written out.
fn portions(request: &AuthRequest) -> usize {
    1 + written_length(request) / PORTION
}

/// Ids and codes are random: one that exists already was not made as it should have been.
fn exists(what: &'static str) -> StoreError {
    StoreError::Failed {
        backend: "memory",
        cause: format!("a new {what} has the name of one that stands"),
    }
}
