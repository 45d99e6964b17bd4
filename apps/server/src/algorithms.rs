//! When the algorithms that files ask for would sign, for `insula check`: clients learn the key of a
//! new algorithm before it signs, so that this depends on the keys a tenant has already.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use insula_ambient::{Clock as _, SystemClock, Timestamp};
use insula_config::{JWKS_MAX_AGE, Problem, ServerConfig, Severity, TenantSource};
use insula_jose::{KeyRing, MasterKey, Readiness, SealedKeyRing};
use insula_model::TenantSpec;
use insula_store::Durable as _;
use insula_store_sql::{SqlOptions, SqlStore};
use insula_tenancy::rotation_policy;
use tokio::runtime::Handle;

use crate::{master_key, specs};

/// A database that does not answer by then is not waited for: files can be checked without it.
const PATIENCE: Duration = Duration::from_secs(3);

/// So many key rings are read at a time.
const AT_ONCE: usize = 8;

/// Tells which algorithms of `tenants` do not sign at once, and when they do. The database is read and
/// not changed; where it cannot be read, that is told instead.
pub(crate) async fn check(
    config: &ServerConfig,
    tenants: &[(TenantSource, TenantSpec)],
    io: &Handle,
) -> Vec<String> {
    match told(config, tenants, io).await {
        Ok(problems) => problems.iter().map(Problem::to_string).collect(),
        Err(cause) => vec![format!(
            "database {}: {cause:#}; so when a changed algorithm signs is not told here, but in the \
             server's log",
            config.database
        )],
    }
}

async fn told(
    config: &ServerConfig,
    tenants: &[(TenantSource, TenantSpec)],
    io: &Handle,
) -> Result<Vec<Problem>> {
    let Some(store) = read_only(config, io).await? else {
        return Ok(Vec::new());
    };
    let master = master_key::read(&config.master_key)?;
    let master = master.context("its master key is not there")?;
    let now = SystemClock.now();
    let read = stream::iter(tenants).map(|(source, spec)| {
        let (store, master) = (store.tenant(&spec.id), &master);
        async move {
            let sealed = store.load_keys().await?;
            let ring = sealed
                .map(|keys| opened(&keys.sealed, master, spec))
                .transpose()?;
            anyhow::Ok(ring.map(|ring| of_tenant(source, spec, &ring, now)))
        }
    });
    let read: Vec<_> = read.buffered(AT_ONCE).try_collect().await?;
    Ok(read.into_iter().flatten().flatten().collect())
}

fn opened(sealed: &[u8], master: &MasterKey, spec: &TenantSpec) -> Result<KeyRing> {
    let ring = SealedKeyRing::open(sealed, master, spec.id.as_str());
    ring.map_err(|error| anyhow!("the keys of tenant {} cannot be used: {error}", spec.id))
}

/// The database as it stands; `None` where none was made yet, so that nobody has a key.
async fn read_only(config: &ServerConfig, io: &Handle) -> Result<Option<SqlStore>> {
    let mut url = config.database.reveal().to_owned();
    if config.database.scheme() == "sqlite" {
        let Some(file) = config.database.file().filter(|file| file.exists()) else {
            return Ok(None);
        };
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        // Beside a database that nobody serves SQLite would make files of its own, perhaps another
        // user's than the server's. All is in the database then.
        let at_rest = if Path::new(&log).exists() {
            ""
        } else {
            "&immutable=true"
        };
        url = format!("sqlite://{}?mode=ro{at_rest}", file.display());
    }
    let options = SqlOptions {
        max_connections: 1,
        acquire_timeout: PATIENCE,
        statement_timeout: PATIENCE,
        make_missing: false,
    };
    Ok(Some(SqlStore::connect(&url, &options, io.clone()).await?))
}

fn of_tenant(
    source: &TenantSource,
    spec: &TenantSpec,
    ring: &KeyRing,
    now: Timestamp,
) -> Vec<Problem> {
    let Ok(policy) = rotation_policy(spec, JWKS_MAX_AGE) else {
        // The tenant's own problems tell of it.
        return Vec::new();
    };
    let minutes = |wait: Duration| wait.as_secs().div_ceil(60);
    let late = policy.algs.iter().filter_map(|alg| {
        let when = match ring.readiness(*alg, &policy) {
            Readiness::Now => return None,
            Readiness::At(at) => format!("{alg} signs in {} minutes", minutes(at.since(now))),
            Readiness::OnceAnnounced(wait) => {
                format!(
                    "{alg} signs {} minutes after a server loaded this",
                    minutes(wait)
                )
            }
        };
        let cause = format!(
            "{when}, when clients have its key; until then another algorithm stands in for it"
        );
        Some(specs::problem(
            source,
            Severity::Info,
            "signer.config.algorithms",
            cause,
            "",
        ))
    });
    late.collect()
}
