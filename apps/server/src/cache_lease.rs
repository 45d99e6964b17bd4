//! One cache for one database: codes, logins under way and counters of one process must be known to all.
//!
//! Whoever serves a database holds a lease there in the name of its cache. All processes on Redis
//! hold it together; a process whose cache is its own memory holds it alone.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use insula_config::CacheUrl;
use insula_store::{Durable as _, StoreError};
use insula_store_sql::{LeaseHolder, SqlStore};
use tokio::time::{Instant, sleep};
use tracing::{error, info};

use crate::exit::Misconfigured;

const NAME: &str = "cache";
/// What all processes on Redis are called together.
const REDIS: &str = "redis";
const TTL: Duration = Duration::from_secs(10);
const RENEW: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(250);

/// The lease of this process's cache.
#[derive(Clone)]
pub(crate) struct CacheLease {
    store: SqlStore,
    holder: String,
}

impl CacheLease {
    /// Takes the lease. One that somebody else holds is waited for as long as it may take to run
    /// out, and not at all where its holder is seen to be gone.
    pub(crate) async fn take(
        store: SqlStore,
        cache: &CacheUrl,
        process_id: &str,
        database: &(dyn Display + Sync),
    ) -> Result<Self> {
        let holder = match cache {
            CacheUrl::Memory => memory_of(process_id),
            CacheUrl::Redis(_) => REDIS.to_owned(),
        };
        let lease = Self { store, holder };
        let began = Instant::now();
        let mut first: Option<LeaseHolder> = None;
        loop {
            if lease.renew().await? {
                return Ok(lease);
            }
            let Some(standing) = lease.store.lease_holder(NAME).await? else {
                continue;
            };
            // By our own watch: a holder whose clock was wrong may have written a far end.
            let ran_out = began.elapsed() > TTL && first.as_ref() == Some(&standing);
            if (ran_out || is_gone(&standing.holder)) && lease.take_from(&standing).await? {
                return Ok(lease);
            }
            if began.elapsed() > TTL {
                return Err(lease.refused(&standing.holder, database));
            }
            if first.is_none() {
                let (who, wait_s) = (shown(&standing.holder), TTL.as_secs());
                info!(
                    "the database {database} is served by {who}; waiting up to {wait_s} s for its end"
                );
                first = Some(standing);
            }
            sleep(LOOK).await;
        }
    }

    /// Keeps the lease. Comes back when it is lost, which a cache of all processes never is: a
    /// process with a cache of its own has to give way to them.
    pub(crate) async fn keep(self) {
        loop {
            sleep(RENEW).await;
            // While the database is away nobody else can take it either.
            let Ok(false) = self.renew().await else {
                continue;
            };
            let Ok(standing) = self.store.lease_holder(NAME).await else {
                continue;
            };
            let who = standing.as_ref().map(|standing| shown(&standing.holder));
            let who = who.unwrap_or_else(|| "another process".to_owned());
            if self.holder != REDIS {
                error!("{who} serves the same database by now; this process ends");
                return;
            }
            error!("{who} served the same database with another cache; it has to give way");
            if let Some(standing) = standing {
                // Tried again at the next round.
                let _taken = self.take_from(&standing).await;
            }
        }
    }

    /// Gives the lease back, so that the next process need not wait. Those on Redis share theirs.
    pub(crate) async fn release(&self) {
        if self.holder != REDIS {
            // It runs out by itself.
            let _gone = self.store.release_lease(NAME, &self.holder).await;
        }
    }

    async fn renew(&self) -> Result<bool, StoreError> {
        let now = self.store.time().await?;
        self.store.lease(NAME, &self.holder, now, TTL).await
    }

    /// Takes the lease if it is still as it was seen.
    async fn take_from(&self, standing: &LeaseHolder) -> Result<bool, StoreError> {
        let taken = self.store.lease(NAME, &self.holder, standing.until, TTL);
        Ok(taken.await? && self.renew().await?)
    }

    fn refused(&self, standing: &str, database: &(dyn Display + Sync)) -> anyhow::Error {
        let who = shown(standing);
        let next = match (self.holder.as_str(), standing) {
            (REDIS, _) => "give that one the same `cache: redis://...`, or stop it first",
            (_, REDIS) => "set `cache` to the redis:// URL that the others have",
            _ => {
                "set `cache: redis://...` at both, or stop the other first (in Kubernetes, with \
                 one replica: strategy Recreate)"
            }
        };
        anyhow::anyhow!(
            "the database {database} is served by {who}; codes, logins and counters of one \
             would be unknown to the other: {next}"
        )
        .context(Misconfigured)
    }
}

/// What a process with a cache of its own is called: enough for a process on the same machine to
/// see whether it is gone.
fn memory_of(process_id: &str) -> String {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let host = read("/proc/sys/kernel/hostname");
    let pid = std::process::id();
    let word = |text: &str| match text.trim() {
        "" => "-".to_owned(),
        text => text
            .replace(char::is_whitespace, "-")
            .chars()
            .take(80)
            .collect(),
    };
    format!(
        "memory {} {pid} {} {process_id}",
        word(&host),
        word(&machine())
    )
}

/// Which run of which machine this is, and whose process numbers count.
fn machine() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let numbers = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    if boot.is_empty() || numbers.as_os_str().is_empty() {
        return String::new();
    }
    format!("{}/{}", boot.trim(), numbers.display())
}

/// Whether a holder was a process of this run of this machine and is no more.
fn is_gone(holder: &str) -> bool {
    let mut words = holder.split(' ').skip(2);
    let (pid, on) = (words.next().unwrap_or_default(), words.next());
    let here = machine();
    !here.is_empty() && on == Some(here.as_str()) && !Path::new("/proc").join(pid).exists()
}

/// A holder as a person would call it.
fn shown(holder: &str) -> String {
    let mut words = holder.split(' ').skip(1);
    match (words.next(), words.next()) {
        (Some(host), Some(pid)) => format!("process {pid} on {host}, with `cache: memory`"),
        _ => "processes with a cache in Redis".to_owned(),
    }
}

/// Whether anybody serves the database now.
pub(crate) async fn served_by(store: &SqlStore) -> Result<Option<String>> {
    let standing = store.lease_holder(NAME).await.context("database")?;
    let now = store.time().await.context("database")?;
    let alive = standing.filter(|s| s.until > now && !is_gone(&s.holder));
    Ok(alive.map(|standing| shown(&standing.holder)))
}

#[cfg(test)]
mod tests;
