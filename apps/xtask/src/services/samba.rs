//! Samba as a domain controller of Active Directory.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use nix::sys::signal::Signal;
use nix::unistd::Uid;

use super::account::Account;
use super::{READY, still_alive};
use crate::process::{self, Running};
use crate::stop::Stop;
use crate::{tools, wait};

const LDAP: u16 = 389;
const LDAPS: u16 = 636;
/// The last port it opens: its global catalog's.
const LAST: u16 = 3269;

/// A running domain controller.
#[derive(Debug)]
pub(super) struct Samba {
    pub(super) running: Running,
    address: Ipv4Addr,
    folder: PathBuf,
}

impl Samba {
    /// Starts a copy of the domain that was laid.
    pub(super) fn start(folder: &Path, domain: &Path, stop: &Stop) -> anyhow::Result<Self> {
        let program = program().context("Samba's domain controller is not installed")?;
        let address = free_address()?;
        let mut copy = Command::new("cp");
        copy.arg("-R").arg(domain.join(".")).arg(folder);
        process::run("cp", &mut copy, stop)?;
        fill(&folder.join("smb.conf"), folder, address)?;
        fill(&folder.join("openssl.cnf"), folder, address)?;
        certify(folder, stop)?;

        let account = Account::first_of(&["root"])?;
        let mut command = account.command(&program, folder);
        command.args(["--foreground", "--no-process-group", "--model=single"]);
        command.args(["--debug-stdout", "--debuglevel=1"]);
        command.arg(format!(
            "--configfile={}",
            folder.join("smb.conf").display()
        ));
        let output = fs::File::create(folder.join("output"));
        let output = output.context("could not make a log for samba")?;
        command.stdout(output.try_clone()?).stderr(output);
        let running = Running::start("samba", &mut command, Signal::SIGTERM)?;
        Ok(Self {
            running,
            address,
            folder: folder.to_owned(),
        })
    }

    pub(super) fn wait(&mut self, stop: &Stop) -> anyhow::Result<()> {
        wait::until("samba", stop, READY, || {
            still_alive(&mut self.running, &self.folder.join("output"))?;
            let place = (self.address, LAST);
            Ok(std::net::TcpStream::connect(place).ok().map(|_| ()))
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    /// The authority that signed its certificate.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }
}

/// Whether its ports, which cannot be chosen, can be had.
pub(super) fn may_listen() -> bool {
    Uid::effective().is_root()
}

/// Debian keeps it where only root looks.
pub(super) fn program() -> Option<PathBuf> {
    let of_debian = PathBuf::from("/usr/sbin/samba");
    let server = tools::on_path("samba").or_else(|| of_debian.is_file().then_some(of_debian));
    let tools = ["samba-tool", "ldbadd", "ldbmodify", "openssl"];
    let has_tools = tools.iter().all(|tool| tools::on_path(tool).is_some());
    server.filter(|_| has_tools && Path::new("/usr/share/samba/setup/provision.ldif").is_file())
}

/// An address of the loopback network at which nobody listens on its ports, another one for each
/// process that runs tests.
fn free_address() -> anyhow::Result<Ipv4Addr> {
    let process = std::process::id();
    let part = |number: u32| u8::try_from(number % 250 + 1).unwrap_or(1);
    for attempt in 0..50 {
        let (third, last) = (part(process / 250), part(process + attempt));
        let address = Ipv4Addr::new(127, 83, third, last);
        let is_free = |port: u16| TcpListener::bind((address, port)).is_ok();
        if [LDAP, LDAPS, LAST].into_iter().all(is_free) {
            return Ok(address);
        }
    }
    anyhow::bail!("no address of the loopback network has port {LDAP} free")
}

fn fill(file: &Path, folder: &Path, address: Ipv4Addr) -> anyhow::Result<()> {
    let text = fs::read_to_string(file)?;
    let text = text.replace("FOLDER", &folder.display().to_string());
    fs::write(file, text.replace("ADDRESS", &address.to_string()))
        .with_context(|| format!("could not write {}", file.display()))
}

/// An authority, and the certificate that it signed.
fn certify(folder: &Path, stop: &Stop) -> anyhow::Result<()> {
    let request = |name: &str, section: &str| {
        let mut command = Command::new("openssl");
        command
            .args([
                "req",
                "-x509",
                "-config",
                "openssl.cnf",
                "-extensions",
                section,
            ])
            .args([
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ])
            .args(["-days", "30", "-keyout", &format!("{name}.key")])
            .args(["-out", &format!("{name}.pem")])
            .current_dir(folder)
            .stderr(Stdio::null());
        command
    };
    let mut authority = request("ca", "authority");
    authority.args(["-subj", "/CN=Authority of the test domain"]);
    process::run("openssl", &mut authority, stop)?;
    let mut controller = request("dc", "controller");
    controller.args(["-CA", "ca.pem", "-CAkey", "ca.key"]);
    process::run("openssl", &mut controller, stop)?;
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(folder.join("dc.key"), private).context("the key cannot be made private")
}
