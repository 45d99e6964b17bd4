//! What it costs that SQLite flushes what it acknowledges, and what group commit saves: rotations of
//! refresh tokens, by several at once, in three ways that take turns.
//!
//! The two ways of one write after the other are a bare connection that sends the statement of a
//! rotation. They do without what the store adds to each operation, so that the comparison flatters
//! them.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot begin should stop at once"
)]

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use insula_ambient::Timestamp;
use insula_model::{
    ClientId, ConnectorId, GrantId, IdentityClaims, Login, RefreshGrant, RefreshId, TenantId,
    UserId,
};
use insula_oauth::Scopes;
use insula_store::{Durable as _, RefreshRotation, TenantStore};
use insula_store_sql::{SqlOptions, SqlStore};
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DbBackend, SqlxSqliteConnector, Statement,
};
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;

const WRITERS: [usize; 3] = [1, 8, 64];
const ROUNDS: usize = 7;
const SPAN: Duration = Duration::from_millis(700);
const NOON: Timestamp = Timestamp::from_secs(1_800_000_000);
const ROTATE: &str = "UPDATE refresh_grant SET claims = ?, connector_data = ?, generation = ?, \
    last_used_at = ?, expires_at = ? WHERE tenant_id = ? AND id = ? AND generation = ? AND NOT \
    EXISTS (SELECT 1 FROM revoked_grant WHERE revoked_grant.tenant_id = refresh_grant.tenant_id \
    AND revoked_grant.grant_id = refresh_grant.grant_id)";

/// A way to write, a database of its own, and the generation of each of its rows.
struct Place {
    way: Way,
    generations: Vec<u32>,
}

#[derive(Clone)]
enum Way {
    OneByOne(DatabaseConnection),
    Together(Arc<dyn TenantStore>),
}

/// What one way did in one round.
struct Seen {
    per_second: f64,
    /// Milliseconds a write took, of a hundred writes the 99th.
    slow: f64,
}

fn main() {
    let io = Builder::new_multi_thread().enable_all().build();
    let io = io.expect("threads can be started");
    let target = target();
    let folder = tempfile::tempdir_in(&target).expect("the target folder can be written");
    let text = io.block_on(measure(folder.path()));
    println!("{text}");
    let out = target.join("criterion");
    std::fs::create_dir_all(&out).expect("the target folder can be written");
    std::fs::write(out.join("commits.md"), text).expect("the target folder can be written");
}

/// The folder that `release/deps/commit` is built in; it is on a disk where `/tmp` may be none.
fn target() -> PathBuf {
    let program = std::env::current_exe().expect("this program has a path");
    let target = program.ancestors().nth(3);
    target.expect("cargo built this program").to_owned()
}

async fn measure(folder: &Path) -> String {
    let (today, flush) = (date(), flush(folder));
    let mut places = [
        one_by_one(folder, "normal", SqliteSynchronous::Normal).await,
        one_by_one(folder, "full", SqliteSynchronous::Full).await,
        together(folder, "together").await,
    ];
    let mut text = format!(
        "\n## What SQLite acknowledges is on the disk\n\n\
         Written by `cargo bench -p insula-store-sql --bench commit`, on {today}, on {}: to append \
         4 KiB and\nflush them (`fdatasync`) took {flush:.2} ms there, in the same run. Rotations \
         of refresh tokens, each\nwriter the next as soon as one is acknowledged; the ways take \
         turns, the table shows the middle of\n{ROUNDS} rounds, in brackets how long 99 of 100 \
         took at most. A writer alone waits for the disk\neach time, and is slower than before by \
         that; those that write at once share the wait.\n\n\
         | writers at once | `NORMAL`, one by one (as it was) | `FULL`, one by one | `FULL`, \
         together (as it is) | now to before |\n| --- | --- | --- | --- | --- |\n",
        disk(folder)
    );
    for writers in WRITERS {
        let mut rounds: [Vec<Seen>; 3] = Default::default();
        for _ in 0..ROUNDS {
            for (place, rounds) in places.iter_mut().zip(&mut rounds) {
                rounds.push(round(place, writers).await);
            }
        }
        let rates = rounds
            .each_ref()
            .map(|rounds| middle(rounds, |seen| seen.per_second));
        let [before, _, now] = &rounds;
        let ratios = now.iter().zip(before);
        let ratios: Vec<f64> = ratios
            .map(|(now, before)| now.per_second / before.per_second)
            .collect();
        let _ = write!(text, "| {writers} |");
        for (rounds, rate) in rounds.iter().zip(rates) {
            let slow = middle(rounds, |seen| seen.slow);
            let _ = write!(text, " {rate:.0}/s ({slow:.1} ms) |");
        }
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        let ratio = median(ratios);
        let _ = writeln!(text, " **{ratio:.2}** (rounds {least:.2}–{most:.2}) |");
    }
    text
}

/// Writers on rows of their own, for the time of a round.
async fn round(place: &mut Place, writers: usize) -> Seen {
    let began = Instant::now();
    let until = began + SPAN;
    let mut tasks = JoinSet::new();
    for (number, generation) in place.generations.iter().copied().enumerate().take(writers) {
        let way = place.way.clone();
        tasks.spawn(async move {
            let mut took = Vec::new();
            let mut generation = generation;
            while Instant::now() < until {
                let asked = Instant::now();
                way.rotate(number, generation).await;
                took.push(asked.elapsed().as_secs_f64() * 1000.0);
                generation += 1;
            }
            (number, generation, took)
        });
    }
    let done = tasks.join_all().await;
    let seconds = began.elapsed().as_secs_f64();
    let mut all = Vec::new();
    for (number, generation, took) in done {
        if let Some(stored) = place.generations.get_mut(number) {
            *stored = generation;
        }
        all.extend(took);
    }
    all.sort_by(f64::total_cmp);
    let slow = all.get(all.len() * 99 / 100).copied().unwrap_or_default();
    let count = u32::try_from(all.len()).unwrap_or(u32::MAX);
    Seen {
        per_second: f64::from(count) / seconds,
        slow,
    }
}

