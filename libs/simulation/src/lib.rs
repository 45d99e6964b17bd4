//! Several nodes, clients and browsers over the same stores, in one thread and from a seed.
//!
//! Owns the scheduler that lets each call to a store go on or fail, the agents that log in, redeem,
//! refresh and leave, and the promises that are checked after every step. Owns no rule: what runs are
//! `flows` and the decisions and loads of `tenancy` as they are shipped. Linked into tests and benchmarks only.

mod agent;
mod begin;
mod cache;
mod connector;
mod device;
mod draw;
mod exchange;
mod facts;
mod jobs;
mod judge;
mod keys;
mod logout;
mod node;
mod questions;
mod run;
mod scenario;
mod script;
mod shrink;
mod store;
mod tenants;
mod truth;
mod wire;
mod world;

pub use run::{Failure, explore, replay};
pub use script::{Act, Script, Step, Written};
pub use truth::{Promise, Violation};

/// How many steps a run has at most before the next begins with new nodes and empty stores.
pub const STEPS_EACH: usize = 1_000;

/// A fault that was mended, and can be put back to see whether it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// The grace of a replaced refresh token counts from when its request began, not from its
    /// answer.
    GraceFromRequestStart,
    /// A code is used up by the first try, also where its commit failed.
    CodeBurntByFailedCommit,
    /// That a code was redeemed is remembered in the cache alone.
    RedemptionInCacheAlone,
    /// What was revoked is looked up in the cache alone.
    RevocationInCacheAlone,
    /// What lasts a while is measured by a wall clock that can be set back.
    DurationsByWallTime,
    /// A rotated key ring is stored in the place of the old one without looking whether another node
    /// stored one first.
    RotationWithoutSwap,
    /// A row that was read before it changed is remembered after word of the change came.
    LateReadRemembered,
    /// A row is remembered until word comes that it changed, however long that takes.
    RememberedUntilTold,
    /// Nobody learns that the cache was set back.
    CacheLossUnnoticed,
    /// Nobody asks for which issuer the rows of a tenant were made.
    OwnerUnasked,
    /// What an upstream said at a refresh that could not be stored is not kept for the next try.
    UpstreamAnswerForgotten,
    /// Two nodes ask an upstream about one login at the same time.
    UpstreamAskedTogether,
    /// The code of a device is read, and deleted by a second step.
    DeviceCodeReadThenDeleted,
    /// A device whose codes have ended can still be confirmed.
    DeviceConfirmedLate,
    /// A client's logout is noted as told before it is sent.
    LogoutSettledBeforeSent,
}

impl Defect {
    /// What the scenarios are about that lead to it.
    pub(crate) fn topic(self) -> scenario::Topic {
        use scenario::Topic;
        match self {
            Self::CodeBurntByFailedCommit
            | Self::RedemptionInCacheAlone
            | Self::CacheLossUnnoticed => Topic::Codes,
            Self::GraceFromRequestStart | Self::DurationsByWallTime => Topic::Refreshing,
            Self::RevocationInCacheAlone | Self::LateReadRemembered | Self::RememberedUntilTold => {
                Topic::Revocation
            }
            Self::UpstreamAnswerForgotten | Self::UpstreamAskedTogether => Topic::Upstream,
            Self::OwnerUnasked => Topic::Tenants,
            Self::RotationWithoutSwap => Topic::Keys,
            Self::DeviceCodeReadThenDeleted | Self::DeviceConfirmedLate => Topic::Devices,
            Self::LogoutSettledBeforeSent => Topic::Logouts,
        }
    }
}
