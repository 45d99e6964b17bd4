use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::process::a_moment;
use crate::{Process, insula};

/// A folder of tenants, the settings of the server, and what its processes keep.
#[derive(Debug)]
pub struct Deployment {
    folder: TempDir,
    /// The port that is part of every issuer. The first process listens there.
    pub port: u16,
    /// Where its durable state is kept.
    pub database: String,
    variables: Vec<(String, String)>,
}

/// A deployment to be.
#[derive(Debug)]
pub struct DeploymentBuilder {
    tenants: Vec<(String, String)>,
    settings: Vec<String>,
    variables: Vec<(String, String)>,
    database: Option<String>,
    cache: String,
    log: String,
}

impl Deployment {
    /// Begins a deployment: SQLite and a cache in the process, unless something else is said.
    pub fn build() -> DeploymentBuilder {
        DeploymentBuilder {
            tenants: Vec::new(),
            settings: Vec::new(),
            variables: Vec::new(),
            database: None,
            cache: "memory".to_owned(),
            log: "info".to_owned(),
        }
    }

    /// The folder of everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A tenant's file.
    pub fn tenant_file(&self, tenant: &str) -> PathBuf {
        let folder = self.folder().join("tenants").join(tenant);
        let dex = folder.join("dex.yaml");
        if dex.is_file() {
            dex
        } else {
            folder.join("tenant.yaml")
        }
    }

    /// Writes a tenant's file, in one step, as an editor does. `PORT` in it becomes the port. A
    /// text that begins with `# dex` is a dex config.
    pub fn write_tenant(&self, tenant: &str, text: &str) {
        let folder = self.folder().join("tenants").join(tenant);
        fs::create_dir_all(&folder).unwrap();
        let name = if text.trim_start().starts_with("# dex") {
            "dex.yaml"
        } else {
            "tenant.yaml"
        };
        let text = text.replace("PORT", &self.port.to_string());
        let draft = folder.join(".draft");
        fs::write(&draft, text).unwrap();
        fs::rename(&draft, folder.join(name)).unwrap();
    }

    /// Removes a tenant's folder.
    pub fn remove_tenant(&self, tenant: &str) {
        fs::remove_dir_all(self.folder().join("tenants").join(tenant)).unwrap();
    }

    /// Starts the process that listens at the issuers' port, and waits until it is ready.
    pub async fn open(&self) -> Process {
        self.start(self.port).await
    }

    /// The same by another wall clock, so much ahead of the real one or behind it as libfaketime is told:
    /// `-3h`, `+25h`. `library` is preloaded; the clock that nobody sets stays as it is.
    pub async fn open_by_another_clock(&self, library: &Path, offset: &str) -> Process {
        let mut command = self.command("serve");
        command
            .env("LD_PRELOAD", library)
            .env("FAKETIME", offset)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        self.started(command, self.port, free_port()).await
    }

    /// Starts one more process beside it, on a port of its own.
    pub async fn open_another(&self) -> Process {
        self.start(free_port()).await
    }

    /// Ends a process in order, and starts another in its place.
    pub async fn restart(&self, process: &mut Process) {
        process.signal(Signal::SIGTERM);
        let status = process.ended().await;
        assert!(status.success(), "ended with {status}");
        *process = self.start_at(process.port, process.telemetry).await;
    }

    /// The same with more arguments.
    pub async fn open_another_with(&self, arguments: &[&str]) -> Process {
        self.start_with(free_port(), free_port(), arguments).await
    }

    async fn start(&self, port: u16) -> Process {
        self.start_at(port, free_port()).await
    }

    async fn start_at(&self, port: u16, telemetry: u16) -> Process {
        self.start_with(port, telemetry, &[]).await
    }

    async fn start_with(&self, port: u16, telemetry: u16, arguments: &[&str]) -> Process {
        let mut command = self.command("serve");
        command.args(arguments);
        self.started(command, port, telemetry).await
    }

    async fn started(&self, mut command: Command, port: u16, telemetry: u16) -> Process {
        command
            .arg("--listen.http")
            .arg(format!("127.0.0.1:{port}"))
            .arg("--listen.telemetry")
            .arg(format!("127.0.0.1:{telemetry}"));
        let mut process = Process::start(&mut command, self.folder(), port, telemetry);
        process.wait_until_ready().await;
        process
    }

    /// A command of the program, with this deployment's configuration.
    pub fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(insula());
        command
            .arg(verb)
            .arg("--config")
            .arg(self.folder().join("insula.yaml"))
            .current_dir(self.folder())
            // The tests are no orchestrator, wherever they run.
            .env_remove("KUBERNETES_SERVICE_HOST")
            .env_remove("NOTIFY_SOCKET")
            .envs(self.variables.iter().map(|(n, v)| (n, v)));
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, verb: &str) -> Output {
        self.run_with(verb, &[]).await
    }

    /// Runs a command with more arguments to its end.
    pub async fn run_with(&self, verb: &str, arguments: &[&str]) -> Output {
        let mut command = self.command(verb);
        command.args(arguments);
        run(command).await
    }
}

impl DeploymentBuilder {
    /// Adds a tenant; see [`Deployment::write_tenant`].
    pub fn tenant(mut self, id: &str, text: &str) -> Self {
        self.tenants.push((id.to_owned(), text.to_owned()));
        self
    }

    /// Keeps durable state there; on a server that tests share, in a database of its own.
    pub fn database(mut self, url: &str) -> Self {
        self.database = Some(url.to_owned());
        self
    }

    /// Keeps short-lived state there.
    pub fn cache(mut self, url: &str) -> Self {
        url.clone_into(&mut self.cache);
        self
    }

    /// Adds a line to `insula.yaml`.
    pub fn setting(mut self, line: &str) -> Self {
        self.settings.push(line.to_owned());
        self
    }

    /// Adds an environment variable.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Logs more.
    pub fn log(mut self, level: &str) -> Self {
        level.clone_into(&mut self.log);
        self
    }

    /// Builds it: writes all files, starts nothing.
    pub fn done(self) -> Deployment {
        let folder = tempfile::Builder::new()
            .prefix("insula-it-")
            .tempdir()
            .unwrap();
        let database = self
            .database
            .unwrap_or_else(|| "sqlite://insula.db".to_owned());
        let deployment = Deployment {
            folder,
            port: free_port(),
            database: crate::database::of_its_own(&database),
            variables: self.variables,
        };
        fs::create_dir(deployment.folder().join("tenants")).unwrap();
        let mut settings = vec![
            "tenants: ./tenants".to_owned(),
            format!("database: \"{}\"", deployment.database),
            format!("cache: \"{}\"", self.cache),
            "masterKey: { file: ./insula.key }".to_owned(),
            format!("log: {{ format: json, level: \"{}\" }}", self.log),
            "outbound: { allowPrivate: [127.0.0.0/8, \"::1/128\"] }".to_owned(),
        ];
        settings.extend(self.settings);
        fs::write(
            deployment.folder().join("insula.yaml"),
            settings.join("\n") + "\n",
        )
        .unwrap();
        for (id, text) in &self.tenants {
            deployment.write_tenant(id, text);
        }
        deployment
    }
}

/// Runs a command to its end, bounded.
pub(crate) async fn run(mut command: Command) -> Output {
    use std::process::Stdio;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("{command:?} did not end");
        }
        a_moment().await;
    }
    child.wait_with_output().unwrap()
}

/// A port for a server that a test starts.
pub fn free_port() -> u16 {
    insula_free_port::free_port().unwrap()
}
