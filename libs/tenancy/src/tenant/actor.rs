mod messages;

use std::collections::VecDeque;
use std::sync::Arc;

use actix::{
    Actor, ActorContext as _, ActorFutureExt as _, AsyncContext as _, Context, Recipient,
    SpawnHandle, WrapFuture as _,
};
use insula_ambient::{Monotonic, Timestamp};
use insula_jose::{Alg, Demand, KeyRing, RotationStep};
use insula_model::{TenantId, TenantSpec};
use insula_store::{Change, ChangeKind};

use crate::arbiters::{Activity, Place, Running};
use crate::death_watch::DeathWatch;
use crate::metrics::Rotated;
use crate::runtime::Runtime;
use crate::snapshot_cell::SnapshotCell;
use crate::supervisor::{ActorEvent, ActorEventKind, ReportsTo};
use crate::tenant::build::{Configured, LoadedTenant};
use crate::tenant::changes::changes;
use crate::tenant::connectors::Opened;
use crate::tenant::hidden_clients;
use crate::tenant::life::{Command, Event, Job, JobError, Now, TenantLife};
use crate::tenant::rotation::{self, Keys};
use crate::tenant::stores::OwnStores;
use crate::{Failure, TenantHandle, last_good};

#[cfg(any(test, feature = "fault-injection"))]
pub(crate) use messages::InjectFault;
pub(crate) use messages::{ActorCommand, Observe};

/// The shell around a [`TenantLife`]: does what it says, and tells it how that ended. Whatever takes
/// time runs on the I/O runtime and comes back as an event, so the mailbox is never held.
pub(crate) struct TenantActor {
    runtime: Arc<Runtime>,
    id: TenantId,
    generation: u64,
    cell: Arc<SnapshotCell>,
    activity: Arc<Activity>,
    events: Arc<Recipient<ActorEvent>>,
    stores: OwnStores,
    life: TenantLife,
    keys: Keys,
    /// What is served.
    loaded: Option<LoadedTenant>,
    /// What is being loaded to replace it.
    next: Next,
    epoch: u64,
    /// The ring of the last snapshot.
    published: Option<Arc<KeyRing>>,
    timer: Option<SpawnHandle>,
    spec_error: Option<String>,
    keys_error: Option<String>,
    /// Dropped last.
    _watch: DeathWatch,
}

#[derive(Default)]
struct Next {
    configured: Option<Configured>,
    opened: Option<Opened>,
    theme: Option<Arc<insula_theming::Theme>>,
}

impl TenantActor {
    pub(crate) fn new(
        runtime: Arc<Runtime>,
        id: TenantId,
        generation: u64,
        cell: Arc<SnapshotCell>,
        place: Place,
        supervisor: ReportsTo,
    ) -> Self {
        Self {
            life: TenantLife::new(),
            stores: OwnStores::open(&runtime, &id),
            _watch: DeathWatch::new(id.clone(), generation, place.arbiter, supervisor.ended),
            runtime,
            id,
            generation,
            cell,
            activity: place.activity,
            events: supervisor.events,
            keys: Keys::default(),
            loaded: None,
            next: Next::default(),
            epoch: 0,
            published: None,
            timer: None,
            spec_error: None,
            keys_error: None,
        }
    }

    /// What the arbiter is told to execute while this actor runs.
    fn running(&self) -> Running {
        Running {
            tenant: self.id.clone(),
            generation: self.generation,
            since: self.runtime.monotonic(),
        }
    }

