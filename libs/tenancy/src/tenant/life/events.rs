use std::time::Duration;

use insula_ambient::{Monotonic, Timestamp};
use insula_jose::{Alg, RotationPlan, RotationStep};

/// Something that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Job {
    Spec,
    Keys,
    Connectors,
    Theme,
    NewKey,
    Swap,
}

impl Job {
    pub(super) fn is_of_keys(self) -> bool {
        matches!(self, Self::Keys | Self::NewKey | Self::Swap)
    }
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobError {
    pub(crate) job: Job,
    pub(crate) text: String,
    /// Whether it was a store that did not answer, and not the tenant's own fault.
    pub(crate) out_of_reach: bool,
}

/// What is to be loaded anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ReloadScope {
    /// The key ring.
    Keys,
    /// The configuration, and the key ring with it.
    Spec,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Started,
    RetryAsked,
    ReloadAsked(ReloadScope),
    DrainAsked,
    /// The timer went off; the last request came then.
    Tick {
        last_used: Monotonic,
    },
    SpecLoaded {
        passivate_after: Duration,
    },
    /// All of them are open.
    ConnectorsOpened,
    /// Some could not be opened. `chance` spreads when they are tried again.
    ConnectorsMarked {
        chance: u16,
        /// Whether they are others than before, or marked for another reason.
        is_news: bool,
    },
    ThemeCompiled,
    KeysLoaded {
        /// Whether they are others than before.
        are_new: bool,
        can_sign: bool,
    },
    KeysPlanned(RotationPlan),
    KeyMade,
    KeysSwapped,
    /// Another process changed the ring first.
    SwapLost,
    Failed(JobError),
    /// A later generation publishes now.
    Superseded,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    LoadSpec,
    LoadKeys,
    OpenConnectors,
    CompileTheme,
    PlanKeys {
        at: Timestamp,
        /// Whether something waits for the plan to be carried out.
        in_a_hurry: bool,
    },
    MakeKey {
        alg: Alg,
        activate: bool,
        at: Timestamp,
    },
    /// Promote or retire a key of the ring, or change what it promises.
    ChangeRing {
        step: RotationStep,
        at: Timestamp,
    },
    SwapKeys,
    /// Go back to the stored ring.
    ForgetRing,
    /// Go back to the configuration that is served.
    ForgetSpec,
    /// Tell the other processes that the keys changed.
    AnnounceKeys,
    Publish,
    ReportReady,
    ReportLoadFailed(JobError),
    ReportIdle,
    /// Remember how the last load of the configuration ended.
    RecordSpecOutcome(Option<String>),
    /// Remember how the last change of the ring ended.
    RecordKeysOutcome(Option<String>),
    SetTimer(Monotonic),
    Stop,
}
