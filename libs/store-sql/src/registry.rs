//! The tenants that do not come from files.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use insula_model::{TenantDocument, TenantId};
use insula_store::{
    EditTenants, RegisteredDocument, SealDocuments, StoreError, TenantChange, TenantChanges,
    TenantEntry, TenantPut, TenantRegistry,
};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};
use serde::{Deserialize, Serialize};

use crate::entity::registered_tenant::{ActiveModel, Column, Entity};
use crate::entity::{registered_host, registry_counter};
use crate::fault::Fault;
use crate::only_row::only_row;
use crate::sql::Sql;
use crate::tenant::{from_json, to_json};

const WHAT: &str = "tenant";
/// The row of `registry_counter`.
const TENANTS: &str = "tenants";

/// A registry of tenants in the database, which many processes follow. Documents are sealed before
/// they are stored.
#[derive(Clone)]
pub struct SqlRegistry {
    sql: Arc<Sql>,
    seal: Arc<dyn SealDocuments>,
}

/// The column `entry`.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Entry {
    hosts: Vec<String>,
    path: String,
    is_default: bool,
    fingerprint: String,
    is_good: bool,
}

impl SqlRegistry {
    pub(crate) fn new(sql: Arc<Sql>, seal: Arc<dyn SealDocuments>) -> Self {
        Self { sql, seal }
    }
}

impl fmt::Debug for SqlRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlRegistry")
            .field(&self.sql.backend)
            .finish()
    }
}

#[async_trait]
impl TenantRegistry for SqlRegistry {
    async fn changes_since(&self, since: u64, most: u32) -> Result<TenantChanges, StoreError> {
        let work = move |sql| changes_since(sql, since, most);
        self.sql.run("tenant_changes", work).await
    }

    async fn by_host(&self, host: &str) -> Result<Vec<TenantEntry>, StoreError> {
        let host = host.to_ascii_lowercase();
        let work = move |sql| by_host(sql, host.clone());
        self.sql.run("tenants_by_host", work).await
    }

    async fn document(&self, id: &TenantId) -> Result<Option<RegisteredDocument>, StoreError> {
        let (id, seal) = (id.clone(), Arc::clone(&self.seal));
        let work = move |sql| document(sql, id.clone(), Arc::clone(&seal));
        self.sql.run("tenant_document", work).await
    }
}

#[async_trait]
impl EditTenants for SqlRegistry {
    async fn put_tenant(
        &self,
        entry: &TenantEntry,
        document: &TenantDocument,
        expected: Option<u64>,
    ) -> Result<TenantPut, StoreError> {
        let text = serde_json::to_vec(document).map_err(|_| StoreError::Corrupt {
            what: WHAT,
            cause: "its document cannot be written".to_owned(),
        })?;
        let sealed = self.seal.seal(&entry.id, &text);
        let entry = entry.clone();
        let work = move |sql| put(sql, entry.clone(), sealed.clone(), expected);
        self.sql.run("put_tenant", work).await
    }

    async fn remove_tenant(&self, id: &TenantId) -> Result<bool, StoreError> {
        let id = id.clone();
        let work = move |sql| remove(sql, id.clone());
        self.sql.run("remove_tenant", work).await
    }
}

async fn changes_since(sql: Arc<Sql>, since: u64, most: u32) -> Result<TenantChanges, Fault> {
    let mut answer = page(&sql, since, most).await?;
    if answer.changes.is_empty() && since > 0 {
        let counter = registry_counter::Entity::find_by_id(TENANTS);
        let newest = only_row(counter, sql.read()).await?;
        if newest.is_none_or(|newest| newest.changes < signed(since)) {
            answer = page(&sql, 0, most).await?;
            answer.begins_anew = true;
        }
    }
    Ok(answer)
}

