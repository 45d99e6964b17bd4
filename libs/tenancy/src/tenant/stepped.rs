//! A tenant without an actor: the same decisions, loads and swaps, one poll at a time, for a
//! simulation that owns time and order.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use insula_ambient::{Clock, Entropy, Monotonic, Timestamp};
use insula_connector_kit::{OpenConnector, PasswordCheck};
use insula_flows::Tasks;
use insula_jose::{Alg, Demand, JoseError, MasterKey, SigningKey};
use insula_model::TenantId;
use insula_store::{Cache, ChangeBus, ChangedFact, Durable, MemoryRegistry, TellFacts};
use insula_theming::ThemeLibrary;

use crate::facts::OpenFacts;
use crate::key_versions::outdated;
use crate::runtime::Runtime;
use crate::tenant::build::{Configured, LoadedTenant};
use crate::tenant::connectors::Opened;
use crate::tenant::life::{Command, Event, Job, JobError, Now, ReloadScope, TenantLife};
use crate::tenant::owner;
use crate::tenant::rotation::{self, Keys, Stored};
use crate::tenant::stores::OwnStores;
use crate::{SpecSource, TenancyDeps, TenancyOptions, TenantSnapshot};

/// Makes a key from the randomness of the simulation.
pub type MakeKey = fn(Alg, &dyn Entropy) -> Result<SigningKey, JoseError>;

/// What a simulated process runs its tenants with.
pub struct SteppedServices {
    /// What must survive.
    pub durable: Arc<dyn Durable>,
    /// What lives minutes.
    pub cache: Arc<dyn Cache>,
    /// Not used: who drives the tenants carries word of changes.
    pub bus: Arc<dyn ChangeBus>,
    /// All kinds of connectors.
    pub connectors: Arc<dyn OpenConnector>,
    /// Judges passwords.
    pub hashing: Arc<dyn PasswordCheck>,
    /// All configurations.
    pub specs: Arc<dyn SpecSource>,
    /// All themes.
    pub themes: Arc<ThemeLibrary>,
    /// What key rings are sealed under.
    pub master_key: Arc<MasterKey>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The executor that the product would use; nothing is run on it.
    pub io: tokio::runtime::Handle,
    /// Runs the work of requests that goes on without them.
    pub tasks: Arc<dyn Tasks>,
    /// Makes keys.
    pub make_key: MakeKey,
}

/// A process whose tenants are driven by hand.
#[derive(Clone)]
pub struct SteppedProcess {
    runtime: Arc<Runtime>,
    make_key: MakeKey,
    told: Arc<Told>,
}

/// What the tenants of a process told the other processes of rows that changed.
#[derive(Default)]
struct Told(Mutex<Vec<(TenantId, Vec<ChangedFact>)>>);

impl TellFacts for Told {
    fn tell(&self, tenant: &TenantId, changed: &[ChangedFact]) {
        let told = (tenant.clone(), changed.to_vec());
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(told);
    }
}

/// A tenant of such a process.
pub struct SteppedTenant {
    runtime: Arc<Runtime>,
    make_key: MakeKey,
    id: TenantId,
    stores: OwnStores,
    life: TenantLife,
    keys: Keys,
    loaded: Option<LoadedTenant>,
    configured: Option<Configured>,
    opened: Option<Opened>,
    theme: Option<Arc<insula_theming::Theme>>,
    snapshot: Option<Arc<TenantSnapshot>>,
    epoch: u64,
    timer: Monotonic,
    /// When the version of its keys is asked for next, without word of a change.
    poll_due: Monotonic,
    jobs: VecDeque<(Job, Running)>,
    has_announced: bool,
    has_failed: bool,
}

type Running = Pin<Box<dyn Future<Output = Result<Done, JobError>> + Send>>;

enum Done {
    Spec(Configured),
    Keys(Option<Stored>),
    Connectors(Opened),
    Theme(Arc<insula_theming::Theme>),
    Swap(Option<Stored>),
    /// Whether the stored keys are others than those known.
    Outdated(bool),
}

impl SteppedProcess {
    /// A process that has no tenants yet.
    pub fn new(services: SteppedServices, options: TenancyOptions) -> Self {
        let make_key = services.make_key;
        let deps = TenancyDeps {
            durable: services.durable,
            cache: services.cache,
            bus: services.bus,
            connectors: services.connectors,
            hashing: Arc::new(move |_| Arc::clone(&services.hashing)),
            themes: services.themes,
            // Who drives the tenants knows which there are.
            registry: Arc::new(MemoryRegistry::new()),
            specs: services.specs,
            master_key: services.master_key,
            clock: services.clock,
            entropy: services.entropy,
            io: services.io,
            process_id: "simulated".to_owned(),
        };
        let told = Arc::new(Told::default());
        let facts = OpenFacts::new();
        Self {
            runtime: Runtime::telling(deps, options, facts, Arc::clone(&told) as _, services.tasks),
            make_key,
            told,
        }
    }

