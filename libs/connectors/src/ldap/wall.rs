use std::sync::Arc;
use std::time::Duration;

use insula_ambient::{Backoff, Breaker, Clock};
use insula_connector_kit::{ConnectorError, OpenContext};
use insula_model::ConnectorSpec;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::warn;

use super::server::{Place, silent_for};
use super::trouble::Trouble;
use crate::http::UpstreamHttp;

/// After so many failures in a row a directory is left alone.
const FAILURES: u32 = 5;
/// For how long: longer with every call that tries then and fails.
const PAUSES: Backoff = Backoff {
    first: Duration::from_secs(10),
    longest: Duration::from_mins(5),
};

/// What goes wrong with one directory stays behind this: so many logins at once, so long, and after
/// failures none for a while. Sockets belong to the runtime that outlives every tenant.
pub(super) struct Wall {
    places: Vec<Place>,
    timeout: Duration,
    calls: Arc<Semaphore>,
    guard: Arc<Guard>,
    io: Handle,
}

struct Guard {
    connector: String,
    breaker: Breaker,
    clock: Arc<dyn Clock>,
}

impl Wall {
    pub(super) fn new(
        places: Vec<Place>,
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Self {
        let calls = usize::try_from(ctx.upstream_calls.max(1)).unwrap_or(usize::MAX);
        Self {
            places,
            timeout: spec.timeout,
            calls: Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS))),
            guard: Arc::new(Guard {
                connector: spec.id.as_str().to_owned(),
                breaker: Breaker::new(FAILURES, PAUSES),
                clock: Arc::clone(&ctx.clock),
            }),
            io: http.io().clone(),
        }
    }

    /// Runs a whole conversation, and ends it when it takes too long. It goes on to its end when
    /// nobody waits for it any more, so that what it found out counts.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        conversation: impl Future<Output = Result<T, Trouble>> + Send + 'static,
    ) -> Result<T, ConnectorError> {
        let permit = Arc::clone(&self.calls)
            .try_acquire_owned()
            .map_err(|_| ConnectorError::Busy("all calls to the upstream are in use"))?;
        self.guard.admit()?;
        let guard = Arc::clone(&self.guard);
        let (limit, places) = (self.timeout, self.places.clone());
        let call = self.io.spawn(async move {
            let ended = timeout(limit, conversation).await;
            let ended = ended.unwrap_or_else(|_| Err(silent_for(&places, limit)));
            guard.report(&ended);
            drop(permit);
            ended
        });
        let nonsense = |_| Err(Trouble::Silent("its answer made no sense".to_owned()));
        let ended = call.await.unwrap_or_else(nonsense);
        ended.map_err(|trouble| trouble.into_error(&self.guard.connector))
    }
}

impl Guard {
    fn admit(&self) -> Result<(), ConnectorError> {
        self.breaker.admit(self.clock.monotonic()).map_err(|pause| {
            ConnectorError::Unreachable(format!(
                "connector {:?}: it failed too often and is left alone for {} s",
                self.connector,
                pause.as_secs().max(1)
            ))
        })
    }

    fn report<T>(&self, ended: &Result<T, Trouble>) {
        let is_outage = ended.as_ref().is_err_and(Trouble::is_outage);
        if !is_outage {
            self.breaker.close();
        } else if self.breaker.failed(self.clock.monotonic()) {
            let id = &self.connector;
            warn!(connector.id = %id, "connector {id} is left alone for a while: its directory fails");
        }
    }
}
