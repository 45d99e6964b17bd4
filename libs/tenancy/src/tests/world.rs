use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::{Entropy, ManualClock, SystemEntropy};
use insula_connector_kit::{Connector, ConnectorError, OpenConnector, OpenContext, PasswordCheck};
use insula_jose::MasterKey;
use insula_model::{
    ConnectorSpec, DocumentFormat, DocumentSyntax, Issuer, TenantDocument, TenantId, TenantSpec,
};
use insula_store::{
    CacheLimits, MemoryBus, MemoryCache, MemoryRegistry, MemoryStore, RegisteredDocument,
    StoreError, TenantChanges, TenantEntry, TenantRegistry,
};
use insula_testkit::{FakeConnector, NOW, NoHashing, a_tenant};
use insula_theming::ThemeLibrary;
use tokio::sync::Semaphore;

use crate::{
    LoadedSpec, Lookup, RestartPolicy, SpecError, SpecSource, Tenancy, TenancyDeps, TenancyOptions,
    TenantHandle, TenantPhase, TenantStatus,
};

/// How long anything may take before a test is given up.
const BOUND: Duration = Duration::from_mins(1);

static THEMES: LazyLock<Arc<ThemeLibrary>> =
    LazyLock::new(|| Arc::new(ThemeLibrary::embedded().unwrap()));

/// What processes share, and what a test changes.
#[derive(Clone)]
pub(super) struct World {
    pub(super) clock: ManualClock,
    pub(super) store: MemoryStore,
    pub(super) bus: MemoryBus,
    pub(super) files: Arc<Files>,
    pub(super) upstreams: Arc<Upstreams>,
    pub(super) master_key: Arc<MasterKey>,
    io: tokio::runtime::Handle,
}

/// Runs a test within an actix system, with a runtime for I/O beside it.
pub(super) fn in_world<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    let io = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let world = World {
        clock: ManualClock::at(NOW),
        store: MemoryStore::new(),
        bus: MemoryBus::new(),
        files: Arc::default(),
        upstreams: Arc::default(),
        master_key: Arc::new(MasterKey::generate(&SystemEntropy)),
        io: io.handle().clone(),
    };
    actix::System::new().block_on(async {
        let tested = tokio::time::timeout(BOUND, test(world)).await;
        tested.expect("what the test waits for comes in time");
    });
    io.shutdown_background();
}

impl World {
    /// A process over the shared stores.
    pub(super) async fn process(&self, name: &str, options: TenancyOptions) -> Tenancy {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let deps = TenancyDeps {
            durable: Arc::new(self.store.clone()),
            cache: Arc::new(MemoryCache::new(
                Arc::new(self.clock.clone()),
                CacheLimits::default(),
            )),
            bus: Arc::new(self.bus.clone()),
            connectors: Arc::clone(&self.upstreams) as _,
            hashing: Arc::new(|_| Arc::new(NoHashing) as Arc<dyn PasswordCheck>),
            themes: Arc::clone(&THEMES),
            registry: Arc::clone(&self.files) as _,
            specs: Arc::clone(&self.files) as _,
            master_key: Arc::clone(&self.master_key),
            clock: Arc::new(self.clock.clone()),
            entropy,
            io: self.io.clone(),
            process_id: name.to_owned(),
        };
        let tenancy = Tenancy::start(deps, options);
        tenancy.rescan().await.unwrap();
        tenancy
    }

    /// The usual process.
    pub(super) async fn tenancy(&self) -> Tenancy {
        self.process("one", quick()).await
    }
}

/// Longer than any test: tests probe the arbiters themselves.
pub(super) const HEARTBEAT: Duration = Duration::from_hours(1);

/// Options under which nothing waits long, and nothing happens of itself.
pub(super) fn quick() -> TenancyOptions {
    TenancyOptions {
        restart: RestartPolicy {
            first_wait: Duration::from_millis(1),
            ..RestartPolicy::default()
        },
        heartbeat_every: HEARTBEAT,
        poll_every: Duration::from_hours(24 * 365),
        activation_timeout: BOUND,
        ..TenancyOptions::default()
    }
}

pub(super) fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// A tenant at `https://{name}.test`.
pub(super) fn tenant(name: &str) -> TenantSpec {
    a_tenant().at(name, &format!("https://{name}.test")).build()
}

/// Looks until there is something to see. Each look asks an actor or yields to one.
pub(super) async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        tokio::task::yield_now().await;
    }
}

pub(super) async fn until_phase(tenancy: &Tenancy, name: &str, phase: TenantPhase) -> TenantStatus {
    until_status(tenancy, name, |status| status.phase == phase).await
}

pub(super) async fn until_status(
    tenancy: &Tenancy,
    name: &str,
    is_it: impl Fn(&TenantStatus) -> bool,
) -> TenantStatus {
    let id = id(name);
    until(async || tenancy.status(&id).await.filter(|status| is_it(status))).await
}

/// The tenant as a request finds it, awake.
pub(super) fn found(tenancy: &Tenancy, name: &str) -> Option<TenantHandle> {
    match tenancy.directory().lookup(&format!("{name}.test"), "/") {
        Lookup::Awake(handle) => Some(handle),
        _ => None,
    }
}

/// Configurations, as a test writes them.
#[derive(Default)]
pub(super) struct Files {
    registry: MemoryRegistry,
    /// What was asked for and how many changes were answered.
    asked: Mutex<Vec<(u64, usize)>>,
    written: Mutex<BTreeMap<TenantId, File>>,
    loads: Mutex<Vec<TenantId>>,
    gate: Mutex<Option<Arc<Semaphore>>>,
    /// What each document says that was ever written.
    documents: Mutex<BTreeMap<String, TenantSpec>>,
}

