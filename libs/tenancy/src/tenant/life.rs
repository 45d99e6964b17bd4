mod events;
mod reopening;
mod ring;

use std::collections::BTreeSet;
use std::time::Duration;

use insula_ambient::{Monotonic, Timestamp};
use insula_jose::{RotationPlan, RotationStep};

pub(crate) use self::events::{Command, Event, Job, JobError, ReloadScope};
use self::reopening::Reopening;
use self::ring::{Draft, Ring};
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
#[derive(Debug)]
pub(crate) struct TenantLife {
    stage: Stage,
    ring: Ring,
    passivate_after: Duration,
    /// What was begun of a round and has not ended.
    loading: BTreeSet<Job>,
    /// What is to be loaded anew once the round is over.
    pending_reload: Option<ReloadScope>,
    /// Whether what is published differs from what there is.
    unpublished: bool,
    /// Whether the stored ring can sign.
    can_sign: bool,
    keys_failed: bool,
    keys_due: Due,
    /// The connectors that could not be opened.
    reopening: Reopening,
    last_used: Monotonic,
    /// What the timer is set to.
    timer: Option<Monotonic>,
}

/// How far the actor is. What went wrong in a round, first or worst, is known until the round ends.
#[derive(Debug)]
enum Stage {
    /// The first round: there is nothing to serve yet.
    Loading {
        error: Option<JobError>,
    },
    /// The first round failed, and nothing is under way until somebody asks for another.
    Failing,
    Serving {
        error: Option<JobError>,
    },
    /// It serves, and a round loads what changed.
    Refreshing {
        scope: ReloadScope,
        error: Option<JobError>,
    },
    /// It stops once nothing is under way.
    Draining,
}

impl TenantLife {
    pub(crate) fn new() -> Self {
        Self {
            stage: Stage::Loading { error: None },
            ring: Ring::Settled,
            passivate_after: Duration::ZERO,
            loading: BTreeSet::new(),
            pending_reload: None,
            unpublished: false,
            can_sign: false,
            keys_failed: false,
            keys_due: Due::At(Timestamp::NEVER),
            reopening: Reopening::NONE,
            last_used: Monotonic::START,
            timer: None,
        }
    }

    pub(crate) const fn phase(&self) -> TenantPhase {
        match self.stage {
            Stage::Loading { .. } => TenantPhase::Loading,
            Stage::Failing => TenantPhase::Failing,
            Stage::Serving { .. } => TenantPhase::Serving,
            Stage::Refreshing { .. } => TenantPhase::Refreshing,
            Stage::Draining => TenantPhase::Draining,
        }
    }

    /// What to do about `event`.
    pub(crate) fn on(&mut self, event: Event, now: Now) -> Vec<Command> {
        let mut todo = Vec::new();
        match event {
            Event::Started => self.load(now, &mut todo),
            Event::RetryAsked if matches!(self.stage, Stage::Failing) => self.load(now, &mut todo),
            Event::RetryAsked => {}
            Event::ReloadAsked(what) => self.pending_reload = self.pending_reload.max(Some(what)),
            Event::DrainAsked => self.stage = Stage::Draining,
            Event::Superseded => {
                self.stage = Stage::Draining;
                self.loading.clear();
                self.ring = Ring::Settled;
            }
            Event::Tick { last_used } => self.tick(last_used, now, &mut todo),
            Event::SpecLoaded { passivate_after } => {
                self.loading.remove(&Job::Spec);
                self.passivate_after = passivate_after;
                self.ring = Ring::Due;
                self.unpublished = true;
                self.reopening = Reopening::NONE;
                self.begin(Job::Connectors, &mut todo);
                self.begin(Job::Theme, &mut todo);
            }
            Event::ConnectorsOpened => {
                self.finished(Job::Connectors);
                self.reopening = Reopening::NONE;
                self.unpublished = true;
            }
            Event::ConnectorsMarked { chance, is_news } => {
                self.finished(Job::Connectors);
                self.reopening.put_off(chance, now.count);
                self.unpublished |= is_news;
            }
            Event::ThemeCompiled => self.finished(Job::Theme),
            Event::KeysLoaded { are_new, can_sign } => {
                self.finished(Job::Keys);
                self.can_sign = can_sign;
                self.ring = Ring::Due;
                self.unpublished |= are_new;
            }
            Event::KeysPlanned(plan) => self.planned(plan, now, &mut todo),
            Event::KeyMade => {
                let draft = self.ring.draft(now.wall);
                self.ring = Ring::Stepping(Draft {
                    changed: true,
                    ..draft
                });
            }
            Event::KeysSwapped => {
                self.ring_is_done(&mut todo);
                self.can_sign = true;
                self.unpublished = true;
                todo.push(Command::AnnounceKeys);
            }
            Event::SwapLost => {
                self.ring = Ring::Settled;
                self.begin(Job::Keys, &mut todo);
            }
            // Those that serve go on; the others are tried again.
            Event::Failed(error) if error.job == Job::Connectors && self.is_serving() => {
                self.finished(Job::Connectors);
                self.reopening.put_off(u16::MAX, now.count);
            }
            Event::Failed(error) => self.failed(error, &mut todo),
        }
        if self.loading.is_empty() && !self.ring.is_running() {
            self.settle(now, &mut todo);
        }
        todo
    }

