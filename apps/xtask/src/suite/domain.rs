//! The domain of Active Directory that tests log in to: laid once for each content of its sources.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use super::kept::{self, Kept};
use crate::process;
use crate::repository::Repository;
use crate::stop::Stop;

const FOLDER: &str = "tests/active-directory";
const SOURCES: [&str; 5] = [
    "smb.conf",
    "openssl.cnf",
    "people.ldif",
    "changes.ldif",
    "outdated.ldif",
];
/// More than Active Directory tells of one attribute at once.
const CROWD: usize = 1600;
/// Lets the time of a password be set.
const SET_TIME_OF_PASSWORD: &str = "--controls=local_oid:1.3.6.1.4.1.7165.4.3.20:0";

/// Lays the domain into the cache, unless it is there already.
pub(super) fn lay(repository: &Repository, stop: &Stop) -> anyhow::Result<PathBuf> {
    let sources = kept::read(&repository.root.join(FOLDER), &SOURCES)?;
    let kept = Kept::of(repository, "domain", &sources)?;
    if kept.is_done() {
        return Ok(kept.folder);
    }
    let folder = &kept.folder;
    println!(
        "laying a domain of Active Directory into {}",
        folder.display()
    );
    for (name, content) in SOURCES.iter().zip(&sources) {
        fs::write(folder.join(name), content)?;
    }
    for name in ["private", "state", "cache", "lock", "run", "dns"] {
        fs::create_dir(folder.join(name))?;
    }
    let settings = folder.join("laying.conf");
    let text = fs::read_to_string(folder.join("smb.conf"))?;
    let text = text.replace("FOLDER", &folder.display().to_string());
    fs::write(&settings, text.replace("ADDRESS", "127.0.0.1"))?;
    fs::write(folder.join("crowd.ldif"), crowd())?;

    let mut provision = Command::new("samba-tool");
    provision
        .args([
            "domain",
            "provision",
            "--realm=AD.ACME.TEST",
            "--domain=ACME",
        ])
        .args(["--server-role=dc", "--dns-backend=SAMBA_INTERNAL"])
        .args(["--host-name=dc", "--host-ip=127.0.0.1", "--quiet"])
        .arg("--adminpass=Admin-Secret-1");
    at(&mut provision, &settings);
    let log = folder.join("provision.log");
    provision.stderr(fs::File::create(&log)?);
    process::run("samba-tool domain provision", &mut provision, stop)
        .with_context(|| format!("see {}", log.display()))?;
    for (tool, file, control) in [
        ("ldbadd", "people.ldif", None),
        ("ldbadd", "crowd.ldif", None),
        ("ldbmodify", "changes.ldif", None),
        ("ldbmodify", "outdated.ldif", Some(SET_TIME_OF_PASSWORD)),
    ] {
        let mut change = Command::new(tool);
        change.arg("-H").arg(folder.join("private/sam.ldb"));
        change.args(control).arg(folder.join(file));
        at(&mut change, &settings);
        process::run(tool, &mut change, stop).with_context(|| format!("{file} was not taken"))?;
    }
    // What a running server keeps there names the folder it ran in.
    for name in ["cache", "lock", "run"] {
        let folder = folder.join(name);
        fs::remove_dir_all(&folder)?;
        fs::create_dir(folder)?;
    }
    kept.done()
}

fn at(command: &mut Command, settings: &Path) {
    command
        .arg(format!("--configfile={}", settings.display()))
        .stdout(Stdio::null());
}

/// A group of many, and Jane.
fn crowd() -> String {
    const BASE: &str = "DC=ad,DC=acme,DC=test";
    let mut text = String::new();
    let mut members = format!("member: CN=Jane Doe,OU=people,{BASE}\n");
    for number in 0..CROWD {
        let dn = format!("CN=c{number},OU=crowd,{BASE}");
        let _ = writeln!(text, "dn: {dn}\nobjectClass: contact\n");
        let _ = writeln!(members, "member: {dn}");
    }
    let _ = write!(
        text,
        "dn: CN=crowd,OU=groups,{BASE}\nobjectClass: group\nsAMAccountName: crowd\n{members}"
    );
    text
}
