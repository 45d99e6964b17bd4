use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use insula_model::{AuthRequest, AuthRequestId, CodeGrant, DeviceRequest, Login, TokenHash};
use insula_store::{
    ClaimedCode, DeviceLife, DevicePace, DevicePoll, Failures, Finish, FoundDevice, LeaveToAnswer,
    LoginRoom, Pace, RefreshTurn, StoreError, TenantCache,
};

use super::WatchedCache;

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

    async fn put_device(
        &self,
        device: &TokenHash,
        user_code: &TokenHash,
        request: &DeviceRequest,
        room: u32,
        life: DeviceLife,
    ) -> Result<bool, StoreError> {
        let put = self.0.put_device(device, user_code, request, room, life);
        self.1.watch("put_device", put).await
    }

    async fn find_device(&self, user_code: &TokenHash) -> Result<FoundDevice, StoreError> {
        self.1
            .watch("find_device", self.0.find_device(user_code))
            .await
    }

    async fn approve_device(
        &self,
        user_code: &TokenHash,
        grant: &CodeGrant,
        at_least: Duration,
    ) -> Result<bool, StoreError> {
        let approve = self.0.approve_device(user_code, grant, at_least);
        self.1.watch("approve_device", approve).await
    }

    async fn deny_device(&self, user_code: &TokenHash) -> Result<bool, StoreError> {
        self.1
            .watch("deny_device", self.0.deny_device(user_code))
            .await
    }

    async fn poll_device(
        &self,
        device: &TokenHash,
        pace: DevicePace,
    ) -> Result<DevicePoll, StoreError> {
        self.1
            .watch("poll_device", self.0.poll_device(device, pace))
            .await
    }

    async fn begin_refresh(
        &self,
        usage: &TokenHash,
        holder: &str,
        ttl: Duration,
    ) -> Result<RefreshTurn, StoreError> {
        self.1
            .watch("begin_refresh", self.0.begin_refresh(usage, holder, ttl))
            .await
    }

    async fn end_refresh(&self, usage: &TokenHash, holder: &str) -> Result<(), StoreError> {
        self.1
            .watch("end_refresh", self.0.end_refresh(usage, holder))
            .await
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

    async fn forget_refreshed(&self, usage: &TokenHash) -> Result<(), StoreError> {
        self.1
            .watch("forget_refreshed", self.0.forget_refreshed(usage))
            .await
    }

    async fn count(&self, key: &str, window: Duration) -> Result<u64, StoreError> {
        self.1.watch("count", self.0.count(key, window)).await
    }

    async fn counted(&self, key: &str) -> Result<u64, StoreError> {
        self.1.watch("counted", self.0.counted(key)).await
    }

    async fn count_failures(&self, names: &[(String, Pace)]) -> Result<Vec<Failures>, StoreError> {
        self.1
            .watch("count_failures", self.0.count_failures(names))
            .await
    }

    async fn failures(&self, names: &[(String, Pace)]) -> Result<Vec<Failures>, StoreError> {
        self.1.watch("failures", self.0.failures(names)).await
    }
}
