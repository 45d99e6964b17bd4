//! The sockets of the process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpServer, web};
use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use insula_config::ServerConfig;
use insula_web::{TelemetryState, WebState, front_door, telemetry_routes};
use tracing::{info, warn};

use crate::tls::{self, Certificates};

/// Slow heads hold a connection, not a worker; but not for ever.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Every listener, bound and not yet serving.
pub(crate) struct Listeners {
    servers: Vec<Server>,
}

impl Listeners {
    /// Binds all configured addresses.
    pub(crate) fn open(
        config: &ServerConfig,
        state: WebState,
        telemetry: TelemetryState,
        certificates: Option<Arc<Certificates>>,
    ) -> Result<Self> {
        let mut servers = vec![tenants(config, state, certificates)?];
        if let Some(addr) = config.listen.telemetry {
            servers.push(telemetry_server(addr, telemetry)?);
        }
        if config.listen.admin.is_some() {
            warn!("listen.admin is set, but this version serves no admin API");
        }
        Ok(Self { servers })
    }

    /// Serves until `stop`; then takes no new connection and lets requests under way finish.
    pub(crate) async fn run_until(self, stop: impl Future<Output = ()> + 'static) -> Result<()> {
        let handles: Vec<ServerHandle> = self.servers.iter().map(Server::handle).collect();
        actix::spawn(async move {
            stop.await;
            for handle in handles {
                handle.stop(true).await;
            }
        });
        try_join_all(self.servers).await?;
        Ok(())
    }
}

fn tenants(
    config: &ServerConfig,
    state: WebState,
    certificates: Option<Arc<Certificates>>,
) -> Result<Server> {
    let state = web::Data::new(state);
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .default_service(web::to(front_door))
    })
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD_TIMEOUT)
    .shutdown_timeout(config.shutdown_grace.as_secs())
    .disable_signals();
    if let Some(workers) = config.workers {
        server = server.workers(workers as usize);
    }
    if let Some(addr) = config.listen.http {
        server = server
            .bind_auto_h2c(addr)
            .with_context(|| cannot_listen("listen.http", addr))?;
        info!("tenants at http://{addr}");
    }
    if let (Some(addr), Some(certificates)) = (config.listen.https, certificates) {
        let tls = tls::server_config(certificates);
        server = server
            .bind_rustls_0_23(addr, tls)
            .with_context(|| cannot_listen("listen.https", addr))?;
        info!("tenants at https://{addr}");
    }
    Ok(server.run())
}

fn telemetry_server(addr: SocketAddr, state: TelemetryState) -> Result<Server> {
    let state = web::Data::new(state);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .configure(telemetry_routes)
    })
    .workers(1)
    .shutdown_timeout(1)
    .disable_signals()
    .bind(addr)
    .with_context(|| cannot_listen("listen.telemetry", addr))?;
    info!("metrics and health at http://{addr}");
    Ok(server.run())
}

fn cannot_listen(setting: &str, addr: SocketAddr) -> String {
    format!("{setting}: cannot listen on {addr}; is something else there?")
}