    /// What other processes are to hear of rows that changed, since this was last asked.
    pub fn take_told(&self) -> Vec<(TenantId, Vec<ChangedFact>)> {
        let told = self.told.0.lock();
        std::mem::take(&mut *told.unwrap_or_else(PoisonError::into_inner))
    }

    /// Word came that rows of a tenant changed.
    pub fn facts_changed(&self, tenant: &TenantId, changed: &[ChangedFact]) {
        self.runtime.facts.forget(tenant, changed);
    }

    /// Notes that a tenant is gone.
    pub fn left(&self, id: &TenantId) -> impl Future<Output = ()> + Send + use<> {
        owner::left(Arc::clone(&self.runtime), id.clone())
    }

    /// Begins to load a tenant.
    pub fn start(&self, id: &TenantId) -> SteppedTenant {
        let runtime = Arc::clone(&self.runtime);
        let mut tenant = SteppedTenant {
            life: TenantLife::new(),
            poll_due: runtime.monotonic() + runtime.options.poll_every,
            stores: OwnStores::open(&runtime, id),
            runtime,
            make_key: self.make_key,
            id: id.clone(),
            keys: Keys::default(),
            loaded: None,
            configured: None,
            opened: None,
            theme: None,
            snapshot: None,
            epoch: 0,
            timer: Monotonic::NEVER,
            jobs: VecDeque::new(),
            has_announced: false,
            has_failed: false,
        };
        tenant.live(Event::Started);
        tenant
    }
}

impl SteppedTenant {
    /// The tenant as a request finds it; nothing before it was loaded.
    pub fn snapshot(&self) -> Option<Arc<TenantSnapshot>> {
        self.snapshot.clone()
    }

    /// How many jobs are under way.
    pub fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// Lets one of the jobs go on to where it waits next, or to its end.
    pub fn poll(&mut self, job: usize) {
        let Some((kind, mut running)) = self.jobs.remove(job) else {
            return;
        };
        let polled = running
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        match polled {
            Poll::Pending => self.jobs.push_back((kind, running)),
            Poll::Ready(Err(error)) => self.live(Event::Failed(error)),
            Poll::Ready(Ok(done)) => {
                if let Some(event) = self.done(done) {
                    self.live(event);
                }
            }
        }
    }

    /// The timer goes off, if it is due.
    pub fn tick(&mut self) {
        let now = self.runtime.monotonic();
        if self.has_failed {
            self.has_failed = false;
            self.live(Event::RetryAsked);
            return;
        }
        if now >= self.timer {
            self.timer = Monotonic::NEVER;
            self.live(Event::Tick { last_used: now });
        }
        if now >= self.poll_due {
            self.poll_due = now + self.runtime.options.poll_every;
            self.poll_keys();
        }
    }

    /// What the supervisor of a process does for all of its tenants.
    fn poll_keys(&mut self) {
        let Some(snapshot) = &self.snapshot else {
            return;
        };
        let known = [(self.id.clone(), snapshot.keys_version)];
        let runtime = Arc::clone(&self.runtime);
        self.begin(Job::Keys, async move {
            let (outdated, _) = outdated(&*runtime.deps.durable, &known).await;
            Ok(Done::Outdated(!outdated.is_empty()))
        });
    }

    /// Word came that another process changed the keys.
    pub fn keys_changed(&mut self) {
        self.live(Event::ReloadAsked(ReloadScope::Keys));
    }

    /// The configuration is to be loaded again.
    pub fn reload(&mut self) {
        self.live(Event::ReloadAsked(ReloadScope::Spec));
    }

    /// Whether the tenant told the other processes that its keys changed, since this was last asked.
    pub fn take_announced(&mut self) -> bool {
        std::mem::take(&mut self.has_announced)
    }

