//! `insula serve`: from a configuration to a drained exit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use insula_ambient::{Clock as _, SystemClock, SystemEntropy};
use insula_config::{JWKS_MAX_AGE, LogFormat, ServerConfig};
use insula_model::{Event, EventId, EventKind};
use insula_telemetry::{Build, Health, LogSettings, init_tracing};
use insula_tenancy::{Tenancy, TenancyOptions};
use insula_web::{TelemetryState, WebMetrics, WebSettings, WebState};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::awake_limit::AwakeLimit;
use crate::exit::{Exit, Misconfigured};
use crate::leaving::Signals;
use crate::listeners::Listeners;
use crate::tls::Certificates;
use crate::{admin, cache_lease, leaving, maintenance, owners, wiring};

/// How long the end of the process waits for the database, when every request was answered.
const CLOSING: Duration = Duration::from_secs(2);

/// Serves until SIGTERM or SIGINT, then drains; a second one ends it at once.
///
/// Drivers of sockets live on one multi-thread runtime that outlives the HTTP workers; actors and
/// workers live on the actix system (ADR 0002).
pub(crate) fn run(config: ServerConfig) -> Result<(), Exit> {
    start_logging(&config)?;
    wiring::install_crypto();
    let io = io_runtime()?;
    let handle = io.handle().clone();
    let served = actix::System::new().block_on(async move {
        let services = {
            let (config, io) = (config.clone(), handle.clone());
            let opening = handle.spawn(async move { wiring::services(&config, io).await });
            opening
                .await
                .map_err(|_| Exit::Failed)?
                .map_err(|error| told(&error))?
        };
        serve(&config, services).await.map_err(|error| told(&error))
    });
    io.shutdown_timeout(Duration::from_secs(5));
    served
}

/// Brings the database up to date and ends.
pub(crate) fn migrate(config: ServerConfig) -> Result<(), Exit> {
    start_logging(&config)?;
    wiring::install_crypto();
    let io = io_runtime()?;
    let handle = io.handle().clone();
    io.block_on(async move {
        wiring::database(&config, &handle)
            .await
            .map_err(|error| told(&error))?;
        info!("database {} is up to date", config.database);
        Ok(())
    })
}

/// Gives up what a lost master key sealed, where somebody said so plainly.
pub(crate) fn reset_keys(config: ServerConfig, is_confirmed: bool) -> Result<(), Exit> {
    start_logging(&config)?;
    wiring::install_crypto();
    let io = io_runtime()?;
    let handle = io.handle().clone();
    io.block_on(async move {
        let reset = async {
            let store = wiring::existing_database(&config, &handle).await?;
            let database = &config.database;
            if let Some(who) = cache_lease::served_by(&store).await? {
                let first = format!("the database {database} is served by {who}; stop it first");
                return Err(anyhow::anyhow!(first).context(Misconfigured));
            }
            if !is_confirmed {
                let all = "all signing keys, refresh tokens and sessions of all tenants";
                let add = "add --confirm if that is wanted";
                let said = format!("this deletes {all} in {database} for good; {add}");
                return Err(anyhow::anyhow!(said).context(Misconfigured));
            }
            let told = || Event {
                id: EventId::generate(&SystemEntropy),
                at: SystemClock.now(),
                kind: EventKind::KeysReset,
            };
            let rows = store.forget_sealed(told).await?;
            info!(
                rows,
                "the keys of {database} are reset: {rows} rows went; the next start makes new ones"
            );
            Ok(())
        };
        reset.await.map_err(|error| told(&error))
    })
}

