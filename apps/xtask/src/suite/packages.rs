//! Debian packages of the programs that tests drive, installed when the programs are missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use nix::unistd::Uid;

use crate::stop::Stop;
use crate::{process, services, tools};

/// Installs `$@` without starting any service that a package brings: the tests start their own.
///
/// Another package manager at work is waited for. `DPkg::Lock::Timeout` does so for the packages
/// only; the lists and the archive have locks that apt-get gives up on at once.
const INSTALL: &str = r#"
guard=${POLICY_FILE:-/usr/sbin/policy-rc.d}
if [ ! -e "$guard" ]; then
    trap 'rm -f "$guard"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$guard"
    chmod 755 "$guard"
fi
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
patiently() {
    tries=0
    until said=$(apt-get -qq -o DPkg::Lock::Timeout=600 "$@" 2>&1); do
        case "$said" in
            *"Could not get lock"* | *"Unable to lock"* | *"Unable to acquire"*) ;;
            *) printf '%s\n' "$said" >&2; exit 1 ;;
        esac
        tries=$((tries + 1))
        if [ "$tries" -ge 60 ]; then
            printf '%s\n' "$said" >&2
            exit 1
        fi
        if [ "$tries" -eq 1 ]; then
            echo "another package manager is at work; waiting for it" >&2
        fi
        sleep 10
    done
}
patiently update
patiently install -y --no-install-recommends "$@"
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
        is_there: || services::has_redis(),
    },
    Needed {
        program: "postgres",
        packages: &["postgresql"],
        is_there: || services::has_postgres(),
    },
    Needed {
        program: "pgbouncer",
        packages: &["pgbouncer"],
        is_there: || services::has_pgbouncer(),
    },
    Needed {
        program: "mariadbd",
        packages: &["mariadb-server"],
        is_there: || services::has_mariadb(),
    },
    Needed {
        program: "keystone",
        packages: &["python3-keystone"],
        is_there: || services::has_keystone(),
    },
    Needed {
        program: "haproxy",
        packages: &["haproxy"],
        is_there: || haproxy().is_some(),
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
    Needed {
        program: "apache2 with mod_auth_openidc",
        packages: &["apache2", "libapache2-mod-auth-openidc"],
        is_there: || apache().is_some(),
    },
    Needed {
        program: "slapd",
        packages: &["slapd"],
        is_there: || slapd().is_some(),
    },
    Needed {
        program: ACTIVE_DIRECTORY,
        packages: &[
            "samba-ad-dc",
            "samba-ad-provision",
            "samba-dsdb-modules",
            "samba-vfs-modules",
            "winbind",
            "ldb-tools",
            "openssl",
        ],
        is_there: || services::has_samba(),
    },
    Needed {
        program: "krb5kdc",
        packages: &["krb5-kdc", "krb5-admin-server", "krb5-user", "curl"],
        is_there: || kdc().is_some(),
    },
    Needed {
        program: "simplesamlphp",
        packages: &["simplesamlphp", "php-cli", "php-xml"],
        is_there: || simplesamlphp().is_some(),
    },
    Needed {
        program: "xmlsec1",
        packages: &["xmlsec1"],
        is_there: || tools::on_path("xmlsec1").is_some(),
    },
    Needed {
        program: "libfaketime",
        packages: &["libfaketime"],
        is_there: || faketime().is_some(),
    },
    Needed {
        program: "javac",
        packages: &["default-jdk-headless"],
        is_there: || tools::on_path("javac").is_some(),
    },
    Needed {
        program: "mvn",
        packages: &["maven"],
        is_there: || tools::on_path("mvn").is_some(),
    },
];

/// What a domain of Active Directory is served by.
pub(super) const ACTIVE_DIRECTORY: &str = "samba as a domain controller";

/// What the relying parties of others need.
pub(super) const RUN_CLIENTS: [&str; 3] = ["node", "npm", "python3 with venv"];

/// What the relying party in Java needs.
pub(super) const RUN_JAVA: [&str; 2] = ["javac", "mvn"];

/// Installs what is missing; does nothing, and asks nobody, when all is there. Where there is nothing
/// to install with, names what is missing and answers it: the tests that need it are skipped.
pub(super) fn install_missing(stop: &Stop) -> anyhow::Result<Vec<&'static str>> {
    let missing: Vec<&Needed> = NEEDED
        .iter()
        .filter(|needed| !(needed.is_there)())
        .collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let programs: Vec<&str> = missing.iter().map(|needed| needed.program).collect();
    let packages: Vec<&str> = missing
        .iter()
        .flat_map(|needed| needed.packages)
        .copied()
        .collect();
    if tools::on_path("apt-get").is_none() {
        println!("{}", without(&programs));
        return Ok(programs);
    }
    println!(
        "installing {} (the tests need {})",
        packages.join(" "),
        programs.join(", ")
    );
    process::run("apt-get", &mut install_command(&packages)?, stop)
        .context("could not install what the tests need; `cargo test` runs without it")?;
    Ok(Vec::new())
}

