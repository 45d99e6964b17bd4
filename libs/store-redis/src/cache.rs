use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use insula_model::{
    AuthRequest, AuthRequestId, CacheEpoch, CodeGrant, DeviceRequest, GrantId, Login, TenantId,
    TokenHash,
};
use insula_store::{
    Cache, CacheLimits, ClaimedCode, DeviceLife, DevicePace, DevicePoll, Failures, Finish,
    FoundDevice, LeaveToAnswer, LoginRoom, Pace, RefreshTurn, StoreError, TenantCache,
};
use prometheus::Registry;
use redis::cmd;
use tokio::runtime::Handle;

use crate::address::Address;
use crate::cause::failed;
use crate::link::{Link, probe};
use crate::options::RedisOptions;
use crate::record::{self, CODE, COUNTER, LOGIN, STRANGE_HEAD, corrupt};
use crate::script;

/// Redis counts lifetimes in 64 bits from its own epoch; what outlives this is without end to us.
const LONGEST_MS: u64 = 10 * 365 * 86_400_000;

/// The short-lived half on Redis or Valkey. Clones share the connection.
#[derive(Clone)]
pub struct RedisCache {
    link: Arc<Link>,
    limits: CacheLimits,
}

impl RedisCache {
    /// Connects to `redis://`, `rediss://`, `unix://` or, by way of sentinels,
    /// `redis+sentinel://host:26379,host:26379/service`.
    ///
    /// All sockets live on the runtime of `handle`, whoever calls. Fails if the server cannot be
    /// reached within the time for connecting, or the URL has another form.
    pub async fn connect(
        url: &str,
        options: &RedisOptions,
        handle: Handle,
    ) -> Result<Self, StoreError> {
        let link = Link::connect(Address::parse(url)?, options, handle).await?;
        let limits = options.limits;
        Ok(Self { link, limits })
    }

    /// Makes the cache's metrics part of `registry`.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        self.link.metrics.register(registry)
    }

    /// How many commands were sent so far.
    pub fn round_trips(&self) -> u64 {
        self.link.metrics.sent()
    }
}

#[async_trait]
impl Cache for RedisCache {
    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantCache> {
        // The braces make a cluster keep all keys of a tenant on one node, where scripts need them.
        let prefix = format!("{}:{{{id}}}", self.link.prefix());
        Arc::new(OfTenant {
            link: self.link.clone(),
            limits: self.limits,
            prefix,
        })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let _: String = self.link.ask("ping", cmd("PING")).await?;
        Ok(())
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.link.ask("probe", probe(self.link.prefix())).await
    }
}

/// The keys of one tenant.
pub(crate) struct OfTenant {
    pub(crate) link: Arc<Link>,
    pub(crate) limits: CacheLimits,
    pub(crate) prefix: String,
}

impl OfTenant {
    fn login(&self, id: &AuthRequestId) -> String {
        format!("{}:auth:{id}", self.prefix)
    }

    pub(crate) fn code(&self, code: &TokenHash) -> String {
        format!("{}:code:{}", self.prefix, code.to_text())
    }

    fn refreshed(&self, usage: &TokenHash) -> String {
        format!("{}:refreshed:{}", self.prefix, usage.to_text())
    }

    /// A counter goes by the hash of its key: that may be long, and may be somebody's login name.
    fn counter(&self, key: &str) -> String {
        format!("{}:count:{}", self.prefix, TokenHash::of(key).to_text())
    }

    /// The tenant's list of logins under way, and the counter of the bytes they take.
    fn logins(&self) -> (String, String) {
        let list = format!("{}:auths", self.prefix);
        let counter = format!("{list}:bytes");
        (list, counter)
    }

    /// The tenant's list of codes that wait to be redeemed.
    pub(crate) fn codes(&self) -> String {
        format!("{}:codes", self.prefix)
    }

    async fn get(&self, verb: &'static str, key: String) -> Result<Option<Vec<u8>>, StoreError> {
        let mut get = cmd("GET");
        get.arg(key);
        self.link.ask(verb, get).await
    }
}

/// A lifetime as Redis takes it: in milliseconds, of which it wants one at least.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).map_or(LONGEST_MS, |ms| ms.clamp(1, LONGEST_MS))
}

pub(crate) fn text(number: impl Into<i128>) -> Vec<u8> {
    number.into().to_string().into_bytes()
}

