//! Something that happened; `body` is JSON. `position` is null until somebody reads it.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: String,
    pub happened_at: i64,
    pub position: Option<i64>,
    pub body: String,
    pub expires_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
