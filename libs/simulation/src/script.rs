use serde::{Deserialize, Serialize};

/// All that happens in one run, in order: with the same seed it happens again, whatever was left out
/// of it before or after. A step that cannot be taken as things stand does nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// What ids, codes and keys are made from.
    pub seed: u64,
    /// What happens.
    pub steps: Vec<Step>,
}

/// One thing that happens. Milliseconds are of the one true time, which no node can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Somebody sends a request to a node; it gets as far as its first call.
    Begin {
        /// Who.
        agent: usize,
        /// Where.
        node: usize,
        /// What.
        act: Act,
    },
    /// A request goes on to its next call, or to its end.
    Go {
        /// Whose.
        agent: usize,
        /// Which of theirs.
        slot: usize,
    },
    /// The call a request waits for fails: before it was carried out, or after.
    Lose {
        /// Whose.
        agent: usize,
        /// Which of theirs.
        slot: usize,
    },
    /// The connection is cut, and the request ends where it stands.
    Cut {
        /// Whose.
        agent: usize,
        /// Which of theirs.
        slot: usize,
    },
    /// Nobody waits for the answer any more; the request goes on.
    GiveUp {
        /// Whose.
        agent: usize,
        /// Which of theirs.
        slot: usize,
    },
    /// A job of a tenant at a node, such as loading or storing its keys, goes on to its next call.
    Work {
        /// Where.
        node: usize,
        /// Whose.
        tenant: usize,
    },
    /// The call such a job waits for fails.
    LoseWork {
        /// Where.
        node: usize,
        /// Whose.
        tenant: usize,
    },
    /// What is written of a tenant changes; nodes look at it when they reload.
    Write {
        /// Whose.
        tenant: usize,
        /// What is written from now on.
        what: Written,
    },
    /// A node looks at what is written of a tenant: it loads it again, or it finds the tenant gone or
    /// back.
    Reload {
        /// Where.
        node: usize,
        /// Whose.
        tenant: usize,
    },
    /// From now on no node hears of the others.
    DropBus,
    /// They hear of each other again.
    MendBus,
    /// A node hears the next word of the others about rows that changed.
    Hear {
        /// Which.
        node: usize,
    },
    /// A node begins to tell a client of the logouts that are due; it gets as far as its first call.
    Tell {
        /// Which node.
        node: usize,
        /// The tenant of the client.
        tenant: usize,
        /// Which of its clients.
        client: usize,
    },
    /// What a node tells a client goes on to its next call, or to its end.
    TellOn {
        /// Which node.
        node: usize,
    },
    /// The call that this waits for fails: to a store, or to the client.
    LoseTelling {
        /// Which node.
        node: usize,
    },
    /// Time passes.
    Pass {
        /// How much.
        ms: u64,
    },
    /// A node ends, with all it had under way and in memory.
    Kill {
        /// Which.
        node: usize,
    },
    /// A node that ended begins anew.
    Start {
        /// Which.
        node: usize,
    },
    /// The cache loses all it holds.
    EmptyCache,
    /// The cache writes down what it holds.
    SaveCache,
    /// The cache goes back to what it wrote down last.
    RestoreCache,
    /// Somebody sets the wall clock of one node.
    SetClock {
        /// Whose.
        node: usize,
        /// Forward, or back.
        ms: i64,
    },
    /// Somebody sets the wall clocks of all nodes alike.
    SetAllClocks {
        /// Forward, or back.
        ms: i64,
    },
    /// From now on the wall clock of a node gains or loses so much of each million.
    Drift {
        /// Whose.
        node: usize,
        /// How much.
        parts: i64,
    },
    /// A node deletes what has expired by its clock.
    Collect {
        /// Which.
        node: usize,
    },
}

/// What is written of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Written {
    /// What it began with.
    AsItWas,
    /// One client less, and the other must ask its people.
    OtherClients,
    /// One connector under other settings, another one more or less.
    OtherConnectors,
    /// Somebody else's: the same name under another issuer.
    AnotherIssuer,
    /// Nothing.
    Nothing,
}

