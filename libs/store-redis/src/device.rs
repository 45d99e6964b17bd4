//! The verbs of devices.

use std::time::Duration;

use insula_model::{CodeGrant, DeviceRequest, TokenHash};
use insula_store::{DeviceLife, DevicePace, DevicePoll, FoundDevice, StoreError};

use crate::cache::{FULL, OfTenant, millis, number, text};
use crate::record::{self, DEVICE, STRANGE_HEAD, corrupt};
use crate::script;

impl OfTenant {
    fn devices(&self) -> String {
        format!("{}:device:", self.prefix)
    }

    fn user_codes(&self) -> String {
        format!("{}:user-code:", self.prefix)
    }

    fn paces(&self) -> String {
        format!("{}:paced:", self.prefix)
    }

    fn user_code(&self, user_code: &TokenHash) -> String {
        format!("{}{}", self.user_codes(), user_code.to_text())
    }

    pub(crate) async fn put_device_request(
        &self,
        (device, user_code): (&TokenHash, &TokenHash),
        request: &DeviceRequest,
        room: u32,
        life: DeviceLife,
    ) -> Result<bool, StoreError> {
        if life.good_for.is_zero() {
            return Ok(true);
        }
        let (name, user) = (device.to_text(), user_code.to_text());
        let key = format!("{}{name}", self.devices());
        let (user_code, list) = (
            self.user_code(user_code),
            format!("{}:devices", self.prefix),
        );
        let args = [
            text(millis(life.whole())),
            record::device(request, &user, millis(life.remembered_for))?,
            name.into_bytes(),
            text(room.max(1)),
            self.devices().into_bytes(),
            self.user_codes().into_bytes(),
            self.paces().into_bytes(),
        ];
        let args = args.each_ref().map(Vec::as_slice);
        let keys = [key.as_str(), &user_code, &list];
        let run = self
            .link
            .run("put_device", &script::PUT_DEVICE, &keys, &args);
        did(run.await?)
    }

    pub(crate) async fn device_of(&self, user_code: &TokenHash) -> Result<FoundDevice, StoreError> {
        let (key, devices) = (self.user_code(user_code), self.devices());
        let (keys, args) = ([key.as_str()], [devices.as_bytes()]);
        let run = self
            .link
            .run("find_device", &script::FIND_DEVICE, &keys, &args);
        let (state, json): (i64, Vec<u8>) = run.await?;
        Ok(match state {
            0 => FoundDevice::Unknown,
            1 => FoundDevice::Waiting(Box::new(record::read_device(&json)?)),
            2 => FoundDevice::Expired,
            3 => FoundDevice::Settled,
            _ => return Err(corrupt(DEVICE, STRANGE_HEAD)),
        })
    }

    pub(crate) async fn approve(
        &self,
        user_code: &TokenHash,
        grant: &CodeGrant,
        at_least: Duration,
    ) -> Result<bool, StoreError> {
        let (key, codes) = (self.user_code(user_code), self.codes());
        let args = [
            self.devices().into_bytes(),
            format!("{}:code:", self.prefix).into_bytes(),
            record::code(grant)?,
            text(millis(at_least)),
            number(self.limits.codes),
        ];
        let args = args.each_ref().map(Vec::as_slice);
        let keys = [key.as_str(), &codes];
        let run = self
            .link
            .run("approve_device", &script::APPROVE_DEVICE, &keys, &args);
        match run.await? {
            FULL => Err(StoreError::Full("codes")),
            answer => did(answer),
        }
    }

    pub(crate) async fn deny(&self, user_code: &TokenHash) -> Result<bool, StoreError> {
        let (key, devices) = (self.user_code(user_code), self.devices());
        let (keys, args) = ([key.as_str()], [devices.as_bytes()]);
        let run = self
            .link
            .run("deny_device", &script::DENY_DEVICE, &keys, &args);
        did(run.await?)
    }

    pub(crate) async fn poll(
        &self,
        device: &TokenHash,
        pace: DevicePace,
    ) -> Result<DevicePoll, StoreError> {
        let name = device.to_text();
        let key = format!("{}{name}", self.devices());
        let paced = format!("{}{name}", self.paces());
        let args = [
            text(millis(pace.interval)),
            text(millis(pace.slower_by)),
            text(u8::from(pace.is_forgiving)),
        ];
        let args = args.each_ref().map(Vec::as_slice);
        let code = self.code(device);
        let keys = [key.as_str(), &paced, &code];
        let run = self
            .link
            .run("poll_device", &script::POLL_DEVICE, &keys, &args);
        let answer: i64 = run.await?;
        Ok(match answer {
            0 => DevicePoll::Unknown,
            1 => DevicePoll::Pending,
            2 => DevicePoll::SlowDown,
            3 => DevicePoll::Approved,
            4 => DevicePoll::Denied,
            5 => DevicePoll::Expired,
            6 => DevicePoll::Redeemed,
            _ => return Err(corrupt(DEVICE, STRANGE_HEAD)),
        })
    }
}

/// Whether a script did what it was to do.
fn did(answer: i64) -> Result<bool, StoreError> {
    match answer {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(corrupt(DEVICE, STRANGE_HEAD)),
    }
}