    fn load(&mut self, now: Now, todo: &mut Vec<Command>) {
        self.stage = Stage::Loading { error: None };
        self.pending_reload = None;
        self.last_used = now.count;
        self.begin(Job::Spec, todo);
        self.begin(Job::Keys, todo);
    }

    fn begin(&mut self, job: Job, todo: &mut Vec<Command>) {
        if matches!(self.stage, Stage::Draining) {
            return;
        }
        let command = match job {
            Job::Spec => Command::LoadSpec,
            Job::Keys => Command::LoadKeys,
            Job::Connectors => Command::OpenConnectors,
            Job::Theme => Command::CompileTheme,
            // These carry what they need, and are begun where it is known.
            Job::NewKey | Job::Swap => return,
        };
        self.loading.insert(job);
        todo.push(command);
    }

    fn finished(&mut self, job: Job) {
        self.loading.remove(&job);
    }

    fn failed(&mut self, error: JobError, todo: &mut Vec<Command>) {
        self.finished(error.job);
        if matches!(error.job, Job::NewKey | Job::Swap) {
            self.ring = Ring::Settled;
            todo.push(Command::ForgetRing);
        }
        let (Stage::Loading { error: known }
        | Stage::Serving { error: known }
        | Stage::Refreshing { error: known, .. }) = &mut self.stage
        else {
            return;
        };
        // What is wrong with the configuration matters more than what is with the keys.
        let is_worse = |known: &JobError| known.job.is_of_keys() && !error.job.is_of_keys();
        if known.as_ref().is_none_or(is_worse) {
            *known = Some(error);
        }
    }

    fn tick(&mut self, last_used: Monotonic, now: Now, todo: &mut Vec<Command>) {
        self.timer = None;
        self.last_used = self.last_used.max(last_used);
        if !self.is_serving() || !self.loading.is_empty() || self.ring.is_running() {
            return;
        }
        if now.count >= self.idle_at() {
            // Should nobody hear it, it is said again.
            self.last_used = now.count;
            todo.push(Command::ReportIdle);
            return;
        }
        if now.count >= self.reopening.due() {
            self.reopening.begin();
            self.begin(Job::Connectors, todo);
        }
        if self.keys_due.is_past(now) {
            // The plan follows; another process may have carried it out already.
            self.begin(Job::Keys, todo);
        }
    }

    const fn is_serving(&self) -> bool {
        matches!(self.stage, Stage::Serving { .. })
    }

    fn idle_at(&self) -> Monotonic {
        if self.passivate_after.is_zero() {
            return Monotonic::NEVER;
        }
        self.last_used + self.passivate_after
    }

    /// Goes on with the change of the ring: the next step, the swap of all of them, or nothing.
    fn planned(&mut self, plan: RotationPlan, now: Now, todo: &mut Vec<Command>) {
        let draft = self.ring.draft(now.wall);
        if matches!(self.stage, Stage::Draining) {
            self.ring = Ring::Settled;
            return;
        }
        let at = draft.at;
        match plan.step {
            RotationStep::Nothing => {
                self.keys_due = Due::At(plan.next_at);
                if draft.changed {
                    self.ring = Ring::Swapping;
                    todo.push(Command::SwapKeys);
                } else {
                    self.ring_is_done(todo);
                }
            }
            RotationStep::Generate { alg, activate } => {
                self.ring = Ring::MakingKey(draft);
                todo.push(Command::MakeKey { alg, activate, at });
            }
            step @ (RotationStep::Promise { .. }
            | RotationStep::Withdraw { .. }
            | RotationStep::NoteTokenLife
            | RotationStep::Promote { .. }
            | RotationStep::Retire { .. }) => {
                self.ring = Ring::Stepping(Draft { at, changed: true });
                todo.push(Command::ChangeRing { step, at });
            }
        }
    }

