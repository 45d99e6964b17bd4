//! `insula check`: every problem of every file, and nothing else touched.

use std::sync::Arc;

use insula_config::ServerConfig;
use tokio::runtime::Builder;

use crate::exit::Exit;
use crate::wiring;

/// Validates what `serve` would read. Opens no socket and no database, prints no secret.
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
    let problems = specs.check();
    for problem in &problems {
        println!("{}: {problem}", problem.severity);
    }
    let errors = problems.iter().filter(|p| p.is_error()).count();
    if errors > 0 {
        eprintln!("{errors} error(s); a tenant with errors is not served");
        return Err(Exit::Config);
    }
    println!("every file would be served");
    Ok(())
}
