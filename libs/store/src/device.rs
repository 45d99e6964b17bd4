use std::time::Duration;

use insula_model::DeviceRequest;

/// How long what a device asked for is good, and how long it is remembered as ended after that, so
/// that its device can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceLife {
    /// How long both codes are good.
    pub good_for: Duration,
    /// For how long after that the device is told that they ended, or what became of them.
    pub remembered_for: Duration,
}

impl DeviceLife {
    /// Both together.
    pub fn whole(&self) -> Duration {
        self.good_for.saturating_add(self.remembered_for)
    }
}

/// How often a device may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DevicePace {
    /// The least time between two polls, to begin with.
    pub interval: Duration,
    /// By how much more that is after each poll that came too soon (RFC 8628 §3.5).
    pub slower_by: Duration,
    /// Whether a poll that came in time brings the first interval back, as in dex.
    pub is_forgiving: bool,
}

/// What a user code leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundDevice {
    /// A device that waits for a person.
    Waiting(Box<DeviceRequest>),
    /// One that somebody approved or denied.
    Settled,
    /// One whose codes ended.
    Expired,
    /// Nothing.
    Unknown,
}

/// What a poll of a device came to (RFC 8628 §3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DevicePoll {
    /// Nobody said anything yet.
    Pending,
    /// The same, and the poll came too soon.
    SlowDown,
    /// A person approved: there is a code under the hash of the device code.
    Approved,
    /// The same, and the code was redeemed before this poll came.
    Redeemed,
    /// A person denied.
    Denied,
    /// The codes ended.
    Expired,
    /// Nobody knows this device code.
    Unknown,
}
