//! What a refresh token stands for. `request`, `login` and `claims` are JSON; `claims` apart,
//! because a rotation replaces them and leaves the rest of the login.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_grant")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub grant_id: String,
    pub client_id: String,
    pub connector_id: String,
    pub user_id: String,
    pub generation: i64,
    pub request: String,
    pub login: String,
    pub claims: String,
    pub connector_data: Option<Vec<u8>>,
    pub created_at: i64,
    pub last_used_at: i64,
    /// The generation whose token is known to have been given out.
    pub answered_generation: Option<i64>,
    pub expires_at: i64,
    /// The epoch of the cache in which its code was claimed, empty where there was none; null where
    /// an older version redeemed it.
    pub cache_epoch: Option<String>,
    /// The how manyth claim of its epoch that was.
    pub code_claim: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
