use std::sync::Arc;

use arc_swap::ArcSwap;
use insula_ambient::{Monotonic, Timestamp};
use insula_flows::{Questions, Tasks};
use insula_jose::RsaKeys;
use insula_model::TenantId;
use insula_store::TellFacts;
use tokio::sync::{Notify, Semaphore};

use crate::arbiters::Threads;
use crate::background::Background;
use crate::discovery::DiscoveryTexts;
use crate::facts::{OpenFacts, TellAll};
use crate::spare_keys::SpareKeys;
use crate::{Directory, Metrics, TenancyDeps, TenancyOptions};

/// How many tenants load at once: enough to keep the stores busy, few enough to leave room for
/// requests.
const LOADS_AT_ONCE: usize = 64;
/// How many keys are made at once: each takes a core.
const KEYS_AT_ONCE: usize = 2;

/// What all actors share: the services, the options, the directory and the metrics.
pub(crate) struct Runtime {
    pub(crate) deps: TenancyDeps,
    pub(crate) options: TenancyOptions,
    pub(crate) directory: Directory,
    pub(crate) metrics: Metrics,
    pub(crate) discovery: DiscoveryTexts,
    /// The threads of the tenants' actors.
    pub(crate) threads: Threads,
    pub(crate) loading: Arc<Semaphore>,
    pub(crate) key_making: Arc<Semaphore>,
    /// Made ahead of need.
    pub(crate) spare_keys: SpareKeys,
    /// The RSA keys of all tenants, as far as they are parsed.
    pub(crate) rsa_keys: Arc<RsaKeys>,
    pub(crate) in_background: Arc<Background>,
    /// What runs the work of requests that goes on without them.
    pub(crate) tasks: Arc<dyn Tasks>,
    /// What upstreams are being asked about the logins of all tenants.
    pub(crate) questions: Questions,
    /// What is remembered of the rows of awake tenants.
    pub(crate) facts: Arc<OpenFacts>,
    /// Who is told what changed of them.
    pub(crate) told: Arc<dyn TellFacts>,
    /// Rung when sessions ended here, so that clients are told at once.
    pub(crate) sessions_ended: Arc<Notify>,
    /// The tenants whose present configuration cannot be served: they have their last good one.
    pub(crate) on_last_good: ArcSwap<Vec<TenantId>>,
    #[cfg(any(test, feature = "fault-injection"))]
    pub(crate) hangs: crate::fault::Hangs,
}

impl Runtime {
    pub(crate) fn new(deps: TenancyDeps, options: TenancyOptions) -> Arc<Self> {
        let facts = OpenFacts::new();
        let sessions_ended = Arc::new(Notify::new());
        let told = TellAll {
            sessions_ended: Arc::clone(&sessions_ended),
            open: Arc::clone(&facts),
            bus: Arc::clone(&deps.bus),
            io: deps.io.clone(),
            process_id: deps.process_id.clone(),
        };
        Arc::new(Self::ringing(
            deps,
            options,
            facts,
            Arc::new(told),
            sessions_ended,
        ))
    }

    /// One whose word of changed rows goes another way.
    #[cfg(feature = "simulation")]
    pub(crate) fn telling(
        deps: TenancyDeps,
        options: TenancyOptions,
        facts: Arc<OpenFacts>,
        told: Arc<dyn TellFacts>,
        tasks: Arc<dyn Tasks>,
    ) -> Arc<Self> {
        let mut runtime = Self::ringing(deps, options, facts, told, Arc::new(Notify::new()));
        runtime.tasks = tasks;
        Arc::new(runtime)
    }

    fn ringing(
        deps: TenancyDeps,
        options: TenancyOptions,
        facts: Arc<OpenFacts>,
        told: Arc<dyn TellFacts>,
        sessions_ended: Arc<Notify>,
    ) -> Self {
        let metrics = Metrics::new(facts.totals());
        let most_awake = i64::try_from(options.max_awake).unwrap_or(i64::MAX);
        metrics.most_awake.set(most_awake);
        let in_background = Arc::new(Background::new(deps.io.clone()));
        Self {
            tasks: Arc::clone(&in_background) as _,
            in_background,
            questions: Questions::default(),
            on_last_good: ArcSwap::default(),
            spare_keys: SpareKeys::default(),
            rsa_keys: RsaKeys::new(options.parsed_rsa_keys),
            deps,
            options,
            metrics,
            discovery: DiscoveryTexts::default(),
            facts,
            told,
            sessions_ended,
            directory: Directory::empty(),
            threads: Threads::default(),
            loading: Arc::new(Semaphore::new(LOADS_AT_ONCE)),
            key_making: Arc::new(Semaphore::new(KEYS_AT_ONCE)),
            #[cfg(any(test, feature = "fault-injection"))]
            hangs: crate::fault::Hangs::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.deps.clock.now()
    }

    pub(crate) fn monotonic(&self) -> Monotonic {
        self.deps.clock.monotonic()
    }
}
