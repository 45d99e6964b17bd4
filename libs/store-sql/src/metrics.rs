use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};
use sea_orm::sqlx::{MySqlPool, PgPool, SqlitePool};

use crate::readers::Readers;

/// What a store did so far. Clones count together.
#[derive(Debug, Clone)]
pub struct SqlMetrics {
    /// `insula_sql_statements_total`
    statements: IntCounterVec,
    reads: IntCounter,
    writes: IntCounter,
    /// `insula_sql_retries_total`
    pub(crate) retries: IntCounter,
    /// `insula_sql_failures_total`
    pub(crate) failures: IntCounterVec,
    /// `insula_sql_operation_duration_seconds`
    durations: HistogramVec,
    /// Those of `durations`, each looked up by its label once.
    by_operation: Arc<ArcSwap<HashMap<&'static str, Histogram>>>,
}

impl SqlMetrics {
    pub(crate) fn new() -> prometheus::Result<Self> {
        let statements = IntCounterVec::new(
            Opts::new(
                "insula_sql_statements_total",
                "SQL statements sent, by what they do",
            ),
            &["kind"],
        )?;
        let buckets = vec![
            0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
        ];
        Ok(Self {
            reads: statements.with_label_values(&["read"]),
            writes: statements.with_label_values(&["write"]),
            statements,
            retries: IntCounter::new(
                "insula_sql_retries_total",
                "SQL operations tried again after a conflict",
            )?,
            failures: IntCounterVec::new(
                Opts::new("insula_sql_failures_total", "SQL operations that failed"),
                &["operation"],
            )?,
            durations: HistogramVec::new(
                HistogramOpts::new(
                    "insula_sql_operation_duration_seconds",
                    "how long SQL operations took, retries included",
                )
                .buckets(buckets),
                &["operation"],
            )?,
            by_operation: Arc::default(),
        })
    }

    /// Statements sent that read.
    pub fn reads(&self) -> u64 {
        self.reads.get()
    }

    /// Statements sent that write.
    pub fn writes(&self) -> u64 {
        self.writes.get()
    }

    pub(crate) fn count_read(&self) {
        self.reads.inc();
    }

    pub(crate) fn count_write(&self) {
        self.writes.inc();
    }

    pub(crate) fn took(&self, operation: &'static str, span: Duration) {
        let seconds = span.as_secs_f64();
        if let Some(known) = self.by_operation.load().get(operation) {
            return known.observe(seconds);
        }
        let met = self.durations.with_label_values(&[operation]);
        met.observe(seconds);
        self.by_operation.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.insert(operation, met.clone());
            known
        });
    }

    pub(crate) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.statements.clone()))?;
        registry.register(Box::new(self.retries.clone()))?;
        registry.register(Box::new(self.failures.clone()))?;
        registry.register(Box::new(self.durations.clone()))
    }
}

/// What group commit did so far. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct CommitMetrics {
    /// `insula_sql_writes_per_commit`
    pub(crate) together: Histogram,
    /// `insula_sql_writes_waiting`
    pub(crate) waiting: IntGauge,
    /// `insula_sql_writes_queue_full_total`
    pub(crate) full: IntCounter,
}

impl CommitMetrics {
    pub(crate) fn new() -> prometheus::Result<Self> {
        Ok(Self {
            together: Histogram::with_opts(
                HistogramOpts::new(
                    "insula_sql_writes_per_commit",
                    "how many writes shared a commit to SQLite",
                )
                .buckets(vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]),
            )?,
            waiting: IntGauge::new(
                "insula_sql_writes_waiting",
                "writes that wait for the one writer of SQLite",
            )?,
            full: IntCounter::new(
                "insula_sql_writes_queue_full_total",
                "writes that found no place to wait for the one writer of SQLite",
            )?,
        })
    }

    pub(crate) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.together.clone()))?;
        registry.register(Box::new(self.waiting.clone()))?;
        registry.register(Box::new(self.full.clone()))
    }
}

/// A pool, looked at when metrics are collected.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Readers(Readers),
    Postgres(PgPool),
    MySql(MySqlPool),
}

impl Pool {
    fn size(&self) -> u32 {
        match self {
            Self::Sqlite(pool) => pool.size(),
            Self::Readers(readers) => readers.open(),
            Self::Postgres(pool) => pool.size(),
            Self::MySql(pool) => pool.size(),
        }
    }

    fn idle(&self) -> usize {
        match self {
            Self::Sqlite(pool) => pool.num_idle(),
            Self::Readers(readers) => readers.idle(),
            Self::Postgres(pool) => pool.num_idle(),
            Self::MySql(pool) => pool.num_idle(),
        }
    }

    fn most(&self) -> u32 {
        match self {
            Self::Sqlite(pool) => pool.options().get_max_connections(),
            Self::Readers(readers) => readers.most(),
            Self::Postgres(pool) => pool.options().get_max_connections(),
            Self::MySql(pool) => pool.options().get_max_connections(),
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Readers(readers) => readers.close().await,
            Self::Postgres(pool) => pool.close().await,
            Self::MySql(pool) => pool.close().await,
        }
    }
}

/// `insula_sql_pool_connections`, by pool and state, read afresh at every collection.
pub(crate) struct PoolGauges {
    pools: Vec<Seen>,
    family: IntGaugeVec,
}

struct Seen {
    pool: Pool,
    open: IntGauge,
    idle: IntGauge,
    most: IntGauge,
}

impl PoolGauges {
    pub(crate) fn of(pools: &[(&'static str, Pool)]) -> prometheus::Result<Self> {
        let family = IntGaugeVec::new(
            Opts::new(
                "insula_sql_pool_connections",
                "connections to the database: open, idle among them, and the most allowed",
            ),
            &["pool", "state"],
        )?;
        let pools = pools.iter().map(|(name, pool)| Seen {
            pool: pool.clone(),
            open: family.with_label_values(&[name, "open"]),
            idle: family.with_label_values(&[name, "idle"]),
            most: family.with_label_values(&[name, "max"]),
        });
        Ok(Self {
            pools: pools.collect(),
            family: family.clone(),
        })
    }
}

impl Collector for PoolGauges {
    fn desc(&self) -> Vec<&Desc> {
        self.family.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        for seen in &self.pools {
            seen.open.set(i64::from(seen.pool.size()));
            seen.idle
                .set(i64::try_from(seen.pool.idle()).unwrap_or(i64::MAX));
            seen.most.set(i64::from(seen.pool.most()));
        }
        self.family.collect()
    }
}
