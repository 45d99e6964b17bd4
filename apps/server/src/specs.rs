//! Tenants from files, for the actors.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use insula_config::{
    Document, LoadOptions, Loaded, Problem, Severity, TenantFiles, TenantSource, check_defaults,
    check_tenants, process_environment, read_document,
};
use insula_connectors::Registry;
use insula_files::{Allowed, Look, Watch};
use insula_model::{ConnectorId, ConnectorSpec, DocumentFormat, Issuer, Rate, TenantId};
use insula_tenancy::{LoadedSpec, SpecError, SpecSource, TenantRoute};
use insula_theming::ThemeLibrary;
use tokio::runtime::Handle;
use tracing::{info, warn};

/// The folder of tenants. A tenant whose file turned bad keeps the route it had.
pub(crate) struct FileSpecs {
    inner: Arc<Inner>,
    io: Handle,
}

/// Where tenants lie, what of the machine their files may name, and what holds where they are silent.
pub(crate) struct Folders {
    pub(crate) tenants: PathBuf,
    /// Where files of secrets and certificates may lie beside a tenant's own folder.
    pub(crate) files: Allowed,
    /// Where links of a theme may lead beside that theme.
    pub(crate) themes: Allowed,
    /// The quota of requests of a tenant that names none.
    pub(crate) requests: Option<Rate>,
}

struct Inner {
    folders: Folders,
    registry: Arc<Registry>,
    themes: Arc<ThemeLibrary>,
    known: Mutex<BTreeMap<TenantId, Known>>,
    /// What the last scan found wrong with folders; told once, not at every scan.
    told: Mutex<Vec<Problem>>,
    /// The files of the last scan, so that waking one tenant does not look through all folders.
    sources: Mutex<BTreeMap<TenantId, TenantSource>>,
    /// What was loaded last of each tenant that was ever awake.
    good: Mutex<BTreeMap<TenantId, LoadedSpec>>,
}

struct Known {
    watch: Watch,
    read_at: Instant,
    /// `None` while its file was never good: it is told once, not at every look.
    route: Option<TenantRoute>,
    /// The issuer of the file as it is, if it is good.
    issuer: Option<Issuer>,
}

/// How long a tenant's files are believed to be unchanged because nothing looks changed about them:
/// not every file system tells of every change.
const BELIEVED_FOR: Duration = Duration::from_mins(10);
/// The most tenants that are read again in one look although nothing looks changed about them.
const READ_AGAIN: usize = 64;

impl FileSpecs {
    pub(crate) fn new(
        folders: Folders,
        registry: Arc<Registry>,
        themes: Arc<ThemeLibrary>,
        io: Handle,
    ) -> Self {
        let inner = Inner {
            folders,
            registry,
            themes,
            known: Mutex::default(),
            told: Mutex::default(),
            sources: Mutex::default(),
            good: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
            io,
        }
    }
}

#[async_trait]
impl SpecSource for FileSpecs {
    async fn list(&self) -> Result<Vec<TenantRoute>, String> {
        let inner = Arc::clone(&self.inner);
        let listed = self
            .io
            .spawn_blocking(move || inner.list(Instant::now()))
            .await;
        listed.map_err(|_| "the tenants folder could not be scanned".to_owned())?
    }

    async fn load(&self, id: &TenantId) -> Result<LoadedSpec, SpecError> {
        let (inner, id) = (Arc::clone(&self.inner), id.clone());
        let loaded = self.io.spawn_blocking(move || inner.load(&id)).await;
        loaded.map_err(|_| SpecError(vec!["the tenant's file could not be read".to_owned()]))?
    }

    async fn last_good(&self, id: &TenantId) -> Option<LoadedSpec> {
        held(&self.inner.good).get(id).cloned()
    }
}

impl Inner {
    fn list(&self, now: Instant) -> Result<Vec<TenantRoute>, String> {
        let found = TenantFiles::discover(&self.folders.tenants);
        if found.sources.is_empty()
            && let Some(problem) = found.problems.first()
        {
            return Err(problem.to_string());
        }
        let mut told = held(&self.told);
        for problem in found
            .problems
            .iter()
            .filter(|problem| !told.contains(problem))
        {
            warn!("{problem}");
        }
        told.clone_from(&found.problems);
        drop(told);
        let mut known = held(&self.known);
        let ids: BTreeSet<&TenantId> = found.sources.iter().map(|source| &source.id).collect();
        known.retain(|id, _| ids.contains(id));
        held(&self.good).retain(|id, _| ids.contains(id));
        let mut routes = Vec::with_capacity(found.sources.len());
        let to_read = to_read(&found.sources, &known, now);
        for source in &found.sources {
            let known_route = if to_read.contains(&source.id) {
                self.read_again(source, &mut known, now)
            } else {
                known.get(&source.id).and_then(|known| known.route.clone())
            };
            routes.push(known_route.unwrap_or_else(|| without_a_route(source)));
        }
        let sources = found
            .sources
            .into_iter()
            .map(|source| (source.id.clone(), source));
        *held(&self.sources) = sources.collect();
        Ok(routes)
    }

