use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, RuntimeErr, Statement, TransactionOptions, TransactionTrait as _,
};

use crate::commit::{GroupCommit, Step, changed, each};
use crate::readers::Readers;

/// Where statements go.
#[derive(Clone)]
pub(crate) struct Wire {
    connection: DatabaseConnection,
    way: Way,
}

/// What is between us and the database.
#[derive(Clone)]
enum Way {
    /// Connections of our own.
    Direct,
    /// A pooler such as PgBouncer in transaction mode, which hands out a connection to the database
    /// for one transaction. A statement takes two messages (prepared, then carried out), which would
    /// meet different connections; so every statement is a transaction there, and begins by
    /// forgetting what others prepared on that connection, whose names would be those of ours.
    Pooler,
    /// A task that commits writes together. Queries and transactions go past it.
    Grouped(GroupCommit),
    /// Connections that read. Transactions go past them, to where one writes.
    Reading(Readers),
}

impl Wire {
    pub(crate) const fn direct(connection: DatabaseConnection) -> Self {
        let way = Way::Direct;
        Self { connection, way }
    }

    pub(crate) const fn through_pooler(connection: DatabaseConnection) -> Self {
        let way = Way::Pooler;
        Self { connection, way }
    }

    pub(crate) const fn grouped(connection: DatabaseConnection, group: GroupCommit) -> Self {
        let way = Way::Grouped(group);
        Self { connection, way }
    }

    pub(crate) const fn reading(writing: DatabaseConnection, readers: Readers) -> Self {
        let way = Way::Reading(readers);
        Self {
            connection: writing,
            way,
        }
    }

    /// Begins a transaction.
    ///
    /// Whoever gives up waiting for that does not interrupt it: the driver learns that a transaction
    /// was begun only from the answer, and a connection that went back to the pool before would do
    /// everything from then on in a transaction that nobody commits. So it is begun apart, and what
    /// nobody waits for any more is rolled back as soon as it has begun.
    pub(crate) async fn begin(
        &self,
        options: TransactionOptions,
    ) -> Result<DatabaseTransaction, DbErr> {
        let connection = self.connection.clone();
        let beginning = tokio::spawn(async move { connection.begin_with_options(options).await });
        let transaction = beginning.await.map_err(|ended| {
            let cause = format!("a transaction was not begun: {ended}");
            DbErr::Conn(RuntimeErr::Internal(cause))
        })??;
        if self.is_pooler() {
            transaction.execute_unprepared("DEALLOCATE ALL").await?;
        }
        Ok(transaction)
    }

    /// Carries out statements, all or none of them, and answers what each did.
    pub(crate) async fn all_or_none(
        &self,
        statements: Vec<Statement>,
    ) -> Result<Vec<ExecResult>, DbErr> {
        self.steps(statements.into_iter().map(Step::any).collect())
            .await
    }

    /// The same, of statements of which some must change a row, or none is carried out.
    pub(crate) async fn steps(&self, mut steps: Vec<Step>) -> Result<Vec<ExecResult>, DbErr> {
        if let Way::Grouped(group) = &self.way {
            return group.write(steps).await;
        }
        if steps.len() == 1
            && let Some(Step {
                statement,
                must_change,
            }) = steps.pop()
        {
            let done = self.execute_raw(statement).await?;
            return Ok(vec![changed(done, must_change)?]);
        }
        let transaction = self.alone().await?;
        let done = each(&transaction, steps).await?;
        transaction.commit().await?;
        Ok(done)
    }

    /// Waits for the writes that were asked for. No more are taken afterwards.
    pub(crate) async fn close(&self) {
        if let Way::Grouped(group) = &self.way {
            group.close().await;
        }
    }

    const fn is_pooler(&self) -> bool {
        matches!(self.way, Way::Pooler)
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
        match &self.way {
            Way::Direct => self.connection.execute_raw(statement).await,
            Way::Pooler => {
                let transaction = self.alone().await?;
                let done = transaction.execute_raw(statement).await?;
                transaction.commit().await?;
                Ok(done)
            }
            Way::Grouped(group) => {
                let done = group.write(vec![Step::any(statement)]).await?.pop();
                done.ok_or_else(|| DbErr::Custom("a write was not carried out".to_owned()))
            }
            Way::Reading(readers) => readers.execute(statement).await,
        }
    }

    /// One message, which needs no transaction.
    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        if let Way::Reading(readers) = &self.way {
            return readers.execute_unprepared(sql).await;
        }
        self.connection.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        if let Way::Reading(readers) = &self.way {
            return readers.one(statement).await;
        }
        if !self.is_pooler() {
            return self.connection.query_one_raw(statement).await;
        }
        let transaction = self.alone().await?;
        let found = transaction.query_one_raw(statement).await?;
        transaction.commit().await?;
        Ok(found)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        if let Way::Reading(readers) = &self.way {
            return readers.all(statement).await;
        }
        if !self.is_pooler() {
            return self.connection.query_all_raw(statement).await;
        }
        let transaction = self.alone().await?;
        let found = transaction.query_all_raw(statement).await?;
        transaction.commit().await?;
        Ok(found)
    }
}
