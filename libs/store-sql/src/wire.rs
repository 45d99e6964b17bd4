use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, Statement, TransactionOptions, TransactionTrait as _,
};

/// Where statements go: a pool of connections, or a pooler such as PgBouncer before the database.
///
/// A pooler in transaction mode hands out a connection to the database for one transaction. A
/// statement takes two messages (prepared, then carried out), which would meet different
/// connections; so every statement is a transaction there, and begins by forgetting what others
/// prepared on that connection, whose names would be those of ours.
#[derive(Clone)]
pub(crate) struct Wire {
    connection: DatabaseConnection,
    is_pooler: bool,
}

impl Wire {
    pub(crate) const fn new(connection: DatabaseConnection, is_pooler: bool) -> Self {
        Self {
            connection,
            is_pooler,
        }
    }

    /// Begins a transaction.
    pub(crate) async fn begin(
        &self,
        options: TransactionOptions,
    ) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.connection.begin_with_options(options).await?;
        if self.is_pooler {
            transaction.execute_unprepared("DEALLOCATE ALL").await?;
        }
        Ok(transaction)
    }

    async fn alone(&self) -> Result<DatabaseTransaction, DbErr> {
        self.begin(TransactionOptions::default()).await
    }
}

#[async_trait]
impl ConnectionTrait for Wire {
    fn get_database_backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        if !self.is_pooler {
            return self.connection.execute_raw(statement).await;
        }
        let transaction = self.alone().await?;
        let done = transaction.execute_raw(statement).await?;
        transaction.commit().await?;
        Ok(done)
    }

    /// One message, which needs no transaction.
    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.connection.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        if !self.is_pooler {
            return self.connection.query_one_raw(statement).await;
        }
        let transaction = self.alone().await?;
        let found = transaction.query_one_raw(statement).await?;
        transaction.commit().await?;
        Ok(found)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        if !self.is_pooler {
            return self.connection.query_all_raw(statement).await;
        }
        let transaction = self.alone().await?;
        let found = transaction.query_all_raw(statement).await?;
        transaction.commit().await?;
        Ok(found)
    }
}
