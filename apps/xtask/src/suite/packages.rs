//! Debian packages of the programs that tests drive, installed when the programs are missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use nix::unistd::Uid;

use crate::stop::Stop;
use crate::{process, services, tools};

/// Installs `$@` without starting any service that a package brings: the tests start their own.
const INSTALL: &str = r#"
guard=/usr/sbin/policy-rc.d
if [ ! -e "$guard" ]; then
    trap 'rm -f "$guard"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$guard"
    chmod 755 "$guard"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install -y --no-install-recommends "$@"
"#;

/// A program, and the Debian packages that bring it.
struct Needed {
    program: &'static str,
    packages: &'static [&'static str],
    is_there: fn() -> bool,
}

const NEEDED: &[Needed] = &[
    Needed {
        program: "redis-server",
        packages: &["redis-server"],
        is_there: || tools::on_path("redis-server").is_some(),
    },
    Needed {
        program: "postgres",
        packages: &["postgresql"],
        is_there: || services::has_postgres(),
    },
    Needed {
        program: "mariadbd",
        packages: &["mariadb-server"],
        is_there: || services::has_mariadb(),
    },
    Needed {
        program: "haproxy",
        packages: &["haproxy"],
        is_there: || haproxy().is_ok(),
    },
    Needed {
        program: "chromium",
        packages: &["chromium", "fonts-dejavu-core"],
        is_there: || tools::on_path("chromium").is_some(),
    },
    Needed {
        program: "chromedriver",
        packages: &["chromium-driver"],
        is_there: || tools::on_path("chromedriver").is_some(),
    },
    Needed {
        program: "firefox-esr",
        packages: &["firefox-esr"],
        is_there: || tools::on_path("firefox-esr").is_some(),
    },
    Needed {
        program: "node",
        packages: &["nodejs"],
        is_there: || tools::on_path("node").is_some(),
    },
    Needed {
        program: "npm",
        packages: &["npm"],
        is_there: || tools::on_path("npm").is_some(),
    },
    Needed {
        program: "python3 with venv",
        packages: &["python3", "python3-venv"],
        is_there: has_venv,
    },
];

/// Installs what is missing; does nothing, and asks nobody, when all is there.
pub(super) fn install_missing(stop: &Stop) -> anyhow::Result<()> {
    let missing: Vec<&Needed> = NEEDED
        .iter()
        .filter(|needed| !(needed.is_there)())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let programs: Vec<&str> = missing.iter().map(|needed| needed.program).collect();
    let packages: Vec<&str> = missing
        .iter()
        .flat_map(|needed| needed.packages)
        .copied()
        .collect();
    if tools::on_path("apt-get").is_none() {
        bail!(
            "the tests need {}, and there is no apt-get to install them with; install them by \
             hand, or run `cargo test`, which skips the tests that need them",
            programs.join(", ")
        );
    }
    println!(
        "installing {} (the tests need {})",
        packages.join(" "),
        programs.join(", ")
    );
    process::run("apt-get", &mut install_command(&packages)?, stop)
        .context("could not install what the tests need; `cargo test` runs without it")
}

fn install_command(packages: &[&str]) -> anyhow::Result<Command> {
    let mut command = if Uid::effective().is_root() {
        Command::new("sh")
    } else if tools::on_path("sudo").is_some() {
        let mut command = Command::new("sudo");
        // Nobody is there to type a password once the build runs.
        command.args(["--non-interactive", "sh"]);
        command
    } else {
        bail!("installing {} needs root or sudo", packages.join(" "));
    };
    command.args(["-euc", INSTALL, "install"]).args(packages);
    Ok(command)
}

/// Where haproxy is; Debian puts it where only root's path leads.
pub(super) fn haproxy() -> anyhow::Result<PathBuf> {
    let usual = PathBuf::from("/usr/sbin/haproxy");
    let found = tools::on_path("haproxy").or_else(|| usual.is_file().then_some(usual));
    found.context("haproxy is not installed")
}

/// Where a program is; an error names it.
pub(super) fn program(name: &str) -> anyhow::Result<PathBuf> {
    tools::on_path(name).with_context(|| format!("{name} is not on the path"))
}

fn has_venv() -> bool {
    let Some(python) = tools::on_path("python3") else {
        return false;
    };
    can_import(&python, "venv, ensurepip")
}

fn can_import(python: &Path, modules: &str) -> bool {
    Command::new(python)
        .args(["-c", &format!("import {modules}")])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
