//! Databases of this run's own, on services that may be shared.

use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use insula_ambient::{Entropy as _, SystemEntropy};
use insula_store::Durable;
use insula_store_sql::{SqlOptions, SqlStore};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::OnceCell;
use url::Url;

/// Owns every connection of the tests, whose own runtimes come and go.
pub(crate) static IO: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap()
});

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Sqlite,
    Postgres,
    /// PostgreSQL behind a PgBouncer in transaction mode.
    PgBouncer,
    MariaDb,
}

/// A database made for one test, or for one run.
pub(crate) struct Scratch {
    pub(crate) service: Service,
    pub(crate) url: String,
    name: String,
    _folder: Option<TempDir>,
}

impl Service {
    /// The server of this service, if there is one. Loud if there is none.
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are told by the environment where services are"
    )]
    fn server(self) -> Option<String> {
        let variable = match self {
            Self::Sqlite => return Some(String::new()),
            Self::Postgres => "INSULA_TEST_POSTGRES",
            Self::PgBouncer => "INSULA_TEST_PGBOUNCER",
            Self::MariaDb => "INSULA_TEST_MARIADB",
        };
        let server = std::env::var(variable).ok();
        if server.is_none() {
            let required = std::env::var("INSULA_REQUIRE_SERVICES").is_ok_and(|v| v == "1");
            assert!(!required, "{self:?} is required, but {variable} is not set");
            self.say_skipped(variable);
        }
        server
    }
}

impl Service {
    /// The server that makes and drops databases of this service.
    pub(crate) fn direct(self) -> Option<String> {
        match self {
            Self::PgBouncer => Self::Postgres.server(),
            other => other.server(),
        }
    }

    /// Once for each service, and past the harness, which keeps to itself what a test prints.
    fn say_skipped(self, variable: &str) {
        static SAID: Mutex<Vec<Service>> = Mutex::new(Vec::new());
        let mut said = SAID.lock().unwrap();
        if !said.contains(&self) {
            said.push(self);
            let line = format!("SKIPPED: {self:?} is not tested, because {variable} is not set\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        }
    }
}

impl Scratch {
    /// An empty database; `None` if the service is not there.
    pub(crate) async fn of(service: Service) -> Option<Self> {
        let server = service.server()?;
        let word = SystemEntropy.word(5);
        let name = format!("insula_test_{}_{word}", std::process::id());
        if service == Service::Sqlite {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite://{}", folder.path().join("insula.db").display());
            return Some(Self {
                service,
                url,
                name,
                _folder: Some(folder),
            });
        }
        administer(&service.direct()?, &[format!("CREATE DATABASE {name}")]).await;
        let mut url = Url::parse(&server).unwrap();
        url.set_path(&name);
        Some(Self {
            service,
            url: url.into(),
            name,
            _folder: None,
        })
    }

    pub(crate) async fn store(&self) -> SqlStore {
        self.store_with(&SqlOptions::default()).await
    }

    pub(crate) async fn store_with(&self, options: &SqlOptions) -> SqlStore {
        let options = SqlOptions {
            max_connections: 4,
            // A machine busy with other tests is no reason to fail.
            acquire_timeout: options.acquire_timeout.max(Duration::from_millis(500)),
            ..options.clone()
        };
        SqlStore::connect(&self.url, &options, IO.handle().clone())
            .await
            .unwrap()
    }

    /// A connection beside the store.
    pub(crate) async fn raw(&self) -> DatabaseConnection {
        let url = self.url.clone();
        let opening = IO.spawn(async move { Database::connect(url).await.unwrap() });
        opening.await.unwrap()
    }

    pub(crate) async fn remove(self) {
        if let Some(server) = self.service.direct().filter(|s| !s.is_empty()) {
            administer(&server, &[drop_of(self.service, &self.name)]).await;
        }
    }
}

/// Drops a database whoever is connected to it: a pooler keeps connections to one for minutes after
/// its last client left.
fn drop_of(service: Service, name: &str) -> String {
    let force = match service {
        Service::Postgres | Service::PgBouncer => " WITH (FORCE)",
        Service::Sqlite | Service::MariaDb => "",
    };
    format!("DROP DATABASE IF EXISTS {name}{force}")
}

async fn administer(server: &str, statements: &[String]) {
    let (server, statements) = (server.to_owned(), statements.to_vec());
    let work = IO.spawn(async move {
        let admin = Database::connect(server).await.unwrap();
        for statement in statements {
            admin.execute_unprepared(&statement).await.unwrap();
        }
        admin.close().await.unwrap();
    });
    work.await.unwrap();
}

/// Databases that runs before this one left behind: nothing tells a test program that its last
/// test is over.
async fn sweep(service: Service, server: &str) {
    let list = match service {
        Service::Postgres | Service::PgBouncer => "SELECT datname AS name FROM pg_database",
        _ => "SELECT schema_name AS name FROM information_schema.schemata",
    };
    let (url, processes) = (server.to_owned(), Path::new("/proc"));
    let listing = IO.spawn(async move {
        let admin = Database::connect(url).await.unwrap();
        let list = sea_orm::Statement::from_string(admin.get_database_backend(), list);
        let rows = admin.query_all_raw(list).await.unwrap();
        admin.close().await.unwrap();
        let names = rows.iter().map(|row| row.try_get_by_index::<String>(0));
        names.collect::<Result<Vec<_>, _>>().unwrap()
    });
    let left = listing.await.unwrap().into_iter().filter(|name| {
        let process = name.strip_prefix("insula_test_");
        let process = process.and_then(|rest| rest.split_once('_'));
        process.is_some_and(|(id, _)| processes.exists() && !processes.join(id).exists())
    });
    let drops: Vec<_> = left.map(|name| drop_of(service, &name)).collect();
    administer(server, &drops).await;
}

/// One migrated database for the whole run of the conformance suite, whose tenants are random.
pub(crate) async fn shared_durable(service: Service) -> Option<Arc<dyn Durable>> {
    static SQLITE: OnceCell<Option<(Scratch, SqlStore)>> = OnceCell::const_new();
    static POSTGRES: OnceCell<Option<(Scratch, SqlStore)>> = OnceCell::const_new();
    static PGBOUNCER: OnceCell<Option<(Scratch, SqlStore)>> = OnceCell::const_new();
    static MARIADB: OnceCell<Option<(Scratch, SqlStore)>> = OnceCell::const_new();
    let cell = match service {
        Service::Sqlite => &SQLITE,
        Service::Postgres => &POSTGRES,
        Service::PgBouncer => &PGBOUNCER,
        Service::MariaDb => &MARIADB,
    };
    let made = cell.get_or_init(|| async {
        if let Some(server) = service.direct().filter(|s| !s.is_empty()) {
            sweep(service, &server).await;
        }
        let scratch = Scratch::of(service).await?;
        let store = scratch.store().await;
        store.migrate().await.unwrap();
        Some((scratch, store))
    });
    let (_, store) = made.await.as_ref()?;
    Some(Arc::new(store.clone()))
}
