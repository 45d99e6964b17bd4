use sea_orm::{ConnectionTrait, DbErr, EntityTrait, FromQueryResult as _, QueryTrait as _, Select};

/// The row that a condition finds which names a key, so that there is one at most.
///
/// `Select::one` would end the statement with `LIMIT ?`, and SQLite compiles a statement whose limit is
/// a parameter anew each time it is carried out, which costs more than to find the row.
pub(crate) async fn only_row<E: EntityTrait>(
    condition: Select<E>,
    db: &impl ConnectionTrait,
) -> Result<Option<E::Model>, DbErr> {
    let statement = condition.build(db.get_database_backend());
    let row = db.query_one_raw(statement).await?;
    row.map(|row| E::Model::from_query_result(&row, ""))
        .transpose()
}
