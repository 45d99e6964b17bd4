//! The servers that tests talk to: private instances in a temporary folder, on loopback ports of
//! their own, gone when the run is over.
//!
//! Nothing here touches an instance that the machine already runs.

mod account;
mod keycloak;
mod keystone;
mod mariadb;
mod pgbouncer;
mod postgres;
mod redis;
mod samba;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;

use self::keycloak::Keycloak;
use self::keystone::Keystone;
use self::mariadb::MariaDb;
use self::pgbouncer::PgBouncer;
use self::postgres::Postgres;
use self::redis::Redis;
use self::samba::Samba;
use crate::process::Running;
use crate::stop::Stop;
use crate::tools;

const READY: Duration = Duration::from_mins(1);

/// The running instances. Dropping it stops all of them and removes their files.
#[derive(Debug)]
pub(crate) struct Services {
    // Fields are dropped in order: first the servers, then the folder they write to.
    pgbouncer: Option<PgBouncer>,
    postgres: Option<Postgres>,
    mariadb: Option<MariaDb>,
    redis: Option<Redis>,
    samba: Option<Samba>,
    keycloak: Option<Keycloak>,
    keystone: Option<Keystone>,
    folder: TempDir,
}

impl Services {
    /// Starts those that are installed and waits until each answers. `domain` is what Active Directory
    /// serves, `keycloak` where Keycloak is; without one there is none.
    pub(crate) fn start(
        domain: Option<&Path>,
        keycloak: Option<&Path>,
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        let folder = account::open_folder()?;
        let mut services = Self {
            pgbouncer: None,
            postgres: None,
            mariadb: None,
            redis: None,
            samba: None,
            keycloak: None,
            keystone: None,
            folder,
        };
        let folder = &services.folder;
        if let Some(home) = keycloak {
            services.keycloak = Some(Keycloak::start(&room(folder, "keycloak")?, home)?);
        }
        if has_keystone() {
            services.keystone = Some(Keystone::start(&room(folder, "keystone")?)?);
        }
        if has_redis() {
            services.redis = Some(Redis::start(&room(folder, "redis")?)?);
        }
        if let Some(domain) = domain {
            services.samba = Some(Samba::start(&room(folder, "samba")?, domain, stop)?);
        }
        if has_mariadb() {
            services.mariadb = Some(MariaDb::start(&room(folder, "mariadb")?, stop)?);
        }
        if has_postgres() {
            services.postgres = Some(Postgres::start(&room(folder, "postgres")?, stop)?);
        }
        if let Some(postgres) = &mut services.postgres {
            postgres.wait(stop)?;
            if has_pgbouncer() {
                let (port, user) = postgres.place();
                let room = room(&services.folder, "pgbouncer")?;
                services.pgbouncer = Some(PgBouncer::start(&room, port, user)?);
            }
        }
        if let Some(pgbouncer) = &mut services.pgbouncer {
            pgbouncer.wait(stop)?;
        }
        if let Some(mariadb) = &mut services.mariadb {
            mariadb.wait(stop)?;
        }
        if let Some(redis) = &mut services.redis {
            redis.wait(stop)?;
        }
        if let Some(samba) = &mut services.samba {
            samba.wait(stop)?;
        }
        if let Some(keystone) = &mut services.keystone {
            keystone.wait(stop)?;
        }
        Ok(services)
    }

    /// How tests find them.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let pgbouncer = self.pgbouncer.as_ref().map(PgBouncer::url);
        let postgres = self.postgres.as_ref().map(Postgres::url);
        let mariadb = self.mariadb.as_ref().map(MariaDb::url);
        let redis = self.redis.as_ref().map(Redis::url);
        let samba = self.samba.as_ref();
        let authority = samba.map(|samba| samba.authority().display().to_string());
        let keystone = self.keystone.as_ref().map(Keystone::url);
        [
            ("INSULA_TEST_PGBOUNCER", pgbouncer),
            ("INSULA_TEST_POSTGRES", postgres),
            ("INSULA_TEST_MARIADB", mariadb),
            ("INSULA_TEST_REDIS", redis),
            (
                "INSULA_TEST_KEYCLOAK",
                self.keycloak.as_ref().map(Keycloak::url),
            ),
            ("INSULA_TEST_ACTIVE_DIRECTORY", samba.map(Samba::address)),
            ("INSULA_TEST_ACTIVE_DIRECTORY_CA", authority),
            ("INSULA_TEST_KEYSTONE", keystone),
        ]
        .into_iter()
        .filter_map(|(name, url)| Some((name, url?)))
        .collect()
    }

    /// A folder of its own for whatever else lives as long as the services do.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asks all to end at once, so that they end beside each other and not one after the other.
    pub(crate) fn end(&mut self) {
        let running = [
            self.pgbouncer.as_mut().map(|one| &mut one.running),
            self.postgres.as_mut().map(|one| &mut one.running),
            self.mariadb.as_mut().map(|one| &mut one.running),
            self.redis.as_mut().map(|one| &mut one.running),
            self.samba.as_mut().map(|one| &mut one.running),
            self.keycloak.as_mut().map(|one| &mut one.running),
            self.keystone.as_mut().map(|one| &mut one.running),
        ];
        for running in running.into_iter().flatten() {
            running.ask_to_end();
        }
    }
}

fn room(folder: &TempDir, name: &str) -> anyhow::Result<PathBuf> {
    let room = folder.path().join(name);
    std::fs::create_dir(&room).with_context(|| format!("could not make {}", room.display()))?;
    Ok(room)
}

/// Fails with the last lines of `log` once a service that should be coming up is gone.
fn still_alive(running: &mut Running, log: &Path) -> anyhow::Result<()> {
    let Some(status) = running.ended() else {
        return Ok(());
    };
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().rev().take(20).collect();
    let last = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
    anyhow::bail!(
        "{} ended while starting ({status}); its last lines:\n{last}",
        running.name()
    )
}

/// Whether PostgreSQL's server is installed, on the path or where Debian keeps it.
pub(crate) fn has_postgres() -> bool {
    postgres::programs().is_some()
}

/// Whether MariaDB's server is installed.
pub(crate) fn has_mariadb() -> bool {
    mariadb::server().is_some()
}

/// Whether Redis is installed.
pub(crate) fn has_redis() -> bool {
    tools::on_path("redis-server").is_some()
}

/// Whether PgBouncer is installed.
pub(crate) fn has_pgbouncer() -> bool {
    pgbouncer::program().is_some()
}

/// Whether Samba's domain controller is installed, with the tools that lay a domain.
pub(crate) fn has_samba() -> bool {
    samba::program().is_some()
}

/// Whether it can be started by whoever runs the tests: its ports are below 1024.
pub(crate) fn may_start_samba() -> bool {
    samba::may_listen()
}

/// Whether OpenStack Keystone is installed.
pub(crate) fn has_keystone() -> bool {
    keystone::python().is_some()
}