/// What a person is told whose system has no apt-get.
fn without(programs: &[&str]) -> String {
    format!(
        "the tests need {}, and there is no apt-get to install them with: install them by hand; \
         the tests that need them are skipped, all others run",
        programs.join(", ")
    )
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
pub(super) fn haproxy() -> Option<PathBuf> {
    let usual = PathBuf::from("/usr/sbin/haproxy");
    tools::on_path("haproxy").or_else(|| usual.is_file().then_some(usual))
}

/// Where OpenLDAP's server is; Debian puts it where only root's path leads.
pub(super) fn slapd() -> Option<PathBuf> {
    let usual = PathBuf::from("/usr/sbin/slapd");
    tools::on_path("slapd").or_else(|| usual.is_file().then_some(usual))
}

/// Where the KDC of MIT Kerberos is, if what fills its database and what asks it is there, too.
pub(super) fn kdc() -> Option<PathBuf> {
    let usual = PathBuf::from("/usr/sbin/krb5kdc");
    let kdc = tools::on_path("krb5kdc").or_else(|| usual.is_file().then_some(usual))?;
    let beside = ["kdb5_util", "kadmin.local"].map(|name| kdc.with_file_name(name));
    let is_whole = beside.iter().all(|file| file.is_file())
        && ["kinit", "curl"]
            .iter()
            .all(|name| tools::on_path(name).is_some());
    is_whole.then_some(kdc)
}

/// Where the pages of SimpleSAMLphp are, if there is a PHP to serve them.
pub(super) fn simplesamlphp() -> Option<PathBuf> {
    let pages = PathBuf::from("/usr/share/simplesamlphp/www");
    tools::on_path("php")?;
    pages.join("saml2").is_dir().then_some(pages)
}

/// Where Apache is, if it has the module that logs people in.
pub(super) fn apache() -> Option<PathBuf> {
    let module = Path::new("/usr/lib/apache2/modules/mod_auth_openidc.so");
    let usual = PathBuf::from("/usr/sbin/apache2");
    (module.is_file() && usual.is_file()).then_some(usual)
}

/// Where the library is that shows a program another time; its folder is named after the machine.
pub(super) fn faketime() -> Option<PathBuf> {
    let folders = Path::new("/usr/lib").read_dir().ok()?;
    let libraries = folders.flatten();
    let mut libraries = libraries.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    libraries.find(|library| library.is_file())
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

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Runs the installation with an apt-get that says `said` and fails so often, then succeeds.
    fn installed(said: &str, fails: u32) -> (bool, String) {
        let folder = tempfile::tempdir().unwrap();
        let program = |name: &str, text: String| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        };
        let log = folder.path().join("log");
        program(
            "apt-get",
            format!(
                "#!/bin/sh\nlog={}\necho \"$@\" >> $log\n\
                 if [ $(wc -l < $log) -le {fails} ]; then echo 'E: {said}' >&2; exit 100; fi\n",
                log.display()
            ),
        );
        program("sleep", "#!/bin/sh\n".to_owned());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = format!("{}:{}", folder.path().display(), path.to_string_lossy());
        let ended = Command::new("sh")
            .args(["-euc", INSTALL, "install", "redis-server"])
            .env("PATH", path)
            .env("POLICY_FILE", folder.path().join("policy"))
            .output()
            .unwrap();
        assert!(
            !folder.path().join("policy").exists(),
            "the guard stays behind"
        );
        (ended.status.success(), fs::read_to_string(log).unwrap())
    }

    #[test]
    fn a_busy_package_manager_is_waited_for() {
        let (done, asked) = installed("Could not get lock /var/lib/apt/lists/lock", 3);
        assert!(done, "{asked}");
        assert!(asked.contains("DPkg::Lock::Timeout=600 install"), "{asked}");
        assert_eq!(asked.lines().count(), 5, "{asked}");
    }

    #[test]
    fn whatever_else_fails_is_not_tried_again() {
        let (done, asked) = installed("Unable to locate package redis-server", 3);
        assert!(!done);
        assert_eq!(asked.lines().count(), 1, "{asked}");
    }

    #[test]
    fn what_is_missing_is_named_where_nothing_can_install_it() {
        let said = without(&["redis-server", "chromium"]);
        assert!(said.contains("need redis-server, chromium"), "{said}");
        assert!(said.contains("all others run"), "{said}");
    }
}
