use std::collections::BTreeSet;
use std::time::Duration;

use insula_ambient::{Monotonic, Timestamp};
use insula_jose::{Alg, RotationPlan, RotationStep};

use crate::TenantPhase;

/// How long a rotation that failed is left alone.
const ROTATION_RETRY: Duration = Duration::from_secs(30);

/// A moment, by both clocks. Keys go by wall time, which is stored with them; what lasts a while is
/// counted, so that a clock that is set neither puts a tenant to sleep nor keeps it from looking.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) wall: Timestamp,
    pub(crate) count: Monotonic,
}

/// When something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    At(Timestamp),
    After(Monotonic),
}

impl Due {
    fn is_past(self, now: Now) -> bool {
        match self {
            Self::At(wall) => now.wall >= wall,
            Self::After(count) => now.count >= count,
        }
    }

    /// The same by the count, as far as can be told now.
    fn counted(self, now: Now) -> Monotonic {
        match self {
            Self::At(wall) => now.count + wall.since(now.wall),
            Self::After(count) => count,
        }
    }
}

/// The state machine of a tenant's actor. Answers events with commands and does nothing itself; its
/// tests are a table of all transitions.
///
/// `Asleep` and `Quarantined` are no phases of an actor: then there is none.
#[derive(Debug)]
pub(crate) struct TenantLife {
    phase: TenantPhase,
    poll_every: Duration,
    passivate_after: Duration,
    /// What was begun and has not ended.
    running: BTreeSet<Job>,
    /// Whether the configuration is part of this round.
    with_spec: bool,
    /// What went wrong in this round: first, or worst.
    job_error: Option<JobError>,
    /// What is to be loaded anew once the round is over.
    pending_reload: Option<ReloadScope>,
    /// Whether the ring must be looked at before anything is published.
    unplanned: bool,
    /// The moment all of one change of the ring is planned at.
    planning: Option<Timestamp>,
    /// Whether the ring differs from the stored one.
    changed: bool,
    /// Whether what is published differs from what there is.
    unpublished: bool,
    /// Whether the stored ring can sign.
    can_sign: bool,
    keys_failed: bool,
    keys_due: Due,
    poll_due: Monotonic,
    last_used: Monotonic,
    /// What the timer is set to.
    timer: Option<Monotonic>,
}

/// Something that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Job {
    Spec,
    Keys,
    Connectors,
    Theme,
    Plan,
    NewKey,
    Swap,
}

impl Job {
    fn is_of_keys(self) -> bool {
        matches!(self, Self::Keys | Self::Plan | Self::NewKey | Self::Swap)
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
    ConnectorsOpened,
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
    },
    MakeKey {
        alg: Alg,
        activate: bool,
        at: Timestamp,
    },
    /// Promote or retire a key of the ring.
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

impl TenantLife {
    pub(crate) fn new(poll_every: Duration) -> Self {
        Self {
            phase: TenantPhase::Loading,
            poll_every,
            passivate_after: Duration::ZERO,
            running: BTreeSet::new(),
            with_spec: false,
            job_error: None,
            pending_reload: None,
            unplanned: false,
            planning: None,
            changed: false,
            unpublished: false,
            can_sign: false,
            keys_failed: false,
            keys_due: Due::At(Timestamp::NEVER),
            poll_due: Monotonic::NEVER,
            last_used: Monotonic::START,
            timer: None,
        }
    }

    pub(crate) fn phase(&self) -> TenantPhase {
        self.phase
    }

