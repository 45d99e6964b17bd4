//! A code that was redeemed and began no refresh grant; one that did is noted by that grant's row.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "redeemed_code")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub grant_id: String,
    pub expires_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
