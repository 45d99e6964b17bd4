mod awake;
mod connections;
pub(crate) mod network;
mod setting;
mod tls;
mod url;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use insula_files::{Allowed, Reader};
use insula_model::Rate;
use ipnet::IpNet;
use thiserror::Error;

pub use self::awake::AwakeLimits;
use self::awake::awake_limits;
pub use self::connections::Connections;
use self::connections::connections;
pub use self::network::{Listen, Outbound};
use self::network::{addresses, networks, outbound};
pub use self::setting::Setting;
pub use self::tls::{HostCertificate, Tls};
pub use self::url::{CacheUrl, ServiceUrl};
use crate::reading::{Gate, Reading, Spot};
use crate::section::Section;
use crate::tenant::rate;
use crate::tree::{self, Node, Position};
use crate::{Problem, SecretRef};

/// The process as configured: `insula.yaml`, overridden by the environment, overridden by flags.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerConfig {
    /// Where it listens.
    pub listen: Listen,
    /// The socket file that `insula tenants` and `insula tenant` talk to this process through; `None`
    /// for none.
    pub admin_socket: Option<PathBuf>,
    /// What it proves itself with on `listen.https`.
    pub tls: Tls,
    /// The folder of tenants.
    pub tenants: PathBuf,
    /// Folders beside a tenant's own that the files it names may lie in.
    pub allowed_folders: Vec<PathBuf>,
    /// Files of the process itself, which no tenant may read: keys, database, configuration.
    pub own_files: Vec<PathBuf>,
    /// The folder of themes; the built-in ones where there is none.
    pub themes: Option<PathBuf>,
    /// Where durable state is kept: `sqlite://`, `postgres://` or `mysql://`.
    pub database: ServiceUrl,
    /// How many connections it may hold there.
    pub database_pool: DatabasePool,
    /// Where short-lived state is kept.
    pub cache: CacheUrl,
    /// What secrets at rest are sealed with.
    pub master_key: SecretRef,
    /// Who may speak for a client's address and host: only from them are `Forwarded` and
    /// `X-Forwarded-*` believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The quota of requests of a tenant that names none.
    pub tenant_requests: Option<Rate>,
    /// How many tenants may be awake.
    pub awake: AwakeLimits,
    /// How it logs.
    pub log: Log,
    /// How many threads serve; `None` for one per core.
    pub workers: Option<u32>,
    /// What connections to the tenants may take.
    pub connections: Connections,
    /// How long everything is still served after the process was asked to end, so that balancers
    /// learn of it.
    pub shutdown_delay: Duration,
    /// How long requests under way may take after that.
    pub shutdown_grace: Duration,
    /// How long the database and the cache are waited for at start.
    pub startup_wait: Duration,
    /// How many tenants have a label of their own in metrics; the rest share one.
    pub metrics_tenant_label_limit: u32,
    /// Which private addresses connectors may call.
    pub outbound: Outbound,
}

/// The pool of database connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabasePool {
    /// The most it holds.
    pub max_connections: u32,
    /// How long a request waits for one.
    pub acquire_timeout: Duration,
}

/// How the process logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// A level, or directives as `tracing` has them: `info,insula_web=debug`.
    pub level: String,
    /// Names of fields that are left out.
    pub exclude: Vec<String>,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Why the process cannot be configured: every problem at once.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", lines(.problems))]
pub struct ConfigError {
    /// What is wrong.
    pub problems: Vec<Problem>,
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

impl ServerConfig {
    /// Reads the configuration: the file if one is named, then the environment (`INSULA_LISTEN_HTTP`),
    /// then flags (`listen.http`), of which the later wins. Relative paths are relative to the file, or
    /// to the working folder where they come from elsewhere.
    pub fn load(
        file: Option<&Path>,
        env: impl Fn(&str) -> Option<String>,
        flags: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let (files, themes) = (Reader::anywhere(), Allowed::default());
        let gate = Gate::Machine {
            files: &files,
            themes: &themes,
        };
        let mut reading = Reading::new(file.unwrap_or(Path::new("")), &env, gate, false);
        let root = match file {
            Some(file) => tree::read_file(file, &mut reading),
            None => Some(Node::empty_map(Position::default())),
        };
        let mut root = root.unwrap_or_else(|| Node::empty_map(Position::default()));
        setting::override_with(&mut root, flags, &mut reading);
        let mut config = read(&root, &mut reading);
        if let (Some(config), Some(file)) = (&mut config, file) {
            config.own_files.push(file.to_owned());
        }
        let place = |p: &Problem| (p.line == 0, p.line, p.column);
        reading.problems.sort_by_key(place);
        match config {
            Some(config) if reading.problems.is_empty() => Ok(config),
            _ => Err(ConfigError {
                problems: reading.problems,
            }),
        }
    }

