//! Keycloak as Maven has it, unpacked and set up once for each version.

use std::path::PathBuf;
use std::process::Command;

use super::kept::Kept;
use crate::process;
use crate::repository::Repository;
use crate::stop::Stop;

const VERSION: &str = "26.7.0";
const UNPACK: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack";
/// What is chosen before it first starts: a database in memory, and no cluster.
const BUILD: [&str; 3] = ["build", "--db=dev-mem", "--cache=local"];

/// Unpacks it into the cache, unless it is there already; answers where it is.
pub(super) fn unpack(repository: &Repository, stop: &Stop) -> anyhow::Result<PathBuf> {
    let contents = [VERSION.into(), BUILD.join(" ").into()];
    let kept = Kept::of(repository, "keycloak", &contents)?;
    let home = kept.folder.join(format!("keycloak-{VERSION}"));
    if kept.is_done() {
        return Ok(home);
    }
    println!("unpacking Keycloak into {}", kept.folder.display());
    let artifact = format!("-Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:zip");
    let output = format!("-DoutputDirectory={}", kept.folder.display());
    let mut maven = Command::new("mvn");
    maven
        .args(["--batch-mode", "--quiet", "--no-transfer-progress", UNPACK])
        .args([artifact, output])
        .current_dir(&kept.folder);
    process::run("mvn dependency:unpack", &mut maven, stop)?;
    let mut build = Command::new("sh");
    build.arg("bin/kc.sh").args(BUILD).current_dir(&home);
    process::run("kc.sh build", &mut build, stop)?;
    kept.done()?;
    Ok(home)
}
