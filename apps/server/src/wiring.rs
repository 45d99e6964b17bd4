//! Which implementation stands behind which contract: the only place that knows.

use std::fmt::Display;
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::{Context as _, Result};
use insula_ambient::{Clock, Entropy, ForwardClock, SystemClock, SystemEntropy};
use insula_config::{CacheUrl, ServerConfig};
use insula_connectors::{HashingPool, OutboundPolicy, Registry, UpstreamHttp};
use insula_files::Allowed;
use insula_jose::MasterKey;
use insula_store::{Cache, CacheLimits, ChangeBus, Durable, MemoryBus, MemoryCache};
use insula_store_redis::{RedisBus, RedisCache, RedisOptions};
use insula_store_sql::{SqlOptions, SqlStore};
use insula_tenancy::TenancyDeps;
use insula_tenant_files::Folders;
use insula_theming::ThemeLibrary;
use prometheus::Registry as Metrics;
use tokio::runtime::Handle;

use crate::cache_lease::CacheLease;
use crate::exit::Misconfigured;
use crate::master_key;
use crate::specs::{FileSpecs, connector_kinds};
use crate::waiting::until_there;

/// Everything that outlives a request.
pub(crate) struct Services {
    pub(crate) io: Handle,
    pub(crate) durable: Arc<dyn Durable>,
    pub(crate) database: SqlStore,
    pub(crate) cache: Arc<dyn Cache>,
    pub(crate) memory_cache: Option<MemoryCache>,
    pub(crate) bus: Arc<dyn ChangeBus>,
    pub(crate) outbound: Arc<UpstreamHttp>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) hashing: Arc<HashingPool>,
    pub(crate) themes: Arc<ThemeLibrary>,
    pub(crate) specs: Arc<FileSpecs>,
    pub(crate) master_key: Arc<MasterKey>,
    pub(crate) clock: Arc<ForwardClock<SystemClock>>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) metrics: Metrics,
    pub(crate) lease: CacheLease,
    pub(crate) process_id: String,
}