    /// Every setting that a flag or an environment variable may override.
    pub fn settings() -> &'static [Setting] {
        &setting::SETTINGS
    }
}

fn read(root: &Node, reading: &mut Reading<'_>) -> Option<ServerConfig> {
    let mut top = Section::open(root, "", reading);
    let listen = addresses(&mut top, reading);
    let admin_socket = admin_socket(&mut top, reading);
    let tls = tls::read(&mut top, listen.https.is_some(), reading);
    let tenants = top.text("tenants", reading);
    let tenants = tenants.map_or_else(|| PathBuf::from("tenants"), |p| path(&p, reading));
    let allowed_folders = allowed_folders(&mut top, reading);
    let themes = top.text("themes", reading).map(|p| path(&p, reading));
    let database = url::database(&mut top, reading);
    let database_pool = pool(top.section("databasePool", reading), reading);
    let cache = url::cache(&mut top, reading);
    let master_key = master_key(&mut top, reading);
    let trusted_proxies = networks(&mut top, "trustedProxies", reading);
    let mut limits = top.section("limits", reading);
    let tenant_requests = rate(&mut limits, "requests", reading);
    let awake = awake_limits(&mut limits, reading);
    limits.finish(reading);
    let log = log(top.section("log", reading), reading);
    let workers = top.number("workers", reading);
    let connections = connections(top.section("connections", reading), reading);
    let mut shutdown = top.section("shutdown", reading);
    let delay = shutdown.duration("delay", reading);
    let grace = shutdown.duration("grace", reading);
    shutdown.finish(reading);
    let mut startup = top.section("startup", reading);
    let wait = startup.duration("wait", reading);
    startup.finish(reading);
    let mut metrics = top.section("metrics", reading);
    let label_limit = metrics.number("tenantLabelLimit", reading);
    metrics.finish(reading);
    let outbound = outbound(top.section("outbound", reading), reading);
    top.finish(reading);

    if let Some(workers) = &workers
        && !(1..=1024).contains(&workers.value)
    {
        let cause = format!("{} is not between 1 and 1024", workers.shown);
        let next = "remove the key for one thread per core";
        reading.error(workers.at, &workers.key, cause, next);
    }
    let (database, master_key) = (database?, master_key?);
    Some(ServerConfig {
        own_files: own_files(&master_key, &tls, &database),
        listen,
        admin_socket,
        tls,
        tenants,
        allowed_folders,
        themes,
        database,
        database_pool,
        cache: cache?,
        master_key,
        trusted_proxies,
        tenant_requests,
        awake,
        log,
        workers: workers.map(|workers| workers.value),
        connections,
        shutdown_delay: delay.map_or_else(|| usual_delay(reading), |delay| delay.value),
        shutdown_grace: grace.map_or(Duration::from_secs(30), |grace| grace.value),
        startup_wait: wait.map_or(Duration::from_mins(1), |wait| wait.value),
        metrics_tenant_label_limit: label_limit.map_or(100, |limit| limit.value),
        outbound,
    })
}

