//! `cargo xtask test`: everything the tests need, then all tests.

mod clients;
mod packages;

use clap::Args;
use nix::sys::signal::Signal;

use crate::process::{self, Running};
use crate::repository::Repository;
use crate::services::Services;
use crate::stop::Stop;

/// What to run.
#[derive(Args, Debug, Default)]
pub(crate) struct Options {
    /// Passed on to `cargo test --workspace`, such as the name of a test.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Installs what is missing, starts the services while cargo builds, runs the tests, and stops
/// everything again, however it ends.
pub(crate) fn run(repository: &Repository, stop: &Stop, options: &Options) -> anyhow::Result<()> {
    packages::install_missing(stop)?;
    // Bins together with tests: the same selection of features as the tests themselves have, so
    // nothing is built twice.
    let mut build = repository.cargo(["build", "--workspace", "--bins", "--tests", "--locked"]);
    let mut build = Running::start("the build", &mut build, Signal::SIGTERM)?;
    let clients = clients::install(repository, stop)?;
    let mut services = Services::start(stop)?;
    let clients = clients::stage(repository, &clients, services.folder())?;
    process::finish(&mut build, stop)?;

    let mut tests = repository.cargo(["test", "--workspace", "--locked"]);
    tests
        .args(&options.arguments)
        .envs(services.environment())
        .env("INSULA_REQUIRE_SERVICES", "1")
        .env("INSULA_BIN", repository.debug_binary("insula"))
        .env(
            "INSULA_EXAMPLE_CLIENT_BIN",
            repository.debug_binary("insula-example-client"),
        )
        .env("INSULA_TEST_CLIENTS", clients)
        .env("INSULA_TEST_CHROMIUM", packages::program("chromium")?)
        .env(
            "INSULA_TEST_CHROMEDRIVER",
            packages::program("chromedriver")?,
        );
    let outcome = process::run("cargo test", &mut tests, stop);
    services.end();
    outcome
}
