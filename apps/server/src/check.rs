//! `insula check`: every problem of every file, and nothing else touched.

use std::sync::Arc;

use insula_config::ServerConfig;
use tokio::runtime::Builder;

use crate::exit::Exit;
use crate::tls::Certificates;
use crate::{algorithms, master_key, wiring};

/// Validates what `serve` would read, and changes nothing; prints no secret. The database is read, where
/// there is one, for when algorithms would sign.
pub(crate) fn run(config: &ServerConfig) -> Result<(), Exit> {
    wiring::install_crypto();
    let io = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|_| Exit::Failed)?;
    let themes = wiring::themes(config).map_err(|error| {
        eprintln!("{error:#}");
        Exit::Config
    })?;
    let specs = wiring::specs(config, Arc::new(themes), io.handle()).map_err(|error| {
        eprintln!("{error:#}");
        Exit::Config
    })?;
    let mut errors = 0;
    for problem in of_the_server(config) {
        println!("error: {problem:#}");
        errors += 1;
    }
    let (problems, tenants) = specs.check();
    for problem in &problems {
        println!("{}: {problem}", problem.severity);
    }
    for told in io.block_on(algorithms::check(config, &tenants, io.handle())) {
        println!("info: {told}");
    }
    errors += problems.iter().filter(|p| p.is_error()).count();
    if errors > 0 {
        eprintln!("{errors} error(s); mend each, then check again");
        return Err(Exit::Config);
    }
    println!("every file would be served");
    Ok(())
}

/// What is wrong with the files that belong to no tenant.
fn of_the_server(config: &ServerConfig) -> Vec<anyhow::Error> {
    let certificates = match config.listen.https {
        Some(_) => Certificates::load(&config.tls).map(|_| ()),
        None => Ok(()),
    };
    [
        master_key::read(&config.master_key).map(|_| ()),
        certificates,
    ]
    .into_iter()
    .filter_map(Result::err)
    .collect()
}
