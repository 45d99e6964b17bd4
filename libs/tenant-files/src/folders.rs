use std::path::PathBuf;

use insula_config::{
    Document, LoadOptions, Loaded, Problem, TenantSource, process_environment, read_document,
};
use insula_files::Allowed;
use insula_model::{Rate, TenantDocument, TenantSpec};

/// Where tenants lie, what of the machine their files may name, and what holds where they are silent.
#[derive(Debug, Clone)]
pub struct Folders {
    /// The folder whose folders are tenants.
    pub tenants: PathBuf,
    /// Where files of secrets and certificates may lie beside a tenant's own folder.
    pub files: Allowed,
    /// Where links of a theme may lead beside that theme.
    pub themes: Allowed,
    /// The quota of requests of a tenant that names none.
    pub requests: Option<Rate>,
    /// Which connectors there are.
    pub kinds: ConnectorKinds,
}

/// The connectors that a document may name.
#[derive(Debug, Clone, Default)]
pub struct ConnectorKinds {
    /// The names of all kinds.
    pub names: Vec<&'static str>,
    /// Which setting of which kind holds what a file may hold: certificates, a key, a token.
    pub file_settings: Vec<(&'static str, &'static str)>,
    /// Which setting of which group of which kind may name a keytab.
    pub keytabs: Vec<(&'static str, &'static str, &'static str)>,
}

/// Tells what is wrong with a tenant that was read anew, beside what its reader told.
pub type Inspect = Box<dyn Fn(&TenantSource, &TenantSpec) -> Vec<Problem> + Send + Sync>;

impl Folders {
    /// Reads a tenant's files as they are now.
    pub(crate) fn read(&self, source: &TenantSource) -> Loaded {
        self.read_document(Document::File(source))
    }

    /// Reads what a tenant's files said before.
    pub(crate) fn read_earlier(&self, source: &TenantSource, earlier: &TenantDocument) -> Loaded {
        self.read_document(Document::Earlier(source, earlier))
    }

    fn read_document(&self, document: Document<'_>) -> Loaded {
        let options = LoadOptions {
            env: &process_environment,
            files: &self.files,
            themes: &self.themes,
            requests: self.requests,
            kinds: Some(&self.kinds.names),
            file_settings: &self.kinds.file_settings,
            keytabs: &self.kinds.keytabs,
        };
        read_document(document, &options)
    }
}