impl Way {
    async fn rotate(&self, number: usize, generation: u32) {
        let mut next = grant(number);
        next.generation = generation + 1;
        match self {
            Self::OneByOne(connection) => {
                let claims = serde_json::to_string(&next.login.claims);
                let values = [
                    claims.expect("claims are JSON").into(),
                    None::<String>.into(),
                    next.generation.into(),
                    next.last_used_at.as_millis().into(),
                    next.expires_at.as_millis().into(),
                    "acme".into(),
                    next.id.as_str().into(),
                    generation.into(),
                ];
                let rotate = Statement::from_sql_and_values(DbBackend::Sqlite, ROTATE, values);
                let rotated = connection.execute_raw(rotate).await;
                let rotated = rotated.expect("the database writes").rows_affected();
                assert_eq!(rotated, 1, "the row is at the generation before");
            }
            Self::Together(acme) => {
                let rotated = acme.rotate_refresh(generation, &next).await;
                assert_eq!(rotated.ok(), Some(RefreshRotation::Rotated));
            }
        }
    }
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(name).with_extension("db")
}

/// A database with a row for each writer.
async fn store(folder: &Path, name: &str) -> SqlStore {
    let url = format!("sqlite://{}", file(folder, name).display());
    let store = SqlStore::connect(&url, &SqlOptions::default(), Handle::current()).await;
    let store = store.expect("a database can be made");
    store.migrate().await.expect("tables can be made");
    let acme = tenant(&store);
    for number in 0..most() {
        let added = acme.add_refresh(&grant(number), None).await;
        added.expect("the database writes");
    }
    store
}

fn most() -> usize {
    WRITERS.into_iter().max().unwrap_or_default()
}

fn tenant(store: &SqlStore) -> Arc<dyn TenantStore> {
    store.tenant(&TenantId::parse("acme").expect("a word is an id"))
}

async fn together(folder: &Path, name: &str) -> Place {
    let store = store(folder, name).await;
    Place {
        way: Way::Together(tenant(&store)),
        generations: vec![0; most()],
    }
}

/// One connection, as the store had it for all that it wrote.
async fn one_by_one(folder: &Path, name: &str, flushes: SqliteSynchronous) -> Place {
    store(folder, name).await.close().await;
    let options = SqliteConnectOptions::new()
        .filename(file(folder, name))
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(flushes)
        .foreign_keys(true)
        .pragma("cache_size", "-16000");
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_mins(1))
        .connect_with(options);
    let pool = pool.await.expect("the database opens");
    Place {
        way: Way::OneByOne(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool)),
        generations: vec![0; most()],
    }
}

fn grant(number: usize) -> RefreshGrant {
    let user = UserId::parse("jane").expect("a word is an id");
    let id = format!("r{number}");
    RefreshGrant {
        id: RefreshId::parse(&id).expect("a word is an id"),
        grant_id: GrantId::parse(&id).expect("a word is an id"),
        client_id: ClientId::parse("app").expect("a word is an id"),
        generation: 0,
        scopes: Scopes::parse("openid offline_access"),
        resources: Vec::new(),
        claims: insula_model::RequestedClaims::default(),
        nonce: None,
        login: Login {
            connector_id: ConnectorId::parse("local").expect("a word is an id"),
            claims: IdentityClaims {
                email: "jane@example.test".into(),
                ..IdentityClaims::of(user)
            },
            auth_time: NOON,
            amr: vec!["pwd".into()],
            acr: None,
            session_id: None,
            connector_data: None,
        },
        created_at: NOON,
        last_used_at: NOON,
        answered: true,
        expires_at: NOON + Duration::from_hours(1),
    }
}

/// Milliseconds that the disk takes to keep 4 KiB more, in the middle of many.
fn flush(folder: &Path) -> f64 {
    let mut file = File::create(folder.join("flush")).expect("a file can be made");
    let took = (0..300).map(|_| {
        let asked = Instant::now();
        let kept = file.write_all(&[7; 4096]).and_then(|()| file.sync_data());
        kept.expect("the disk writes");
        asked.elapsed().as_secs_f64() * 1000.0
    });
    median(took.collect())
}

fn middle(rounds: &[Seen], figure: impl Fn(&Seen) -> f64) -> f64 {
    median(rounds.iter().map(figure).collect())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// The date in UTC, from the system's own program.
fn date() -> String {
    said(Command::new("date").args(["-u", "+%F"]))
}

/// The device and its file system, from the system's own program.
fn disk(folder: &Path) -> String {
    let asked = said(
        Command::new("df")
            .args(["--output=fstype,source"])
            .arg(folder),
    );
    let kind = asked.lines().last().unwrap_or_default();
    kind.split_whitespace().collect::<Vec<_>>().join(" on ")
}

fn said(command: &mut Command) -> String {
    let said = command.output().ok().map(|out| out.stdout);
    String::from_utf8_lossy(&said.unwrap_or_default())
        .trim()
        .to_owned()
}