async fn page(sql: &Sql, since: u64, most: u32) -> Result<TenantChanges, Fault> {
    let most = u64::from(Ord::max(most, 1));
    let mut behind = Entity::find().filter(Column::ChangedIn.gt(signed(since)));
    if since == 0 {
        // From the beginning, who is gone was never there.
        behind = behind.filter(Column::Entry.is_not_null());
    }
    let columns = behind
        .select_only()
        .columns([Column::TenantId, Column::ChangedIn, Column::Entry])
        .order_by_asc(Column::ChangedIn)
        .limit(most + 1);
    let mut rows: Vec<(String, i64, Option<String>)> = columns.into_tuple().all(sql.read()).await?;
    let has_more = rows.len() as u64 > most;
    rows.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    let mut answer = TenantChanges {
        upto: since,
        has_more,
        ..TenantChanges::default()
    };
    for (id, changed_in, entry) in rows {
        answer.upto = unsigned(changed_in)?;
        let id = tenant_id(&id)?;
        answer.changes.push(match entry {
            Some(entry) => TenantChange::Put(Arc::new(parsed(id, &entry)?)),
            None => TenantChange::Removed(id),
        });
    }
    Ok(answer)
}

async fn by_host(sql: Arc<Sql>, host: String) -> Result<Vec<TenantEntry>, Fault> {
    let of_host = Query::select()
        .column(registered_host::Column::TenantId)
        .from(registered_host::Entity)
        .and_where(Expr::col(registered_host::Column::Host).eq(host))
        .take();
    let rows: Vec<(String, Option<String>)> = Entity::find()
        .filter(Column::TenantId.in_subquery(of_host))
        .select_only()
        .columns([Column::TenantId, Column::Entry])
        .order_by_asc(Column::TenantId)
        .into_tuple()
        .all(sql.read())
        .await?;
    let there = rows
        .into_iter()
        .filter_map(|(id, entry)| Some((id, entry?)));
    there
        .map(|(id, entry)| parsed(tenant_id(&id)?, &entry))
        .collect()
}

async fn document(
    sql: Arc<Sql>,
    id: TenantId,
    seal: Arc<dyn SealDocuments>,
) -> Result<Option<RegisteredDocument>, Fault> {
    let row = only_row(Entity::find_by_id(id.as_str()), sql.read()).await?;
    let Some((changed_in, sealed)) = row.and_then(|row| Some((row.changed_in, row.document?)))
    else {
        return Ok(None);
    };
    let opened = seal.open(&id, &sealed);
    let text = opened.map_err(|cause| Fault::Corrupt("document of a tenant", cause))?;
    Ok(Some(RegisteredDocument {
        number: unsigned(changed_in)?,
        document: serde_json::from_slice(&text).map_err(|_| Fault::column(WHAT, "document"))?,
    }))
}

async fn put(
    sql: Arc<Sql>,
    entry: TenantEntry,
    sealed: Vec<u8>,
    expected: Option<u64>,
) -> Result<TenantPut, Fault> {
    let (transaction, number) = begin_change(&sql).await?;
    let id = entry.id.as_str().to_owned();
    sql.metrics.count_read();
    let row = only_row(Entity::find_by_id(id.as_str()), &transaction).await?;
    let there = row.as_ref().filter(|row| row.entry.is_some());
    if there.map(|row| row.changed_in) != expected.map(signed) {
        transaction.rollback().await?;
        return Ok(TenantPut::Lost);
    }
    let hosts: Vec<String> = entry.hosts.iter().map(|h| h.to_ascii_lowercase()).collect();
    let next = of_entry(entry);
    let before = there.and_then(|row| row.entry.as_deref());
    if let (Some(row), Some(before)) = (there, before)
        && entry_of(before)? == next
    {
        let number = unsigned(row.changed_in)?;
        transaction.rollback().await?;
        return Ok(TenantPut::Stored(number));
    }
    let entry = to_json(WHAT, "entry", &next)?;
    sql.metrics.count_write();
    if row.is_some() {
        Entity::update_many()
            .col_expr(Column::ChangedIn, Expr::value(number))
            .col_expr(Column::Entry, Expr::value(entry))
            .col_expr(Column::Document, Expr::value(sealed))
            .filter(Column::TenantId.eq(id.as_str()))
            .exec(&transaction)
            .await?;
    } else {
        let row = ActiveModel {
            tenant_id: Set(id.clone()),
            changed_in: Set(number),
            entry: Set(Some(entry)),
            document: Set(Some(sealed)),
        };
        Entity::insert(row)
            .exec_without_returning(&transaction)
            .await?;
    }
    replace_hosts(&sql, &transaction, &id, hosts).await?;
    transaction.commit().await?;
    Ok(TenantPut::Stored(unsigned(number)?))
}

