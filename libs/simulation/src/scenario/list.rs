//! All scenarios there are, by what they are about.

use super::Part::{self, Do, Get, Repeat, Settle, Then};
use super::{Disturbance, Goal};
use crate::script::{Act, Step, Written};
use crate::tenants::PERSON_OF_ROTATING;

/// What scenarios are about. A run keeps to one of them, or has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Codes,
    Refreshing,
    Revocation,
    Upstream,
    Tenants,
    Keys,
    Devices,
    Logouts,
}

impl Topic {
    pub(crate) const COUNT: u64 = 8;
    pub(crate) const ALL: [Self; 8] = [
        Self::Codes,
        Self::Refreshing,
        Self::Revocation,
        Self::Upstream,
        Self::Tenants,
        Self::Keys,
        Self::Devices,
        Self::Logouts,
    ];
}

/// The scenarios of a topic.
pub(crate) fn of_topic(topic: Topic) -> &'static [&'static [Part]] {
    match topic {
        Topic::Codes => CODES,
        Topic::Refreshing => REFRESHING,
        Topic::Revocation => REVOCATION,
        Topic::Upstream => UPSTREAM,
        Topic::Tenants => TENANTS,
        Topic::Keys => KEYS,
        Topic::Devices => DEVICES,
        Topic::Logouts => LOGOUTS,
    }
}

const ALL_NODES: &[usize] = &[0, 1, 2];

/// Longer than a replaced token is forgiven.
const LONGER_THAN_GRACE: Part = Then(Step::Pass { ms: 4_000 });
/// Longer than rows are remembered.
const LONGER_THAN_REMEMBERED: Part = Then(Step::Pass { ms: 2_000 });

/// Codes whose redemption fails, or that the cache forgets.
const CODES: &[&[Part]] = &[
    // The cache forgets that a code was redeemed.
    &[
        Get(Goal::Code),
        Then(Step::SaveCache),
        Do(Act::Redeem),
        Then(Step::RestoreCache),
        Do(Act::ReplayCode),
    ],
    // The same, and the first who presents it then is not answered.
    &[
        Get(Goal::Code),
        Then(Step::SaveCache),
        Do(Act::Redeem),
        Then(Step::RestoreCache),
        Part::Disturbed(Act::ReplayCode, &[Disturbance::Fails], Some("claim_code")),
        Do(Act::ReplayCode),
    ],
    // A redemption fails, and its client tries again.
    &[
        Get(Goal::Code),
        Part::Disturbed(Act::Redeem, &[Disturbance::Fails], None),
        Do(Act::Redeem),
    ],
    &[
        Get(Goal::Code),
        Part::Disturbed(Act::Redeem, &[Disturbance::Fails], Some("claim_code")),
        Do(Act::Redeem),
    ],
    // Wall clocks are set while a code waits.
    &[
        Get(Goal::Code),
        Then(Step::SetAllClocks { ms: 3_600_000 }),
        Do(Act::Redeem),
    ],
];

/// Refreshes that fail, stall or come late.
const REFRESHING: &[&[Part]] = &[
    &[
        Get(Goal::Tokens),
        Do(Act::Refresh),
        Then(Step::Pass { ms: 9_000 }),
        Do(Act::ReplayRefresh),
    ],
    &[
        Get(Goal::Tokens),
        Part::Disturbed(Act::Refresh, &[Disturbance::Fails], Some("rotate_refresh")),
        LONGER_THAN_GRACE,
        Do(Act::Refresh),
    ],
    &[
        Get(Goal::Tokens),
        Part::Disturbed(
            Act::Refresh,
            &[Disturbance::Stalls, Disturbance::IsGivenUp],
            Some("rotate_refresh"),
        ),
        Do(Act::Refresh),
    ],
    // The clock of one node is set back while a replaced token is forgiven.
    &[
        Get(Goal::Tokens),
        Do(Act::Refresh),
        Then(Step::SetAllClocks { ms: -60_000 }),
        Then(Step::Pass { ms: 9_000 }),
        Do(Act::ReplayRefresh),
    ],
    // Somebody logs in with a password, and refreshes.
    &[Do(Act::PasswordLogin), Do(Act::Refresh), Do(Act::Userinfo)],
];