    fn load(&self, id: &TenantId) -> Result<LoadedSpec, SpecError> {
        let source = held(&self.sources).get(id).cloned();
        let source = source.ok_or_else(|| {
            SpecError(vec![format!(
                "tenant {id} has no file in {}",
                self.folders.tenants.display()
            )])
        })?;
        let Loaded {
            spec,
            problems,
            seen,
            ..
        } = self.read(&source);
        let fingerprint = seen.fingerprint().to_string();
        match spec {
            Ok(spec) => {
                let loaded = LoadedSpec { spec, fingerprint };
                held(&self.good).insert(id.clone(), loaded.clone());
                Ok(loaded)
            }
            Err(_) => {
                let errors = problems
                    .iter()
                    .filter(|p| p.is_error())
                    .map(Problem::to_string);
                Err(SpecError(errors.collect()))
            }
        }
    }
}

impl Inner {
    /// Every problem of every tenant, for `insula check`: what the files say, what connectors and
    /// themes make of it, and tenants that are in each other's way.
    fn check(&self) -> Vec<Problem> {
        let found = TenantFiles::discover(&self.folders.tenants);
        let mut problems = found.problems;
        let mut specs = Vec::new();
        let mut marks = Vec::new();
        for source in &found.sources {
            let loaded = self.read(source);
            problems.extend(loaded.problems);
            marks.extend(loaded.default_mark);
            if let Ok(spec) = loaded.spec {
                problems.extend(self.check_spec(source, &spec));
                specs.push(spec);
            }
        }
        problems.extend(check_tenants(&specs));
        problems.extend(check_defaults(&marks));
        problems
    }

    fn check_spec(&self, source: &TenantSource, spec: &insula_model::TenantSpec) -> Vec<Problem> {
        let severity = severity_of(source.format);
        let problem = |key: String, cause: String| Problem {
            severity,
            file: source.file.clone(),
            line: 0,
            column: 0,
            key,
            cause,
            next_step: String::new(),
        };
        let theme = match insula_tenancy::theme_request(spec) {
            Ok(request) => self.themes.check(&request),
            Err(problems) => problems,
        };
        let theme = theme
            .into_iter()
            .map(|cause| problem("frontend".to_owned(), cause));
        let connectors = self.check_connectors(source, spec);
        connectors.into_iter().chain(theme).collect()
    }

    /// What the connectors make of their settings, and upstreams that cannot be reached from here.
    /// Kinds that there are not were told of by the reader.
    fn check_connectors(
        &self,
        source: &TenantSource,
        spec: &insula_model::TenantSpec,
    ) -> Vec<Problem> {
        use insula_connector_kit::OpenConnector as _;
        let kinds = Registry::kinds();
        let problem = |id: &ConnectorId, severity, cause, next: &str| Problem {
            severity,
            file: source.file.clone(),
            line: 0,
            column: 0,
            key: format!("connectors[{id}]"),
            cause,
            next_step: next.to_owned(),
        };
        let mut problems = Vec::new();
        let known = |one: &&ConnectorSpec| kinds.contains(&one.kind.as_str());
        for connector in spec.connectors.iter().filter(known) {
            let id = &connector.id;
            for cause in self.registry.check(connector, &spec.issuer) {
                problems.push(problem(id, severity_of(source.format), cause, ""));
            }
            for cause in self.registry.out_of_reach(connector) {
                let next = "add it to `outbound` in insula.yaml if this upstream is meant";
                problems.push(problem(id, Severity::Warning, cause, next));
            }
        }
        problems
    }
}

impl FileSpecs {
    /// The issuers of all tenants whose files are good, as of the last scan.
    pub(crate) fn issuers(&self) -> Vec<(TenantId, Issuer)> {
        let known = held(&self.inner.known);
        let issuers = known.iter();
        issuers
            .filter_map(|(id, known)| Some((id.clone(), known.issuer.clone()?)))
            .collect()
    }

