//! A password hash made here that stands for an older one in a file.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upgraded_password")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub email: String,
    pub replaces: String,
    pub hash: String,
}

impl ActiveModelBehavior for ActiveModel {}
