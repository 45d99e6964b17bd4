use std::collections::BTreeSet;
use std::time::Duration;

use insula_ambient::Timestamp;
use insula_jose::{Alg, RotationPlan, RotationStep};

use crate::TenantPhase;

/// How long a rotation that failed is left alone.
const ROTATION_RETRY: Duration = Duration::from_secs(30);

/// What a tenant lives through. Says what to do, and does nothing: every line of the picture is a
/// table below.
///
/// `Asleep` and `Resting` are no phases of an actor: then there is none.
#[derive(Debug)]
pub(crate) struct TenantLife {
    phase: TenantPhase,
    poll_every: Duration,
    passivate_after: Duration,
    /// What was begun and has not come home.
    under_way: BTreeSet<Job>,
    /// Whether the configuration is part of this round.
    with_spec: bool,
    /// What went wrong in this round: first, or worst.
    trouble: Option<Trouble>,
    /// What is to be loaded anew once the round is over.
    asked: Option<WhatChanged>,
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
    keys_troubled: bool,
    keys_due: Timestamp,
    poll_due: Timestamp,
    last_used: Timestamp,
    /// What the timer is set to.
    timer: Option<Timestamp>,
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

/// Why a job came home with nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) job: Job,
    pub(crate) text: String,
    /// Whether it was a store that did not answer, and not the tenant's own fault.
    pub(crate) out_of_reach: bool,
}

/// What is to be loaded anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WhatChanged {
    /// The key ring.
    Keys,
    /// The configuration, and the key ring with it.
    Spec,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Started,
    RetryAsked,
    ReloadAsked(WhatChanged),
    DrainAsked,
    /// The timer went off; so long ago somebody came.
    Tick {
        last_used: Timestamp,
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
    Failed(Trouble),
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
    TellOthers,
    Publish,
    SayReady,
    SayCannotLoad(Trouble),
    SayIdle,
    /// Remember how the last load of the configuration ended.
    NoteSpec(Option<String>),
    /// Remember how the last change of the ring ended.
    NoteKeys(Option<String>),
    WakeAt(Timestamp),
    Stop,
}

impl TenantLife {
    pub(crate) fn new(poll_every: Duration) -> Self {
        Self {
            phase: TenantPhase::Loading,
            poll_every,
            passivate_after: Duration::ZERO,
            under_way: BTreeSet::new(),
            with_spec: false,
            trouble: None,
            asked: None,
            unplanned: false,
            planning: None,
            changed: false,
            unpublished: false,
            can_sign: false,
            keys_troubled: false,
            keys_due: Timestamp::NEVER,
            poll_due: Timestamp::NEVER,
            last_used: Timestamp::EPOCH,
            timer: None,
        }
    }

    pub(crate) fn phase(&self) -> TenantPhase {
        self.phase
    }

    /// What to do about `event`.
    pub(crate) fn on(&mut self, event: Event, now: Timestamp) -> Vec<Command> {
        let mut todo = Vec::new();
        match event {
            Event::Started => self.load(now, &mut todo),
            Event::RetryAsked if self.phase == TenantPhase::Failing => self.load(now, &mut todo),
            Event::RetryAsked => {}
            Event::ReloadAsked(what) => self.asked = self.asked.max(Some(what)),
            Event::DrainAsked => self.phase = TenantPhase::Draining,
            Event::Superseded => {
                self.phase = TenantPhase::Draining;
                self.under_way.clear();
            }
            Event::Tick { last_used } => self.tick(last_used, now, &mut todo),
            Event::SpecLoaded { passivate_after } => {
                self.under_way.remove(&Job::Spec);
                self.passivate_after = passivate_after;
                self.unplanned = true;
                self.unpublished = true;
                self.begin(Job::Connectors, &mut todo);
                self.begin(Job::Theme, &mut todo);
            }
            Event::ConnectorsOpened => self.home(Job::Connectors),
            Event::ThemeCompiled => self.home(Job::Theme),
            Event::KeysLoaded { are_new, can_sign } => {
                self.home(Job::Keys);
                self.can_sign = can_sign;
                self.changed = false;
                self.planning = None;
                self.unplanned = true;
                self.unpublished |= are_new;
            }
            Event::KeysPlanned(plan) => self.planned(plan, now, &mut todo),
            Event::KeyMade => {
                self.home(Job::NewKey);
                self.changed = true;
            }
            Event::KeysSwapped => {
                self.home(Job::Swap);
                self.ring_is_done(&mut todo);
                self.can_sign = true;
                self.unpublished = true;
                todo.push(Command::TellOthers);
            }
            Event::SwapLost => {
                self.home(Job::Swap);
                self.changed = false;
                self.planning = None;
                self.begin(Job::Keys, &mut todo);
            }
            Event::Failed(trouble) => {
                self.home(trouble.job);
                if matches!(trouble.job, Job::NewKey | Job::Swap) {
                    self.changed = false;
                    self.planning = None;
                    todo.push(Command::ForgetRing);
                }
                // What is wrong with the configuration matters more than what is with the keys.
                let is_worse =
                    |known: &Trouble| known.job.is_of_keys() && !trouble.job.is_of_keys();
                if self.trouble.as_ref().is_none_or(is_worse) {
                    self.trouble = Some(trouble);
                }
            }
        }
        if self.under_way.is_empty() {
            self.settle(now, &mut todo);
        }
        todo
    }

