//! `cargo xtask dev`: the server on `tenants.example` and the example client, ready to be tried.

mod child;
mod scene;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use self::child::Child;
use self::scene::Ports;
use crate::process;
use crate::repository::Repository;
use crate::stop::Stop;
use crate::wait;

const STATE: &str = ".dev";
const TENANTS: &str = "tenants.example";
const READY: Duration = Duration::from_mins(1);

/// Where to listen.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The port that all tenants answer on.
    #[arg(long, default_value_t = 5556)]
    port: u16,
    /// The port of the example client.
    #[arg(long, default_value_t = 5555)]
    client_port: u16,
    /// The port of metrics and health.
    #[arg(long, default_value_t = 5558)]
    telemetry_port: u16,
    /// Forget accounts, sessions and keys of earlier runs first.
    #[arg(long)]
    fresh: bool,
}

/// Builds, starts, waits until both answer, tells what to try, and ends both on Ctrl-C.
pub(crate) fn run(repository: &Repository, stop: &Stop, options: &Options) -> anyhow::Result<()> {
    let ports = Ports {
        server: options.port,
        client: options.client_port,
        telemetry: options.telemetry_port,
    };
    must_be_free(ports.server, "the server", "--port")?;
    must_be_free(ports.client, "the example client", "--client-port")?;
    must_be_free(ports.telemetry, "metrics and health", "--telemetry-port")?;

    println!("building insula and the example client …");
    let mut build = repository.cargo(["build", "--workspace", "--locked"]);
    build.args(["--bin", "insula", "--bin", "insula-example-client"]);
    process::run("the build", &mut build, stop)?;

    let state = repository.root.join(STATE);
    if options.fresh && state.exists() {
        fs::remove_dir_all(&state).context("could not forget the earlier runs")?;
    }
    fs::create_dir_all(&state).context("could not make .dev")?;
    let tenants = tenants(repository, ports)?;

    let mut children = [
        Child::start("insula", &mut server(repository, &tenants, ports))?,
        Child::start("example-client", &mut example_client(repository, ports))?,
    ];
    wait_until_all_answer(&mut children, ports, stop)?;
    println!("{}", scene::told(ports, &tenants));
    stay(&mut children, stop)
}

/// The folder of tenants: the one in the repository, so that an edit is seen at once; with other
/// ports than the usual, a copy that names those, because an issuer includes its port.
fn tenants(repository: &Repository, ports: Ports) -> anyhow::Result<PathBuf> {
    if ports == Ports::USUAL {
        return Ok(PathBuf::from(TENANTS));
    }
    let copy = Path::new(STATE).join("tenants");
    let target = repository.root.join(&copy);
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    copy_tenants(&repository.root.join(TENANTS), &target, ports)?;
    Ok(copy)
}

fn copy_tenants(from: &Path, to: &Path, ports: Ports) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("could not read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tenants(&entry.path(), &target, ports)?;
            continue;
        }
        let content = fs::read(entry.path())?;
        let content = match String::from_utf8(content) {
            Ok(text) => ports.named_in(&text).into_bytes(),
            Err(not_text) => not_text.into_bytes(),
        };
        fs::write(target, content)?;
    }
    Ok(())
}

fn server(repository: &Repository, tenants: &Path, ports: Ports) -> Command {
    let mut command = Command::new(repository.debug_binary("insula"));
    command.current_dir(&repository.root).arg("serve");
    command.arg("--config").arg(tenants.join("insula.yaml"));
    command.arg("--tenants").arg(tenants);
    command.args(["--listen.http", &loopback(ports.server).to_string()]);
    command.args(["--listen.telemetry", &loopback(ports.telemetry).to_string()]);
    command.args(["--database", "sqlite://.dev/insula.db"]);
    command.args(["--master-key", ".dev/insula.key"]);
    command
}

fn example_client(repository: &Repository, ports: Ports) -> Command {
    let mut command = Command::new(repository.debug_binary("insula-example-client"));
    command.current_dir(&repository.root);
    command.args(["--listen", &loopback(ports.client).to_string()]);
    command.args(["--url", &ports.client_url()]);
    for issuer in ports.issuers() {
        command.args(["--issuer", &issuer]);
    }
    command
}

fn wait_until_all_answer(children: &mut [Child], ports: Ports, stop: &Stop) -> anyhow::Result<()> {
    let addresses = [
        ("insula", loopback(ports.telemetry), "/healthz/ready"),
        ("the example client", loopback(ports.client), "/"),
    ];
    for (name, address, path) in addresses {
        wait::until(
            &format!("{name} at http://{address}{path}"),
            stop,
            READY,
            || {
                all_live(children)?;
                Ok((wait::http_status(address, path) == Some(200)).then_some(()))
            },
        )?;
    }
    Ok(())
}

/// Until Ctrl-C, or until one of the two ends by itself.
fn stay(children: &mut [Child], stop: &Stop) -> anyhow::Result<()> {
    while !stop.is_asked() {
        all_live(children)?;
        wait::a_moment();
    }
    println!("\nstopping; requests under way are answered first …");
    for child in children.iter_mut() {
        child.ask_to_end();
    }
    for child in children {
        match child.end() {
            Some(status) if status.success() => {}
            Some(status) => bail!("{} did not end well ({status})", child.name()),
            None => bail!("nobody knows how {} ended", child.name()),
        }
    }
    println!("all stopped");
    Ok(())
}

fn all_live(children: &mut [Child]) -> anyhow::Result<()> {
    for child in children {
        if let Some(status) = child.ended() {
            let last_lines = child.last_lines();
            bail!(
                "{} ended by itself ({status}); its last lines:\n{last_lines}",
                child.name()
            );
        }
    }
    Ok(())
}

fn must_be_free(port: u16, whose: &str, flag: &str) -> anyhow::Result<()> {
    if let Err(trouble) = TcpListener::bind(loopback(port)) {
        bail!(
            "port {port}, wanted for {whose}, cannot be had ({trouble}); stop the program that \
             listens there, or choose another port with {flag}"
        );
    }
    Ok(())
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_port_is_named_with_the_flag_that_moves_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let trouble = must_be_free(port, "the server", "--port")
            .unwrap_err()
            .to_string();
        assert!(
            trouble.contains(&port.to_string()) && trouble.contains("--port"),
            "{trouble}"
        );
    }

    #[test]
    fn a_copy_of_the_tenants_names_the_chosen_ports_and_keeps_what_is_not_text() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("acme")).unwrap();
        fs::write(
            from.path().join("acme/tenant.yaml"),
            "issuer: http://127.0.0.1:5556/acme\n",
        )
        .unwrap();
        fs::write(from.path().join("logo.png"), [0xff, 0xfe, 0x00]).unwrap();

        let ports = Ports {
            server: 7001,
            client: 7000,
            telemetry: 7002,
        };
        copy_tenants(from.path(), to.path(), ports).unwrap();

        let copied = fs::read_to_string(to.path().join("acme/tenant.yaml")).unwrap();
        assert_eq!(copied, "issuer: http://127.0.0.1:7001/acme\n");
        assert_eq!(
            fs::read(to.path().join("logo.png")).unwrap(),
            [0xff, 0xfe, 0x00]
        );
    }
}
