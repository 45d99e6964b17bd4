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
    /// The epoch of the cache in which the code was claimed, empty where there was none; null where
    /// an older version redeemed it.
    pub cache_epoch: Option<String>,
    /// The how manyth claim of its epoch that was.
    pub code_claim: Option<i64>,
    /// When its answer was taken, if it had to be.
    pub answered_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
