//! `cargo xtask test`: everything the tests need, then all tests; and `services`, without tests.

mod clients;
mod domain;
mod go;
mod java;
mod kept;
mod keycloak;
mod packages;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use clap::Args;
use nix::sys::signal::Signal;

use crate::process::{self, Running};
use crate::repository::Repository;
use crate::services::{self, Services};
use crate::stop::Stop;
use crate::{tools, wait};

/// What to run.
#[derive(Args, Debug, Default)]
pub(crate) struct Options {
    /// Passed on to `cargo test --workspace`, such as the name of a test.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// What to do with the services.
#[derive(Args, Debug)]
pub(crate) struct ServicesOptions {
    /// A command that finds them in its environment; without one they stay until Ctrl-C.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl ServicesOptions {
    /// One command with its arguments.
    pub(crate) fn of(command: Vec<String>) -> Self {
        Self { command }
    }
}

/// Installs what is missing, starts the services while cargo builds, runs the tests, and stops
/// everything again, however it ends.
pub(crate) fn run(repository: &Repository, stop: &Stop, options: &Options) -> anyhow::Result<()> {
    let missing = packages::install_missing(stop)?;
    // Bins together with tests: the same selection of features as the tests themselves have, so
    // nothing is built twice.
    let mut build = repository.cargo(["build", "--workspace", "--bins", "--tests", "--locked"]);
    let mut build = Running::start("the build", &mut build, Signal::SIGTERM)?;
    let mut scene = Scene::set(repository, missing, stop)?;
    process::finish(&mut build, stop)?;

    let mut tests = repository.cargo(["test", "--workspace", "--locked"]);
    tests
        .args(&options.arguments)
        .envs(scene.environment(repository));
    let outcome = process::run("cargo test", &mut tests, stop);
    scene.services.end();
    outcome
}

/// `cargo xtask interop`: the tests that drive programs nobody here wrote, and nothing else.
pub(crate) fn interop(
    repository: &Repository,
    stop: &Stop,
    options: &Options,
) -> anyhow::Result<()> {
    let only = ["--test", "interop", "--"].map(str::to_owned);
    let arguments = only.into_iter().chain(options.arguments.iter().cloned());
    let arguments = arguments.collect();
    run(repository, stop, &Options { arguments })
}

/// Starts what the tests need, for one command or for as long as it is wanted.
pub(crate) fn only_services(
    repository: &Repository,
    stop: &Stop,
    options: &ServicesOptions,
) -> anyhow::Result<()> {
    let missing = packages::install_missing(stop)?;
    let mut scene = Scene::set(repository, missing, stop)?;
    let environment = scene.environment(repository);
    let outcome = if let Some((program, arguments)) = options.command.split_first() {
        let mut command = Command::new(program);
        process::run(program, command.args(arguments).envs(environment), stop)
    } else {
        for (name, value) in environment {
            println!("export {name}={}", value.to_string_lossy());
        }
        println!("# until Ctrl-C");
        while !stop.is_asked() {
            wait::a_moment();
        }
        Ok(())
    };
    scene.services.end();
    outcome
}

/// The running services, and the clients laid out beside them.
struct Scene {
    services: Services,
    /// Where the clients are, if there is what they run on.
    clients: Option<PathBuf>,
    /// Where the programs in Go are, if they could be built.
    go: Option<PathBuf>,
    /// The jar of the program in Java, if it could be built.
    java: Option<PathBuf>,
    /// The programs that could not be installed.
    missing: Vec<&'static str>,
}

impl Scene {
    fn set(
        repository: &Repository,
        mut missing: Vec<&'static str>,
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        if !services::may_start_samba() && !missing.contains(&packages::ACTIVE_DIRECTORY) {
            println!(
                "only root may start Samba, whose ports are below 1024: its tests are skipped"
            );
            missing.push(packages::ACTIVE_DIRECTORY);
        }
        let has = |needed: &[&str]| !missing.iter().any(|name| needed.contains(name));
        let (kept, go) = if has(&packages::RUN_CLIENTS) {
            let kept = clients::install(repository, stop)?;
            (Some(kept), Some(go::build(repository, stop)?))
        } else {
            (None, None)
        };
        let java = if has(&packages::RUN_JAVA) {
            Some(java::build(repository, stop)?)
        } else {
            None
        };
        let keycloak = if has(&packages::RUN_JAVA) {
            Some(keycloak::unpack(repository, stop)?)
        } else {
            None
        };
        let domain = if has(&[packages::ACTIVE_DIRECTORY]) {
            Some(domain::lay(repository, stop)?)
        } else {
            None
        };
        let services = Services::start(domain.as_deref(), keycloak.as_deref(), stop)?;
        let stage = |kept: PathBuf| {
            clients::stage(repository, &kept, services.folder())
                .context("could not lay out the test clients")
        };
        let clients = kept.map(stage).transpose()?;
        Ok(Self {
            services,
            clients,
            go,
            java,
            missing,
        })
    }

    /// Everything that tests find in their environment. Where something could not be installed, a
    /// test that needs it is skipped; otherwise a skip is a failure.
    fn environment(&self, repository: &Repository) -> Vec<(&'static str, OsString)> {
        let mut environment: Vec<(&'static str, OsString)> = vec![
            ("INSULA_BIN", repository.debug_binary("insula").into()),
            (
                "INSULA_EXAMPLE_CLIENT_BIN",
                repository.debug_binary("insula-example-client").into(),
            ),
        ];
        if self.missing.is_empty() {
            environment.push(("INSULA_REQUIRE_SERVICES", "1".into()));
        }
        let programs = [
            ("INSULA_TEST_CLIENTS", self.clients.clone()),
            ("INSULA_TEST_GO", self.go.clone()),
            ("INSULA_TEST_JAVA", self.java.clone()),
            ("INSULA_TEST_APACHE", packages::apache()),
            ("INSULA_TEST_FAKETIME", packages::faketime()),
            ("INSULA_TEST_CHROMIUM", tools::on_path("chromium")),
            ("INSULA_TEST_FIREFOX", tools::on_path("firefox-esr")),
            ("INSULA_TEST_CHROMEDRIVER", tools::on_path("chromedriver")),
            ("INSULA_TEST_HAPROXY", packages::haproxy()),
            ("INSULA_TEST_SLAPD", packages::slapd()),
            ("INSULA_TEST_KDC", packages::kdc()),
            ("INSULA_TEST_SIMPLESAMLPHP", packages::simplesamlphp()),
            ("INSULA_TEST_XMLSEC", tools::on_path("xmlsec1")),
        ];
        let programs = programs.into_iter();
        environment.extend(programs.filter_map(|(name, path)| Some((name, path?.into()))));
        let urls = self.services.environment().into_iter();
        environment.extend(urls.map(|(name, url)| (name, OsString::from(url))));
        environment
    }
}