/// Left out, it lies beside the file; null or empty, there is none.
fn admin_socket(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<PathBuf> {
    let Some(entry) = top.entry("adminSocket") else {
        return Some(reading.dir().join("insula-admin.sock"));
    };
    let text = reading.text(&entry.value, &top.key("adminSocket"))?;
    (!text.value.trim().is_empty()).then(|| path(&text, reading))
}

/// Where orchestrators mount secrets, and where machines and dex keep certificates.
const ALLOWED_FOLDERS: [&str; 6] = [
    "/run/secrets",
    "/var/run/secrets",
    "/etc/dex",
    "/etc/ssl/certs",
    "/etc/pki",
    "/usr/local/share/ca-certificates",
];

fn allowed_folders(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Vec<PathBuf> {
    if top.node("allowedFolders").is_none() {
        return ALLOWED_FOLDERS.map(PathBuf::from).into();
    }
    let folders = top.texts("allowedFolders", reading);
    folders.iter().map(|folder| path(folder, reading)).collect()
}

fn own_files(master_key: &SecretRef, tls: &Tls, database: &ServiceUrl) -> Vec<PathBuf> {
    let master_key = match master_key {
        SecretRef::File(path) => Some(path.clone()),
        SecretRef::Plain(_) | SecretRef::Env(_) => None,
    };
    let hosts = tls.certificates.iter().map(|host| host.key.clone());
    let keys = master_key.into_iter().chain(tls.key.clone()).chain(hosts);
    keys.chain(database.file().map(PathBuf::from)).collect()
}

/// Under an orchestrator a balancer sends requests for some seconds more; elsewhere whoever ends the
/// process waits for it.
fn usual_delay(reading: &Reading<'_>) -> Duration {
    let signs = ["KUBERNETES_SERVICE_HOST", "NOTIFY_SOCKET"];
    let is_set = |name: &&str| reading.setting(name).is_some_and(|value| !value.is_empty());
    if signs.iter().any(is_set) {
        Duration::from_secs(5)
    } else {
        Duration::ZERO
    }
}

/// A path, relative to where it was written.
fn path(text: &Spot<String>, reading: &Reading<'_>) -> PathBuf {
    if is_from_file(&text.key, reading) {
        reading.dir().join(&text.value)
    } else {
        PathBuf::from(&text.value)
    }
}

fn is_from_file(key: &str, reading: &Reading<'_>) -> bool {
    !reading.origins.contains_key(&key.to_ascii_lowercase())
}

/// The master key is never taken from a command line, which everybody on the machine can read: the
/// flag names the key's file.
fn master_key(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<SecretRef> {
    const KEY: &str = "masterKey";
    let Some(node) = top.node(KEY) else {
        return Some(SecretRef::File(reading.dir().join("insula.key")));
    };
    let Some(origin) = reading.origins.get(&KEY.to_ascii_lowercase()).cloned() else {
        return reading.secret_ref(node, KEY);
    };
    let text = reading.text(node, KEY)?;
    Some(match SecretRef::parse(&text.value, Path::new("")) {
        SecretRef::Plain(_) if origin.starts_with("--") => SecretRef::File(text.value.into()),
        reference => reference,
    })
}

fn pool(mut section: Section<'_>, reading: &mut Reading<'_>) -> DatabasePool {
    let max = section.number("maxConnections", reading);
    let acquire = section.duration("acquireTimeout", reading);
    section.finish(reading);
    let most = max.as_ref().map_or(10, |max| max.value);
    if let Some(max) = &max
        && max.value == 0
    {
        reading.error(
            max.at,
            &max.key,
            "no connection would be had",
            "write 1 or more",
        );
    }
    DatabasePool {
        max_connections: most,
        acquire_timeout: acquire.map_or(Duration::from_secs(5), |span| span.value),
    }
}

fn log(mut section: Section<'_>, reading: &mut Reading<'_>) -> Log {
    let format = section.text("format", reading);
    let level = section.text("level", reading);
    let exclude = section.texts("exclude", reading);
    section.finish(reading);
    let format = match &format {
        None => LogFormat::Pretty,
        Some(text) => match text.value.as_str() {
            "pretty" | "text" => LogFormat::Pretty,
            "json" => LogFormat::Json,
            _ => {
                let cause = format!("{} is neither pretty nor json", text.shown);
                reading.error(text.at, &text.key, cause, "write pretty or json");
                LogFormat::Pretty
            }
        },
    };
    if let Some(level) = &level {
        let lower = level.value.to_ascii_lowercase();
        let is_word = ["trace", "debug", "info", "warn", "error", "off"].contains(&lower.as_str());
        if !is_word && !level.value.contains(['=', ',']) {
            let cause = format!("{} is not a level", level.shown);
            let next = "write trace, debug, info, warn, error or off";
            reading.error(level.at, &level.key, cause, next);
        }
    }
    Log {
        format,
        level: level.map_or_else(|| "info".to_owned(), |level| level.value),
        exclude: exclude.into_iter().map(|field| field.value).collect(),
    }
}

/// A listening address: `127.0.0.1:5556`, `[::]:5556`, or Go's `:5556` for every address.
fn socket_address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}").parse().ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests;
