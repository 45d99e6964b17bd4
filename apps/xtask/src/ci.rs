//! `cargo xtask ci`: what a change must pass, cheapest first, each step with its duration.

use std::time::{Duration, Instant};

use crate::repository::Repository;
use crate::stop::Stop;
use crate::{arrows, process, reference, suite, tools};

/// Runs every step; the first that fails ends it.
pub(crate) fn run(repository: &Repository, stop: &Stop) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    steps.take("format", || {
        let mut command = repository.cargo(["fmt", "--all", "--check"]);
        process::run("cargo fmt", &mut command, stop)
    })?;
    steps.take("arrows", || arrows::run(repository))?;
    steps.take("clauses", || reference::check(repository))?;
    steps.take("deny", || {
        let mut command = tools::cargo_deny(repository, stop)?;
        command.args([
            "--offline",
            "--log-level",
            "error",
            "check",
            "bans",
            "licenses",
            "sources",
        ]);
        process::run("cargo deny", &mut command, stop)
    })?;
    steps.take("clippy", || {
        let mut command = repository.cargo(["clippy", "--workspace", "--all-targets"]);
        command.args(["--locked", "--", "-D", "warnings"]);
        process::run("cargo clippy", &mut command, stop)
    })?;
    steps.take("docs", || {
        let mut command = repository.cargo(["doc", "--workspace", "--no-deps", "--locked"]);
        command.env("RUSTDOCFLAGS", "-D warnings");
        process::run("cargo doc", &mut command, stop)
    })?;
    steps.take("test", || {
        suite::run(repository, stop, &suite::Options::default())
    })?;
    steps.tell();
    Ok(())
}

#[derive(Default)]
struct Steps {
    taken: Vec<(&'static str, Duration)>,
}

impl Steps {
    fn take(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        println!("── {name}");
        let start = Instant::now();
        let outcome = step();
        self.taken.push((name, start.elapsed()));
        if outcome.is_err() {
            self.tell();
            println!("── {name} failed");
        }
        outcome
    }

    fn tell(&self) {
        println!("── durations");
        for (name, duration) in &self.taken {
            println!("{name:>8}  {:>7.1} s", duration.as_secs_f64());
        }
    }
}
