//! `cargo xtask bench`: the function benchmarks, then the load program on the real server.

use clap::Args;

use crate::process;
use crate::repository::Repository;
use crate::stop::Stop;

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Passed on to the load program.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    load: Vec<String>,
}

/// Runs both, one after the other: the machine should do nothing else meanwhile.
pub(crate) fn run(repository: &Repository, stop: &Stop, options: &Options) -> anyhow::Result<()> {
    process::run(
        "the function benchmarks",
        &mut repository.cargo(["bench", "--package", "insula-benchmarks"]),
        stop,
    )?;
    process::run(
        "the benchmark of commits to SQLite",
        &mut repository.cargo([
            "bench",
            "--package",
            "insula-store-sql",
            "--bench",
            "commit",
        ]),
        stop,
    )?;
    process::run(
        "the server build",
        &mut repository.cargo(["build", "--release", "--package", "insula-server"]),
        stop,
    )?;
    let mut load = repository.cargo([
        "run",
        "--release",
        "--package",
        "insula-benchmarks",
        "--bin",
        "load",
        "--",
    ]);
    load.args(&options.load).env(
        "INSULA_BIN",
        repository.target.join("release").join("insula"),
    );
    process::run("the load program", &mut load, stop)
}