/// What was revoked is used again.
const REVOCATION: &[&[Part]] = &[
    // The cache forgets what was revoked.
    &[
        Get(Goal::Tokens),
        Do(Act::Revoke),
        Then(Step::EmptyCache),
        Do(Act::UseRevoked),
        Do(Act::RefreshRevoked),
    ],
    &[
        Get(Goal::Tokens),
        Then(Step::SaveCache),
        Do(Act::Revoke),
        Then(Step::RestoreCache),
        Do(Act::RefreshRevoked),
        Do(Act::UseRevoked),
    ],
    // A token is asked about everywhere, and nobody hears that it is revoked.
    &[
        Get(Goal::Tokens),
        Then(Step::DropBus),
        Part::At(0, Act::Userinfo),
        Part::At(1, Act::Introspect),
        Part::At(2, Act::Userinfo),
        Do(Act::Revoke),
        Do(Act::UseRevoked),
        LONGER_THAN_REMEMBERED,
        Part::Everywhere(Act::UseRevoked),
        Then(Step::MendBus),
    ],
    // A token is asked about while it is revoked, and everybody hears of that before the answer.
    &[
        Get(Goal::Tokens),
        LONGER_THAN_GRACE,
        Part::Pause(Act::Userinfo, "is_revoked"),
        Do(Act::Revoke),
        Part::HearAll,
        Part::Resume,
        Repeat(3, &[Do(Act::UseRevoked)]),
    ],
    // What a token was exchanged for ends with it.
    &[
        Get(Goal::Exchanged),
        Part::Everywhere(Act::ShowExchanged),
        Do(Act::Revoke),
        Do(Act::UseRevokedExchanged),
        LONGER_THAN_REMEMBERED,
        Part::Everywhere(Act::UseRevokedExchanged),
        Do(Act::ExchangeRevoked),
    ],
    &[
        Get(Goal::Exchanged),
        Part::Everywhere(Act::ShowExchanged),
        Do(Act::RevokeExchanged),
        LONGER_THAN_REMEMBERED,
        Part::Everywhere(Act::UseRevokedExchanged),
    ],
];

/// The upstream is asked right after the call that is named, and the next one fails.
const FAILING_REFRESH: Part = Part::Disturbed(
    Act::Refresh,
    &[Disturbance::GoesOn, Disturbance::Fails],
    Some("begin_refresh"),
);

/// An upstream that takes each of its tokens once is asked, and what it says cannot be stored.
const UPSTREAM: &[&[Part]] = &[
    &[
        Part::For(PERSON_OF_ROTATING),
        Get(Goal::Tokens),
        Repeat(3, &[FAILING_REFRESH, Do(Act::Refresh)]),
    ],
    // It is asked twice at once.
    &[
        Part::For(PERSON_OF_ROTATING),
        Get(Goal::Tokens),
        Part::PauseAtSecond(Act::Refresh, "find_refresh"),
        Do(Act::Refresh),
        Part::Resume,
        Repeat(2, &[Do(Act::Refresh)]),
    ],
];

/// Tenants that are removed or become somebody else's.
const TENANTS: &[&[Part]] = &[
    // A tenant is removed and is back.
    &[
        Part::For(0),
        Get(Goal::Tokens),
        Part::Write(Written::Nothing, ALL_NODES),
        Part::Write(Written::AsItWas, ALL_NODES),
        Do(Act::Refresh),
        Do(Act::Userinfo),
    ],
    // A tenant is removed, and its name is somebody else's for a while.
    &[
        Part::For(0),
        Get(Goal::Tokens),
        Part::Write(Written::Nothing, &[0, 1]),
        Part::Write(Written::AnotherIssuer, ALL_NODES),
        Do(Act::Refresh),
        Part::Write(Written::AsItWas, ALL_NODES),
        Do(Act::Refresh),
    ],
];

