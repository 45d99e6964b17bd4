use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use insula_ambient::{
    Clock, Entropy, ForwardClock, ManualClock, Monotonic, SeededEntropy, Timestamp,
};
use insula_flows::{Tasks, TenantView};
use insula_jose::MasterKey;
use insula_model::{TenantId, TenantSpec};
use insula_store::MemoryBus;
use insula_tenancy::{
    LoadedSpec, SpecError, SpecSource, SteppedProcess, SteppedServices, SteppedTenant,
    TenancyOptions, TenantSnapshot,
};
use insula_testkit::NoHashing;
use insula_theming::ThemeLibrary;

use crate::Defect;
use crate::connector::Upstreams;
use crate::keys::make_key;
use crate::logout::Telling;
use crate::script::Written;
use crate::store::Link;
use crate::tenants;

/// How often a node looks at the stored key rings without word of a change.
const POLL_EVERY: Duration = Duration::from_mins(1);
/// How long clients may keep a JWK Set.
const JWKS_MAX_AGE: Duration = Duration::from_mins(1);

/// So often what goes on beside requests is looked at, at most: it stops at fewer calls.
const MOST_STOPS: u32 = 50;

static THEMES: LazyLock<Result<Arc<ThemeLibrary>, String>> = LazyLock::new(|| {
    let embedded = ThemeLibrary::embedded();
    embedded.map(Arc::new).map_err(|error| error.to_string())
});

static RUNTIME: LazyLock<std::io::Result<tokio::runtime::Runtime>> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().build());

/// What goes on at a node where the request that began it was cut. Waiting is over when it is looked at
/// again.
#[derive(Clone, Default)]
struct Beside(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl Beside {
    fn all(&self) -> MutexGuard<'_, Vec<BoxFuture<'static, ()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tasks for Beside {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.all().push(work);
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        tokio::task::yield_now().boxed()
    }
}

/// One process: its clock, its way to the stores, and its tenants.
pub(crate) struct Node {
    pub(crate) wall: ManualClock,
    drift: i64,
    told: Arc<dyn Clock>,
    pub(crate) link: Link,
    pub(crate) up: bool,
    entropy: Arc<dyn Entropy>,
    pub(crate) tenants: Vec<Tenant>,
    /// What they share; nothing while it is down.
    pub(crate) process: Option<SteppedProcess>,
    /// What it is telling a client.
    pub(crate) telling: Option<Telling>,
    beside: Beside,
}

/// A tenant of a node, and when it last learned which key ring is stored.
#[derive(Default)]
pub(crate) struct Tenant {
    /// Nothing while there is no such tenant.
    stepped: Option<SteppedTenant>,
    /// The note that it went, on its way.
    leaving: Option<Leaving>,
    pub(crate) keys_read: Option<u64>,
    /// When it last asked for it.
    pub(crate) keys_asked: Option<u64>,
}

type Leaving = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Tenant {
    /// How many of its jobs are under way.
    pub(crate) fn jobs(&self) -> usize {
        let running = self.stepped.as_ref().map_or(0, SteppedTenant::jobs);
        running + usize::from(self.leaving.is_some())
    }

    /// Lets a job go on to where it waits next.
    pub(crate) fn poll(&mut self) {
        if let Some(leaving) = &mut self.leaving {
            let polled = leaving
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            if polled.is_ready() {
                self.leaving = None;
            }
        } else if let Some(stepped) = &mut self.stepped {
            stepped.poll(0);
        }
    }

    pub(crate) fn keys_changed(&mut self) {
        if let Some(stepped) = &mut self.stepped {
            stepped.keys_changed();
        }
    }

    pub(crate) fn take_announced(&mut self) -> bool {
        let stepped = self.stepped.as_mut();
        stepped.is_some_and(SteppedTenant::take_announced)
    }

    fn snapshot(&self) -> Option<Arc<TenantSnapshot>> {
        self.stepped.as_ref()?.snapshot()
    }
}

/// What all nodes are configured with.
#[derive(Clone)]
pub(crate) struct Configuration {
    /// As they began.
    pub(crate) specs: Vec<Arc<TenantSpec>>,
    /// What is written of each now.
    pub(crate) written: Arc<Mutex<Vec<Written>>>,
    /// The upstream of all.
    pub(crate) upstreams: Arc<Upstreams>,
    pub(crate) master_key: Arc<MasterKey>,
}

impl Configuration {
    pub(crate) fn written(&self, tenant: usize) -> Written {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.get(tenant).copied().unwrap_or(Written::Nothing)
    }

    pub(crate) fn write(&self, tenant: usize, what: Written) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of) = written.get_mut(tenant) {
            *of = what;
        }
    }
}

impl Node {
    pub(crate) fn new(wall: ManualClock, link: Link, seed: u64) -> Self {
        Self {
            told: told(&wall, link.defect),
            wall,
            drift: 0,
            link,
            up: false,
            entropy: Arc::new(SeededEntropy::new(seed)),
            tenants: Vec::new(),
            process: None,
            telling: None,
            beside: Beside::default(),
        }
    }

