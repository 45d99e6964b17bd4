//! A tenant that does not come from a file. `entry` is JSON and says where it is found; `document` is
//! sealed. Both are null where the tenant is gone.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "registered_tenant")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    pub changed_in: i64,
    pub entry: Option<String>,
    pub document: Option<Vec<u8>>,
}

impl ActiveModelBehavior for ActiveModel {}
