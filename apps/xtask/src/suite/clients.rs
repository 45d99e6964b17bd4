//! The relying parties that nobody here wrote: npm and PyPI packages, installed once per lock.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::process;
use crate::repository::Repository;
use crate::stop::Stop;

const FOLDER: &str = "tests/clients";
const LOCKS: [&str; 3] = ["package.json", "package-lock.json", "requirements.txt"];
const DONE: &str = "installed";

/// Installs the packages into the cache, unless this very set is there already.
pub(super) fn install(repository: &Repository, stop: &Stop) -> anyhow::Result<PathBuf> {
    let source = repository.root.join(FOLDER);
    let locks = read_locks(&source)?;
    let kept = repository
        .cache
        .join(format!("clients-{:016x}", fingerprint(&locks)));
    if kept.join(DONE).is_file() {
        return Ok(kept);
    }
    if kept.exists() {
        fs::remove_dir_all(&kept)
            .with_context(|| format!("could not remove half of {}", kept.display()))?;
    }
    println!("installing the test clients into {}", kept.display());
    fs::create_dir_all(&kept).with_context(|| format!("could not make {}", kept.display()))?;
    for (name, content) in LOCKS.iter().zip(&locks) {
        fs::write(kept.join(name), content)?;
    }
    let mut npm = Command::new("npm");
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]);
    process::run("npm ci", npm.current_dir(&kept), stop)?;
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "venv"]);
    process::run("python3 -m venv", venv.current_dir(&kept), stop)?;
    let mut pip = Command::new(kept.join("venv").join("bin").join("pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        "requirements.txt",
    ]);
    process::run("pip install", pip.current_dir(&kept), stop)?;
    fs::write(kept.join(DONE), "")?;
    Ok(kept)
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

fn read_locks(source: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    LOCKS
        .iter()
        .map(|name| {
            let path = source.join(name);
            fs::read(&path).with_context(|| format!("could not read {}", path.display()))
        })
        .collect()
}

/// Tells one set of locks from another; a toolchain that hashes otherwise only installs again.
fn fingerprint(locks: &[Vec<u8>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    locks.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_lock_is_another_folder_and_the_same_lock_is_the_same() {
        let one = [b"a".to_vec(), b"bc".to_vec()];
        let other = [b"ab".to_vec(), b"c".to_vec()];
        assert_eq!(fingerprint(&one), fingerprint(&one.clone()));
        assert_ne!(fingerprint(&one), fingerprint(&other));
    }
}
