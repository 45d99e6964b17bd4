//! A browser that is logged in. `body` is the JSON of the session.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "browser_session")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub cookie_hash: String,
    pub session_id: String,
    pub body: String,
    pub expires_at: i64,
    /// Null where a version stored it that did not say whose it is.
    pub connector_id: Option<String>,
    /// As `connector_id`.
    pub user_id: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
