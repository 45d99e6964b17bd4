//! Which refresh tokens were given out, on the way to their rows.
//!
//! That a token was given out is known only after its rotation was committed, so it costs a second
//! statement. It is sent a moment later, for all tokens of that moment together, and nobody waits
//! for it: where it is lost, the token before stays good until the grant is used again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use insula_ambient::{Backoff, Timestamp};
use insula_model::{RefreshGrant, RefreshId, TenantId};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _};
use sea_orm::{EntityTrait as _, QueryFilter as _};
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::entity::refresh_grant::{Column, Entity};
use crate::fault::Fault;
use crate::sql::Sql;

/// How long answers are gathered before they are written.
const GATHERED_FOR: Duration = Duration::from_millis(50);
/// The most that one statement writes.
const AT_ONCE: usize = 200;
/// The most that wait; beyond it they are not noted.
const MOST_WAITING: usize = 20_000;
/// The same, after a write that failed too.
const PAUSES: Backoff = Backoff {
    first: GATHERED_FOR,
    longest: Duration::from_secs(30),
};
/// How often a write is tried before what waits is given up.
const TRIES: u32 = 10;

/// That the token of a generation was given out, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) generation: u32,
    pub(crate) at: Timestamp,
}

type Key = (TenantId, RefreshId);

/// The answers that are not in their rows yet.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    answers: HashMap<Key, Answer>,
    /// Whether a task is there that writes them down.
    is_written: bool,
}

impl Answers {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note; `true` if nobody is there who writes it down.
    pub(crate) fn note(&self, tenant: &TenantId, id: &RefreshId, answer: Answer) -> bool {
        let mut waiting = self.waiting();
        if waiting.answers.len() < MOST_WAITING {
            let key = (tenant.clone(), id.clone());
            waiting.answers.insert(key, answer);
        }
        !std::mem::replace(&mut waiting.is_written, true)
    }

    /// A grant as its row will say once what waits is written.
    pub(crate) fn seen_in(&self, tenant: &TenantId, grant: RefreshGrant) -> RefreshGrant {
        let waiting = self.waiting();
        if waiting.answers.is_empty() {
            return grant;
        }
        let key = (tenant.clone(), grant.id.clone());
        match waiting.answers.get(&key) {
            Some(answer) if answer.generation == grant.generation => RefreshGrant {
                answered: true,
                last_used_at: grant.last_used_at.max(answer.at),
                ..grant
            },
            _ => grant,
        }
    }

    fn some(&self) -> Vec<(Key, Answer)> {
        let waiting = self.waiting();
        let some = waiting.answers.iter().take(AT_ONCE);
        let mut some: Vec<_> = some.map(|(key, answer)| (key.clone(), *answer)).collect();
        // In one order, so that two who write rows of the same grants do not wait for each other.
        some.sort_by(|(a, _), (b, _)| a.cmp(b));
        some
    }

    /// Forgets what was written; `true` if nothing is left, and the writer may go.
    fn written(&self, written: &[(Key, Answer)]) -> bool {
        let mut waiting = self.waiting();
        for (key, answer) in written {
            if waiting.answers.get(key) == Some(answer) {
                waiting.answers.remove(key);
            }
        }
        waiting.is_written = !waiting.answers.is_empty();
        !waiting.is_written
    }

    fn give_up(&self) -> usize {
        let mut waiting = self.waiting();
        waiting.is_written = false;
        std::mem::take(&mut waiting.answers).len()
    }
}

/// Sees that what waits is written down, soon.
pub(crate) fn write_down(sql: &Arc<Sql>) {
    let writer = Arc::clone(sql);
    sql.io().spawn(async move {
        let mut failures = 0;
        loop {
            sleep(PAUSES.pause(failures)).await;
            match write_some(&writer).await {
                Ok(true) => return,
                Ok(false) => failures = 0,
                Err(error) if failures + 1 < TRIES => {
                    debug!(%error, "which refresh tokens were given out could not be noted yet");
                    failures += 1;
                }
                Err(error) => {
                    let lost = writer.answers.give_up();
                    warn!(
                        %error,
                        "that {lost} refresh tokens were given out could not be noted: the ones \
                         before them stay good until they are used again"
                    );
                    return;
                }
            }
        }
    });
}

/// Writes all that waits, as when the store is closed.
pub(crate) async fn write_all(sql: &Arc<Sql>) {
    while matches!(write_some(sql).await, Ok(false)) {}
}

/// Writes a part of what waits; `true` if nothing is left.
async fn write_some(sql: &Arc<Sql>) -> Result<bool, insula_store::StoreError> {
    let some = Arc::new(sql.answers.some());
    if !some.is_empty() {
        let answers = Arc::clone(&some);
        let work = move |sql| write(sql, Arc::clone(&answers));
        sql.run("note_answered", work).await?;
    }
    Ok(sql.answers.written(&some))
}

async fn write(sql: Arc<Sql>, answers: Arc<Vec<(Key, Answer)>>) -> Result<(), Fault> {
    let latest = answers.iter().map(|(_, answer)| answer.at).max();
    let latest = latest.unwrap_or(Timestamp::EPOCH).as_millis();
    let rows = answers.iter().map(|((tenant, id), answer)| {
        let (tenant, id) = (tenant.as_str().to_owned(), id.as_str().to_owned());
        (tenant, id, i64::from(answer.generation))
    });
    let key = [Column::TenantId, Column::Id, Column::Generation].map(Expr::col);
    let later = CaseStatement::new()
        .case(Expr::col(Column::LastUsedAt).lt(latest), latest)
        .finally(Expr::col(Column::LastUsedAt));
    Entity::update_many()
        .col_expr(Column::AnsweredGeneration, Expr::col(Column::Generation))
        .col_expr(Column::LastUsedAt, later.into())
        .filter(Expr::tuple(key).in_tuples(rows.collect::<Vec<_>>()))
        .exec(sql.write())
        .await?;
    Ok(())
}
