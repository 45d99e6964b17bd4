//! What was promised to whom. Written from what was answered alone, never from a store.

use std::fmt;

use insula_ambient::Timestamp;
use insula_model::{GrantId, SessionCookie, TokenHash};
use insula_store::ChangedFact;
use serde::{Deserialize, Serialize};

use crate::world::{IDLE_SESSION_MS, SESSION_MS, TOLERANCE_MS};

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which promise.
    pub promise: Promise,
    /// How it came out.
    pub what: String,
}

/// What must hold after every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Promise {
    /// A code is redeemed once.
    CodeRedeemedOnce,
    /// What was acknowledged stands: codes, grants and tokens serve until they end.
    GrantKept,
    /// Who did nothing wrong stays logged in.
    StaysLoggedIn,
    /// What was revoked is worth nothing: at once on a node that did it or heard of it, and within the
    /// promised time on every node.
    RevocationFinal,
    /// Who logged out is logged out, in the same sense.
    LogoutFinal,
    /// A refresh token that was replaced is worth nothing after its grace.
    ReplacedTokenDead,
    /// Every token is signed by a key that everybody can learn.
    KeyKnown,
    /// Nothing of one tenant or person is ever of use at another's.
    TenantsApart,
    /// A device gets tokens if its person said yes in time, and not otherwise.
    DeviceConfirmed,
    /// A token that was got in exchange lives no longer than the one that was exchanged.
    ExchangedEndsWithOrigin,
    /// Every client that was logged in through a session that ended is told so, and no other.
    LogoutTold,
    /// A request that went wrong is told so, and by nothing else.
    NoOddAnswer,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.what)
    }
}

impl Promise {
    pub(crate) fn broken(self, what: impl Into<String>) -> Violation {
        Violation {
            promise: self,
            what: what.into(),
        }
    }
}

/// A moment, by the one true time and by the clocks of the nodes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) ms: u64,
    /// The earliest and the latest time that any node told.
    pub(crate) told: (Timestamp, Timestamp),
}

impl Moment {
    /// Whether a life of `ms` that began then and that nobody's wall clock counts is not over now.
    pub(crate) fn is_within(self, then: Self, ms: u64) -> bool {
        self.ms - then.ms < ms
    }

    /// Whether a life of `ms` that began then is surely not over now, by anybody's clock.
    pub(crate) fn surely_within(self, then: Self, ms: u64) -> bool {
        let told = self.told.1.as_millis() - then.told.0.as_millis();
        self.ms - then.ms < ms && told < i64::try_from(ms).unwrap_or(i64::MAX)
    }
}

/// A code that a client was given.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) text: String,
    pub(crate) issued: Moment,
    /// How often it was answered with tokens.
    pub(crate) answers: u32,
    /// Why it need not be redeemable any more, or its tokens may be condemned.
    pub(crate) excused: Option<&'static str>,
    pub(crate) family: Option<usize>,
    /// How often it was presented.
    pub(crate) presented: u32,
    /// The session in which it was given, if it was given in one.
    pub(crate) session: Option<TokenHash>,
    /// What its person said, where it is the code of a device.
    pub(crate) device: Option<DeviceAnswer>,
}

/// What a person said of a device.
#[derive(Debug, Clone)]
pub(crate) struct DeviceAnswer {
    pub(crate) user_code: String,
    /// When the device had its codes.
    pub(crate) given: Moment,
    /// Whether they ever said yes, also where they were not answered.
    pub(crate) said_yes: bool,
    /// When a yes began that they were told had come in time.
    pub(crate) approved: Option<Moment>,
    /// When a no began that they were told had come in time.
    pub(crate) denied: Option<Moment>,
}

/// All tokens that came of one code.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) tenant: usize,
    pub(crate) grant: GrantId,
    /// The refresh token that was answered last.
    pub(crate) latest: Option<String>,
    /// The one before it.
    pub(crate) before: Option<String>,
    /// When the latest was first answered.
    pub(crate) latest_since: Moment,
    /// When the latest was answered last to a request that was under way when it was first.
    pub(crate) noted: Moment,
    /// When any token was answered last.
    pub(crate) answered: Moment,
    /// Whether the note that it was answered may have been lost with its node.
    pub(crate) note_lost: bool,
    /// Since when the cache alone knows what an upstream said at its last use.
    pub(crate) kept_since: Option<u64>,
    /// When a refresh of it ended last.
    pub(crate) question_ended: Option<u64>,
    /// Why it may be dead although nobody was told so.
    pub(crate) excused: Option<&'static str>,
}

/// What a service got in exchange for another token.
#[derive(Debug, Clone)]
pub(crate) struct Exchanged {
    pub(crate) access: String,
    pub(crate) grant: GrantId,
    /// The family of the token that it was exchanged for, where that was ours.
    pub(crate) of: Option<usize>,
    pub(crate) since: Moment,
    /// How long it is good, as the service was told.
    pub(crate) ms: u64,
    /// Why it may be dead although nobody was told so.
    pub(crate) excused: Option<&'static str>,
}

/// What a client holds.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) family: usize,
    pub(crate) refresh: Option<String>,
    pub(crate) access: String,
    pub(crate) access_since: Moment,
    /// How long the access token is good, as the client was told.
    pub(crate) access_ms: u64,
    pub(crate) id_token: Option<String>,
}

/// That something ended: which, where, and when it was acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) fact: ChangedFact,
    /// The node that ended it; none where it found it ended, by a node that others hear of later.
    pub(crate) node: Option<usize>,
    pub(crate) acknowledged: Moment,
}

impl Session {
    /// Whether it surely lives as far as time goes.
    pub(crate) fn surely_lives(&self, now: Moment) -> bool {
        now.surely_within(self.since, SESSION_MS - TOLERANCE_MS)
            && now.surely_within(self.served, IDLE_SESSION_MS / 4 * 3 - TOLERANCE_MS)
    }
}

/// A browser session that a browser was given.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) cookie: SessionCookie,
    pub(crate) since: Moment,
    /// When it was last seen to serve.
    pub(crate) served: Moment,
    /// The logins that clients have through it, by `sid`; also those of earlier sessions whose place it
    /// took.
    pub(crate) logins: Vec<String>,
    /// How many sessions it took the place of.
    pub(crate) earlier: usize,
    pub(crate) excused: Option<&'static str>,
}
