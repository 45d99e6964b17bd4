//! The tasks of this repository, one command each: `cargo xtask <task>`.
//!
//! Owns how the server is started for a developer, how its tests get their databases and browsers,
//! and what CI runs. Owns nothing that ships, and uses no crate of ours: it is compiled first on a
//! fresh machine and must stay small.

mod arrows;
mod attack;
mod bench;
mod ci;
mod dev;
mod process;
mod reference;
mod repository;
mod services;
mod stop;
mod suite;
mod tools;
mod wait;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::repository::Repository;
use crate::stop::Stop;

/// Tasks of the Insula repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build and start the server on tenants.example, with the example client beside it.
    Dev(dev::Options),
    /// Start PostgreSQL, MariaDB and Redis of its own, and run every test.
    Test(suite::Options),
    /// Run the tests that drive programs of others: go-oidc, kubelogin, oauth2-proxy, the API
    /// server's authenticator, Spring Security, mod_auth_openidc, idpyoidc, oidc-client-ts.
    Interop(suite::Options),
    /// Start the same services, and run one command with them or stay until Ctrl-C.
    Services(suite::ServicesOptions),
    /// All that a submission must pass: format, arrows, licences, lints, docs, tests.
    Ci,
    /// Compare the dependencies between our crates with docs/arrows.toml.
    Arrows,
    /// Write docs/reference/coverage.md: which test proves which clause of a specification.
    Reference,
    /// Attack a release build of the server, and write down what held.
    Attack(attack::Options),
    /// Run the function benchmarks and the load program.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("xtask: {trouble:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    let stop = Stop::listen()?;
    let repository = Repository::find()?;
    match task {
        Task::Dev(options) => dev::run(&repository, &stop, &options),
        Task::Test(options) => suite::run(&repository, &stop, &options),
        Task::Interop(options) => suite::interop(&repository, &stop, &options),
        Task::Services(options) => suite::only_services(&repository, &stop, &options),
        Task::Ci => ci::run(&repository, &stop),
        Task::Arrows => arrows::run(&repository),
        Task::Reference => reference::write(&repository),
        Task::Attack(options) => attack::run(&repository, &stop, options),
        Task::Bench(options) => bench::run(&repository, &stop, &options),
    }
}
