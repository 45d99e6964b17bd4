//! The commit hook of SQLite holds each commit until the test lets it go on, so that nothing here
//! depends on how fast anything is.

use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};

use futures_util::poll;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sea_orm::{DbBackend, SqlxSqliteConnector};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::backend::Backend;

/// A database of one table, whose commits the test carries through one by one.
struct Bench {
    group: GroupCommit,
    reader: DatabaseConnection,
    /// Told when a commit has begun: all statements of its group were carried out.
    begun: UnboundedReceiver<()>,
    /// Lets a commit go on, or makes it fail.
    go_on: mpsc::Sender<bool>,
    _folder: TempDir,
}

type Writing = Pin<Box<dyn Future<Output = Outcome>>>;

const COMMITS: bool = true;
const FAILS: bool = false;

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("test.db"))
            .create_if_missing(true)
            .journal_mode(sea_orm::sqlx::sqlite::SqliteJournalMode::Wal)
            .pragma("max_page_count", "40");
        let pool = SqlitePoolOptions::new().max_connections(1);
        let reader = pool.clone().connect_with(options.clone()).await.unwrap();
        let reader = SqlxSqliteConnector::from_sqlx_sqlite_pool(reader);
        let table = "CREATE TABLE note (name TEXT PRIMARY KEY, value BLOB)";
        reader.execute_unprepared(table).await.unwrap();

        let (begin, begun) = unbounded_channel();
        let (go_on, may_go_on) = mpsc::channel();
        let hook = move || {
            let _ = begin.send(());
            may_go_on.recv().unwrap_or(COMMITS)
        };
        let hook = Arc::new(Mutex::new(Some(hook)));
        let pool = crate::connect::sqlite_pool(1, &crate::SqlOptions::default());
        let pool = pool.after_connect(move |connection, _| {
            let hook = hook.lock().unwrap().take();
            Box::pin(async move {
                if let Some(hook) = hook {
                    connection.lock_handle().await?.set_commit_hook(hook);
                }
                Ok(())
            })
        });
        let writing = pool.connect_with(options).await.unwrap();
        let mut writer = SqlxSqliteConnector::from_sqlx_sqlite_pool(writing);
        writer.set_metric_callback(|seen| {
            assert!(!seen.statement.sql.contains("'panic'"), "as asked for");
        });
        Self {
            group: GroupCommit::start(writer, CommitMetrics::new().unwrap()),
            reader,
            begun,
            go_on,
            _folder: folder,
        }
    }

    /// Asks for a write; it waits in the queue from now on.
    async fn ask(&self, statements: &[&str]) -> Writing {
        let group = self.group.clone();
        let statements: Vec<_> = statements
            .iter()
            .map(|text| Step::any(Statement::from_string(DbBackend::Sqlite, *text)))
            .collect();
        let mut writing: Writing = Box::pin(async move { group.write(statements).await });
        assert!(poll!(&mut writing).is_pending());
        writing
    }

    async fn insert(&self, name: &str) -> Writing {
        self.ask(&[&insertion(name)]).await
    }

    /// A write whose commit has begun and waits for leave.
    async fn held(&mut self, name: &str) -> Writing {
        let writing = self.insert(name).await;
        self.begun.recv().await.unwrap();
        writing
    }

    /// Lets the commit that waits go on.
    fn go_on(&self, commits: bool) {
        // Nobody takes it where the connection was replaced by one that nobody holds up.
        let _ = self.go_on.send(commits);
    }

    /// Lets the next group commit, once it has come so far.
    async fn next_group(&mut self, commits: bool) {
        self.begun.recv().await.unwrap();
        self.go_on(commits);
    }

    async fn names(&self) -> String {
        let ask = "SELECT group_concat(name, ' ') FROM (SELECT name FROM note ORDER BY name)";
        let ask = Statement::from_string(DbBackend::Sqlite, ask);
        let row = self.reader.query_one_raw(ask).await.unwrap().unwrap();
        let names: Option<String> = row.try_get_by_index(0).unwrap();
        names.unwrap_or_default()
    }
}

fn insertion(name: &str) -> String {
    format!("INSERT INTO note VALUES ('{name}', 0)")
}

