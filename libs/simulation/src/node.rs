use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::{
    Clock, Entropy, ForwardClock, ManualClock, Monotonic, SeededEntropy, Timestamp,
};
use insula_flows::TenantView;
use insula_jose::MasterKey;
use insula_model::{TenantId, TenantSpec};
use insula_store::MemoryBus;
use insula_tenancy::{
    LoadedSpec, SpecError, SpecSource, SteppedProcess, SteppedServices, SteppedTenant,
    TenancyOptions,
};
use insula_testkit::NoHashing;
use insula_theming::ThemeLibrary;

use crate::Defect;
use crate::connector::Upstreams;
use crate::keys::make_key;
use crate::store::Link;

/// How often a node looks at the stored key rings without word of a change.
const POLL_EVERY: Duration = Duration::from_mins(1);
/// How long clients may keep a JWK Set.
const JWKS_MAX_AGE: Duration = Duration::from_mins(1);

static THEMES: LazyLock<Result<Arc<ThemeLibrary>, String>> = LazyLock::new(|| {
    let embedded = ThemeLibrary::embedded();
    embedded.map(Arc::new).map_err(|error| error.to_string())
});

static RUNTIME: LazyLock<std::io::Result<tokio::runtime::Runtime>> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().build());

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
}

/// A tenant of a node, and when it last learned which key ring is stored.
pub(crate) struct Tenant {
    pub(crate) stepped: SteppedTenant,
    pub(crate) keys_read: Option<u64>,
    /// When it last asked for it.
    pub(crate) keys_asked: Option<u64>,
}

/// What all nodes are configured with.
#[derive(Clone)]
pub(crate) struct Configuration {
    pub(crate) specs: Vec<Arc<TenantSpec>>,
    pub(crate) master_key: Arc<MasterKey>,
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
            connectors: Arc::new(Upstreams),
            hashing: Arc::new(NoHashing),
            specs: Arc::new(configuration.clone()),
            themes: Arc::clone(themes),
            master_key: Arc::clone(&configuration.master_key),
            clock: Arc::clone(&self.told),
            entropy: Arc::clone(&self.entropy),
            io: runtime.handle().clone(),
            make_key,
        };
        let options = TenancyOptions {
            poll_every: POLL_EVERY,
            jwks_max_age: JWKS_MAX_AGE,
            ..TenancyOptions::default()
        };
        let process = SteppedProcess::new(services, options);
        let ids = configuration.specs.iter().map(|spec| &spec.id);
        self.tenants = ids
            .map(|id| Tenant {
                stepped: process.start(id),
                keys_read: None,
                keys_asked: None,
            })
            .collect();
        self.process = Some(process);
    }

    pub(crate) fn kill(&mut self) {
        self.up = false;
        self.tenants.clear();
        self.process = None;
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
            tenant.stepped.tick();
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
        let snapshot = self.tenants.get(tenant)?.stepped.snapshot()?;
        let view = snapshot.view.clone();
        self.link.remember_in(&view.effects);
        Some(view)
    }
}

#[async_trait]
impl SpecSource for Configuration {
    async fn load(&self, id: &TenantId) -> Result<LoadedSpec, SpecError> {
        let found = self.specs.iter().find(|spec| spec.id == *id);
        let found = found.ok_or_else(|| SpecError(vec!["there is no such tenant".to_owned()]))?;
        Ok(LoadedSpec {
            spec: Arc::clone(found),
            fingerprint: "1".to_owned(),
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
