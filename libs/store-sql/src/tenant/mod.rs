use std::sync::Arc;

use insula_model::TenantId;

use crate::sql::Sql;

/// Hands an operation owned copies of its arguments: it runs on another runtime, maybe repeatedly.
macro_rules! run {
    ($self:ident, $name:expr, $work:path $(, $argument:expr)* $(,)?) => {{
        let tenant = $self.id.clone();
        let arguments = ($($argument.clone(),)*);
        let work = move |sql| $work(sql, tenant.clone(), arguments.clone());
        $self.sql.run($name, work).await
    }};
}

mod clients;
mod grants;
mod json;
mod keys;
mod logouts;
mod outbox;
mod owner;
mod passwords;
mod people;
mod places;
mod redemption;
mod refresh;
mod revocation;
mod sessions;

pub(crate) use json::{from_json, to_json};
pub(crate) use logouts::clients_due;
pub(crate) use outbox::row as event_row;
pub(crate) use owner::owners;

/// The rows of one tenant. Every statement below begins its condition with the tenant's id, which
/// no caller can name.
pub(crate) struct SqlTenant {
    sql: Arc<Sql>,
    id: TenantId,
}

impl SqlTenant {
    pub(crate) fn new(sql: Arc<Sql>, id: &TenantId) -> Self {
        Self {
            sql,
            id: id.clone(),
        }
    }
}