fn said(outcome: Outcome) -> String {
    let error = outcome.err().unwrap();
    let told = Fault::from(error).into_store_error(Backend::Sqlite);
    told.to_string()
}

#[tokio::test]
async fn nobody_is_answered_before_the_commit() {
    let mut bench = Bench::new().await;
    let mut first = bench.held("a").await;
    assert!(poll!(&mut first).is_pending());
    assert_eq!(bench.names().await, "");
    bench.go_on(COMMITS);
    assert_eq!(first.await.unwrap()[0].rows_affected(), 1);
    assert_eq!(bench.names().await, "a");
}

#[tokio::test]
async fn writes_that_wait_share_the_next_commit() {
    let mut bench = Bench::new().await;
    let first = bench.held("a").await;
    let mut waiting = Vec::new();
    for name in 'b'..='z' {
        waiting.push(bench.insert(&name.to_string()).await);
    }
    assert_eq!(bench.group.metrics.waiting.get(), 25);
    bench.go_on(COMMITS);
    first.await.unwrap();
    bench.next_group(COMMITS).await;
    for writing in waiting {
        assert_eq!(writing.await.unwrap()[0].rows_affected(), 1);
    }
    assert!(bench.begun.try_recv().is_err(), "more than two commits");
    assert_eq!(bench.group.metrics.waiting.get(), 0);
    let seen = &bench.group.metrics.together;
    assert_eq!(seen.get_sample_count(), 2);
    assert!((seen.get_sample_sum() - 26.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_commit_that_fails_is_told_to_all_of_its_group_and_leaves_nothing() {
    let mut bench = Bench::new().await;
    let first = bench.held("a").await;
    let second = bench.insert("b").await;
    // Neither is this one told that there is an `a` already: so it was in a transaction that is gone.
    let third = bench.insert("a").await;
    bench.go_on(COMMITS);
    first.await.unwrap();
    bench.next_group(FAILS).await;
    for outcome in [second.await, third.await] {
        let told = said(outcome);
        assert!(told.starts_with("sqlite failed: error 531"), "{told}");
    }
    assert_eq!(bench.names().await, "a");

    bench.go_on(COMMITS);
    bench.insert("c").await.await.unwrap();
    assert_eq!(bench.names().await, "a c", "the writer goes on");
}

#[tokio::test]
async fn a_write_that_fails_in_a_group_fails_alone_and_whole() {
    let mut bench = Bench::new().await;
    let first = bench.held("a").await;
    let before = bench.insert("b").await;
    let twice = bench.insert("a").await;
    let half = bench.ask(&[&insertion("half"), &insertion("a")]).await;
    let unknown = bench.ask(&["INSERT INTO nowhere VALUES (1)"]).await;
    let both = bench.ask(&[&insertion("c"), &insertion("d")]).await;
    let after = bench.insert("e").await;
    bench.go_on(COMMITS);
    first.await.unwrap();
    bench.next_group(COMMITS).await;
    before.await.unwrap();
    assert!(Fault::is_duplicate(&twice.await.unwrap_err()));
    assert!(Fault::is_duplicate(&half.await.unwrap_err()));
    assert!(said(unknown.await).contains("no such table: nowhere"));
    assert_eq!(both.await.unwrap().len(), 2);
    after.await.unwrap();
    assert_eq!(bench.names().await, "a b c d e");
    assert!(bench.begun.try_recv().is_err(), "more than two commits");
}

#[tokio::test]
async fn a_write_alone_that_fails_half_way_leaves_nothing() {
    let mut bench = Bench::new().await;
    let first = bench.held("a").await;
    bench.go_on(COMMITS);
    first.await.unwrap();
    let half = bench.ask(&[&insertion("half"), &insertion("a")]).await;
    assert!(Fault::is_duplicate(&half.await.unwrap_err()));
    bench.go_on(COMMITS);
    bench.insert("b").await.await.unwrap();
    assert_eq!(bench.names().await, "a b");
}

#[tokio::test]
async fn a_write_that_takes_the_transaction_with_it_fails_alone() {
    let mut bench = Bench::new().await;
    let first = bench.held("a").await;
    let before = bench.insert("b").await;
    let large = "INSERT INTO note VALUES ('large', zeroblob(1000000))";
    let large = bench.ask(&[large]).await;
    let after = bench.insert("c").await;
    bench.go_on(COMMITS);
    first.await.unwrap();
    for _ in 0..2 {
        bench.go_on(COMMITS);
    }
    before.await.unwrap();
    let told = said(large.await);
    assert!(told.contains("error 13"), "{told}");
    after.await.unwrap();
    assert_eq!(bench.names().await, "a b c");
}

#[tokio::test]
async fn of_two_in_one_group_that_change_the_same_row_one_wins() {
    let mut bench = Bench::new().await;
    let first = bench.held("a").await;
    let swap = "UPDATE note SET value = 1 WHERE name = 'a' AND value = 0";
    let swaps = [bench.ask(&[swap]).await, bench.ask(&[swap]).await];
    bench.go_on(COMMITS);
    first.await.unwrap();
    bench.next_group(COMMITS).await;
    let mut changed = Vec::new();
    for swap in swaps {
        changed.push(swap.await.unwrap()[0].rows_affected());
    }
    assert_eq!(changed, [1, 0]);
    assert!(bench.begun.try_recv().is_err(), "more than two commits");
}

#[tokio::test]
async fn who_leaves_before_their_turn_has_written_nothing_and_who_leaves_later_all() {
    let mut bench = Bench::new().await;
    let begun = bench.held("a").await;
    drop(begun);
    let early = bench.ask(&[&insertion("b"), &insertion("c")]).await;
    drop(early);
    let stays = bench.insert("d").await;
    bench.go_on(COMMITS);
    bench.next_group(COMMITS).await;
    stays.await.unwrap();
    assert_eq!(bench.names().await, "a d");
}

#[tokio::test]
async fn a_panic_while_writing_fails_its_group_and_the_next_goes_on() {
    let mut bench = Bench::new().await;
    let first = bench.held("a").await;
    let neighbour = bench.insert("b").await;
    let panics = bench.insert("panic").await;
    bench.go_on(COMMITS);
    first.await.unwrap();
    for outcome in [neighbour.await, panics.await] {
        assert!(said(outcome).contains("ended before the commit"));
    }
    bench.go_on(COMMITS);
    bench.insert("c").await.await.unwrap();
    assert_eq!(bench.names().await, "a c");
}

#[tokio::test]
async fn closing_waits_for_what_was_asked_for_and_takes_no_more() {
    let mut bench = Bench::new().await;
    let first = bench.held("a").await;
    let waiting = bench.insert("b").await;
    let group = bench.group.clone();
    let mut closing = Box::pin(async move { group.close().await });
    assert!(poll!(&mut closing).is_pending());
    bench.go_on(COMMITS);
    first.await.unwrap();
    bench.next_group(COMMITS).await;
    waiting.await.unwrap();
    closing.await;
    let late = bench.group.write(vec![]).await;
    let told = said(late);
    assert_eq!(told, "sqlite cannot be reached: the pool is closed");
    assert_eq!(bench.names().await, "a b");
}

/// What it builds on is gone, so that nothing of it stands; its neighbours are committed.
#[tokio::test]
async fn a_write_that_finds_no_row_to_change_fails_alone_and_whole() {
    let mut bench = Bench::new().await;
    let first = bench.held("a").await;
    let before = bench.insert("b").await;
    let half = Statement::from_string(DbBackend::Sqlite, insertion("half"));
    let missing = "UPDATE note SET value = 1 WHERE name = 'missing'";
    let missing = Statement::from_string(DbBackend::Sqlite, missing);
    let steps = vec![Step::any(half), Step::must_change(missing)];
    let group = bench.group.clone();
    let mut lost: Writing = Box::pin(async move { group.write(steps).await });
    assert!(poll!(&mut lost).is_pending());
    let after = bench.insert("c").await;
    bench.go_on(COMMITS);
    first.await.unwrap();
    bench.next_group(COMMITS).await;
    before.await.unwrap();
    assert!(matches!(lost.await, Err(DbErr::RecordNotUpdated)));
    after.await.unwrap();
    assert_eq!(bench.names().await, "a b c");
    assert!(bench.begun.try_recv().is_err(), "more than two commits");
}
