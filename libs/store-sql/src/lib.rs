//! The durable half of the store on SeaORM: SQLite, PostgreSQL, MariaDB and MySQL.
//!
//! Owns the tables, their migrations, and how statements are timed, retried and counted. Owns no
//! rule: what may be stored when is the contract of `insula-store`, whose suite this crate passes
//! on every database. What is sealed stays sealed here.

mod answers;
mod backend;
mod collect;
mod commit;
mod connect;
mod entity;
mod facts;
mod fault;
mod key_versions;
mod last_good;
mod leases;
mod metrics;
mod migrate;
mod migration;
mod only_row;
mod options;
mod probe;
mod readers;
mod registry;
mod sql;
mod store;
mod tenant;
mod wire;

pub use metrics::SqlMetrics;
pub use options::SqlOptions;
pub use registry::SqlRegistry;
pub use store::{LeaseHolder, SqlStore};
