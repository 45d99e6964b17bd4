//! A person known to a tenant. `claims` and `consents` are JSON.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identity")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub connector_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    pub claims: String,
    pub consents: String,
    pub first_login_at: i64,
    pub last_login_at: i64,
    pub version: i64,
}

impl ActiveModelBehavior for ActiveModel {}
