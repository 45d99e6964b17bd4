//! A commit across records, and the events that are written with it.
//!
//! What is to be written depends on what stands: it is read first, and every statement that builds
//! on it finds its row only as it was read. All of them are one transaction, which on SQLite joins
//! those of others. Who loses a race reads again under the locks of the rows, so that a crowd does
//! not retry for ever.

use std::sync::Arc;

use async_trait::async_trait;
use insula_model::{BrowserSession, Event, TenantId};
use insula_store::{
    Changes, Committed, EVENTS_KEPT_FOR, EndedSession, Outbox, Overtaken, PlacedEvent,
    RevokedGrant, StoreError,
};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbBackend, DbErr, EntityTrait as _, ExecResult,
    QueryTrait as _,
};

use super::json::to_json;
use super::{
    SqlTenant, keys, logouts, passwords, people, places, redemption, refresh, revocation, sessions,
};
use crate::commit::Step;
use crate::entity::event::{ActiveModel, Entity};
use crate::fault::Fault;
use crate::sql::Sql;

const WHAT: &str = "event";
/// Databases bound how many values a statement has; SQLite has the lowest bound, 32,766.
const NOTICES_OF_A_STATEMENT: usize = 1_000;

#[async_trait]
impl Outbox for SqlTenant {
    async fn commit(&self, changes: &Changes) -> Result<Committed, StoreError> {
        run!(self, changes.operation(), commit, changes)
    }

    async fn events_after(&self, position: u64, most: u32) -> Result<Vec<PlacedEvent>, StoreError> {
        run!(self, "events_after", places::events_after, position, most)
    }
}

/// What one commit writes, and what it comes to if all of it is written.
#[derive(Default)]
struct Plan {
    steps: Vec<Step>,
    /// Where the statement that prolongs a session stands among the steps.
    prolongs: Option<usize>,
    committed: Committed,
}