    /// See [`Inner::check`].
    pub(crate) fn check(&self) -> Vec<Problem> {
        self.inner.check()
    }
}

impl Inner {
    /// Reads a tenant and answers its route, which is the one it had where its file turned bad.
    fn read_again(
        &self,
        source: &TenantSource,
        known: &mut BTreeMap<TenantId, Known>,
        now: Instant,
    ) -> Option<TenantRoute> {
        let mut loaded = self.read(source);
        let fingerprint = loaded.seen.fingerprint();
        let old = known.remove(&source.id);
        let is_news = old
            .as_ref()
            .is_none_or(|old| old.watch.seen().fingerprint() != fingerprint);
        if is_news {
            // At start and not at the first login: whoever started the server is still looking.
            if let Ok(spec) = &loaded.spec {
                let connectors = self.check_connectors(source, spec);
                loaded.problems.extend(connectors);
            }
            tell(source, &loaded);
        }
        let fingerprint = fingerprint.to_string();
        let (watch, old_route) = match old {
            Some(mut old) => {
                old.watch.renew(loaded.seen, now);
                (old.watch, old.route)
            }
            None => (Watch::new(loaded.seen, now), None),
        };
        let issuer = loaded.spec.as_ref().ok().map(|spec| spec.issuer.clone());
        let route = match loaded.spec {
            Ok(spec) => {
                let own = std::iter::once(spec.issuer.host().to_owned());
                Some(TenantRoute {
                    id: source.id.clone(),
                    hosts: own.chain(spec.hosts.iter().cloned()).collect(),
                    path: spec.issuer.path().to_owned(),
                    is_default: spec.is_default,
                    fingerprint,
                })
            }
            // The fingerprint moves on, so that the actor hears of it and reports what is wrong.
            Err(_) => old_route.map(|old| TenantRoute { fingerprint, ..old }),
        };
        let known_as = Known {
            watch,
            read_at: now,
            route: route.clone(),
            issuer,
        };
        known.insert(source.id.clone(), known_as);
        route
    }

    fn read(&self, source: &TenantSource) -> Loaded {
        let kinds = Registry::kinds();
        let options = LoadOptions {
            env: &process_environment,
            files: &self.folders.files,
            themes: &self.folders.themes,
            requests: self.folders.requests,
            kinds: Some(&kinds),
            certificates: &Registry::certificate_settings(),
        };
        read_document(Document::File(source), &options)
    }
}

/// A dex file is served whatever stands in it that dex would pass over.
const fn severity_of(format: DocumentFormat) -> Severity {
    match format {
        DocumentFormat::Native => Severity::Error,
        DocumentFormat::Dex => Severity::Warning,
    }
}

/// Which tenants are to be read: those that nobody knows or that look changed, and a few of the
/// others, those first that were not read for longest.
fn to_read(
    sources: &[TenantSource],
    known: &BTreeMap<TenantId, Known>,
    now: Instant,
) -> BTreeSet<TenantId> {
    let mut to_read = BTreeSet::new();
    let mut doubtful = Vec::new();
    for source in sources {
        let Some(known) = known.get(&source.id) else {
            to_read.insert(source.id.clone());
            continue;
        };
        let is_old = now.saturating_duration_since(known.read_at) >= BELIEVED_FOR;
        match known.watch.look(now) {
            Look::Changed => {
                to_read.insert(source.id.clone());
            }
            Look::Same if !is_old => {}
            Look::Same | Look::Unsettled => doubtful.push((known.read_at, &source.id)),
        }
    }
    doubtful.sort();
    to_read.extend(
        doubtful
            .into_iter()
            .take(READ_AGAIN)
            .map(|(_, id)| id.clone()),
    );
    to_read
}

/// A tenant that is there, and that nothing leads to: its file was never good.
fn without_a_route(source: &TenantSource) -> TenantRoute {
    TenantRoute {
        id: source.id.clone(),
        hosts: Vec::new(),
        path: String::new(),
        is_default: false,
        fingerprint: String::new(),
    }
}

/// A thread that panicked under one of these locks left whole entries behind.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell(source: &TenantSource, loaded: &Loaded) {
    for problem in &loaded.problems {
        match problem.severity {
            Severity::Info => info!(tenant.id = %source.id, "{problem}"),
            _ => warn!(tenant.id = %source.id, "{problem}"),
        }
    }
}

#[cfg(test)]
mod tests;
