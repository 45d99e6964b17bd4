use std::sync::Arc;

use insula_ambient::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, IntoValueTuple};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter as _, QueryOrder as _, QuerySelect as _, TryGetableMany,
};

use crate::entity::{
    browser_session, event, logout_notice, redeemed_code, refresh_grant, revoked_grant,
};
use crate::fault::Fault;
use crate::sql::Sql;

/// The most rows of a kind one sweep takes, so that it holds no lock for long.
const MOST_SWEPT: u32 = 1_000;

/// Deletes what has ended, of every kind at most so many rows, and answers how many went.
pub(crate) async fn collect_expired(
    sql: Arc<Sql>,
    now: Timestamp,
    batch: u32,
) -> Result<u64, Fault> {
    let sweep = Sweep {
        sql: &sql,
        now: now.as_millis(),
        batch: u64::from(Ord::min(batch, MOST_SWEPT)),
    };
    let gone = [
        sweep.table::<browser_session::Entity>().await?,
        sweep.table::<refresh_grant::Entity>().await?,
        sweep.table::<redeemed_code::Entity>().await?,
        sweep.table::<event::Entity>().await?,
        sweep.table::<logout_notice::Entity>().await?,
        sweep.revocations().await?,
    ];
    Ok(gone.iter().sum())
}

/// A table whose rows have an end.
trait Ends: EntityTrait {
    /// The texts of a row's key.
    type Key: TryGetableMany + IntoValueTuple + Clone + Send;

    /// The columns of the key, in the order of those texts.
    const KEY: &'static [Self::Column];

    /// When a row ends.
    const END: Self::Column;
}

macro_rules! ends {
    ($($table:ident by $($key:ident: $text:ty),+;)+) => {$(
        impl Ends for $table::Entity {
            type Key = ($($text),+);
            const KEY: &'static [Self::Column] = &[$($table::Column::$key),+];
            const END: Self::Column = $table::Column::ExpiresAt;
        }
    )+};
}

ends! {
    browser_session by TenantId: String, CookieHash: String;
    refresh_grant by TenantId: String, Id: String;
    redeemed_code by TenantId: String, GrantId: String;
    revoked_grant by TenantId: String, GrantId: String;
    event by TenantId: String, EventId: String;
    // Word of logouts that nobody could be told.
    logout_notice by TenantId: String, ClientId: String, SessionId: String;
}

/// One round.
struct Sweep<'a> {
    sql: &'a Sql,
    now: i64,
    /// The most rows of a table.
    batch: u64,
}

impl Sweep<'_> {
    /// Deletes the rows of one table that ended longest ago. Looks for them first and deletes them by
    /// key: no database offers "delete at most so many" as the others do.
    async fn table<E: Ends>(&self) -> Result<u64, Fault> {
        let ended = self.ended::<E>().await?;
        self.delete::<E>(ended).await
    }

    /// Revocations that end take with them what was granted to their families, which must not come to
    /// life.
    async fn revocations(&self) -> Result<u64, Fault> {
        use refresh_grant::Column as Refresh;

        let ended = self.ended::<revoked_grant::Entity>().await?;
        if ended.is_empty() {
            return Ok(0);
        }
        let family = columns(&[Refresh::TenantId, Refresh::GrantId]);
        let late = refresh_grant::Entity::delete_many()
            .filter(family.in_tuples(ended.clone()))
            .exec(self.sql.write())
            .await?;
        let deleted = self.delete::<revoked_grant::Entity>(ended).await?;
        Ok(late.rows_affected + deleted)
    }

    async fn ended<E: Ends>(&self) -> Result<Vec<E::Key>, Fault> {
        let ended = E::find()
            .select_only()
            .columns(E::KEY.iter().copied())
            .filter(E::END.lte(self.now))
            .order_by_asc(E::END)
            .limit(self.batch);
        Ok(ended.into_tuple().all(self.sql.read()).await?)
    }

    /// What was prolonged in between stays, because the end is asked for again.
    async fn delete<E: Ends>(&self, keys: Vec<E::Key>) -> Result<u64, Fault> {
        if keys.is_empty() {
            return Ok(0);
        }
        let deleted = E::delete_many()
            .filter(columns(E::KEY).in_tuples(keys))
            .filter(E::END.lte(self.now))
            .exec(self.sql.write())
            .await?;
        Ok(deleted.rows_affected)
    }
}

fn columns<C: ColumnTrait>(key: &[C]) -> Expr {
    Expr::tuple(key.iter().copied().map(Expr::col))
}