    fn load(&mut self, now: Timestamp, todo: &mut Vec<Command>) {
        self.phase = TenantPhase::Loading;
        self.asked = None;
        self.trouble = None;
        self.last_used = now;
        self.poll_due = now + self.poll_every;
        self.with_spec = true;
        self.begin(Job::Spec, todo);
        self.begin(Job::Keys, todo);
    }

    fn begin(&mut self, job: Job, todo: &mut Vec<Command>) {
        if self.phase == TenantPhase::Draining {
            return;
        }
        self.under_way.insert(job);
        match job {
            Job::Spec => todo.push(Command::LoadSpec),
            Job::Keys => todo.push(Command::LoadKeys),
            Job::Connectors => todo.push(Command::OpenConnectors),
            Job::Theme => todo.push(Command::CompileTheme),
            // These carry what they need, and are begun where it is known.
            Job::Plan | Job::NewKey | Job::Swap => {}
        }
    }

    fn home(&mut self, job: Job) {
        self.under_way.remove(&job);
    }

    fn tick(&mut self, last_used: Timestamp, now: Timestamp, todo: &mut Vec<Command>) {
        self.timer = None;
        self.last_used = self.last_used.max(last_used);
        if self.phase != TenantPhase::Serving || !self.under_way.is_empty() {
            return;
        }
        if now >= self.idle_at() {
            // Should nobody hear it, it is said again.
            self.last_used = now;
            todo.push(Command::SayIdle);
        } else if now >= self.poll_due {
            self.poll_due = now + self.poll_every;
            self.begin(Job::Keys, todo);
        } else if now >= self.keys_due {
            self.unplanned = true;
        }
    }

    fn idle_at(&self) -> Timestamp {
        if self.passivate_after.is_zero() {
            return Timestamp::NEVER;
        }
        self.last_used + self.passivate_after
    }

    /// Goes on with the change of the ring: the next step, the swap of all of them, or nothing.
    fn planned(&mut self, plan: RotationPlan, now: Timestamp, todo: &mut Vec<Command>) {
        self.home(Job::Plan);
        if self.phase == TenantPhase::Draining {
            return;
        }
        let at = self.planning.unwrap_or(now);
        match plan.step {
            RotationStep::Nothing => {
                self.keys_due = plan.next_at;
                if self.changed {
                    self.unplanned = false;
                    self.under_way.insert(Job::Swap);
                    todo.push(Command::SwapKeys);
                } else {
                    self.ring_is_done(todo);
                }
            }
            RotationStep::Generate { alg, activate } => {
                self.under_way.insert(Job::NewKey);
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
        if std::mem::take(&mut self.keys_troubled) {
            todo.push(Command::NoteKeys(None));
        }
    }

    /// Nothing is under way: what now?
    fn settle(&mut self, now: Timestamp, todo: &mut Vec<Command>) {
        match self.phase {
            TenantPhase::Draining => todo.push(Command::Stop),
            TenantPhase::Loading | TenantPhase::Refreshing => self.settle_round(now, todo),
            TenantPhase::Serving => self.settle_serving(now, todo),
            TenantPhase::Failing | TenantPhase::Asleep | TenantPhase::Resting => {}
        }
    }

    /// A round of loading is over, but for the keys.
    fn settle_round(&mut self, now: Timestamp, todo: &mut Vec<Command>) {
        let is_first = self.phase == TenantPhase::Loading;
        if self.trouble.is_some() {
            self.unplanned = false;
        }
        if let Some(trouble) = self.trouble.take_if(|trouble| {
            // A ring that signs is good enough to serve with, even if it could not be changed.
            let is_held = self.can_sign && (!is_first || trouble.job != Job::Keys);
            !(is_held && trouble.job.is_of_keys())
        }) {
            if is_first {
                self.phase = TenantPhase::Failing;
                todo.push(Command::SayCannotLoad(trouble));
            } else {
                self.phase = TenantPhase::Serving;
                self.unplanned = true;
                todo.push(Command::ForgetSpec);
                todo.push(Command::NoteSpec(Some(trouble.text)));
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
            todo.push(Command::NoteSpec(None));
        }
        self.settle_serving(now, todo);
        if is_first {
            todo.push(Command::SayReady);
        }
    }

    fn settle_serving(&mut self, now: Timestamp, todo: &mut Vec<Command>) {
        if let Some(trouble) = self.trouble.take() {
            self.keys_troubled = true;
            self.unplanned = false;
            self.keys_due = now + ROTATION_RETRY;
            todo.push(Command::NoteKeys(Some(trouble.text)));
        }
        if self.unplanned {
            self.plan(now, todo);
            return;
        }
        if std::mem::take(&mut self.unpublished) {
            todo.push(Command::Publish);
        }
        if let Some(what) = self.asked.take() {
            self.phase = TenantPhase::Refreshing;
            self.begin(Job::Keys, todo);
            if what == WhatChanged::Spec {
                self.with_spec = true;
                self.begin(Job::Spec, todo);
            }
            return;
        }
        let due = self.keys_due.min(self.poll_due).min(self.idle_at());
        if self.timer != Some(due) {
            self.timer = Some(due);
            todo.push(Command::WakeAt(due));
        }
    }

    fn plan(&mut self, now: Timestamp, todo: &mut Vec<Command>) {
        let at = *self.planning.get_or_insert(now);
        self.under_way.insert(Job::Plan);
        todo.push(Command::PlanKeys { at });
    }
}

#[cfg(test)]
mod tests;
