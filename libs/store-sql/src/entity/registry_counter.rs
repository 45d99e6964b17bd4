//! How many changes a registry has seen. Whoever changes it holds this row until the change is seen
//! by all, so that numbers become visible in their order.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "registry_counter")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub changes: i64,
}

impl ActiveModelBehavior for ActiveModel {}
