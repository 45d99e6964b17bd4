use std::env;
use std::thread;

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};
use tokio::runtime::Builder;
use url::Url;

use crate::unique;

/// A database of its own on the server of `url`, where that is one of the shared ones: what is
/// sealed under one master key, and served by one cache, is no place for another deployment.
///
/// `url` may lead there by way of a [`Relay`](crate::Relay), which is not used for it.
pub(crate) fn of_its_own(url: &str) -> String {
    let Some(server) = server_of(url) else {
        return url.to_owned();
    };
    let name = format!("insula_it_{}", unique());
    execute_on(&server, &format!("CREATE DATABASE {name}"));
    let mut own = Url::parse(url).unwrap();
    own.set_path(&name);
    own.into()
}

/// Which of the shared servers a URL means: the one of its scheme and database.
fn server_of(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    ["INSULA_TEST_POSTGRES", "INSULA_TEST_MARIADB"]
        .into_iter()
        .filter_map(|variable| env::var_os(variable)?.into_string().ok())
        .find(|server| {
            let server = Url::parse(server).unwrap();
            server.scheme() == url.scheme() && server.path() == url.path()
        })
}

/// Carries out a statement on a database past the server under test, whatever runtime there is.
pub fn execute_on(url: &str, statement: &str) {
    let url = url.replacen("mariadb:", "mysql:", 1);
    let statement = statement.to_owned();
    let working = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            sqlx::any::install_default_drivers();
            let mut connection = AnyConnection::connect(&url).await.unwrap();
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
            connection.close().await.unwrap();
        });
    });
    working.join().unwrap();
}