impl Written {
    /// The name of this version, by which a snapshot tells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AsItWas => "as-it-was",
            Self::OtherClients => "other-clients",
            Self::OtherConnectors => "other-connectors",
            Self::AnotherIssuer => "another-issuer",
            Self::Nothing => "nothing",
        }
    }
}

/// What somebody asks of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Act {
    /// A browser follows the link of a client.
    Authorize,
    /// The same, and the person must log in although they are.
    LogInAgain,
    /// The person chooses how to log in, or the browser follows a redirect to where that is chosen.
    Choose,
    /// The browser comes back from the upstream, where the person proved who they are.
    ComeBack,
    /// The person says yes to the client.
    Consent,
    /// A client asks whether the person is logged in, showing nothing.
    AskSilently,
    /// The person logs out.
    LogOut,
    /// The client redeems its code.
    Redeem,
    /// The client uses its refresh token.
    Refresh,
    /// The client asks who the person is.
    Userinfo,
    /// A resource server asks what the access token is worth.
    Introspect,
    /// The client revokes its refresh token.
    Revoke,
    /// Somebody presents a code that was redeemed, with all that belongs to it.
    ReplayCode,
    /// Somebody presents a refresh token that was replaced.
    ReplayRefresh,
    /// A revoked access token is shown.
    UseRevoked,
    /// A revoked refresh token is used.
    RefreshRevoked,
    /// The cookie of somebody who logged out is shown.
    UseOldCookie,
    /// The tokens of one tenant are shown to another.
    UserinfoElsewhere,
    /// The refresh token of one tenant is used at another.
    RefreshElsewhere,
    /// The session cookie of one tenant is shown to another.
    AskElsewhere,
    /// A device asks for codes.
    AskForDevice,
    /// The person types the code that the device shows.
    EnterCode,
    /// The person says that the device is theirs.
    ConfirmDevice,
    /// The person says that it is not.
    DenyDevice,
    /// By dex's rules: the browser comes to the callback of devices.
    FinishDevice,
    /// The device asks whether it may go on.
    Poll,
    /// Somebody polls with the code of a device that was answered.
    ReplayPoll,
    /// The code of a device is used at another tenant.
    PollElsewhere,
    /// The client sends the person's name and password.
    PasswordLogin,
    /// A service exchanges the access token that it was shown.
    ExchangeOwn,
    /// A service exchanges a token of the upstream's.
    ExchangeUpstream,
    /// The service asks what the token is worth that it got.
    ShowExchanged,
    /// The service revokes it.
    RevokeExchanged,
    /// It asks about one that is not good any more: it was revoked, or what it was exchanged for.
    UseRevokedExchanged,
    /// A revoked access token is exchanged.
    ExchangeRevoked,
    /// The access token of one tenant is exchanged at another.
    ExchangeElsewhere,
}

impl Act {
    /// Whether a browser does it, which does one thing after the other.
    pub(crate) fn is_of_browser(self) -> bool {
        matches!(
            self,
            Self::Authorize
                | Self::LogInAgain
                | Self::Choose
                | Self::ComeBack
                | Self::Consent
                | Self::AskSilently
                | Self::LogOut
                | Self::EnterCode
                | Self::ConfirmDevice
                | Self::DenyDevice
                | Self::FinishDevice
        )
    }

    /// Whether it is a step of a login that began before.
    pub(crate) fn continues_login(self) -> bool {
        matches!(
            self,
            Self::Choose
                | Self::ComeBack
                | Self::Consent
                | Self::ConfirmDevice
                | Self::DenyDevice
                | Self::FinishDevice
        )
    }

    /// Whether it asks another tenant than the agent's.
    pub(crate) fn is_elsewhere(self) -> bool {
        matches!(
            self,
            Self::UserinfoElsewhere
                | Self::RefreshElsewhere
                | Self::AskElsewhere
                | Self::PollElsewhere
                | Self::ExchangeElsewhere
        )
    }
}
