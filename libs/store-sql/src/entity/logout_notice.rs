//! Word of a session that ended, which a client is still to be told.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "logout_notice")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub session_id: String,
    pub connector_id: String,
    pub user_id: String,
    pub ended_at: i64,
    pub attempts: i64,
    pub due_at: i64,
    pub expires_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
