use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Instant;

use insula_ambient::{Backoff, Breaker, Clock as _, SystemClock};
use insula_store::StoreError;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{
    Cmd, ErrorKind, FromRedisValue, ProtocolVersion, RedisError, RedisResult, ServerErrorKind,
    Value, cmd, pipe,
};
use tokio::runtime::Handle;
use tokio::task::JoinError;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::address::Address;
use crate::cause::{failed, is_away, of, unavailable};
use crate::metrics::{Metrics, Outcome};
use crate::options::RedisOptions;
use crate::script::{self, Script};

const PROBE: &str = "probe";
const PROBE_LIVES_MS: u64 = 60_000;

/// The one connection of a process to its Redis, shared by all callers and pipelined by itself.
pub(crate) struct Link {
    address: Address,
    options: RedisOptions,
    handle: Handle,
    manager: RwLock<ConnectionManager>,
    breaker: Breaker,
    /// Why the breaker opened last.
    away: RwLock<String>,
    pub(crate) metrics: Metrics,
}

impl Link {
    /// Reaches the server on the runtime of `handle`, which carries all calls from then on.
    pub(crate) async fn connect(
        address: Address,
        options: &RedisOptions,
        handle: Handle,
    ) -> Result<Arc<Self>, StoreError> {
        let (to, by) = (address.clone(), options.clone());
        let reaching = handle.spawn(async move { reach(&to, &by).await });
        let manager = match reaching.await {
            Ok(reached) => reached?,
            Err(ended) => return Err(not_carried_out(&ended)),
        };
        let metrics = Metrics::new().map_err(|error| failed(error.to_string()))?;
        Ok(Arc::new(Self {
            address,
            options: options.clone(),
            handle,
            manager: RwLock::new(manager),
            breaker: Breaker::new(options.failures_to_open, pauses(options)),
            away: RwLock::default(),
            metrics,
        }))
    }

    /// What every key and channel begins with.
    pub(crate) fn prefix(&self) -> &str {
        &self.options.prefix
    }

    /// One command, one round trip.
    pub(crate) async fn ask<T: FromRedisValue>(
        self: &Arc<Self>,
        verb: &'static str,
        cmd: Cmd,
    ) -> Result<T, StoreError> {
        let value = self.send(verb, cmd).await?.map_err(|error| of(&error))?;
        understood(value)
    }

    /// One script, one round trip; two where the server was restarted since it was reached.
    pub(crate) async fn run<T: FromRedisValue>(
        self: &Arc<Self>,
        verb: &'static str,
        script: &Script,
        keys: &[&str],
        args: &[&[u8]],
    ) -> Result<T, StoreError> {
        let with_arguments = |mut cmd: Cmd| {
            cmd.arg(keys.len()).arg(keys).arg(args);
            cmd
        };
        let by_hash = self.send(verb, with_arguments(script.by_hash())).await?;
        let value = match by_hash {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.send(verb, with_arguments(script.by_text())).await?
            }
            answer => answer,
        };
        understood(value.map_err(|error| of(&error))?)
    }

    /// Sends a command within its time. The outer error says that Redis is away.
    async fn send(
        self: &Arc<Self>,
        verb: &'static str,
        cmd: Cmd,
    ) -> Result<RedisResult<Value>, StoreError> {
        if self.breaker.is_open() {
            let cause = self.away.read().unwrap_or_else(PoisonError::into_inner);
            return Err(unavailable(format!(
                "{}: {cause}; not asked again, but tried in the background",
                self.address
            )));
        }
        let mut manager = self.manager();
        let limit = self.options.command_timeout;
        let started = Instant::now();
        self.metrics.sending();
        let sending = self.handle.spawn(async move {
            let answer = timeout(limit, manager.send_packed_command(&cmd)).await;
            // A server's error comes as a value.
            answer.map(|a| a.and_then(Value::extract_error))
        });
        let answer = sending.await;
        let took = started.elapsed();
        let away = match answer {
            Ok(Ok(Ok(value))) => {
                self.breaker.answered();
                self.metrics.ended(verb, Outcome::Ok, took);
                return Ok(Ok(value));
            }
            Ok(Ok(Err(error))) if !is_away(&error) => {
                self.breaker.answered();
                self.metrics.ended(verb, Outcome::Failed, took);
                return Ok(Err(error));
            }
            Ok(Ok(Err(error))) => of(&error),
            Ok(Err(_)) => unavailable(format!("no answer within {} ms", limit.as_millis())),
            Err(ended) => not_carried_out(&ended),
        };
        self.metrics.ended(verb, Outcome::Unavailable, took);
        if let StoreError::Unavailable { cause, .. } = &away {
            let mut last = self.away.write().unwrap_or_else(PoisonError::into_inner);
            last.clone_from(cause);
        }
        if self.breaker.failed(SystemClock.monotonic()) {
            self.opened(&away);
        }
        Err(away)
    }

    fn manager(&self) -> ConnectionManager {
        let manager = self.manager.read();
        manager.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The breaker opened: from now on one task tries, and nobody waits.
    fn opened(self: &Arc<Self>, cause: &StoreError) {
        self.metrics.breaker(true);
        warn!(
            redis.address = %self.address,
            error.message = %cause,
            "redis at {} does not answer; calls fail at once until it does", self.address
        );
        self.handle.spawn(mend(Arc::downgrade(self)));
    }

    fn mended(&self, manager: ConnectionManager) {
        let slot = self.manager.write();
        *slot.unwrap_or_else(PoisonError::into_inner) = manager;
        self.breaker.close();
        self.metrics.breaker(false);
        info!(redis.address = %self.address, "redis at {} answers again", self.address);
    }
}