    fn live(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = Now {
                wall: self.runtime.now(),
                count: self.runtime.monotonic(),
            };
            for command in self.life.on(event, now) {
                events.extend(self.carry_out(command, now));
            }
        }
    }

    fn carry_out(&mut self, command: Command, now: Now) -> Option<Event> {
        let (runtime, id) = (Arc::clone(&self.runtime), self.id.clone());
        match command {
            Command::LoadSpec => {
                self.forget_next();
                let served = self.loaded.as_ref();
                let served = served.map(|served| served.configured.spec.issuer.clone());
                self.begin(Job::Spec, async move {
                    let loaded = Configured::load(&runtime, &id, served.as_ref()).await;
                    loaded.map(Done::Spec)
                });
            }
            Command::LoadKeys => {
                let (store, known) = (Arc::clone(&self.stores.store), self.keys.stored());
                self.begin(Job::Keys, async move {
                    let loaded = rotation::load(&runtime, &id, &*store, known).await;
                    loaded.map(Done::Keys)
                });
            }
            Command::OpenConnectors => {
                let spec = Arc::clone(&self.current()?.spec);
                let before = self.loaded.as_ref().map(|served| {
                    let spec = Arc::clone(&served.configured.spec);
                    (spec, served.opened.clone())
                });
                self.begin(Job::Connectors, async move {
                    Ok(Done::Connectors(Opened::of(&runtime, spec, before).await))
                });
            }
            Command::CompileTheme => {
                let configured = self.current()?.clone();
                self.begin(Job::Theme, async move {
                    configured.theme(&runtime).map(Done::Theme)
                });
            }
            Command::PlanKeys { at, in_a_hurry } => {
                let policy = Arc::clone(&self.current()?.rotation);
                let demand = Demand {
                    asked: &self.stores.key_orders.asked(),
                    in_a_hurry,
                };
                let ring = self.keys.draft(&runtime);
                return Some(Event::KeysPlanned(ring.plan_for(demand, at, &policy)));
            }
            Command::MakeKey { alg, activate, at } => {
                let policy = Arc::clone(&self.current()?.rotation);
                let key = (self.make_key)(alg, &*runtime.deps.entropy);
                let Ok(key) = key else {
                    return Some(Event::Failed(JobError {
                        job: Job::NewKey,
                        text: "no key could be made".to_owned(),
                        out_of_reach: false,
                    }));
                };
                let ring = self.keys.draft(&runtime);
                *ring = if activate {
                    ring.with_active(key, at, &policy)
                } else {
                    ring.with_announced(key, at)
                };
                return Some(Event::KeyMade);
            }
            Command::ChangeRing { step, at } => {
                let policy = Arc::clone(&self.current()?.rotation);
                let ring = self.keys.draft(&runtime);
                *ring = rotation::changed(ring, &step, at, &policy);
            }
            Command::SwapKeys => {
                let ring = self.keys.draft(&runtime).clone();
                let (store, known) = (Arc::clone(&self.stores.store), self.keys.stored());
                self.begin(Job::Swap, async move {
                    let swapped = rotation::swap(&runtime, &id, &*store, known, ring).await;
                    swapped.map(Done::Swap)
                });
            }
            Command::ForgetRing => self.keys.forget_draft(),
            Command::ForgetSpec => self.forget_next(),
            Command::AnnounceKeys => self.has_announced = true,
            Command::Publish => self.publish(now.wall),
            Command::ReportLoadFailed(_) => self.has_failed = true,
            Command::SetTimer(at) => self.timer = at,
            Command::ReportReady
            | Command::ReportIdle
            | Command::RecordSpecOutcome(_)
            | Command::RecordKeysOutcome(_)
            | Command::Stop => {}
        }
        None
    }

    fn begin(
        &mut self,
        job: Job,
        work: impl Future<Output = Result<Done, JobError>> + Send + 'static,
    ) {
        self.jobs.push_back((job, Box::pin(work)));
    }

    fn done(&mut self, done: Done) -> Option<Event> {
        Some(match done {
            Done::Spec(configured) => {
                let passivate_after = configured.spec.passivate_after;
                self.configured = Some(configured);
                Event::SpecLoaded { passivate_after }
            }
            Done::Keys(stored) => {
                let are_new = self.keys.take(stored);
                let can_sign = self.keys.can_sign();
                Event::KeysLoaded { are_new, can_sign }
            }
            Done::Connectors(opened) => {
                let served = self.loaded.as_ref().map(|served| &served.opened);
                let event = opened.event(served, &*self.runtime.deps.entropy);
                self.opened = Some(opened);
                event
            }
            Done::Theme(theme) => {
                self.theme = Some(theme);
                Event::ThemeCompiled
            }
            Done::Swap(Some(stored)) => {
                self.keys.take(Some(stored));
                Event::KeysSwapped
            }
            Done::Swap(None) => {
                self.keys.forget_draft();
                Event::SwapLost
            }
            Done::Outdated(true) => Event::ReloadAsked(ReloadScope::Keys),
            Done::Outdated(false) => return None,
        })
    }

    /// What is being loaded, or else what is served.
    fn current(&self) -> Option<&Configured> {
        let served = self.loaded.as_ref().map(|loaded| &loaded.configured);
        self.configured.as_ref().or(served)
    }

    fn forget_next(&mut self) {
        (self.configured, self.opened, self.theme) = (None, None, None);
    }

    fn publish(&mut self, now: Timestamp) {
        let next = (
            self.configured.take(),
            self.opened.take(),
            self.theme.take(),
        );
        let next = match (next, &mut self.loaded) {
            ((None, Some(opened), theme), Some(loaded)) => {
                loaded.opened = opened;
                (None, None, theme)
            }
            (next, _) => next,
        };
        if let (Some(configured), Some(opened), Some(theme)) = next {
            opened.people.go_by(Arc::clone(&configured.spec));
            self.stores.go_by(&configured.spec);
            self.loaded = Some(LoadedTenant {
                configured,
                opened,
                theme,
            });
        }
        let (Some(loaded), Some(keys)) = (&self.loaded, self.keys.stored()) else {
            return;
        };
        self.epoch += 1;
        let made = loaded.snapshot(&self.runtime, &self.stores, &keys, 1, self.epoch, now);
        if let Ok(snapshot) = made {
            self.snapshot = Some(Arc::new(snapshot));
        }
    }
}
