//! A folder of generated tenants, and the server that serves them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::process::Process;

/// What every generated tenant's client is called.
pub(crate) const CLIENT: &str = "bench";
/// Its secret.
pub(crate) const SECRET: &str = "bench-secret";
/// Where it is sent back to; nobody listens there.
pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:9/callback";

/// An API that its client may call; nobody listens there either.
pub(crate) const RESOURCE: &str = "https://api.bench.test";

/// Files of a server: removed when dropped.
pub(crate) struct Deployment {
    folder: TempDir,
    server: PathBuf,
    port: u16,
    telemetry: u16,
    workers: usize,
}

impl Deployment {
    /// A deployment without tenants, for the server program at `server`.
    pub(crate) fn new(server: &Path, workers: usize) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("insula-load-").tempdir()?;
        let deployment = Self {
            folder,
            server: server.to_owned(),
            port: insula_free_port::free_port()?,
            telemetry: insula_free_port::free_port()?,
            workers,
        };
        fs::create_dir(deployment.folder().join("tenants"))?;
        fs::write(
            deployment.folder().join("insula.yaml"),
            deployment.settings(),
        )?;
        Ok(deployment)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The `Host` of a tenant.
    pub(crate) fn host(&self, tenant: &str) -> String {
        format!("{tenant}.localhost:{}", self.port)
    }

    /// Adds a tenant that signs with this algorithm.
    pub(crate) fn add_tenant(&self, tenant: &str, algorithms: &str) -> Result<()> {
        self.add_tenant_of(
            tenant,
            algorithms,
            "{ type: mockCallback, id: mock, name: Mock }",
        )
    }

    /// Adds one whose people come by this connector.
    pub(crate) fn add_tenant_of(
        &self,
        tenant: &str,
        algorithms: &str,
        connector: &str,
    ) -> Result<()> {
        let folder = self.folder().join("tenants").join(tenant);
        fs::create_dir(&folder)?;
        let host = self.host(tenant);
        let text = format!(
            "issuer: http://{host}\n\
             connectors: [{connector}]\n\
             oauth2: {{ grantTypes: [authorization_code, refresh_token, client_credentials] }}\n\
             resources: [{{ identifier: \"{RESOURCE}\" }}]\n\
             staticClients:\n\
             - id: {CLIENT}\n  \
               name: Bench\n  \
               secret: {SECRET}\n  \
               redirectURIs: [\"{REDIRECT_URI}\"]\n  \
               grantTypes: [authorization_code, refresh_token, client_credentials]\n  \
               resources: [\"{RESOURCE}\"]\n  \
               skipApprovalScreen: true\n\
             signer: {{ type: local, config: {{ algorithms: [{algorithms}] }} }}\n\
             # Beyond what can be asked here: the wall is not what is measured.\n\
             limits: {{ requests: 1000000/s }}\n"
        );
        fs::write(folder.join("tenant.yaml"), text).context("a tenant's file cannot be written")
    }

    /// Starts the server on these cores.
    pub(crate) fn open(&self, cores: &[usize]) -> Result<Process> {
        let mut command = Command::new(&self.server);
        command
            .arg("serve")
            .arg("--config")
            .arg(self.folder().join("insula.yaml"))
            .arg("--listen.http")
            .arg(format!("127.0.0.1:{}", self.port))
            .arg("--listen.telemetry")
            .arg(format!("127.0.0.1:{}", self.telemetry))
            .current_dir(self.folder());
        let log = self.folder().join("server.log");
        Process::start(&mut command, self.port, &log, cores)
    }

    /// As one would run it: records at level info, state in SQLite and in the process.
    fn settings(&self) -> String {
        let workers = self.workers;
        format!(
            "tenants: ./tenants\n\
             database: \"sqlite://insula.db\"\n\
             cache: memory\n\
             masterKey: {{ file: ./insula.key }}\n\
             log: {{ format: json, level: info }}\n\
             outbound: {{ allowPrivate: [127.0.0.0/8] }}\n\
             workers: {workers}\n"
        )
    }
}