/// One provider for every TLS there is; more than one would make rustls' choice fail at run time.
pub(crate) fn install_crypto() {
    // An error only says that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The themes of the configured folder, or the built-in ones.
pub(crate) fn themes(config: &ServerConfig) -> Result<ThemeLibrary> {
    let library = match &config.themes {
        Some(folder) => {
            let shown = folder.display();
            anyhow::ensure!(
                folder.is_dir(),
                "themes: {shown} is no folder; make it, or leave the setting out for the built-in themes"
            );
            ThemeLibrary::load(folder)?
        }
        None => ThemeLibrary::embedded()?,
    };
    Ok(library.allowing(shown(config)))
}

/// Where links of a tenant's theme may lead: to the themes of all, which strangers are shown anyway.
fn shown(config: &ServerConfig) -> Allowed {
    let themes: Vec<_> = config.themes.iter().cloned().collect();
    Allowed::new(&themes, &config.own_files)
}

fn folders(config: &ServerConfig) -> Folders {
    Folders {
        tenants: config.tenants.clone(),
        files: Allowed::new(&config.allowed_folders, &config.own_files),
        themes: shown(config),
        requests: config.tenant_requests,
        kinds: connector_kinds(),
    }
}

fn outbound(config: &ServerConfig, io: &Handle) -> Result<Arc<UpstreamHttp>> {
    let policy = OutboundPolicy {
        allow: config.outbound.allow_private.clone(),
        proxy: config.outbound.proxy.clone(),
        ..OutboundPolicy::default()
    };
    Ok(Arc::new(UpstreamHttp::new(policy, io.clone())?))
}

/// The tenants of the configured folder.
pub(crate) fn specs(
    config: &ServerConfig,
    themes: Arc<ThemeLibrary>,
    io: &Handle,
) -> Result<FileSpecs> {
    let registry = Registry::new(outbound(config, io)?);
    Ok(FileSpecs::new(
        folders(config),
        Arc::new(registry),
        themes,
        io.clone(),
    ))
}

/// What a person is told of a service that is not there, and how it comes to be there.
fn absent(setting: &str, url: &dyn Display, cause: &dyn Display, next: &str) -> anyhow::Error {
    anyhow::anyhow!("{setting} {url}: {cause}; {next}, or name another with `{setting}`")
}

/// Opens the database, once it is there, and brings it up to date. A file that is not there is made.
pub(crate) async fn database(config: &ServerConfig, io: &Handle) -> Result<SqlStore> {
    open_database(config, true, io).await
}

/// The same for commands that have nothing to do in a new database: whoever runs one where there is
/// none is in the wrong folder, and is told.
pub(crate) async fn existing_database(config: &ServerConfig, io: &Handle) -> Result<SqlStore> {
    open_database(config, false, io).await
}

async fn open_database(config: &ServerConfig, make_missing: bool, io: &Handle) -> Result<SqlStore> {
    let options = SqlOptions {
        max_connections: config.database_pool.max_connections,
        acquire_timeout: config.database_pool.acquire_timeout,
        make_missing,
        ..SqlOptions::default()
    };
    let what = format!("database {}", config.database);
    let opened = until_there(what, config.startup_wait, || async {
        let store = SqlStore::connect(config.database.reveal(), &options, io.clone()).await?;
        store.migrate().await?;
        Ok(store)
    });
    let next = if make_missing || !config.database.reveal().starts_with("sqlite:") {
        "start it"
    } else {
        "`insula serve` makes it"
    };
    opened
        .await
        .map_err(|error| absent("database", &config.database, &error, next))
}

/// Opens everything.
pub(crate) async fn services(config: &ServerConfig, io: Handle) -> Result<Services> {
    let clock = Arc::new(ForwardClock::new(SystemClock));
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let metrics = Metrics::new();
    let store = database(config, &io).await?;
    store.register(&metrics)?;
    let master_key = master_key::find(&config.master_key, &store, &config.database).await?;
    let process_id = entropy.word(10);
    let lease =
        CacheLease::take(store.clone(), &config.cache, &process_id, &config.database).await?;
    let (cache, memory_cache, bus) = short_lived(config, &io, clock.clone(), &metrics).await?;
    let themes = Arc::new(themes(config).context(Misconfigured)?);
    let outbound = outbound(config, &io)?;
    let registry = Arc::new(Registry::new(Arc::clone(&outbound)));
    let specs = FileSpecs::new(
        folders(config),
        Arc::clone(&registry),
        Arc::clone(&themes),
        io.clone(),
    );
    let cores = available_parallelism().map_or(1, usize::from);
    Ok(Services {
        hashing: HashingPool::new(cores, cores * 64, Arc::clone(&entropy))
            .context("no threads for password hashes")?,
        durable: Arc::new(store.clone()),
        database: store,
        cache,
        memory_cache,
        bus,
        outbound,
        registry,
        themes,
        specs: Arc::new(specs),
        master_key: Arc::new(master_key),
        lease,
        process_id,
        clock,
        entropy,
        metrics,
        io,
    })
}

type ShortLived = (Arc<dyn Cache>, Option<MemoryCache>, Arc<dyn ChangeBus>);

async fn short_lived(
    config: &ServerConfig,
    io: &Handle,
    clock: Arc<dyn Clock>,
    metrics: &Metrics,
) -> Result<ShortLived> {
    match &config.cache {
        CacheUrl::Memory => {
            let cache = MemoryCache::new(clock, CacheLimits::default());
            Ok((
                Arc::new(cache.clone()),
                Some(cache),
                Arc::new(MemoryBus::new()),
            ))
        }
        CacheUrl::Redis(url) => {
            let options = RedisOptions::default();
            let reached = until_there(format!("cache {url}"), config.startup_wait, || async {
                let cache = RedisCache::connect(url.reveal(), &options, io.clone()).await?;
                let bus = RedisBus::connect(url.reveal(), &options, io.clone()).await?;
                Ok((cache, bus))
            });
            let (cache, bus) = reached
                .await
                .map_err(|error| absent("cache", url, &error, "start it"))?;
            cache.register(metrics)?;
            Ok((Arc::new(cache), None, Arc::new(bus)))
        }
    }
}

impl Services {
    /// What the actors are started with.
    pub(crate) fn tenancy_deps(&self) -> TenancyDeps {
        let hashing = Arc::clone(&self.hashing);
        TenancyDeps {
            durable: Arc::clone(&self.durable),
            cache: Arc::clone(&self.cache),
            bus: Arc::clone(&self.bus),
            connectors: self.registry.clone(),
            hashing: Arc::new(move |limit| hashing.share(limit)),
            themes: Arc::clone(&self.themes),
            registry: Arc::new(self.specs.registry().clone()),
            specs: self.specs.clone(),
            master_key: Arc::clone(&self.master_key),
            clock: self.clock.clone(),
            entropy: Arc::clone(&self.entropy),
            io: self.io.clone(),
            process_id: self.process_id.clone(),
        }
    }
}
