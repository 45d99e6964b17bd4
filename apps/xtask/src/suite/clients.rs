//! The relying parties that nobody here wrote: npm and PyPI packages, installed once per lock.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::kept::{self, Kept};
use crate::process;
use crate::repository::Repository;
use crate::stop::Stop;

const FOLDER: &str = "tests/clients";
const LOCKS: [&str; 3] = ["package.json", "package-lock.json", "requirements.txt"];

/// Installs the packages into the cache, unless this very set is there already.
pub(super) fn install(repository: &Repository, stop: &Stop) -> anyhow::Result<PathBuf> {
    let source = repository.root.join(FOLDER);
    let locks = kept::read(&source, &LOCKS)?;
    let kept = Kept::of(repository, "clients", &locks)?;
    if kept.is_done() {
        return Ok(kept.folder);
    }
    println!("installing the test clients into {}", kept.folder.display());
    for (name, content) in LOCKS.iter().zip(&locks) {
        fs::write(kept.folder.join(name), content)?;
    }
    let mut npm = Command::new("npm");
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]);
    process::run("npm ci", npm.current_dir(&kept.folder), stop)?;
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "venv"]);
    process::run("python3 -m venv", venv.current_dir(&kept.folder), stop)?;
    let mut pip = Command::new(kept.folder.join("venv").join("bin").join("pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        "requirements.txt",
    ]);
    process::run("pip install", pip.current_dir(&kept.folder), stop)?;
    kept.done()
}

/// Lays the programs of this checkout beside the installed packages, in a folder of this run.
/// Node looks for packages from where the program lies, so the two must meet somewhere.
pub(super) fn stage(
    repository: &Repository,
    kept: &Path,
    folder: &Path,
) -> anyhow::Result<PathBuf> {
    let stage = folder.join("clients");
    fs::create_dir(&stage)?;
    for entry in fs::read_dir(repository.root.join(FOLDER))? {
        let path = entry?.path();
        let is_program = path
            .extension()
            .is_some_and(|kind| kind == "mjs" || kind == "py");
        if let Some(name) = path.file_name().filter(|_| is_program) {
            fs::copy(&path, stage.join(name))?;
        }
    }
    for packages in ["node_modules", "venv"] {
        symlink(kept.join(packages), stage.join(packages))?;
    }
    Ok(stage)
}