    fn ring_is_done(&mut self, todo: &mut Vec<Command>) {
        self.ring = Ring::Settled;
        if std::mem::take(&mut self.keys_failed) {
            todo.push(Command::RecordKeysOutcome(None));
        }
    }

    /// Nothing is under way: what now?
    fn settle(&mut self, now: Now, todo: &mut Vec<Command>) {
        match &mut self.stage {
            Stage::Draining => todo.push(Command::Stop),
            Stage::Failing => {}
            Stage::Loading { error } => {
                let error = error.take();
                self.settle_first_round(error, now, todo);
            }
            Stage::Refreshing { scope, error } => {
                let (scope, error) = (*scope, error.take());
                self.settle_refresh(scope, error, now, todo);
            }
            Stage::Serving { .. } => self.settle_serving(now, todo),
        }
    }

    /// The first round is over, but for the keys.
    fn settle_first_round(&mut self, error: Option<JobError>, now: Now, todo: &mut Vec<Command>) {
        match error {
            // A ring that signs is good enough to serve with, even if it could not be changed.
            Some(error) if !(self.can_sign && error.job.is_of_keys() && error.job != Job::Keys) => {
                self.ring = Ring::Settled;
                self.stage = Stage::Failing;
                todo.push(Command::ReportLoadFailed(error));
                return;
            }
            None if self.ring.is_unplanned() => {
                self.plan(now, todo);
                return;
            }
            error => self.stage = Stage::Serving { error },
        }
        todo.push(Command::RecordSpecOutcome(None));
        self.settle_serving(now, todo);
        todo.push(Command::ReportReady);
    }

    /// A round that reloads is over, but for the keys.
    fn settle_refresh(
        &mut self,
        scope: ReloadScope,
        error: Option<JobError>,
        now: Now,
        todo: &mut Vec<Command>,
    ) {
        match error {
            Some(error) if !(self.can_sign && error.job.is_of_keys()) => {
                self.stage = Stage::Serving { error: None };
                self.ring = Ring::Due;
                todo.push(Command::ForgetSpec);
                todo.push(Command::RecordSpecOutcome(Some(error.text)));
            }
            None if self.ring.is_unplanned() => {
                self.plan(now, todo);
                return;
            }
            error => {
                self.stage = Stage::Serving { error };
                if scope == ReloadScope::Spec {
                    todo.push(Command::RecordSpecOutcome(None));
                }
            }
        }
        self.settle_serving(now, todo);
    }

    fn settle_serving(&mut self, now: Now, todo: &mut Vec<Command>) {
        if let Stage::Serving { error } = &mut self.stage
            && let Some(error) = error.take()
        {
            self.keys_failed = true;
            self.ring = Ring::Settled;
            self.keys_due = Due::After(now.count + ROTATION_RETRY);
            todo.push(Command::RecordKeysOutcome(Some(error.text)));
        }
        if self.ring.is_unplanned() {
            self.plan(now, todo);
            return;
        }
        if std::mem::take(&mut self.unpublished) {
            todo.push(Command::Publish);
        }
        if let Some(scope) = self.pending_reload.take() {
            self.stage = Stage::Refreshing { scope, error: None };
            self.begin(Job::Keys, todo);
            if scope == ReloadScope::Spec {
                self.begin(Job::Spec, todo);
            }
            return;
        }
        let keys_due = self.keys_due.counted(now);
        let due = keys_due.min(self.idle_at()).min(self.reopening.due());
        if self.timer != Some(due) {
            self.timer = Some(due);
            todo.push(Command::SetTimer(due));
        }
    }

    fn plan(&mut self, now: Now, todo: &mut Vec<Command>) {
        let draft = self.ring.draft(now.wall);
        self.ring = Ring::Planning(draft);
        let in_a_hurry = !matches!(self.stage, Stage::Serving { .. });
        todo.push(Command::PlanKeys {
            at: draft.at,
            in_a_hurry,
        });
    }
}

#[cfg(test)]
mod tests;