pub(crate) fn number(limit: usize) -> Vec<u8> {
    text(u64::try_from(limit).unwrap_or(u64::MAX))
}

#[async_trait]
impl TenantCache for OfTenant {
    async fn put_auth_request(
        &self,
        request: &AuthRequest,
        room: LoginRoom,
        ttl: Duration,
    ) -> Result<(), StoreError> {
        if ttl.is_zero() {
            return Ok(());
        }
        let (key, (list, counter)) = (self.login(&request.id), self.logins());
        let args = [
            text(millis(ttl)),
            record::login(request)?,
            request.id.as_str().as_bytes().to_vec(),
            text(room.entries),
            text(room.bytes),
            format!("{}:auth:", self.prefix).into_bytes(),
        ];
        let keys = [key.as_str(), &list, &counter];
        let args = args.each_ref().map(Vec::as_slice);
        let run = self
            .link
            .run("put_auth_request", &script::PUT, &keys, &args);
        stored(LOGIN, "bytes of logins under way", run.await?)
    }

    async fn get_auth_request(
        &self,
        id: &AuthRequestId,
    ) -> Result<Option<AuthRequest>, StoreError> {
        let record = self.get("get_auth_request", self.login(id)).await?;
        record.map(|r| record::read_login(&r)).transpose()
    }

    async fn advance_auth_request(&self, next: &AuthRequest) -> Result<bool, StoreError> {
        let Some(version) = next.version.checked_sub(1) else {
            return Ok(false);
        };
        let (key, (list, counter)) = (self.login(&next.id), self.logins());
        let args = [
            text(version),
            record::login(next)?,
            next.id.as_str().as_bytes().to_vec(),
        ];
        let keys = [key.as_str(), &list, &counter];
        let args = args.each_ref().map(Vec::as_slice);
        let run = self
            .link
            .run("advance_auth_request", &script::ADVANCE, &keys, &args);
        advanced(run.await?)
    }

    async fn finish_auth_request(
        &self,
        id: &AuthRequestId,
        version: u32,
        code: &TokenHash,
        grant: &CodeGrant,
        ttl: Duration,
    ) -> Result<Finish, StoreError> {
        let (login, (list, counter)) = (self.login(id), self.logins());
        let (key, codes) = (self.code(code), self.codes());
        let args = [
            text(version),
            id.as_str().as_bytes().to_vec(),
            record::code(grant)?,
            text(millis(ttl)),
            code.to_text().into_bytes(),
            number(self.limits.codes),
        ];
        let args = args.each_ref().map(Vec::as_slice);
        let keys = [login.as_str(), &list, &counter, &key, &codes];
        let run = self
            .link
            .run("finish_auth_request", &script::FINISH, &keys, &args);
        match run.await? {
            FULL => Err(StoreError::Full("codes")),
            answer if advanced(answer)? => Ok(Finish::Finished),
            _ => Ok(Finish::Lost),
        }
    }

    async fn drop_auth_request(&self, id: &AuthRequestId) -> Result<bool, StoreError> {
        let (key, (list, counter)) = (self.login(id), self.logins());
        let keys = [key.as_str(), &list, &counter];
        let args = [id.as_str().as_bytes()];
        let run = self
            .link
            .run("drop_auth_request", &script::DROP, &keys, &args);
        let dropped: u64 = run.await?;
        Ok(dropped > 0)
    }

    async fn put_code(
        &self,
        code: &TokenHash,
        grant: &CodeGrant,
        ttl: Duration,
    ) -> Result<(), StoreError> {
        if ttl.is_zero() {
            return Ok(());
        }
        let (key, codes) = (self.code(code), self.codes());
        let args = [
            text(millis(ttl)),
            record::code(grant)?,
            code.to_text().into_bytes(),
            number(self.limits.codes),
        ];
        let keys = [key.as_str(), &codes];
        let args = args.each_ref().map(Vec::as_slice);
        let run = self.link.run("put_code", &script::PUT_CODE, &keys, &args);
        stored(CODE, "codes", run.await?)
    }

    async fn peek_code(&self, code: &TokenHash) -> Result<Option<CodeGrant>, StoreError> {
        let Some(record) = self.get("peek_code", self.code(code)).await? else {
            return Ok(None);
        };
        record::read_code(&record)
    }

