use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{ClientId, Event, TenantId};
use insula_store::{Durable, Owner, SealDocuments, SealedKeys, StoreError, TenantStore};
use prometheus::Registry;
use tokio::runtime::Handle;

use crate::backend::Backend;
use crate::fault::Fault;
use crate::metrics::{PoolGauges, SqlMetrics};
use crate::options::SqlOptions;
use crate::registry::SqlRegistry;
use crate::sql::Sql;
use crate::tenant::{SqlTenant, clients_due, owners};
use crate::{answers, collect, connect, facts, leases, migrate, probe};

/// How long migrations may take: they may wait for another process, and rewrite a table.
const MIGRATION_PATIENCE: Duration = Duration::from_mins(10);

/// Who holds a lease, and until when by the clock of whoever took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHolder {
    /// Its name.
    pub holder: String,
    /// When it runs out.
    pub until: Timestamp,
}

/// The durable half in an SQL database. Clones share its connections.
#[derive(Clone)]
pub struct SqlStore {
    sql: Arc<Sql>,
    migrating: Arc<Sql>,
}

impl std::fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SqlStore").field(&self.sql.backend).finish()
    }
}

impl SqlStore {
    /// Opens the database of a URL: `sqlite://insula.db` (made if it is not there and
    /// [`SqlOptions::make_missing`] says so), `sqlite::memory:`, `postgres://…`, `mysql://…` or
    /// `mariadb://…`. Changes no table: see [`migrate`](Self::migrate).
    ///
    /// Every connection belongs to `io`, which must outlive the store; its methods may be awaited
    /// from anywhere.
    pub async fn connect(url: &str, options: &SqlOptions, io: Handle) -> Result<Self, StoreError> {
        let Some(backend) = Backend::of_url(url) else {
            return Err(StoreError::Unavailable {
                backend: "sql",
                cause: "the database url must begin with sqlite:, postgres: or mysql:".to_owned(),
            });
        };
        let metrics = SqlMetrics::new().map_err(|error| StoreError::Failed {
            backend: backend.name(),
            cause: error.to_string(),
        })?;
        let (url, wanted) = (url.to_owned(), options.clone());
        let opening = io.spawn(async move { connect::open(backend, &url, &wanted).await });
        let opened = opening.await.map_err(|_| StoreError::Unavailable {
            backend: backend.name(),
            cause: "the runtime of the store is shutting down".to_owned(),
        })?;
        let opened = opened.map_err(|error| Fault::from(error).into_store_error(backend))?;
        let patience = options.acquire_timeout + options.statement_timeout;
        let sql = |patience| {
            let opened = opened.clone();
            Arc::new(Sql::new(
                backend,
                opened,
                metrics.clone(),
                patience,
                io.clone(),
            ))
        };
        Ok(Self {
            sql: sql(patience),
            migrating: sql(MIGRATION_PATIENCE),
        })
    }

    /// Brings the tables up to date. Any number of processes may do so at once: one does the
    /// work, the others wait for it.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.migrating.run("migrate", migrate::up).await
    }

    /// The names of the migrations that this database lacks, oldest first. Changes nothing.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        self.sql.run("pending_migrations", migrate::pending).await
    }

    /// The database's own time: what processes of different hosts compare leases by.
    pub async fn time(&self) -> Result<Timestamp, StoreError> {
        self.sql.run("time", leases::time).await
    }

    /// Who holds a lease, run out or not.
    pub async fn lease_holder(&self, name: &str) -> Result<Option<LeaseHolder>, StoreError> {
        let name = name.to_owned();
        let work = move |sql| leases::holder(sql, name.clone());
        self.sql.run("lease_holder", work).await
    }

    /// Gives a lease back, if `holder` has it.
    pub async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        let work = move |sql| leases::release(sql, name.clone(), holder.clone());
        self.sql.run("release_lease", work).await
    }

    /// Gives up everything that only the master key opens: key rings, refresh grants and sessions
    /// of all tenants, and which master key it was. Each tenant that had keys is told by an event of
    /// its own, which `told` makes. All or nothing; answers how many rows went.
    pub async fn forget_sealed(
        &self,
        told: impl Fn() -> Event + Clone + Send + Sync + 'static,
    ) -> Result<u64, StoreError> {
        let work = move |sql| facts::forget_sealed(sql, told.clone());
        self.sql.run("forget_sealed", work).await
    }

    /// The tenants of the database, whose documents are sealed by `seal`.
    pub fn registry(&self, seal: Arc<dyn SealDocuments>) -> SqlRegistry {
        SqlRegistry::new(Arc::clone(&self.sql), seal)
    }

    pub(crate) fn sql(&self) -> &Arc<Sql> {
        &self.sql
    }

    /// What it did so far.
    pub fn metrics(&self) -> &SqlMetrics {
        &self.sql.metrics
    }

    /// Makes its metrics and those of its pools part of a registry.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        self.sql.metrics.register(registry)?;
        if let Some(commits) = &self.sql.commits {
            commits.register(registry)?;
        }
        registry.register(Box::new(PoolGauges::of(&self.sql.pools)?))
    }

    /// Takes no more writes, carries out those that were asked for, and closes every connection.
    /// The store is of no use afterwards.
    pub async fn close(&self) {
        let sql = Arc::clone(&self.sql);
        let closing = self.sql.io().spawn(async move {
            answers::write_all(&sql).await;
            sql.end_writes().await;
            for (_, pool) in &sql.pools {
                pool.close().await;
            }
        });
        // It ends early only with the runtime, and every connection with it.
        let _ = closing.await;
    }
}

#[async_trait]
impl Durable for SqlStore {
    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantStore> {
        Arc::new(SqlTenant::new(Arc::clone(&self.sql), id))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.sql.run("ping", probe::ping).await
    }

    async fn probe(&self, now: Timestamp) -> Result<(), StoreError> {
        let work = move |sql| probe::probe(sql, now);
        self.sql.run("probe", work).await
    }

    async fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        let name = name.to_owned();
        let work = move |sql| facts::fact(sql, name.clone());
        self.sql.run("fact", work).await
    }

    async fn settle_fact(&self, name: &str, value: &str) -> Result<String, StoreError> {
        let (name, value) = (name.to_owned(), value.to_owned());
        let work = move |sql| facts::settle(sql, name.clone(), value.clone());
        self.sql.run("settle_fact", work).await
    }

    async fn some_key_rings(&self, most: u32) -> Result<Vec<(TenantId, SealedKeys)>, StoreError> {
        let work = move |sql| facts::some_key_rings(sql, most);
        self.sql.run("some_key_rings", work).await
    }

    async fn owners(&self) -> Result<Vec<(TenantId, Owner)>, StoreError> {
        self.sql.run("owners", owners).await
    }

    async fn lease(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        let work = move |sql| leases::lease(sql, name.clone(), holder.clone(), now, now + ttl);
        self.sql.run("lease", work).await
    }

    async fn clients_due_logouts(
        &self,
        now: Timestamp,
        most: u32,
    ) -> Result<Vec<(TenantId, ClientId)>, StoreError> {
        let work = move |sql| clients_due(sql, now, most);
        self.sql.run("clients_due_logouts", work).await
    }

    async fn collect_expired(&self, now: Timestamp, batch: u32) -> Result<u64, StoreError> {
        let work = move |sql| collect::collect_expired(sql, now, batch);
        self.sql.run("collect_expired", work).await
    }
}