#[derive(Clone)]
struct File {
    content: Result<TenantSpec, Vec<String>>,
    entry: TenantEntry,
}

impl Files {
    pub(super) fn write(&self, spec: TenantSpec) {
        let mut files = self.written.lock().unwrap();
        let version = files
            .get(&spec.id)
            .map_or(0, |file| file.entry.fingerprint.parse::<u32>().unwrap());
        let entry = TenantEntry {
            id: spec.id.clone(),
            hosts: vec![spec.issuer.host().to_owned()],
            path: spec.issuer.path().to_owned(),
            is_default: spec.is_default,
            fingerprint: (version + 1).to_string(),
            is_good: true,
        };
        let content = Ok(spec);
        self.registry.put_all([entry.clone()]);
        files.insert(entry.id.clone(), File { content, entry });
    }

    /// Makes a file unreadable, as a slip of the pen does.
    pub(super) fn spoil(&self, name: &str, problem: &str) {
        let mut files = self.written.lock().unwrap();
        let file = files.get_mut(&id(name)).unwrap();
        file.content = Err(vec![problem.to_owned()]);
        file.entry.hosts.clear();
        file.entry.is_good = false;
        file.entry.fingerprint = (file.entry.fingerprint.parse::<u32>().unwrap() + 1).to_string();
        self.registry.put_all([file.entry.clone()]);
    }

    /// What documents refer to is gone.
    pub(super) fn forget_documents(&self) {
        self.documents.lock().unwrap().clear();
    }

    pub(super) fn remove(&self, name: &str) {
        self.written.lock().unwrap().remove(&id(name));
        self.registry.remove(&id(name));
    }

    /// The changes that were asked for since this was last asked: behind which, and how many there
    /// were.
    pub(super) fn asked(&self) -> Vec<(u64, usize)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// Which tenants were loaded, in order.
    pub(super) fn loads(&self) -> Vec<String> {
        let loads = self.loads.lock().unwrap();
        loads.iter().map(|id| id.as_str().to_owned()).collect()
    }

    /// Lets loads begin but not end, until permits are added.
    pub(super) fn hold(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }
}

#[async_trait]
impl TenantRegistry for Files {
    async fn changes_since(&self, since: u64, most: u32) -> Result<TenantChanges, StoreError> {
        let answer = self.registry.changes_since(since, most).await?;
        let asked = (since, answer.changes.len());
        self.asked.lock().unwrap().push(asked);
        Ok(answer)
    }

    async fn by_host(&self, host: &str) -> Result<Vec<TenantEntry>, StoreError> {
        self.registry.by_host(host).await
    }

    async fn document(&self, id: &TenantId) -> Result<Option<RegisteredDocument>, StoreError> {
        self.registry.document(id).await
    }
}

#[async_trait]
impl SpecSource for Files {
    async fn load(&self, id: &TenantId) -> Result<LoadedSpec, SpecError> {
        self.loads.lock().unwrap().push(id.clone());
        let gate = self.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        let file = self.written.lock().unwrap().get(id).cloned();
        let file = file.ok_or_else(|| SpecError(vec!["it is gone".to_owned()]))?;
        let fingerprint = file.entry.fingerprint;
        let spec = file.content.map_err(SpecError)?;
        // The text of a document is its number.
        let mut documents = self.documents.lock().unwrap();
        let text = documents.len().to_string();
        let known = documents.iter().find(|(_, known)| **known == spec);
        let text = known.map_or(text, |(text, _)| text.clone());
        documents.insert(text.clone(), spec.clone());
        let (format, syntax) = (DocumentFormat::Native, DocumentSyntax::Yaml);
        Ok(LoadedSpec {
            spec: Arc::new(spec),
            fingerprint,
            document: Some(TenantDocument::new(format, syntax, text)),
        })
    }

    async fn read(&self, _: &TenantId, earlier: &TenantDocument) -> Result<LoadedSpec, SpecError> {
        let spec = self.documents.lock().unwrap().get(&earlier.text).cloned();
        let spec = spec.ok_or_else(|| SpecError(vec!["it refers to what is gone".to_owned()]))?;
        Ok(LoadedSpec {
            spec: Arc::new(spec),
            fingerprint: format!("document {}", earlier.text),
            document: None,
        })
    }
}

/// Opens fakes; those named `broken` it cannot.
#[derive(Default)]
pub(super) struct Upstreams {
    opened: Mutex<Vec<String>>,
    pub(super) broken: Mutex<BTreeSet<String>>,
}

impl Upstreams {
    pub(super) fn opened(&self) -> Vec<String> {
        self.opened.lock().unwrap().clone()
    }
}

#[async_trait]
impl OpenConnector for Upstreams {
    fn check(&self, _: &ConnectorSpec, _: &Issuer) -> Vec<String> {
        Vec::new()
    }

    async fn open(
        &self,
        spec: &ConnectorSpec,
        _: &OpenContext,
    ) -> Result<Arc<dyn Connector>, ConnectorError> {
        let id = spec.id.as_str().to_owned();
        self.opened.lock().unwrap().push(id.clone());
        if self.broken.lock().unwrap().contains(&id) {
            return Err(ConnectorError::Settings("it is broken".to_owned()));
        }
        Ok(Arc::new(FakeConnector::redirecting()))
    }
}
