use std::time::Duration;

use insula_ambient::Monotonic;
use insula_model::{CodeGrant, DeviceRequest, TokenHash};
use insula_store::{DeviceLife, DevicePace, DevicePoll, FoundDevice};

use super::{TenantEntries, living};

/// A device that asked for tokens.
#[derive(Debug, Clone)]
pub(super) struct Device {
    request: DeviceRequest,
    user_code: TokenHash,
    good_until: Monotonic,
    is_approved: Option<bool>,
    interval: Duration,
    paced_until: Option<Monotonic>,
}

impl TenantEntries {
    pub(crate) fn put_device(
        &mut self,
        (device, user_code): (&TokenHash, &TokenHash),
        request: &DeviceRequest,
        life: DeviceLife,
        now: Monotonic,
    ) -> bool {
        let is_taken = self.devices.get(device).is_some_and(|(_, end)| now < *end);
        if is_taken || self.device_of(user_code, now).is_some() {
            return false;
        }
        let stored = Device {
            request: request.clone(),
            user_code: *user_code,
            good_until: now + life.good_for,
            is_approved: None,
            interval: Duration::ZERO,
            paced_until: None,
        };
        let ends = now + life.whole();
        self.devices.insert(*device, (stored, ends));
        true
    }

    fn device_of(
        &mut self,
        user_code: &TokenHash,
        now: Monotonic,
    ) -> Option<(TokenHash, &mut Device)> {
        let mut devices = self.devices.iter_mut();
        let (id, (device, _)) =
            devices.find(|(_, (device, ends))| device.user_code == *user_code && now < *ends)?;
        Some((*id, device))
    }

    pub(crate) fn find_device(&mut self, user_code: &TokenHash, now: Monotonic) -> FoundDevice {
        match self.device_of(user_code, now) {
            None => FoundDevice::Unknown,
            Some((_, device)) if device.is_approved.is_some() => FoundDevice::Settled,
            Some((_, device)) if now < device.good_until => {
                FoundDevice::Waiting(Box::new(device.request.clone()))
            }
            Some(_) => FoundDevice::Expired,
        }
    }

    pub(crate) fn approve_device(
        &mut self,
        user_code: &TokenHash,
        grant: &CodeGrant,
        at_least: Duration,
        now: Monotonic,
    ) -> bool {
        let Some((id, life)) = self.settle(user_code, true, now) else {
            return false;
        };
        self.put_code(&id, grant, life.max(at_least), now);
        true
    }

    pub(crate) fn deny_device(&mut self, user_code: &TokenHash, now: Monotonic) -> bool {
        self.settle(user_code, false, now).is_some()
    }

    /// Only for the defect that confirms devices whose codes have ended.
    pub(crate) fn prolong_device(&mut self, user_code: &TokenHash, now: Monotonic) {
        if let Some((_, device)) = self.device_of(user_code, now) {
            device.good_until = Monotonic::NEVER;
        }
    }

    /// Only for the defect that reads the code of a device, and deletes it later: what the code of a
    /// device stands for.
    pub(crate) fn peek_of_device(&self, code: &TokenHash, now: Monotonic) -> Option<CodeGrant> {
        let is_of_device = self.devices.contains_key(code);
        self.peek(code, now).filter(|_| is_of_device)
    }

    /// Only for that defect: deletes it, whether it is still there or not.
    pub(crate) fn delete_of_device(&mut self, code: &TokenHash) -> bool {
        let is_of_device = self.devices.contains_key(code);
        if is_of_device {
            self.codes.remove(code);
        }
        is_of_device
    }

    fn settle(
        &mut self,
        user_code: &TokenHash,
        is_approved: bool,
        now: Monotonic,
    ) -> Option<(TokenHash, Duration)> {
        let (id, device) = self.device_of(user_code, now)?;
        if device.is_approved.is_some() || now >= device.good_until {
            return None;
        }
        device.is_approved = Some(is_approved);
        Some((id, device.good_until.since(now)))
    }

    pub(crate) fn poll_device(
        &mut self,
        device: &TokenHash,
        pace: DevicePace,
        now: Monotonic,
    ) -> DevicePoll {
        let is_redeemed = living(self.used.get(device), now).is_some();
        let found = self.devices.get_mut(device);
        let Some((device, _)) = found.filter(|(_, ends)| now < *ends) else {
            return DevicePoll::Unknown;
        };
        match device.is_approved {
            Some(true) if is_redeemed => return DevicePoll::Redeemed,
            Some(true) => return DevicePoll::Approved,
            _ if now >= device.good_until => return DevicePoll::Expired,
            Some(false) => return DevicePoll::Denied,
            None => {}
        }
        let is_too_soon = device.paced_until.is_some_and(|until| now < until);
        let interval = device.interval.max(pace.interval);
        device.interval = match (is_too_soon, pace.is_forgiving) {
            (true, _) => interval + pace.slower_by,
            (false, true) => pace.interval,
            (false, false) => interval,
        };
        device.paced_until = Some(now + device.interval);
        if is_too_soon {
            DevicePoll::SlowDown
        } else {
            DevicePoll::Pending
        }
    }
}
