use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use sea_orm_migration::prelude::*;

/// What differs between databases when a table is made.
pub(super) struct Dialect {
    backend: DbBackend,
    collation: Option<&'static str>,
}

impl Dialect {
    /// Asks the database which it is.
    ///
    /// Ids are compared letter by letter, trailing blanks included: PostgreSQL and SQLite do so by
    /// themselves, MySQL needs a binary collation that does not pad, which MariaDB calls otherwise.
    pub(super) async fn of(manager: &SchemaManager<'_>) -> Result<Self, DbErr> {
        let backend = manager.get_database_backend();
        let mut collation = None;
        if backend == DbBackend::MySql {
            let ask = Statement::from_string(backend, "SELECT VERSION()");
            let answer = manager.get_connection().query_one_raw(ask).await?;
            let version = answer.map(|row| row.try_get_by_index::<String>(0));
            let version = version.transpose()?.unwrap_or_default();
            collation = Some(if version.contains("MariaDB") {
                "utf8mb4_nopad_bin"
            } else {
                "utf8mb4_0900_bin"
            });
        }
        Ok(Self { backend, collation })
    }

    /// A table that is not there yet.
    pub(super) fn table(&self, name: &'static str) -> TableCreateStatement {
        let mut table = Table::create();
        table.table(name).if_not_exists();
        if let Some(collation) = self.collation {
            table.engine("InnoDB").character_set("utf8mb4");
            table.collate(collation);
        }
        table
    }

    /// Text of any length; MySQL's own `text` ends at 64 KiB.
    pub(super) fn long_text(&self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        match self.backend {
            DbBackend::MySql => column.custom("mediumtext"),
            _ => column.text(),
        };
        column
    }

    /// Bytes of any length; MySQL's own `blob` ends at 64 KiB.
    pub(super) fn long_bytes(&self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        match self.backend {
            DbBackend::MySql => column.custom("mediumblob"),
            _ => column.blob(),
        };
        column
    }

    /// Makes a table and its indexes. MySQL makes them in one statement, because it knows no
    /// "if not exists" for an index alone.
    pub(super) async fn create(
        &self,
        manager: &SchemaManager<'_>,
        mut table: TableCreateStatement,
        indexes: Vec<IndexCreateStatement>,
    ) -> Result<(), DbErr> {
        if self.backend == DbBackend::MySql {
            for mut index in indexes {
                table.index(&mut index);
            }
            return manager.create_table(table).await;
        }
        manager.create_table(table).await?;
        for index in indexes {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// Short text that may be part of an index, of so many characters at most.
pub(super) fn short(name: &'static str, characters: u32) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.string_len(characters).not_null();
    column
}

/// A whole number: a moment in milliseconds, a version, a generation.
pub(super) fn number(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.big_integer().not_null();
    column
}

/// A primary key of several columns.
pub(super) fn key(columns: &[&'static str]) -> IndexCreateStatement {
    let mut key = Index::create();
    for column in columns {
        key.col(*column);
    }
    key
}

/// An index of several columns.
pub(super) fn index(
    name: &'static str,
    table: &'static str,
    columns: &[&'static str],
) -> IndexCreateStatement {
    let mut index = key(columns);
    index.name(name).table(table).if_not_exists();
    index
}
