use std::sync::Arc;
use std::time::Duration;

use insula_ambient::Monotonic;
use insula_model::{CodeGrant, DeviceRequest, TokenHash};

use super::{AT_ONCE, Code, Logins};
use crate::{DeviceLife, DevicePace, DevicePoll, FoundDevice};

/// A device that asked for tokens.
pub(super) struct Device {
    request: Arc<DeviceRequest>,
    user_code: TokenHash,
    good_until: Monotonic,
    answer: Option<Answer>,
    /// The least time between two polls, once one was made.
    interval: Option<Duration>,
    /// Before which moment the next poll comes too soon.
    paced_until: Option<Monotonic>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Approved,
    Denied,
}

impl Device {
    fn is_waiting(&self, now: Monotonic) -> bool {
        self.answer.is_none() && now < self.good_until
    }
}

impl Logins {
    /// `false` where one of the codes is somebody's already.
    pub(super) fn put_device(
        &mut self,
        (device, user_code): (&TokenHash, &TokenHash),
        request: &DeviceRequest,
        room: usize,
        life: DeviceLife,
        now: Monotonic,
    ) -> bool {
        self.devices.expire(now, AT_ONCE);
        self.user_codes.expire(now, AT_ONCE);
        if self.devices.get(device, now).is_some() || self.user_codes.get(user_code, now).is_some()
        {
            return false;
        }
        while self.devices.len() > 0 && self.devices.len() >= room {
            if let Some(oldest) = self.devices.drop_first_to_end() {
                self.user_codes.take(&oldest.user_code);
            }
        }
        let stored = Device {
            request: Arc::new(request.clone()),
            user_code: *user_code,
            good_until: now + life.good_for,
            answer: None,
            interval: None,
            paced_until: None,
        };
        let ends = now + life.whole();
        self.devices.put(*device, stored, ends);
        self.user_codes.put(*user_code, *device, ends);
        true
    }

    pub(super) fn find_device(&self, user_code: &TokenHash, now: Monotonic) -> FoundDevice {
        let device = self.user_codes.get(user_code, now);
        let Some(device) = device.and_then(|device| self.devices.get(device, now)) else {
            return FoundDevice::Unknown;
        };
        if device.answer.is_some() {
            FoundDevice::Settled
        } else if now < device.good_until {
            FoundDevice::Waiting(Box::new(DeviceRequest::clone(&device.request)))
        } else {
            FoundDevice::Expired
        }
    }

    /// Whether it waited.
    pub(super) fn approve_device(
        &mut self,
        user_code: &TokenHash,
        grant: &CodeGrant,
        at_least: Duration,
        now: Monotonic,
    ) -> bool {
        let Some(id) = self.user_codes.get(user_code, now).copied() else {
            return false;
        };
        let Some(device) = self.devices.get_mut(&id, now).filter(|d| d.is_waiting(now)) else {
            return false;
        };
        device.answer = Some(Answer::Approved);
        let ends = device.good_until.max(now + at_least);
        self.codes.put(id, Code::fresh(grant), ends);
        true
    }

    /// Whether it waited.
    pub(super) fn deny_device(&mut self, user_code: &TokenHash, now: Monotonic) -> bool {
        let Some(id) = self.user_codes.get(user_code, now).copied() else {
            return false;
        };
        let Some(device) = self.devices.get_mut(&id, now).filter(|d| d.is_waiting(now)) else {
            return false;
        };
        device.answer = Some(Answer::Denied);
        true
    }

    pub(super) fn poll_device(
        &mut self,
        device: &TokenHash,
        pace: DevicePace,
        now: Monotonic,
    ) -> DevicePoll {
        let is_redeemed = self.used.get(device, now).is_some();
        let Some(device) = self.devices.get_mut(device, now) else {
            return DevicePoll::Unknown;
        };
        if device.answer == Some(Answer::Approved) {
            return if is_redeemed {
                DevicePoll::Redeemed
            } else {
                DevicePoll::Approved
            };
        }
        if now >= device.good_until {
            return DevicePoll::Expired;
        }
        if device.answer == Some(Answer::Denied) {
            return DevicePoll::Denied;
        }
        let is_too_soon = device.paced_until.is_some_and(|until| now < until);
        let before = device.interval.unwrap_or(pace.interval);
        let interval = match (is_too_soon, pace.is_forgiving) {
            (true, _) => before + pace.slower_by,
            (false, true) => pace.interval,
            (false, false) => before,
        };
        device.interval = Some(interval);
        device.paced_until = Some(now + interval);
        if is_too_soon {
            DevicePoll::SlowDown
        } else {
            DevicePoll::Pending
        }
    }
}
