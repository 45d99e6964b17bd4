//! How the process ends: told once it leaves in order, told twice it goes at once.

use std::process;
use std::time::Duration;

use anyhow::Result;
use insula_telemetry::Health;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::exit::Exit;
use crate::listeners::Handles;

/// What tells the process to end.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Waits for a signal, then leaves: not ready from now on, everything still served for `delay`
/// while balancers learn of it, then no new connections and the end of what is under way. Who has
/// `lost` the right to serve has no time for balancers.
pub(crate) async fn when_told(
    mut signals: Signals,
    lost: impl Future<Output = ()>,
    health: Health,
    delay: Duration,
    handles: Handles,
) {
    let delay = tokio::select! {
        name = signals.next() => {
            info!("{name}: draining");
            delay
        }
        () = lost => Duration::ZERO,
    };
    health.drain();
    handles.leave();
    let ending = async {
        if !delay.is_zero() {
            info!(
                "serving for {} s more, for balancers to see",
                delay.as_secs_f32()
            );
            sleep(delay).await;
        }
        handles.close().await;
    };
    tokio::select! {
        () = ending => {}
        name = signals.next() => {
            warn!("{name} again: ending at once");
            process::exit(Exit::Failed as i32);
        }
    }
}