async fn serve(config: &ServerConfig, services: wiring::Services) -> Result<()> {
    let certificates = match config.listen.https {
        Some(_) => Some(Certificates::load(&config.tls).context(Misconfigured)?),
        None => None,
    };
    let awake_limit = AwakeLimit::of(config.awake);
    let (max_awake, because) = (awake_limit.tenants, &awake_limit.because);
    info!(
        max_awake,
        "up to {max_awake} tenants are awake at once ({because})"
    );
    let options = TenancyOptions {
        jwks_max_age: JWKS_MAX_AGE,
        max_awake,
        ..TenancyOptions::default()
    };
    let tenancy = Tenancy::start(services.tenancy_deps(), options);
    tenancy.metrics().register(&services.metrics)?;
    tenancy.rescan().await.context(Misconfigured)?;
    let (durable, issuers) = (
        Arc::clone(&services.durable),
        services.specs.registry().issuers(),
    );
    let telling = services
        .io
        .spawn(async move { owners::tell(durable.as_ref(), &issuers).await });
    // A panic in there was told by its hook.
    let _ = telling.await;

    let health = Health::new();
    maintenance::ask_health(&health, &services).await;
    maintenance::start(&services, &tenancy, &health, certificates.as_ref());

    let tenant_labels = usize::try_from(config.metrics_tenant_label_limit)?;
    let state = WebState {
        tenancy: tenancy.clone(),
        settings: Arc::new(WebSettings {
            trusted_proxies: config.trusted_proxies.clone(),
        }),
        metrics: Arc::new(WebMetrics::register(&services.metrics, tenant_labels)?),
        clock: services.clock.clone(),
        entropy: Arc::clone(&services.entropy),
        is_healthy: {
            let health = health.clone();
            Arc::new(move || health.report().is_ready())
        },
    };
    let build = Build {
        version: env!("CARGO_PKG_VERSION"),
        revision: "",
    };
    insula_telemetry::register_process(&services.metrics, &build)?;
    let registry = services.metrics.clone();
    let telemetry = TelemetryState {
        metrics: Arc::new(move || insula_telemetry::metrics_text(&registry)),
        health: {
            let health = health.clone();
            Arc::new(move || {
                let report = health.report();
                (
                    report.is_ready(),
                    serde_json::to_value(report).unwrap_or_default(),
                )
            })
        },
    };
    let listeners = Listeners::open(
        config,
        state,
        telemetry,
        certificates.clone(),
        &services.metrics,
    )?;
    reload_on_hangup(tenancy.clone(), certificates)?;
    let admin = admin::open(config.admin_socket.as_deref(), tenancy.clone(), awake_limit);
    info!("insula {} serves", env!("CARGO_PKG_VERSION"));
    let lost = services.io.spawn(services.lease.clone().keep());
    let gives_way = Arc::new(AtomicBool::new(false));
    let lost = {
        let gives_way = Arc::clone(&gives_way);
        async move {
            let _ended = lost.await;
            gives_way.store(true, Ordering::Relaxed);
        }
    };
    actix::spawn(leaving::when_told(
        Signals::listen()?,
        lost,
        health,
        config.shutdown_delay,
        listeners.handles(),
    ));
    listeners.run().await?;
    if let Some(admin) = admin {
        admin.close().await;
    }
    tenancy.shutdown().await;
    services.lease.release().await;
    if timeout(CLOSING, services.database.close()).await.is_err() {
        let after_s = CLOSING.as_secs();
        warn!("the database was not closed within {after_s} s; nobody waits for what is under way");
    }
    anyhow::ensure!(
        !gives_way.load(Ordering::Relaxed),
        "drained, because another process serves the database now"
    );
    info!("drained; goodbye");
    Ok(())
}

/// SIGHUP: look at every file again, changed or not.
fn reload_on_hangup(tenancy: Tenancy, certificates: Option<Arc<Certificates>>) -> Result<()> {
    let mut hangups = signal(SignalKind::hangup())?;
    actix::spawn(async move {
        while hangups.recv().await.is_some() {
            info!("SIGHUP: reloading every tenant and certificate");
            if let Err(error) = tenancy.reload(None).await {
                error!("tenants could not be looked at again: {error}");
            }
            if let Some(certificates) = &certificates {
                certificates.reload(true);
            }
        }
    });
    Ok(())
}

pub(crate) fn start_logging(config: &ServerConfig) -> Result<(), Exit> {
    let settings = LogSettings {
        format: match config.log.format {
            LogFormat::Pretty => insula_telemetry::LogFormat::Pretty,
            LogFormat::Json => insula_telemetry::LogFormat::Json,
        },
        level: quiet(&config.log.level),
        exclude: config.log.exclude.clone(),
    };
    init_tracing(&settings).map_err(|error| {
        eprintln!("log: {error}");
        Exit::Config
    })
}

/// A bare level is about us. Libraries are asked for no more than `info`, because below it they tell of
/// every frame; those that tell of each worker and migration for warnings only. Directives are taken
/// as they are. That of HTTP/1 is asked for nothing in either case, unless by its own name: it calls
/// an error what a stranger sent wrong.
fn quiet(level: &str) -> String {
    if level.contains(HTTP_1) {
        return level.to_owned();
    }
    if level.contains(['=', ',', '[']) {
        return format!("{level},{HTTP_1}=off");
    }
    let level = match level {
        "debug" | "trace" => format!("info,insula={level}"),
        level => level.to_owned(),
    };
    format!("{level},actix_server=warn,{HTTP_1}=off,sea_orm_migration=warn")
}

/// Who parses requests of HTTP/1.
const HTTP_1: &str = "actix_http::h1";

pub(crate) fn io_runtime() -> Result<Runtime, Exit> {
    let built = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("io")
        .enable_all()
        .build();
    built.map_err(|error| {
        eprintln!("the I/O runtime cannot start: {error}");
        Exit::Failed
    })
}

pub(crate) fn told(error: &anyhow::Error) -> Exit {
    error!("{error:#}");
    Exit::of(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_level_is_for_our_own_crates_and_libraries_are_asked_for_warnings() {
        let wanted = "info,actix_server=warn,actix_http::h1=off,sea_orm_migration=warn";
        assert_eq!(quiet("info"), wanted);
        assert!(quiet("warn").starts_with("warn,"));
    }

    #[test]
    fn a_level_below_info_is_about_us_and_not_about_the_frames_of_tls() {
        assert!(quiet("debug").starts_with("info,insula=debug,"));
        assert!(quiet("trace").starts_with("info,insula=trace,"));
    }

    #[test]
    fn directives_are_taken_as_they_are_but_for_what_strangers_send_wrong() {
        for said in [
            "insula=debug",
            "warn,sqlx=info",
            "actix_server=trace",
            "actix_http=debug",
            "[request]",
        ] {
            assert_eq!(quiet(said), format!("{said},actix_http::h1=off"));
        }
        let asked = "info,actix_http::h1=debug";
        assert_eq!(quiet(asked), asked);
    }
}
