use std::time::Duration;

use async_trait::async_trait;
use insula_model::{AuthRequest, AuthRequestId, CodeGrant, DeviceRequest, Login, TokenHash};
use insula_store::{
    ClaimedCode, DeviceLife, DevicePace, DevicePoll, Failures, Finish, FoundDevice, LeaveToAnswer,
    LoginRoom, Pace, RefreshTurn, TenantCache,
};

use super::{Answer, Link, lock};
use crate::Defect;
use crate::cache::TenantEntries;

pub(super) struct NodeCache {
    pub(super) link: Link,
    pub(super) tenant: String,
}

impl NodeCache {
    /// Acts on the tenant's part of the shared cache, behind the wire.
    async fn call<T>(
        &self,
        name: &'static str,
        act: impl FnOnce(&mut crate::cache::TenantEntries, insula_ambient::Monotonic) -> T,
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
        self.call("put_auth_request", |entries, at| {
            entries.put_login(request, ttl, at);
        })
        .await
    }

    async fn get_auth_request(&self, id: &AuthRequestId) -> Answer<Option<AuthRequest>> {
        self.call("get_auth_request", |entries, at| entries.login(id, at))
            .await
    }

    async fn advance_auth_request(&self, next: &AuthRequest) -> Answer<bool> {
        self.call("advance_auth_request", |entries, at| {
            entries.advance(next, at)
        })
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
        self.call("finish_auth_request", |entries, at| {
            entries.finish(id, version, code, at)
        })
        .await
    }

    async fn drop_auth_request(&self, id: &AuthRequestId) -> Answer<bool> {
        self.call("drop_auth_request", |entries, at| {
            entries.drop_login(id, at)
        })
        .await
    }

    async fn put_code(&self, code: &TokenHash, grant: &CodeGrant, ttl: Duration) -> Answer<()> {
        self.call("put_code", |entries, at| {
            entries.put_code(code, grant, ttl, at);
        })
        .await
    }

    async fn peek_code(&self, code: &TokenHash) -> Answer<Option<CodeGrant>> {
        self.call("peek_code", |entries, at| entries.peek(code, at))
            .await
    }

    async fn claim_code(
        &self,
        code: &TokenHash,
        presenter: &TokenHash,
        at_least: Duration,
    ) -> Answer<ClaimedCode> {
        if self.link.has(Defect::DeviceCodeReadThenDeleted) {
            let read = |entries: &mut TenantEntries, at| entries.peek_of_device(code, at);
            if let Some(grant) = self.call("claim_code", read).await? {
                return Ok(ClaimedCode::Claimed {
                    grant: Box::new(grant),
                    claim: 1,
                    epoch: self.link.cache.epoch(),
                });
            }
        }
        self.call("claim_code", |entries, at| {
            let claimed = entries.claim(code, presenter, at_least, at);
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
        let is_read_alone = self.link.has(Defect::DeviceCodeReadThenDeleted);
        self.call("answer_code", |entries, at| {
            if is_read_alone && entries.delete_of_device(code) {
                return LeaveToAnswer::Given(self.link.cache.epoch());
            }
            match entries.answer(code, claim, remember, at) {
                LeaveToAnswer::Given(_) => LeaveToAnswer::Given(self.link.cache.epoch()),
                other => other,
            }
        })
        .await
    }

    async fn put_device(
        &self,
        device: &TokenHash,
        user_code: &TokenHash,
        request: &DeviceRequest,
        _: u32,
        life: DeviceLife,
    ) -> Answer<bool> {
        self.call("put_device", |entries, at| {
            entries.put_device((device, user_code), request, life, at)
        })
        .await
    }

    async fn find_device(&self, user_code: &TokenHash) -> Answer<FoundDevice> {
        self.call("find_device", |entries, at| {
            entries.find_device(user_code, at)
        })
        .await
    }

    async fn approve_device(
        &self,
        user_code: &TokenHash,
        grant: &CodeGrant,
        at_least: Duration,
    ) -> Answer<bool> {
        self.call("approve_device", |entries, at| {
            if self.link.has(Defect::DeviceConfirmedLate) {
                entries.prolong_device(user_code, at);
            }
            entries.approve_device(user_code, grant, at_least, at)
        })
        .await
    }

    async fn deny_device(&self, user_code: &TokenHash) -> Answer<bool> {
        self.call("deny_device", |entries, at| {
            entries.deny_device(user_code, at)
        })
        .await
    }

    async fn poll_device(&self, device: &TokenHash, pace: DevicePace) -> Answer<DevicePoll> {
        self.call("poll_device", |entries, at| {
            entries.poll_device(device, pace, at)
        })
        .await
    }

    async fn begin_refresh(
        &self,
        usage: &TokenHash,
        holder: &str,
        ttl: Duration,
    ) -> Answer<RefreshTurn> {
        let together = self.link.has(Defect::UpstreamAskedTogether);
        self.call("begin_refresh", |entries, at| {
            match entries.begin_refresh(usage, holder, ttl, at) {
                RefreshTurn::Busy if together => RefreshTurn::Taken,
                turn => turn,
            }
        })
        .await
    }

    async fn end_refresh(&self, usage: &TokenHash, holder: &str) -> Answer<()> {
        self.call("end_refresh", |entries, at| {
            entries.end_refresh(usage, holder, at);
        })
        .await
    }

    async fn keep_refreshed(&self, usage: &TokenHash, login: &Login, ttl: Duration) -> Answer<()> {
        let forgets = self.link.has(Defect::UpstreamAnswerForgotten);
        self.call("keep_refreshed", |entries, at| {
            if forgets {
                entries.forget(usage);
            } else {
                entries.keep(usage, login, ttl, at);
            }
        })
        .await
    }

    async fn forget_refreshed(&self, usage: &TokenHash) -> Answer<()> {
        self.call("forget_refreshed", |entries, _| entries.forget(usage))
            .await
    }

    async fn count(&self, key: &str, window: Duration) -> Answer<u64> {
        self.call("count", |entries, at| entries.count(key, window, at))
            .await
    }

    async fn counted(&self, key: &str) -> Answer<u64> {
        self.call("counted", |entries, at| entries.counted(key, at))
            .await
    }

    async fn count_failures(&self, names: &[(String, Pace)]) -> Answer<Vec<Failures>> {
        self.call("count_failures", |entries, at| {
            entries.count_failures(names, at)
        })
        .await
    }

    async fn failures(&self, names: &[(String, Pace)]) -> Answer<Vec<Failures>> {
        self.call("failures", |entries, at| entries.failures(names, at))
            .await
    }
}
