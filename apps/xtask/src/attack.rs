//! `cargo xtask attack`: every attack in full on a release build, with the services it needs.

use clap::Args;

use crate::process;
use crate::repository::Repository;
use crate::stop::Stop;
use crate::suite;

/// What to run.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Only these attacks, such as `outages`; what they came to is printed and written nowhere.
    names: Vec<String>,
}

/// Builds, starts the services, attacks, and writes `docs/SECURITY-PROOFS.md`: the machine should do
/// nothing else meanwhile.
pub(crate) fn run(repository: &Repository, stop: &Stop, options: Options) -> anyhow::Result<()> {
    let mut build = repository.cargo(["build", "--release", "--locked"]);
    build.args(["--package", "insula-server", "--package", "insula-tests"]);
    build.arg("--bins");
    process::run("the release build", &mut build, stop)?;
    let built = repository.target.join("release");
    let mut attack = vec![
        "env".to_owned(),
        format!("INSULA_BIN={}", built.join("insula").display()),
        built.join("attack").display().to_string(),
        repository
            .root
            .join("docs/SECURITY-PROOFS.md")
            .display()
            .to_string(),
    ];
    attack.extend(options.names);
    suite::only_services(repository, stop, &suite::ServicesOptions::of(attack))
}
