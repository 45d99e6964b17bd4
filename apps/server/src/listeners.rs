//! The sockets of the process.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, web};
use anyhow::{Result, anyhow};
use futures_util::future::try_join_all;
use insula_config::{Connections, ServerConfig};
use insula_listener::{Endpoint, Gate, Limits, ServeOptions, serve};
use insula_web::{TelemetryState, WebState, front_door, telemetry_routes};
use prometheus::Registry;
use tracing::{info, warn};

use crate::descriptors;
use crate::tls::{self, Certificates};

/// What watches a process: a scraper or two, and probes.
const TELEMETRY_CONNECTIONS: usize = 64;

/// Every listener, bound and not yet serving.
pub(crate) struct Listeners {
    servers: Vec<Server>,
    gate: Gate,
}

/// What ends them.
pub(crate) struct Handles {
    /// The tenants' listeners come first, so that health is told to the end.
    servers: Vec<ServerHandle>,
    gate: Gate,
}

impl Listeners {
    /// Binds all configured addresses.
    pub(crate) fn open(
        config: &ServerConfig,
        state: WebState,
        telemetry: TelemetryState,
        certificates: Option<Arc<Certificates>>,
        metrics: &Registry,
    ) -> Result<Self> {
        let gate = Gate::new(limits(config, descriptors::raise()))?;
        gate.register(metrics)?;
        let mut servers = vec![tenants(config, state, certificates, &gate)?];
        if let Some(addr) = config.listen.telemetry {
            servers.push(telemetry_server(addr, telemetry)?);
        }
        if config.listen.admin.is_some() {
            warn!("listen.admin is set, but this version serves no admin API");
        }
        Ok(Self { servers, gate })
    }

    /// What ends them.
    pub(crate) fn handles(&self) -> Handles {
        Handles {
            servers: self.servers.iter().map(Server::handle).collect(),
            gate: self.gate.clone(),
        }
    }

    /// Serves until all were closed.
    pub(crate) async fn run(self) -> Result<()> {
        try_join_all(self.servers).await?;
        Ok(())
    }
}

impl Handles {
    /// Serves on, and says with every answer that its connection ends.
    pub(crate) fn leave(&self) {
        self.gate.leave();
    }

    /// Takes no new connection and lets requests under way finish.
    pub(crate) async fn close(&self) {
        for handle in &self.servers {
            let closing = handle.stop(true);
            self.gate.close_idle();
            closing.await;
        }
    }
}

fn limits(config: &ServerConfig, files: u64) -> Limits {
    Limits {
        per_peer: usize::try_from(config.connections.per_peer).unwrap_or(usize::MAX),
        total: descriptors::connections(config, files),
        exempt: config.trusted_proxies.clone(),
        ..spans(&config.connections)
    }
}

/// The limits of time; of number there is none yet.
fn spans(connections: &Connections) -> Limits {
    Limits {
        handshake: connections.handshake_timeout,
        head: connections.head_timeout,
        body: connections.body_timeout,
        write: connections.write_timeout,
        keep_alive: connections.idle_timeout,
        per_peer: usize::MAX,
        total: usize::MAX,
        exempt: Vec::new(),
    }
}

fn tenants(
    config: &ServerConfig,
    state: WebState,
    certificates: Option<Arc<Certificates>>,
    gate: &Gate,
) -> Result<Server> {
    let mut endpoints = Vec::new();
    if let Some(address) = config.listen.http {
        endpoints.push(Endpoint {
            name: "listen.http",
            address,
            tls: None,
        });
    }
    if let (Some(address), Some(certificates)) = (config.listen.https, certificates) {
        endpoints.push(Endpoint {
            name: "listen.https",
            address,
            tls: Some(Arc::new(tls::server_config(certificates))),
        });
    }
    let state = web::Data::new(state);
    let options = ServeOptions {
        workers: config.workers.map(|workers| workers as usize),
        grace: config.shutdown_grace,
    };
    let opened: Vec<String> = endpoints
        .iter()
        .map(|endpoint| {
            let scheme = if endpoint.tls.is_some() {
                "https"
            } else {
                "http"
            };
            format!("tenants at {scheme}://{}", endpoint.address)
        })
        .collect();
    let server = serve(endpoints, gate, options, move || {
        App::new()
            .app_data(state.clone())
            .default_service(web::to(front_door))
    })
    .map_err(cannot_listen)?;
    for line in opened {
        info!("{line}");
    }
    Ok(server)
}

/// Health and metrics have connections of their own: what happens at the tenants' listeners takes
/// none of them.
fn telemetry_server(address: SocketAddr, state: TelemetryState) -> Result<Server> {
    let gate = Gate::new(Limits {
        total: TELEMETRY_CONNECTIONS,
        ..spans(&Connections::default())
    })?;
    let state = web::Data::new(state);
    let endpoint = Endpoint {
        name: "listen.telemetry",
        address,
        tls: None,
    };
    let options = ServeOptions {
        workers: Some(1),
        grace: Duration::from_secs(1),
    };
    let server = serve(vec![endpoint], &gate, options, move || {
        App::new()
            .app_data(state.clone())
            .configure(telemetry_routes)
    })
    .map_err(cannot_listen)?;
    info!("metrics and health at http://{address}");
    Ok(server)
}

fn cannot_listen((endpoint, error): (Endpoint, io::Error)) -> anyhow::Error {
    let Endpoint { name, address, .. } = endpoint;
    anyhow!(error).context(format!(
        "{name}: cannot listen on {address}; is something else there?"
    ))
}
