//! What the files of tenants mean, for the actors and for `insula check`.

use std::sync::Arc;

use async_trait::async_trait;
use insula_config::{Loaded, Problem, Severity, TenantSource, check_defaults, check_tenants};
use insula_connectors::Registry;
use insula_model::{
    ConnectorId, ConnectorSpec, DocumentFormat, TenantDocument, TenantId, TenantSpec,
};
use insula_tenancy::{LoadedSpec, SpecError, SpecSource};
use insula_tenant_files::{ConnectorKinds, FileRegistry, Folders, Inspect};
use insula_theming::ThemeLibrary;
use tokio::runtime::Handle;

/// The documents of a folder of tenants, with the connectors and themes they ask for.
pub(crate) struct FileSpecs {
    files: FileRegistry,
    inspection: Arc<Inspection>,
    io: Handle,
}

/// What connectors and themes make of a document.
struct Inspection {
    connectors: Arc<Registry>,
    themes: Arc<ThemeLibrary>,
}

/// The connectors that a document may name.
pub(crate) fn connector_kinds() -> ConnectorKinds {
    ConnectorKinds {
        names: Registry::kinds(),
        file_settings: Registry::file_settings(),
        keytabs: Registry::keytab_settings(),
    }
}

impl FileSpecs {
    pub(crate) fn new(
        folders: Folders,
        connectors: Arc<Registry>,
        themes: Arc<ThemeLibrary>,
        io: Handle,
    ) -> Self {
        let inspection = Arc::new(Inspection { connectors, themes });
        let inspect: Inspect = {
            let inspection = Arc::clone(&inspection);
            Box::new(move |source, spec| inspection.connectors(source, spec))
        };
        Self {
            files: FileRegistry::new(folders, inspect, io.clone()),
            inspection,
            io,
        }
    }

    /// Which tenants there are.
    pub(crate) fn registry(&self) -> &FileRegistry {
        &self.files
    }

    /// Every problem of every tenant, for `insula check`: what the files say, what connectors and
    /// themes make of it, and tenants that are in each other's way.
    ///
    /// With them, the tenants that would be served.
    pub(crate) fn check(&self) -> (Vec<Problem>, Vec<(TenantSource, TenantSpec)>) {
        let mut problems = Vec::new();
        let mut sources = Vec::new();
        let mut specs = Vec::new();
        let mut marks = Vec::new();
        let of_folders = self.files.read_all(|source, loaded| {
            problems.extend(loaded.problems);
            marks.extend(loaded.default_mark);
            if let Ok(spec) = loaded.spec {
                problems.extend(self.inspection.connectors(source, &spec));
                problems.extend(self.inspection.theme(source, &spec));
                sources.push(source.clone());
                specs.push(spec);
            } else {
                let goes_on = "a server that has served this tenant goes on with its last good \
                               configuration";
                problems.push(problem(source, Severity::Info, "", goes_on.to_owned(), ""));
            }
        });
        problems.splice(0..0, of_folders);
        problems.extend(check_tenants(&specs));
        problems.extend(check_defaults(&marks));
        (problems, sources.into_iter().zip(specs).collect())
    }
}

#[async_trait]
impl SpecSource for FileSpecs {
    async fn load(&self, id: &TenantId) -> Result<LoadedSpec, SpecError> {
        let (files, of) = (self.files.clone(), id.clone());
        let reading = self.io.spawn_blocking(move || files.read(&of));
        let loaded = reading
            .await
            .map_err(|_| SpecError(vec!["the tenant's file could not be read".to_owned()]))?;
        of_loaded(loaded.map_err(|error| SpecError(vec![error]))?)
    }

    async fn read(&self, id: &TenantId, earlier: &TenantDocument) -> Result<LoadedSpec, SpecError> {
        let (files, id, earlier) = (self.files.clone(), id.clone(), earlier.clone());
        let reading = self
            .io
            .spawn_blocking(move || files.read_earlier(&id, &earlier));
        let loaded = reading
            .await
            .map_err(|_| SpecError(vec!["the document could not be read".to_owned()]))?;
        of_loaded(loaded.map_err(|error| SpecError(vec![error]))?)
    }
}

fn of_loaded(loaded: Loaded) -> Result<LoadedSpec, SpecError> {
    let fingerprint = loaded.seen.fingerprint().to_string();
    match loaded.spec {
        Ok(spec) => Ok(LoadedSpec {
            spec: Arc::new(spec),
            fingerprint,
            document: loaded.document,
        }),
        Err(_) => {
            let problems = loaded.problems.iter();
            let errors = problems.filter(|problem| problem.is_error());
            Err(SpecError(errors.map(Problem::to_string).collect()))
        }
    }
}

impl Inspection {
    fn theme(&self, source: &TenantSource, spec: &TenantSpec) -> Vec<Problem> {
        let theme = match insula_theming::theme_request(spec) {
            Ok(request) => self.themes.check(&request),
            Err(problems) => problems,
        };
        let problem = |cause| problem(source, severity_of(source.format), "frontend", cause, "");
        theme.into_iter().map(problem).collect()
    }

    /// What the connectors make of their settings, and upstreams that cannot be reached from here.
    /// Kinds that there are not were told of by the reader.
    fn connectors(&self, source: &TenantSource, spec: &TenantSpec) -> Vec<Problem> {
        use insula_connector_kit::OpenConnector as _;
        let kinds = Registry::kinds();
        let problem = |id: &ConnectorId, severity, cause, next: &str| {
            problem(source, severity, &format!("connectors[{id}]"), cause, next)
        };
        let mut problems = Vec::new();
        let known = |one: &&Arc<ConnectorSpec>| kinds.contains(&one.kind.as_str());
        for connector in spec.connectors.iter().filter(known) {
            let id = &connector.id;
            for cause in self.connectors.check(connector, &spec.issuer) {
                problems.push(problem(id, severity_of(source.format), cause, ""));
            }
            for cause in self.connectors.out_of_reach(connector) {
                let next = "add it to `outbound` in insula.yaml if this upstream is meant";
                problems.push(problem(id, Severity::Warning, cause, next));
            }
        }
        problems
    }
}

pub(crate) fn problem(
    source: &TenantSource,
    severity: Severity,
    key: &str,
    cause: String,
    next_step: &str,
) -> Problem {
    Problem {
        severity,
        file: source.file.clone(),
        line: 0,
        column: 0,
        key: key.to_owned(),
        cause,
        next_step: next_step.to_owned(),
    }
}

/// A dex file is served whatever stands in it that dex would pass over.
const fn severity_of(format: DocumentFormat) -> Severity {
    match format {
        DocumentFormat::Native => Severity::Error,
        DocumentFormat::Dex => Severity::Warning,
    }
}

#[cfg(test)]
mod tests;
