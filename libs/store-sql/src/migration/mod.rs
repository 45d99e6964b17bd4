//! How the tables came to be, step by step. A step that was released never changes.

use sea_orm_migration::prelude::*;

mod columns;
mod m0001_first_tables;
mod m0002_redemptions;
mod m0003_server_facts;
mod m0004_tenant_owner;
mod m0005_clients;
mod m0006_code_claims;
mod m0007_tenant_registry;
mod m0008_events;
mod m0009_last_good;
mod m0013_logouts;

/// All steps, oldest first.
pub(crate) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_first_tables::FirstTables),
            Box::new(m0002_redemptions::Redemptions),
            Box::new(m0003_server_facts::ServerFacts),
            Box::new(m0004_tenant_owner::TenantOwner),
            Box::new(m0005_clients::Clients),
            Box::new(m0006_code_claims::CodeClaims),
            Box::new(m0007_tenant_registry::TenantRegistry),
            Box::new(m0008_events::Events),
            Box::new(m0009_last_good::LastGood),
            Box::new(m0013_logouts::Logouts),
        ]
    }
}
