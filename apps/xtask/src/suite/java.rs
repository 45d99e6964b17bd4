//! A relying party in Java with Spring Security, built once for each content of its sources.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use super::kept::{self, Kept};
use crate::process;
use crate::repository::Repository;
use crate::stop::Stop;

const FOLDER: &str = "tests/interop/java";
const SOURCES: [&str; 2] = ["pom.xml", "src/main/java/app/RelyingParty.java"];

/// Builds the program into the cache, unless it is there already; answers where its jar is.
pub(super) fn build(repository: &Repository, stop: &Stop) -> anyhow::Result<PathBuf> {
    let sources = kept::read(&repository.root.join(FOLDER), &SOURCES)?;
    let kept = Kept::of(repository, "java", &sources)?;
    let jar = kept.folder.join("target").join("relyingparty.jar");
    if kept.is_done() {
        return Ok(jar);
    }
    println!("building a program in Java into {}", kept.folder.display());
    for (name, content) in SOURCES.iter().zip(&sources) {
        let path = kept.folder.join(name);
        let folder = path.parent().context("a source lies in no folder")?;
        fs::create_dir_all(folder)?;
        fs::write(path, content)?;
    }
    let mut maven = Command::new("mvn");
    maven
        .args(["--batch-mode", "--quiet", "--no-transfer-progress"])
        .args(["-Dmaven.test.skip=true", "package"])
        .current_dir(&kept.folder);
    process::run("mvn package", &mut maven, stop)?;
    kept.done()?;
    Ok(jar)
}