async fn remove(sql: Arc<Sql>, id: TenantId) -> Result<bool, Fault> {
    let (transaction, number) = begin_change(&sql).await?;
    sql.metrics.count_write();
    let removed = Entity::update_many()
        .col_expr(Column::ChangedIn, Expr::value(number))
        .col_expr(Column::Entry, Expr::value(None::<String>))
        .col_expr(Column::Document, Expr::value(None::<Vec<u8>>))
        .filter(Column::TenantId.eq(id.as_str()))
        .filter(Column::Entry.is_not_null())
        .exec(&transaction)
        .await?;
    if removed.rows_affected == 0 {
        transaction.rollback().await?;
        return Ok(false);
    }
    replace_hosts(&sql, &transaction, id.as_str(), Vec::new()).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Begins a change and takes its number. The counter stays locked until the change is committed, so
/// that nobody sees a number before all lower ones.
async fn begin_change(sql: &Sql) -> Result<(DatabaseTransaction, i64), Fault> {
    let transaction = sql.begin().await?;
    sql.metrics.count_write();
    registry_counter::Entity::update_many()
        .col_expr(
            registry_counter::Column::Changes,
            Expr::col(registry_counter::Column::Changes).add(1),
        )
        .filter(registry_counter::Column::Name.eq(TENANTS))
        .exec(&transaction)
        .await?;
    sql.metrics.count_read();
    let counter = only_row(registry_counter::Entity::find_by_id(TENANTS), &transaction).await?;
    let counter = counter.ok_or_else(|| Fault::column("registry", "changes"))?;
    Ok((transaction, counter.changes))
}

async fn replace_hosts(
    sql: &Sql,
    transaction: &DatabaseTransaction,
    id: &str,
    mut hosts: Vec<String>,
) -> Result<(), Fault> {
    sql.metrics.count_write();
    registered_host::Entity::delete_many()
        .filter(registered_host::Column::TenantId.eq(id))
        .exec(transaction)
        .await?;
    hosts.sort();
    hosts.dedup();
    if hosts.is_empty() {
        return Ok(());
    }
    let rows = hosts.into_iter().map(|host| registered_host::ActiveModel {
        host: Set(host),
        tenant_id: Set(id.to_owned()),
    });
    sql.metrics.count_write();
    registered_host::Entity::insert_many(rows)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

fn of_entry(entry: TenantEntry) -> Entry {
    Entry {
        hosts: entry.hosts,
        path: entry.path,
        is_default: entry.is_default,
        fingerprint: entry.fingerprint,
        is_good: entry.is_good,
    }
}

fn parsed(id: TenantId, entry: &str) -> Result<TenantEntry, Fault> {
    let entry = entry_of(entry)?;
    Ok(TenantEntry {
        id,
        hosts: entry.hosts,
        path: entry.path,
        is_default: entry.is_default,
        fingerprint: entry.fingerprint,
        is_good: entry.is_good,
    })
}

fn entry_of(text: &str) -> Result<Entry, Fault> {
    from_json(WHAT, "entry", text)
}

fn tenant_id(id: &str) -> Result<TenantId, Fault> {
    TenantId::parse(id).map_err(|_| Fault::column(WHAT, "tenant_id"))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> Result<u64, Fault> {
    u64::try_from(number).map_err(|_| Fault::column(WHAT, "changed_in"))
}