    async fn claim_code(
        &self,
        code: &TokenHash,
        presenter: &TokenHash,
        at_least: Duration,
    ) -> Result<ClaimedCode, StoreError> {
        let key = self.code(code);
        let args = [presenter.to_text().into_bytes(), text(millis(at_least))];
        let args = args.each_ref().map(Vec::as_slice);
        let keys = [key.as_str()];
        let run = self
            .link
            .run("claim_code", &script::CLAIM_CODE, &keys, &args);
        let (state, payload, claim, epoch): (i64, Vec<u8>, u32, String) = run.await?;
        match state {
            0 => Ok(ClaimedCode::Unknown),
            1 => {
                let grant = Box::new(record::read_grant(&payload)?);
                let epoch = CacheEpoch::parse(epoch);
                Ok(ClaimedCode::Claimed {
                    grant,
                    claim,
                    epoch,
                })
            }
            2 => {
                let id = String::from_utf8(payload).ok().map(GrantId::parse);
                match id {
                    Some(Ok(id)) => Ok(ClaimedCode::Replayed(id)),
                    _ => Err(corrupt(CODE, "it names no grant")),
                }
            }
            _ => Err(corrupt(CODE, STRANGE_HEAD)),
        }
    }

    async fn answer_code(
        &self,
        code: &TokenHash,
        claim: u32,
        remember: Duration,
    ) -> Result<LeaveToAnswer, StoreError> {
        let (key, codes) = (self.code(code), self.codes());
        let args = [
            text(claim),
            text(millis(remember)),
            code.to_text().into_bytes(),
        ];
        let keys = [key.as_str(), &codes];
        let args = args.each_ref().map(Vec::as_slice);
        let run = self
            .link
            .run("answer_code", &script::ANSWER_CODE, &keys, &args);
        let (state, epoch): (i64, String) = run.await?;
        match state {
            0 => Ok(LeaveToAnswer::Refused),
            1 => Ok(LeaveToAnswer::Given(CacheEpoch::parse(epoch))),
            2 => Ok(LeaveToAnswer::Gone),
            _ => Err(corrupt(CODE, STRANGE_HEAD)),
        }
    }

    async fn put_device(
        &self,
        device: &TokenHash,
        user_code: &TokenHash,
        request: &DeviceRequest,
        room: u32,
        life: DeviceLife,
    ) -> Result<bool, StoreError> {
        self.put_device_request((device, user_code), request, room, life)
            .await
    }

    async fn find_device(&self, user_code: &TokenHash) -> Result<FoundDevice, StoreError> {
        self.device_of(user_code).await
    }

    async fn approve_device(
        &self,
        user_code: &TokenHash,
        grant: &CodeGrant,
        at_least: Duration,
    ) -> Result<bool, StoreError> {
        self.approve(user_code, grant, at_least).await
    }

    async fn deny_device(&self, user_code: &TokenHash) -> Result<bool, StoreError> {
        self.deny(user_code).await
    }

    async fn poll_device(
        &self,
        device: &TokenHash,
        pace: DevicePace,
    ) -> Result<DevicePoll, StoreError> {
        self.poll(device, pace).await
    }

    async fn begin_refresh(
        &self,
        usage: &TokenHash,
        holder: &str,
        ttl: Duration,
    ) -> Result<RefreshTurn, StoreError> {
        let key = self.refreshed(usage);
        let asking = record::asking(holder);
        let ttl = text(millis(ttl));
        let (keys, args) = ([key.as_str()], [asking.as_slice(), &ttl]);
        let script = &script::BEGIN_REFRESH;
        let run = self.link.run("begin_refresh", script, &keys, &args);
        let found: Option<Vec<u8>> = run.await?;
        found.map_or(Ok(RefreshTurn::Taken), |found| record::read_turn(&found))
    }

    async fn end_refresh(&self, usage: &TokenHash, holder: &str) -> Result<(), StoreError> {
        let key = self.refreshed(usage);
        let asking = record::asking(holder);
        let (keys, args) = ([key.as_str()], [asking.as_slice()]);
        let script = &script::END_REFRESH;
        let run = self.link.run("end_refresh", script, &keys, &args);
        let _: i64 = run.await?;
        Ok(())
    }