/// All nodes rotate at once, and sign with the new keys.
const KEYS: &[&[Part]] = &[&[
    Repeat(4, &[Settle, Then(Step::Pass { ms: 700_000 })]),
    Settle,
    Then(Step::Pass { ms: 70_000 }),
    Settle,
    Get(Goal::Tokens),
    Do(Act::Refresh),
    Do(Act::Refresh),
]];

/// Longer than a device may wait to be confirmed.
const LONGER_THAN_DEVICES_WAIT: Part = Then(Step::Pass { ms: 130_000 });

/// Devices that poll twice at once, are not answered, denied, or confirmed too late.
const DEVICES: &[&[Part]] = &[
    &[
        Get(Goal::ConfirmedDevice),
        Part::Pause(Act::Poll, "claim_code"),
        Do(Act::Poll),
        Part::Resume,
        Do(Act::Userinfo),
        Do(Act::Refresh),
    ],
    // The first of two polls is held up before it claims the code.
    &[
        Get(Goal::ConfirmedDevice),
        Part::Pause(Act::Poll, "poll_device"),
        Do(Act::Poll),
        Part::Resume,
        Do(Act::Userinfo),
    ],
    &[
        Get(Goal::ConfirmedDevice),
        Part::Disturbed(Act::Poll, &[Disturbance::Fails], None),
        Do(Act::Poll),
        Do(Act::Refresh),
    ],
    &[
        Get(Goal::ConfirmedDevice),
        Then(Step::SaveCache),
        Do(Act::Poll),
        Then(Step::RestoreCache),
        Do(Act::ReplayPoll),
    ],
    &[
        Get(Goal::AskedForDevice),
        Do(Act::Poll),
        Do(Act::DenyDevice),
        Do(Act::Poll),
    ],
    &[
        Get(Goal::Device),
        Do(Act::Poll),
        Get(Goal::AskedForDevice),
        LONGER_THAN_DEVICES_WAIT,
        Get(Goal::ConfirmedDevice),
        Do(Act::Poll),
    ],
];

/// People log out, and their clients are told.
const LOGOUTS: &[&[Part]] = &[
    // Nobody hears that somebody left. They may be asked whether they mean to.
    &[
        Get(Goal::Session),
        Then(Step::DropBus),
        Then(Step::SaveCache),
        Repeat(2, &[Do(Act::LogOut)]),
        Then(Step::RestoreCache),
        Do(Act::UseOldCookie),
        Then(Step::MendBus),
    ],
    &[
        Get(Goal::Session),
        Then(Step::DropBus),
        Part::At(0, Act::AskSilently),
        Part::At(1, Act::AskSilently),
        Repeat(2, &[Do(Act::LogOut)]),
        Do(Act::UseOldCookie),
        LONGER_THAN_REMEMBERED,
        Part::At(0, Act::UseOldCookie),
        Part::At(1, Act::UseOldCookie),
        Then(Step::MendBus),
    ],
    // The client is told by one node.
    &[
        Get(Goal::Session),
        Get(Goal::Tokens),
        Repeat(2, &[Do(Act::LogOut)]),
        Part::Tell(0),
        Part::Told,
    ],
    // The node that tells it ends, and another tells it later.
    &[
        Get(Goal::Session),
        Get(Goal::Tokens),
        Repeat(2, &[Do(Act::LogOut)]),
        Part::Tell(1),
        Repeat(3, &[Then(Step::TellOn { node: 1 })]),
        Then(Step::Kill { node: 1 }),
        Then(Step::Start { node: 1 }),
        Then(Step::Pass { ms: 70_000 }),
        Part::Tell(0),
        Part::Told,
    ],
    // It cannot be reached.
    &[
        Get(Goal::Session),
        Get(Goal::Tokens),
        Repeat(2, &[Do(Act::LogOut)]),
        Part::Tell(2),
        Repeat(4, &[Then(Step::TellOn { node: 2 })]),
        Then(Step::LoseTelling { node: 2 }),
        Part::Told,
    ],
];
