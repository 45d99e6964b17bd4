//! Whose the rows of a tenant are.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant_owner")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    pub issuer: String,
    pub left_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