    /// Begins anew, with nothing in memory.
    pub(crate) fn start(&mut self, configuration: &Configuration) {
        let (Ok(themes), Ok(runtime)) = (&*THEMES, &*RUNTIME) else {
            return;
        };
        self.told = told(&self.wall, self.link.defect);
        self.link.notes = Arc::new(Mutex::default());
        self.link.facts = Arc::new(Mutex::default());
        self.up = true;
        let link = Arc::new(self.link.clone());
        let services = SteppedServices {
            durable: link.clone(),
            cache: link,
            bus: Arc::new(MemoryBus::new()),
            connectors: Arc::clone(&configuration.upstreams) as _,
            hashing: Arc::new(NoHashing),
            specs: Arc::new(configuration.clone()),
            themes: Arc::clone(themes),
            master_key: Arc::clone(&configuration.master_key),
            clock: Arc::clone(&self.told),
            entropy: Arc::clone(&self.entropy),
            io: runtime.handle().clone(),
            tasks: Arc::new(self.beside.clone()),
            make_key,
        };
        let options = TenancyOptions {
            poll_every: POLL_EVERY,
            jwks_max_age: JWKS_MAX_AGE,
            ..TenancyOptions::default()
        };
        self.process = Some(SteppedProcess::new(services, options));
        self.tenants.clear();
        for tenant in 0..configuration.specs.len() {
            self.tenants.push(Tenant::default());
            self.look(configuration, tenant);
        }
    }

    /// Looks at what is written of a tenant.
    pub(crate) fn look(&mut self, configuration: &Configuration, tenant: usize) {
        let (Some(process), Some(spec)) = (&self.process, configuration.specs.get(tenant)) else {
            return;
        };
        let Some(of) = self.tenants.get_mut(tenant).filter(|_| self.up) else {
            return;
        };
        match (configuration.written(tenant), &mut of.stepped) {
            (Written::Nothing, None) => {}
            (Written::Nothing, Some(_)) => {
                *of = Tenant {
                    leaving: Some(Box::pin(process.left(&spec.id))),
                    ..Tenant::default()
                };
            }
            (_, Some(stepped)) => stepped.reload(),
            (_, none) => *none = Some(process.start(&spec.id)),
        }
    }

    /// Which version of what is written of a tenant the node serves.
    pub(crate) fn serves(&self, tenant: usize) -> Option<Arc<str>> {
        let snapshot = self.tenants.get(tenant)?.snapshot()?;
        Some(Arc::clone(&snapshot.fingerprint))
    }

    pub(crate) fn kill(&mut self) {
        self.up = false;
        self.tenants.clear();
        self.telling = None;
        self.process = None;
        self.beside.all().clear();
    }

    /// What goes on beside requests does so, until it is done or waits for another node.
    pub(crate) fn go_on_beside(&self) {
        let mut context = Context::from_waker(Waker::noop());
        self.beside.all().retain_mut(|work| {
            (0..MOST_STOPS).all(|_| work.as_mut().poll(&mut context).is_pending())
        });
    }

    pub(crate) fn set_drift(&mut self, parts: i64) {
        self.drift = parts;
    }

    /// Time passes, as the node's wall clock sees it.
    pub(crate) fn pass(&mut self, span: Duration) {
        self.wall.advance(span);
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        self.set_clock(millis.saturating_mul(self.drift) / 1_000_000);
        for tenant in &mut self.tenants {
            if let Some(stepped) = &mut tenant.stepped {
                stepped.tick();
            }
        }
    }

    pub(crate) fn set_clock(&self, ms: i64) {
        set_clock(&self.wall, ms);
    }

    /// What time it tells.
    pub(crate) fn now(&self) -> Timestamp {
        self.told.now()
    }

    /// A tenant as a request finds it.
    pub(crate) fn tenant(&self, tenant: usize) -> Option<TenantView> {
        let snapshot = self.tenants.get(tenant)?.snapshot()?;
        let view = snapshot.view.clone();
        self.link.remember_in(&view.effects);
        Some(view)
    }
}

#[async_trait]
impl SpecSource for Configuration {
    async fn load(&self, id: &TenantId) -> Result<LoadedSpec, SpecError> {
        let found = self.specs.iter().position(|spec| spec.id == *id);
        let nothing = || SpecError(vec!["there is no such tenant".to_owned()]);
        let tenant = found.ok_or_else(nothing)?;
        let spec = self.specs.get(tenant).ok_or_else(nothing)?;
        let what = self.written(tenant);
        Ok(LoadedSpec {
            spec: Arc::new(tenants::version(spec, what).ok_or_else(nothing)?),
            fingerprint: what.name().to_owned(),
            document: None,
        })
    }
}

/// Somebody sets a wall clock.
pub(crate) fn set_clock(wall: &ManualClock, ms: i64) {
    let by = Duration::from_millis(ms.unsigned_abs());
    if ms < 0 {
        wall.step_back(by);
    } else {
        wall.step_forward(by);
    }
}

fn told(wall: &ManualClock, defect: Option<Defect>) -> Arc<dyn Clock> {
    if defect == Some(Defect::DurationsByWallTime) {
        return Arc::new(WallClock(wall.clone()));
    }
    Arc::new(ForwardClock::new(wall.clone()))
}

/// The defect: what lasts a while is measured by the wall clock, which somebody may set back.
struct WallClock(ManualClock);

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_start(self.0.now().since(Timestamp::EPOCH))
    }
}
