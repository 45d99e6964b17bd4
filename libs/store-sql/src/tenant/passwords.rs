use std::sync::Arc;

use insula_model::{TenantId, TokenHash};
use insula_store::UpgradedPassword;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, DbBackend, EntityTrait as _, QueryTrait as _, Statement};

use crate::entity::upgraded_password::{ActiveModel, Column, Entity};
use crate::fault::Fault;
use crate::only_row::only_row;
use crate::sql::Sql;

pub(super) async fn find(
    sql: Arc<Sql>,
    tenant: TenantId,
    (email,): (String,),
) -> Result<Option<UpgradedPassword>, Fault> {
    let key = (tenant.as_str().to_owned(), email);
    let row = only_row(Entity::find_by_id(key), sql.read()).await?;
    row.map(|row| {
        let replaces = TokenHash::from_text(&row.replaces);
        Ok(UpgradedPassword {
            email: row.email,
            replaces: replaces.ok_or_else(|| Fault::column("upgraded password", "replaces"))?,
            hash: row.hash,
        })
    })
    .transpose()
}

/// The statement that stores an upgraded password, in the place of an earlier one.
pub(super) fn saving(
    backend: DbBackend,
    tenant: &TenantId,
    upgraded: &UpgradedPassword,
) -> Statement {
    let row = ActiveModel {
        tenant_id: Set(tenant.as_str().to_owned()),
        email: Set(upgraded.email.clone()),
        replaces: Set(upgraded.replaces.to_text()),
        hash: Set(upgraded.hash.clone()),
    };
    let replace = OnConflict::columns([Column::TenantId, Column::Email])
        .update_columns([Column::Replaces, Column::Hash])
        .to_owned();
    Entity::insert(row).on_conflict(replace).build(backend)
}
