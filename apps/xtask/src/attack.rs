//! `cargo xtask attack`: every attack in full on a release build, with the services it needs.

use crate::process;
use crate::repository::Repository;
use crate::stop::Stop;
use crate::suite;

/// Builds, starts the services, attacks, and writes `docs/SECURITY-PROOFS.md`: the machine should do
/// nothing else meanwhile.
pub(crate) fn run(repository: &Repository, stop: &Stop) -> anyhow::Result<()> {
    let mut build = repository.cargo(["build", "--release", "--locked"]);
    build.args(["--package", "insula-server", "--package", "insula-tests"]);
    build.arg("--bins");
    process::run("the release build", &mut build, stop)?;
    let built = repository.target.join("release");
    let attack = vec![
        "env".to_owned(),
        format!("INSULA_BIN={}", built.join("insula").display()),
        built.join("attack").display().to_string(),
        repository
            .root
            .join("docs/SECURITY-PROOFS.md")
            .display()
            .to_string(),
    ];
    suite::only_services(repository, stop, &suite::ServicesOptions::of(attack))
}