async fn commit(
    sql: Arc<Sql>,
    tenant: TenantId,
    (changes,): (Changes,),
) -> Result<Committed, Fault> {
    let plan = plan(&sql, sql.reader(), &tenant, &changes, false).await?;
    if plan.steps.is_empty() {
        return Ok(plan.committed);
    }
    let (prolongs, committed) = (plan.prolongs, plan.committed);
    let is_alone = plan.steps.len() == 1;
    match sql.write_steps(plan.steps).await {
        Ok(done) => Ok(outcome(committed, prolongs, &done)),
        Err(error) if lost_a_race(&error) => {
            match overtaken(&sql, &tenant, &changes, is_alone).await? {
                Some(overtaken) => Ok(overtaken.into()),
                None => commit_under_locks(&sql, &tenant, &changes).await,
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a commit found a row that it names as a condition otherwise than it must be. A statement
/// that was alone says so by itself, but for how a redemption was noted.
async fn overtaken(
    sql: &Arc<Sql>,
    tenant: &TenantId,
    changes: &Changes,
    is_alone: bool,
) -> Result<Option<Overtaken>, Fault> {
    if let Some(code) = &changes.redeemed
        && let Some(noted) = redemption::noted_before(sql, tenant, code).await?
    {
        return Ok(Some(Overtaken::Redeemed(noted)));
    }
    if let Some(to) = &changes.rotated
        && (is_alone || !refresh::may_rotate(sql, tenant, to).await?)
    {
        return Ok(Some(Overtaken::Rotated));
    }
    if let Some(keys) = &changes.keys
        && (is_alone || !keys::may_swap(sql, tenant, keys).await?)
    {
        return Ok(Some(Overtaken::KeysSwapped));
    }
    Ok(None)
}

fn lost_a_race(error: &DbErr) -> bool {
    matches!(error, DbErr::RecordNotUpdated) || Fault::is_duplicate(error)
}

/// The same, with the rows that it builds on locked from when they are read.
async fn commit_under_locks(
    sql: &Sql,
    tenant: &TenantId,
    changes: &Changes,
) -> Result<Committed, Fault> {
    let transaction = sql.begin().await?;
    let plan = plan(sql, &transaction, tenant, changes, true).await?;
    let done = sql.write_steps_in(&transaction, plan.steps).await;
    let done = match done {
        Err(error) if lost_a_race(&error) => return Err(Fault::Raced),
        done => done?,
    };
    transaction.commit().await?;
    Ok(outcome(plan.committed, plan.prolongs, &done))
}

/// What a commit came to, by what its steps did.
fn outcome(committed: Committed, prolongs: Option<usize>, done: &[ExecResult]) -> Committed {
    let prolonged = prolongs.and_then(|at| done.get(at));
    Committed {
        was_prolonged: prolonged.is_some_and(|done| done.rows_affected() == 1),
        ..committed
    }
}

async fn plan(
    sql: &Sql,
    db: &impl ConnectionTrait,
    tenant: &TenantId,
    changes: &Changes,
    is_locked: bool,
) -> Result<Plan, Fault> {
    let backend = db.get_database_backend();
    let mut plan = Plan::default();
    let mut events = changes.events.clone();
    let mut notices = Vec::new();
    // What may be overtaken comes first.
    if let Some(code) = &changes.redeemed {
        let note = redemption::noting(backend, tenant, code)?;
        plan.steps.push(Step::any(note));
    }
    if let Some(to) = &changes.rotated {
        plan.steps.push(refresh::rotating(backend, tenant, to)?);
    }
    if let Some(keys) = &changes.keys {
        plan.steps.push(keys::swapping(backend, tenant, keys)?);
    }
    if let Some(upgraded) = &changes.upgraded {
        let save = passwords::saving(backend, tenant, upgraded);
        plan.steps.push(Step::any(save));
    }
    if let Some(login) = &changes.login {
        sql.metrics.count_read();
        let step = people::recording(db, tenant, login, is_locked).await?;
        plan.steps.extend(step);
    }
    if let Some((cookie, session)) = &changes.begun {
        let save = sessions::saving(backend, tenant, cookie, session)?;
        plan.steps.push(Step::any(save));
    }
    if let Some((cookie, session)) = &changes.prolonged {
        plan.prolongs = Some(plan.steps.len());
        let prolong = sessions::prolonging(backend, tenant, cookie, session)?;
        plan.steps.push(Step::any(prolong));
    }
    for ended in &changes.ended {
        sql.metrics.count_read();
        if let Some((step, session)) = ending(db, tenant, ended, is_locked).await? {
            plan.steps.push(step);
            events.extend(ended.told(&session));
            let audience = ended.audience.iter();
            notices.extend(audience.flat_map(|audience| audience.notices(&session)));
            plan.committed.ended.push(session);
        }
    }
    if let Some(RevokedGrant {
        grant,
        until,
        event,
    }) = &changes.revoked
    {
        sql.metrics.count_read();
        let (step, is_first) = revocation::revoking(db, tenant, grant, *until, is_locked).await?;
        plan.steps.extend(step);
        if is_first {
            events.extend(event.clone());
        }
    }
    for part in notices.chunks(NOTICES_OF_A_STATEMENT) {
        let leave = logouts::leaving(backend, tenant, part);
        plan.steps.push(Step::any(leave));
    }
    if !events.is_empty() {
        plan.steps.push(telling(backend, tenant, &events)?);
    }
    Ok(plan)
}

/// Nothing if the session is not there.
async fn ending(
    db: &impl ConnectionTrait,
    tenant: &TenantId,
    ended: &EndedSession,
    is_locked: bool,
) -> Result<Option<(Step, BrowserSession)>, Fault> {
    let session = sessions::read(db, tenant, &ended.cookie, is_locked).await?;
    Ok(session.map(|(session, body)| {
        let backend = db.get_database_backend();
        let delete = sessions::ending(backend, tenant, &ended.cookie, &body);
        (Step::must_change(delete), session)
    }))
}

/// One statement, however many there are.
fn telling(backend: DbBackend, tenant: &TenantId, events: &[Event]) -> Result<Step, Fault> {
    let rows = events.iter().map(|event| row(tenant.as_str(), event));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(Step::any(Entity::insert_many(rows).build(backend)))
}

/// The row of an event, which has no place yet.
pub(crate) fn row(tenant: &str, event: &Event) -> Result<ActiveModel, Fault> {
    Ok(ActiveModel {
        tenant_id: Set(tenant.to_owned()),
        event_id: Set(event.id.as_str().to_owned()),
        happened_at: Set(event.at.as_millis()),
        position: Set(None),
        body: Set(to_json(WHAT, "body", event)?),
        expires_at: Set((event.at + EVENTS_KEPT_FOR).as_millis()),
    })
}
