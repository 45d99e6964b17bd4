//! Tenants from files, for the actors.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use insula_config::{
    Format, Loaded, Problem, Severity, TenantFiles, TenantSource, check_tenants, load_tenant,
    load_tenant_knowing, process_environment,
};
use insula_connectors::Registry;
use insula_model::TenantId;
use insula_tenancy::{LoadedSpec, SpecError, SpecSource, TenantRoute};
use insula_theming::ThemeLibrary;
use tokio::runtime::Handle;
use tracing::{info, warn};

/// The folder of tenants. A tenant whose file turned bad keeps the route it had.
pub(crate) struct FileSpecs {
    inner: Arc<Inner>,
    io: Handle,
}

struct Inner {
    folder: PathBuf,
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
    stamp: Vec<Stamp>,
    /// `None` while its file was never good: it is told once, not at every look.
    route: Option<TenantRoute>,
}

/// What tells cheaply that a file may have changed: its path, time and length.
type Stamp = (PathBuf, Option<SystemTime>, u64);

impl FileSpecs {
    pub(crate) fn new(
        folder: PathBuf,
        registry: Arc<Registry>,
        themes: Arc<ThemeLibrary>,
        io: Handle,
    ) -> Self {
        let inner = Inner {
            folder,
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
        let listed = self.io.spawn_blocking(move || inner.list()).await;
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
    fn list(&self) -> Result<Vec<TenantRoute>, String> {
        let found = TenantFiles::discover(&self.folder);
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
        for source in &found.sources {
            if let Some(route) = route(source, &mut known) {
                routes.push(route);
            }
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
                self.folder.display()
            )])
        })?;
        let fingerprint = format!("{:?}", source.fingerprint());
        let Loaded { spec, problems, .. } = read(&source);
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
        let found = TenantFiles::discover(&self.folder);
        let mut problems = found.problems;
        let mut specs = Vec::new();
        for source in &found.sources {
            let loaded = read(source);
            problems.extend(loaded.problems);
            if let Ok(spec) = loaded.spec {
                problems.extend(self.check_spec(source, &spec));
                specs.push(spec);
            }
        }
        problems.extend(check_tenants(&specs));
        problems
    }

    fn check_spec(&self, source: &TenantSource, spec: &insula_model::TenantSpec) -> Vec<Problem> {
        use insula_connector_kit::OpenConnector as _;
        // A dex file is served whatever stands in it that dex would pass over.
        let severity = match source.format {
            Format::Native => Severity::Error,
            Format::Dex => Severity::Warning,
        };
        let problem = |key: String, cause: String| Problem {
            severity,
            file: source.file.clone(),
            line: 0,
            column: 0,
            key,
            cause,
            next_step: String::new(),
        };
        let connectors = spec.connectors.iter().flat_map(|connector| {
            let found = self.registry.check(connector, &spec.issuer);
            found
                .into_iter()
                .map(|cause| problem(format!("connectors[{}]", connector.id), cause))
        });
        let theme = match insula_tenancy::theme_request(spec) {
            Ok(request) => self.themes.check(&request),
            Err(problems) => problems,
        };
        let theme = theme
            .into_iter()
            .map(|cause| problem("frontend".to_owned(), cause));
        connectors.chain(theme).collect()
    }
}

impl FileSpecs {
    /// See [`Inner::check`].
    pub(crate) fn check(&self) -> Vec<Problem> {
        self.inner.check()
    }
}

/// The route of a tenant: read again only where its files look changed.
fn route(source: &TenantSource, known: &mut BTreeMap<TenantId, Known>) -> Option<TenantRoute> {
    let old = known.get(&source.id);
    if let Some(old) = old
        && old.stamp == stamps(old.stamp.iter().map(|(path, ..)| path.clone()))
    {
        return old.route.clone();
    }
    let loaded = read(source);
    tell(source, &loaded);
    let stamp = stamps(watched(loaded.files));
    let fingerprint = format!("{:?}", source.fingerprint());
    let route = match loaded.spec {
        Ok(spec) => {
            let own = std::iter::once(spec.issuer.host().to_owned());
            Some(TenantRoute {
                id: source.id.clone(),
                hosts: own.chain(spec.hosts.iter().cloned()).collect(),
                path: spec.issuer.path().to_owned(),
                fingerprint,
            })
        }
        // The fingerprint moves on, so that the actor hears of it and reports what is wrong.
        Err(_) => old
            .and_then(|old| old.route.clone())
            .map(|old| TenantRoute { fingerprint, ..old }),
    };
    let known_as = Known {
        stamp,
        route: route.clone(),
    };
    known.insert(source.id.clone(), known_as);
    route
}

/// A thread that panicked under one of these locks left whole entries behind.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An unknown kind of connector is an error of our own files, told with its line. A dex file is served
/// without that connector, as dex serves with one that does not open.
fn read(source: &TenantSource) -> Loaded {
    match source.format {
        Format::Native => load_tenant_knowing(source, &process_environment, &Registry::kinds()),
        Format::Dex => load_tenant(source, &process_environment),
    }
}

/// A theme folder counts with each file in it: editing one leaves the folder's own time alone.
fn watched(files: Vec<PathBuf>) -> impl Iterator<Item = PathBuf> {
    files.into_iter().flat_map(|path| {
        let mut inside = Vec::new();
        walk(&path, 0, &mut inside);
        inside.push(path);
        inside
    })
}

fn walk(folder: &std::path::Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if depth < 8 && path.is_dir() {
            walk(&path, depth + 1, found);
        }
        found.push(path);
    }
}

fn stamps(paths: impl Iterator<Item = PathBuf>) -> Vec<Stamp> {
    let stamp = |path: PathBuf| {
        let seen = std::fs::metadata(&path).ok();
        let time = seen.as_ref().and_then(|m| m.modified().ok());
        let length = seen.map_or(0, |m| m.len());
        (path, time, length)
    };
    paths.map(stamp).collect()
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