    /// Handles `event`, and the events that follow from it at once.
    fn live(&mut self, event: Event, ctx: &mut Context<Self>) {
        let activity = Arc::clone(&self.activity);
        let _entered = activity.enter(self.running());
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = Now {
                wall: self.runtime.now(),
                count: self.runtime.monotonic(),
            };
            for command in self.life.on(event, now) {
                events.extend(self.carry_out(command, now, ctx));
            }
        }
        if let Some(ring) = &self.published {
            self.stores.key_orders.deliver(ring);
        }
    }

    fn carry_out(&mut self, command: Command, now: Now, ctx: &mut Context<Self>) -> Option<Event> {
        match command {
            Command::LoadSpec => self.load_spec(ctx),
            Command::LoadKeys => self.load_keys(ctx),
            Command::OpenConnectors => self.open_connectors(ctx),
            Command::CompileTheme => self.compile_theme(ctx),
            Command::PlanKeys { at, in_a_hurry } => return self.plan_keys(at, in_a_hurry),
            Command::MakeKey { alg, activate, at } => {
                let runtime = Arc::clone(&self.runtime);
                let making = async move { rotation::make_key(&runtime, alg).await };
                self.run(ctx, Job::NewKey, making, move |actor, key| {
                    let Some(policy) = actor.configured().map(|c| Arc::clone(&c.rotation)) else {
                        return Event::Superseded;
                    };
                    let runtime = Arc::clone(&actor.runtime);
                    let ring = actor.keys.draft(&runtime);
                    *ring = if activate {
                        ring.with_active(key, at, &policy)
                    } else {
                        ring.with_announced(key, at)
                    };
                    let signs_from = ring.signs_from(alg, &policy);
                    actor.tell_of_new_algorithm(alg, signs_from, at);
                    Event::KeyMade
                });
            }
            Command::ChangeRing { step, at } => self.change_ring(&step, at),
            Command::SwapKeys => self.swap_keys(ctx),
            Command::ForgetRing => {
                self.runtime.metrics.rotated(Rotated::Failed);
                self.keys.forget_draft();
            }
            Command::ForgetSpec => self.next = Next::default(),
            Command::AnnounceKeys => self.announce_keys(),
            Command::Publish => return self.publish(now),
            Command::ReportReady => {
                if let Some(handle) = self.cell.handle() {
                    self.report(ActorEventKind::Ready(handle));
                }
            }
            Command::ReportLoadFailed(job_error) => {
                let how = if job_error.out_of_reach {
                    Failure::OutOfReach
                } else {
                    Failure::Unloadable
                };
                self.spec_error = Some(job_error.text.clone());
                let why = job_error.text;
                self.report(ActorEventKind::LoadFailed { how, why });
            }
            Command::ReportIdle => self.report(ActorEventKind::Idle),
            Command::RecordSpecOutcome(job_error) => {
                let stale = self.configured().and_then(|own| own.instead_of.clone());
                self.record_spec_outcome(job_error.or(stale));
            }
            Command::RecordKeysOutcome(job_error) => {
                if let Some(text) = &job_error {
                    tracing::error!(tenant.id = %self.id, "{text}");
                    self.stores.key_orders.fail();
                }
                self.keys_error = job_error;
            }
            Command::SetTimer(at) => self.set_timer(at, now.count, ctx),
            Command::Stop => ctx.stop(),
        }
        None
    }

    /// Runs something on the I/O runtime; its end comes back as an event.
    fn run<T: Send + 'static>(
        &self,
        ctx: &mut Context<Self>,
        job: Job,
        work: impl Future<Output = Result<T, JobError>> + Send + 'static,
        done: impl FnOnce(&mut Self, T) -> Event + 'static,
    ) {
        let patience = self.runtime.options.io_timeout;
        let loading = Arc::clone(&self.runtime.loading);
        let running = self.runtime.deps.io.spawn(async move {
            // A key is made however long it takes, and waits for others of its kind only.
            if job == Job::NewKey {
                return Ok(work.await);
            }
            let _permit = loading.acquire().await;
            tokio::time::timeout(patience, work).await
        });
        let id = self.id.clone();
        let running = running.into_actor(self).map(move |ended, actor, ctx| {
            let activity = Arc::clone(&actor.activity);
            let _entered = activity.enter(actor.running());
            let failed = |text: String, out_of_reach| {
                Event::Failed(JobError {
                    job,
                    text,
                    out_of_reach,
                })
            };
            let event = match ended {
                Ok(Ok(Ok(value))) => done(actor, value),
                Ok(Ok(Err(job_error))) => Event::Failed(job_error),
                Ok(Err(_)) => {
                    let ms = patience.as_millis();
                    let text = format!("{job:?} of tenant {id} took longer than {ms} ms");
                    failed(text, true)
                }
                Err(error) => failed(format!("{job:?} of tenant {id} failed: {error}"), false),
            };
            actor.live(event, ctx);
        });
        ctx.spawn(running);
    }

    /// What is being loaded, or else what is served.
    fn configured(&self) -> Option<&Configured> {
        let served = self.loaded.as_ref().map(|loaded| &loaded.configured);
        self.next.configured.as_ref().or(served)
    }

    fn load_spec(&mut self, ctx: &mut Context<Self>) {
        self.next = Next::default();
        let (runtime, id) = (Arc::clone(&self.runtime), self.id.clone());
        let served = self.loaded.as_ref();
        let served = served.map(|served| served.configured.spec.issuer.clone());
        let loading = async move { Configured::load(&runtime, &id, served.as_ref()).await };
        self.run(ctx, Job::Spec, loading, |actor, configured: Configured| {
            let passivate_after = configured.spec.passivate_after;
            actor.next.configured = Some(configured);
            Event::SpecLoaded { passivate_after }
        });
    }

    fn load_keys(&mut self, ctx: &mut Context<Self>) {
        let (runtime, id) = (Arc::clone(&self.runtime), self.id.clone());
        let (store, known) = (Arc::clone(&self.stores.store), self.keys.stored());
        let loading = async move { rotation::load(&runtime, &id, &*store, known).await };
        self.run(ctx, Job::Keys, loading, |actor, stored| {
            let are_new = actor.keys.take(stored);
            let can_sign = actor.keys.can_sign();
            Event::KeysLoaded { are_new, can_sign }
        });
    }

    fn open_connectors(&mut self, ctx: &mut Context<Self>) {
        let Some(configured) = self.configured() else {
            return;
        };
        let (runtime, spec) = (Arc::clone(&self.runtime), Arc::clone(&configured.spec));
        let before = self.loaded.as_ref().map(|served| {
            let spec = Arc::clone(&served.configured.spec);
            (spec, served.opened.clone())
        });
        let opening = async move { Ok(Opened::of(&runtime, spec, before).await) };
        self.run(ctx, Job::Connectors, opening, |actor, opened| {
            let served = actor.loaded.as_ref().map(|served| &served.opened);
            let event = opened.event(served, &*actor.runtime.deps.entropy);
            actor.next.opened = Some(opened);
            event
        });
    }

    fn compile_theme(&mut self, ctx: &mut Context<Self>) {
        let Some(configured) = self.configured().cloned() else {
            return;
        };
        let runtime = Arc::clone(&self.runtime);
        let compiling = async move {
            let compiled = tokio::task::spawn_blocking(move || configured.theme(&runtime)).await;
            compiled.unwrap_or_else(|error| {
                Err(JobError {
                    job: Job::Theme,
                    text: format!("the theme could not be compiled: {error}"),
                    out_of_reach: false,
                })
            })
        };
        self.run(ctx, Job::Theme, compiling, |actor, theme| {
            actor.next.theme = Some(theme);
            Event::ThemeCompiled
        });
    }

    fn plan_keys(&mut self, at: Timestamp, in_a_hurry: bool) -> Option<Event> {
        let policy = Arc::clone(&self.configured()?.rotation);
        let runtime = Arc::clone(&self.runtime);
        let demand = Demand {
            asked: &self.stores.key_orders.asked(),
            in_a_hurry,
        };
        let ring = self.keys.draft(&runtime);
        Some(Event::KeysPlanned(ring.plan_for(demand, at, &policy)))
    }

    /// An algorithm that is new to the tenant signs later: whoever changed the configuration is told
    /// when.
    fn tell_of_new_algorithm(&self, alg: Alg, signs_from: Option<Timestamp>, now: Timestamp) {
        let Some(from) = signs_from else {
            return;
        };
        let minutes = from.since(now).as_secs().div_ceil(60);
        tracing::info!(tenant.id = %self.id, key.alg = %alg, signs_from_s = from.as_secs(),
            "tenant {} signs with {alg} in {minutes} minutes, when clients have its key; until then \
             its keys of other algorithms sign", self.id);
    }

    fn change_ring(&mut self, step: &RotationStep, at: Timestamp) {
        let Some(policy) = self.configured().map(|c| Arc::clone(&c.rotation)) else {
            return;
        };
        let runtime = Arc::clone(&self.runtime);
        let ring = self.keys.draft(&runtime);
        *ring = rotation::changed(ring, step, at, &policy);
        match step {
            RotationStep::Promote { kid } => {
                tracing::info!(tenant.id = %self.id, key.id = %kid,
                    "tenant {} now signs with key {kid}", self.id);
            }
            RotationStep::Retire { kid } => {
                tracing::info!(tenant.id = %self.id, key.id = %kid,
                    "tenant {} no longer publishes key {kid}", self.id);
            }
            RotationStep::Nothing
            | RotationStep::Generate { .. }
            | RotationStep::Promise { .. }
            | RotationStep::NoteTokenLife
            | RotationStep::Withdraw { .. } => {}
        }
    }

    fn swap_keys(&mut self, ctx: &mut Context<Self>) {
        let runtime = Arc::clone(&self.runtime);
        let ring = self.keys.draft(&runtime).clone();
        let (id, known) = (self.id.clone(), self.keys.stored());
        let store = Arc::clone(&self.stores.store);
        let swapping = async move { rotation::swap(&runtime, &id, &*store, known, ring).await };
        self.run(ctx, Job::Swap, swapping, |actor, swapped| {
            let metrics = &actor.runtime.metrics;
            let Some(stored) = swapped else {
                metrics.rotated(Rotated::Lost);
                tracing::info!(tenant.id = %actor.id,
                    "another process changed the keys of tenant {} first", actor.id);
                actor.keys.forget_draft();
                return Event::SwapLost;
            };
            metrics.rotated(Rotated::Swapped);
            actor.keys.take(Some(stored));
            Event::KeysSwapped
        });
    }

    fn announce_keys(&self) {
        let change = Change {
            tenant: self.id.clone(),
            kind: ChangeKind::Keys,
            origin: self.runtime.deps.process_id.clone(),
        };
        let bus = Arc::clone(&self.runtime.deps.bus);
        self.runtime.deps.io.spawn(async move {
            if let Err(error) = bus.publish(&change).await {
                let id = &change.tenant;
                tracing::warn!(tenant.id = %id, %error,
                    "other processes learn only by polling that the keys of tenant {id} changed");
            }
        });
    }

    fn publish(&mut self, now: Now) -> Option<Event> {
        let mut next = std::mem::take(&mut self.next);
        if next.configured.is_none()
            && let (Some(loaded), Some(opened)) = (&mut self.loaded, next.opened.take())
        {
            loaded.opened = opened;
        }
        if let (Some(configured), Some(opened), Some(theme)) =
            (next.configured, next.opened, next.theme)
        {
            opened.people.go_by(Arc::clone(&configured.spec));
            self.tell_of_hidden_clients(&configured.spec);
            self.stores.go_by(&configured.spec);
            if let Some(before) = &self.loaded {
                let changed = changes(&before.configured.spec, &configured.spec).join(", ");
                let changed = Some(changed).filter(|changed| !changed.is_empty());
                let changed = changed.as_deref().unwrap_or("nothing but files it names");
                tracing::info!(tenant.id = %self.id, "tenant {} is reloaded: {changed}", self.id);
            }
            self.loaded = Some(LoadedTenant {
                configured,
                opened,
                theme,
            });
        }
        let (loaded, keys) = (self.loaded.as_ref()?, self.keys.stored()?);
        let epoch = self.epoch + 1;
        let made = loaded.snapshot(
            &self.runtime,
            &self.stores,
            &keys,
            self.generation,
            epoch,
            now.wall,
        );
        let snapshot = match made {
            Ok(snapshot) => snapshot,
            Err(error) => {
                tracing::error!(tenant.id = %self.id,
                    "the discovery document of tenant {} cannot be written: {error}", self.id);
                return None;
            }
        };
        match self.cell.publish(Arc::new(snapshot), now.count) {
            Ok(_) => {
                self.epoch = epoch;
                if keys.ring().promised().contains(&Alg::RS256) {
                    self.runtime.spare_keys.make_first(&self.runtime);
                }
                self.published = Some(Arc::clone(keys.ring()));
                self.keep_last_good();
                None
            }
            Err(_) => Some(Event::Superseded),
        }
    }

    fn tell_of_hidden_clients(&self, now: &TenantSpec) {
        let before = self.loaded.as_ref();
        let before = before.map(|loaded| &*loaded.configured.spec);
        let added = hidden_clients::added(before, now);
        if added.is_empty() {
            return;
        }
        let (runtime, store, id) = (
            Arc::clone(&self.runtime),
            Arc::clone(&self.stores.store),
            self.id.clone(),
        );
        let telling = async move {
            let _permit = runtime.loading.acquire().await;
            hidden_clients::tell(&*store, &id, &added).await;
        };
        self.runtime.in_background.spawn(telling);
    }

    /// What is served now is the last good configuration, for a process that starts over a bad one.
    fn keep_last_good(&mut self) {
        let loaded = self.loaded.as_mut();
        let Some(document) = loaded.and_then(|loaded| loaded.configured.document.take()) else {
            return;
        };
        let (runtime, id) = (Arc::clone(&self.runtime), self.id.clone());
        let keeping = async move {
            let _permit = runtime.loading.acquire().await;
            last_good::keep(&runtime, &id, &document).await;
        };
        self.runtime.in_background.spawn(keeping);
    }

    fn record_spec_outcome(&mut self, job_error: Option<String>) {
        // The first load of an actor is no reload.
        if self.loaded.is_some() {
            self.runtime.metrics.reloaded(job_error.is_none());
        }
        if let Some(text) = &job_error {
            let problems = text.lines().collect::<Vec<_>>().join("; ");
            tracing::warn!(tenant.id = %self.id,
                "tenant {} serves on as it was: {problems}", self.id);
        }
        self.spec_error = job_error;
    }

    fn set_timer(&mut self, at: Monotonic, now: Monotonic, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if at < Monotonic::NEVER {
            let timer = ctx.run_later(at.since(now), Self::tick);
            self.timer = Some(timer);
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let last_used = self.cell.handle().as_ref().map(TenantHandle::last_used);
        let last_used = last_used.unwrap_or(Monotonic::START);
        self.live(Event::Tick { last_used }, ctx);
    }

    fn report(&self, what: ActorEventKind) {
        self.events.do_send(ActorEvent {
            tenant: self.id.clone(),
            generation: self.generation,
            what,
        });
    }
}

impl Actor for TenantActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let own = ctx.address().downgrade();
        self.stores.key_orders.go_to(own.into());
        self.live(Event::Started, ctx);
    }
}