    /// What to do about `event`.
    pub(crate) fn on(&mut self, event: Event, now: Now) -> Vec<Command> {
        let mut todo = Vec::new();
        match event {
            Event::Started => self.load(now, &mut todo),
            Event::RetryAsked if self.phase == TenantPhase::Failing => self.load(now, &mut todo),
            Event::RetryAsked => {}
            Event::ReloadAsked(what) => self.pending_reload = self.pending_reload.max(Some(what)),
            Event::DrainAsked => self.phase = TenantPhase::Draining,
            Event::Superseded => {
                self.phase = TenantPhase::Draining;
                self.running.clear();
            }
            Event::Tick { last_used } => self.tick(last_used, now, &mut todo),
            Event::SpecLoaded { passivate_after } => {
                self.running.remove(&Job::Spec);
                self.passivate_after = passivate_after;
                self.unplanned = true;
                self.unpublished = true;
                self.begin(Job::Connectors, &mut todo);
                self.begin(Job::Theme, &mut todo);
            }
            Event::ConnectorsOpened => self.finished(Job::Connectors),
            Event::ThemeCompiled => self.finished(Job::Theme),
            Event::KeysLoaded { are_new, can_sign } => {
                self.finished(Job::Keys);
                self.can_sign = can_sign;
                self.changed = false;
                self.planning = None;
                self.unplanned = true;
                self.unpublished |= are_new;
            }
            Event::KeysPlanned(plan) => self.planned(plan, now, &mut todo),
            Event::KeyMade => {
                self.finished(Job::NewKey);
                self.changed = true;
            }
            Event::KeysSwapped => {
                self.finished(Job::Swap);
                self.ring_is_done(&mut todo);
                self.can_sign = true;
                self.unpublished = true;
                todo.push(Command::AnnounceKeys);
            }
            Event::SwapLost => {
                self.finished(Job::Swap);
                self.changed = false;
                self.planning = None;
                self.begin(Job::Keys, &mut todo);
            }
            Event::Failed(job_error) => {
                self.finished(job_error.job);
                if matches!(job_error.job, Job::NewKey | Job::Swap) {
                    self.changed = false;
                    self.planning = None;
                    todo.push(Command::ForgetRing);
                }
                // What is wrong with the configuration matters more than what is with the keys.
                let is_worse =
                    |known: &JobError| known.job.is_of_keys() && !job_error.job.is_of_keys();
                if self.job_error.as_ref().is_none_or(is_worse) {
                    self.job_error = Some(job_error);
                }
            }
        }
        if self.running.is_empty() {
            self.settle(now, &mut todo);
        }
        todo
    }

    fn load(&mut self, now: Now, todo: &mut Vec<Command>) {
        self.phase = TenantPhase::Loading;
        self.pending_reload = None;
        self.job_error = None;
        self.last_used = now.count;
        self.poll_due = now.count + self.poll_every;
        self.with_spec = true;
        self.begin(Job::Spec, todo);
        self.begin(Job::Keys, todo);
    }

    fn begin(&mut self, job: Job, todo: &mut Vec<Command>) {
        if self.phase == TenantPhase::Draining {
            return;
        }
        self.running.insert(job);
        match job {
            Job::Spec => todo.push(Command::LoadSpec),
            Job::Keys => todo.push(Command::LoadKeys),
            Job::Connectors => todo.push(Command::OpenConnectors),
            Job::Theme => todo.push(Command::CompileTheme),
            // These carry what they need, and are begun where it is known.
            Job::Plan | Job::NewKey | Job::Swap => {}
        }
    }

    fn finished(&mut self, job: Job) {
        self.running.remove(&job);
    }

    fn tick(&mut self, last_used: Monotonic, now: Now, todo: &mut Vec<Command>) {
        self.timer = None;
        self.last_used = self.last_used.max(last_used);
        if self.phase != TenantPhase::Serving || !self.running.is_empty() {
            return;
        }
        if now.count >= self.idle_at() {
            // Should nobody hear it, it is said again.
            self.last_used = now.count;
            todo.push(Command::ReportIdle);
        } else if now.count >= self.poll_due {
            self.poll_due = now.count + self.poll_every;
            self.begin(Job::Keys, todo);
        } else if self.keys_due.is_past(now) {
            self.unplanned = true;
        }
    }

    fn idle_at(&self) -> Monotonic {
        if self.passivate_after.is_zero() {
            return Monotonic::NEVER;
        }
        self.last_used + self.passivate_after
    }

