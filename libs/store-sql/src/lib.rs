//! The durable half of the store on SeaORM: SQLite, PostgreSQL, MariaDB and MySQL.
