//! What was written of a tenant when it was last served as it stood. `sealed` is opened by whoever
//! has the master key.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "last_good_document")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    pub sealed: Vec<u8>,
    pub kept_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