    /// Goes on with the change of the ring: the next step, the swap of all of them, or nothing.
    fn planned(&mut self, plan: RotationPlan, now: Now, todo: &mut Vec<Command>) {
        self.finished(Job::Plan);
        if self.phase == TenantPhase::Draining {
            return;
        }
        let at = self.planning.unwrap_or(now.wall);
        match plan.step {
            RotationStep::Nothing => {
                self.keys_due = Due::At(plan.next_at);
                if self.changed {
                    self.unplanned = false;
                    self.running.insert(Job::Swap);
                    todo.push(Command::SwapKeys);
                } else {
                    self.ring_is_done(todo);
                }
            }
            RotationStep::Generate { alg, activate } => {
                self.running.insert(Job::NewKey);
                todo.push(Command::MakeKey { alg, activate, at });
            }
            step @ (RotationStep::Promote { .. } | RotationStep::Retire { .. }) => {
                self.changed = true;
                todo.push(Command::ChangeRing { step, at });
            }
        }
    }

    fn ring_is_done(&mut self, todo: &mut Vec<Command>) {
        self.changed = false;
        self.planning = None;
        self.unplanned = false;
        if std::mem::take(&mut self.keys_failed) {
            todo.push(Command::RecordKeysOutcome(None));
        }
    }

    /// Nothing is under way: what now?
    fn settle(&mut self, now: Now, todo: &mut Vec<Command>) {
        match self.phase {
            TenantPhase::Draining => todo.push(Command::Stop),
            TenantPhase::Loading | TenantPhase::Refreshing => self.settle_round(now, todo),
            TenantPhase::Serving => self.settle_serving(now, todo),
            TenantPhase::Failing | TenantPhase::Asleep | TenantPhase::Quarantined => {}
        }
    }

    /// A round of loading is over, but for the keys.
    fn settle_round(&mut self, now: Now, todo: &mut Vec<Command>) {
        let is_first = self.phase == TenantPhase::Loading;
        if self.job_error.is_some() {
            self.unplanned = false;
        }
        if let Some(job_error) = self.job_error.take_if(|job_error| {
            // A ring that signs is good enough to serve with, even if it could not be changed.
            let is_held = self.can_sign && (!is_first || job_error.job != Job::Keys);
            !(is_held && job_error.job.is_of_keys())
        }) {
            if is_first {
                self.phase = TenantPhase::Failing;
                todo.push(Command::ReportLoadFailed(job_error));
            } else {
                self.phase = TenantPhase::Serving;
                self.unplanned = true;
                todo.push(Command::ForgetSpec);
                todo.push(Command::RecordSpecOutcome(Some(job_error.text)));
                self.settle_serving(now, todo);
            }
            return;
        }
        if self.unplanned {
            self.plan(now, todo);
            return;
        }
        self.phase = TenantPhase::Serving;
        if std::mem::take(&mut self.with_spec) {
            todo.push(Command::RecordSpecOutcome(None));
        }
        self.settle_serving(now, todo);
        if is_first {
            todo.push(Command::ReportReady);
        }
    }

    fn settle_serving(&mut self, now: Now, todo: &mut Vec<Command>) {
        if let Some(job_error) = self.job_error.take() {
            self.keys_failed = true;
            self.unplanned = false;
            self.keys_due = Due::After(now.count + ROTATION_RETRY);
            todo.push(Command::RecordKeysOutcome(Some(job_error.text)));
        }
        if self.unplanned {
            self.plan(now, todo);
            return;
        }
        if std::mem::take(&mut self.unpublished) {
            todo.push(Command::Publish);
        }
        if let Some(what) = self.pending_reload.take() {
            self.phase = TenantPhase::Refreshing;
            self.begin(Job::Keys, todo);
            if what == ReloadScope::Spec {
                self.with_spec = true;
                self.begin(Job::Spec, todo);
            }
            return;
        }
        let keys_due = self.keys_due.counted(now);
        let due = keys_due.min(self.poll_due).min(self.idle_at());
        if self.timer != Some(due) {
            self.timer = Some(due);
            todo.push(Command::SetTimer(due));
        }
    }

    fn plan(&mut self, now: Now, todo: &mut Vec<Command>) {
        let at = *self.planning.get_or_insert(now.wall);
        self.running.insert(Job::Plan);
        todo.push(Command::PlanKeys { at });
    }
}

#[cfg(test)]
mod tests;