    async fn keep_refreshed(
        &self,
        usage: &TokenHash,
        login: &Login,
        ttl: Duration,
    ) -> Result<(), StoreError> {
        let mut set = cmd("SET");
        set.arg(self.refreshed(usage))
            .arg(record::refreshed(login)?)
            .arg("PX")
            .arg(millis(ttl));
        self.link.ask("keep_refreshed", set).await
    }

    async fn forget_refreshed(&self, usage: &TokenHash) -> Result<(), StoreError> {
        let mut del = cmd("DEL");
        del.arg(self.refreshed(usage));
        let _: i64 = self.link.ask("forget_refreshed", del).await?;
        Ok(())
    }

    async fn count(&self, key: &str, window: Duration) -> Result<u64, StoreError> {
        let name = TokenHash::of(key).to_text();
        let (key, list) = (self.counter(key), format!("{}:counts", self.prefix));
        let args = [
            text(millis(window)),
            name.into_bytes(),
            number(self.limits.counters),
            format!("{}:count:", self.prefix).into_bytes(),
        ];
        let keys = [key.as_str(), &list];
        let args = args.each_ref().map(Vec::as_slice);
        let run = self.link.run("count", &script::COUNT, &keys, &args);
        let count: i64 = run.await?;
        u64::try_from(count).map_err(|_| corrupt(COUNTER, STRANGE_HEAD))
    }

    async fn counted(&self, key: &str) -> Result<u64, StoreError> {
        match self.get("counted", self.counter(key)).await? {
            Some(record) => record::read_counter(&record),
            None => Ok(0),
        }
    }

    async fn count_failures(&self, names: &[(String, Pace)]) -> Result<Vec<Failures>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let counters = names.iter().map(|(name, _)| self.counter(name));
        let keys: Vec<_> = std::iter::once(format!("{}:counts", self.prefix))
            .chain(counters)
            .collect();
        let mut args = vec![
            number(self.limits.counters),
            format!("{}:count:", self.prefix).into_bytes(),
            text(Pace::DOUBLINGS),
        ];
        for (name, pace) in names {
            args.extend([
                TokenHash::of(name).to_text().into_bytes(),
                text(pace.free),
                text(millis(pace.within)),
                text(pace.step.max(1)),
                text(millis(pace.first())),
                text(millis(pace.longest())),
            ]);
        }
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        let args: Vec<_> = args.iter().map(Vec::as_slice).collect();
        let script = &script::COUNT_FAILURES;
        let run = self.link.run("count_failures", script, &keys, &args);
        let told: Vec<i64> = run.await?;
        standing(names, &told)
    }

    async fn failures(&self, names: &[(String, Pace)]) -> Result<Vec<Failures>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let keys = names.iter().map(|(name, _)| self.counter(name));
        let keys: Vec<_> = keys.collect();
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        let run = self.link.run("failures", &script::FAILURES, &keys, &[]);
        let told: Vec<i64> = run.await?;
        standing(names, &told)
    }
}

/// What a script tells of each name: the count, and for how many milliseconds it is remembered.
fn standing(names: &[(String, Pace)], told: &[i64]) -> Result<Vec<Failures>, StoreError> {
    let strange = || corrupt(COUNTER, STRANGE_HEAD);
    if told.len() != names.len() * 2 {
        return Err(strange());
    }
    let pairs = names.iter().zip(told.chunks_exact(2));
    let standing = pairs.map(|((_, pace), pair)| {
        let [count, remembered] = *pair else {
            return Err(strange());
        };
        let count = u64::try_from(count).map_err(|_| strange())?;
        let remembered = Duration::from_millis(u64::try_from(remembered).unwrap_or(0));
        Ok(pace.standing(count, remembered))
    });
    standing.collect()
}

/// What a script answers where a list is full.
pub(crate) const FULL: i64 = -2;

/// Whether a record was stored under a name that must be new.
fn stored(what: &'static str, full_of: &'static str, answer: i64) -> Result<(), StoreError> {
    match answer {
        1 => Ok(()),
        FULL => Err(StoreError::Full(full_of)),
        // Ids and codes are random: one that exists was not made as it should have been.
        _ => Err(failed(format!(
            "a new {what} has the name of one that stands"
        ))),
    }
}

fn advanced(answer: i64) -> Result<bool, StoreError> {
    match answer {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(corrupt(LOGIN, STRANGE_HEAD)),
    }
}