/// Tries to reach the server until it answers or nobody needs it any more.
async fn mend(link: Weak<Link>) {
    let mut attempt = 0;
    loop {
        let pause = {
            let Some(link) = link.upgrade() else {
                return;
            };
            if let Ok(manager) = reach(&link.address, &link.options).await {
                link.mended(manager);
                return;
            }
            pauses(&link.options).pause(attempt)
        };
        attempt += 1;
        sleep(pause).await;
    }
}

/// The pauses between attempts to reach a server that is away.
pub(crate) fn pauses(options: &RedisOptions) -> Backoff {
    Backoff {
        first: options.retry_min,
        longest: options.retry_max,
    }
}

/// A write as logins make them, of nothing that anybody reads.
pub(crate) fn probe(prefix: &str) -> Cmd {
    let mut set = cmd("SET");
    set.arg(format!("{prefix}:{PROBE}"));
    set.arg("").arg("PX").arg(PROBE_LIVES_MS);
    set
}

/// Connects, hears an answer, sees that this server is the one that takes writes, and loads the scripts. The sentinels are asked anew each time.
async fn reach(address: &Address, options: &RedisOptions) -> Result<ConnectionManager, StoreError> {
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_min_delay(options.retry_min)
        .set_max_delay(options.retry_max)
        .set_connection_timeout(Some(options.connect_timeout))
        .set_response_timeout(Some(options.command_timeout))
        .set_pipeline_buffer_size(1024);
    let reaching = async {
        // With RESP3 the manager hears of a lost connection at once, not at the next command.
        let client = address.client(ProtocolVersion::RESP3).await?;
        let mut manager = ConnectionManager::new_with_config(client, config).await?;
        cmd("PING").exec_async(&mut manager).await?;
        let mut write = cmd("DEL");
        write.arg(format!("{}:{PROBE}", options.prefix));
        let written = write.exec_async(&mut manager).await;
        // A server that is full may have room again at the next command; a replica stays one.
        written.or_else(|error| if is_away(&error) { Err(error) } else { Ok(()) })?;
        let mut loads = pipe();
        for script in script::all() {
            loads.cmd("SCRIPT").arg("LOAD").arg(script.code());
        }
        // A server that does not let us load them lets us send them, or says so then.
        let _: RedisResult<()> = loads.exec_async(&mut manager).await;
        Ok::<_, RedisError>(manager)
    };
    match timeout(options.connect_timeout, reaching).await {
        Ok(reached) => reached.map_err(|error| at(address, of(&error))),
        Err(_) => Err(unavailable(format!(
            "{address} was not reached within {} ms",
            options.connect_timeout.as_millis()
        ))),
    }
}

/// The task that was to make the call did not get to its end.
pub(crate) fn not_carried_out(ended: &JoinError) -> StoreError {
    if ended.is_panic() {
        // TLS without a provider is such a case: that is a fault of the program, not of Redis.
        return failed("the call broke off; for rediss:// a TLS provider must be installed first");
    }
    unavailable("the runtime for its sockets is gone")
}

/// Names the server an error came from.
fn at(address: &Address, error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable { cause, .. } => unavailable(format!("{address}: {cause}")),
        StoreError::Failed { cause, .. } => failed(format!("{address}: {cause}")),
        other => other,
    }
}

fn understood<T: FromRedisValue>(value: Value) -> Result<T, StoreError> {
    redis::from_redis_value(value).map_err(|_| failed("it gave an answer of another type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let options = RedisOptions::default();
        let told = [0, 1, 2, 10, 1000].map(|n| pauses(&options).pause(n).as_millis());
        assert_eq!(told, [50, 100, 200, 1000, 1000]);
    }
}
