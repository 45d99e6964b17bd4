//! What the process does by the clock: ask its backends, collect what expired, look for changed
//! files, tell clients of logouts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use insula_ambient::{Clock, ForwardClock, SystemClock};
use insula_model::TenantId;
use insula_store::{COLLECTED_AFTER, Cache, Durable, MemoryCache, StoreError};
use insula_telemetry::{Health, Turn};
use insula_tenancy::Tenancy;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{debug, error, info, warn};

use crate::tls::Certificates;
use crate::wiring::Services;

const STORAGE: &str = "storage";
const CACHE: &str = "cache";
const TENANTS: &str = "tenants";
/// How many tenants a check names.
const MOST_NAMED: usize = 20;
const ASK_HEALTH: Duration = Duration::from_secs(5);
/// How long a backend may take for one small write before it is called absent.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK_FOR_CHANGES: Duration = Duration::from_secs(2);
const COLLECT: Duration = Duration::from_mins(1);
const LOOK_AT_CLOCK: Duration = Duration::from_secs(10);
/// A step back that is less than this is absorbed before anybody could act.
const NOTED_STEP: Duration = Duration::from_secs(5);
const SWEEP: Duration = Duration::from_secs(10);
/// Small, so that no statement holds a lock for long.
const BATCH: u32 = 500;

/// Starts all of it on the I/O runtime, with which it ends.
pub(crate) fn start(
    services: &Services,
    tenancy: &Tenancy,
    health: &Health,
    certificates: Option<&Arc<Certificates>>,
) {
    let io = &services.io;
    // Apart from each other: one that hangs does not make the other's word old.
    let (durable, clock) = (Arc::clone(&services.durable), services.clock.clone());
    let asked = health.clone();
    every(io, ASK_HEALTH, move || {
        let (durable, clock, health) = (Arc::clone(&durable), clock.clone(), asked.clone());
        async move { ask_storage(&health, durable.as_ref(), clock.as_ref()).await }
    });
    let (cache, clock, asked) = (
        Arc::clone(&services.cache),
        services.clock.clone(),
        health.clone(),
    );
    every(io, ASK_HEALTH, move || {
        let (cache, clock, health) = (Arc::clone(&cache), clock.clone(), asked.clone());
        async move { ask_cache(&health, cache.as_ref(), clock.as_ref()).await }
    });

    health.only_part(TENANTS, "configurations");
    let (asked, clock, of) = (health.clone(), services.clock.clone(), tenancy.clone());
    every(io, ASK_HEALTH, move || {
        let on_last_good = of.on_last_good();
        asked.record(
            TENANTS,
            tenants_are_well(&on_last_good),
            clock.now().as_millis(),
        );
        std::future::ready(())
    });

    io.spawn(look_for_changes(tenancy.clone(), certificates.cloned()));

    io.spawn(tenancy.logout_delivery(services.outbound.clone()).run());

    let (durable, clock) = (Arc::clone(&services.durable), services.clock.clone());
    let holder = services.process_id.clone();
    every(io, COLLECT, move || {
        collect(Arc::clone(&durable), clock.clone(), holder.clone())
    });

    let clock = services.clock.clone();
    let mut told = false;
    every(io, LOOK_AT_CLOCK, move || {
        told = look_at_clock(&clock, told);
        std::future::ready(())
    });

    if let Some(memory) = services.memory_cache.clone() {
        every(io, SWEEP, move || {
            sweep(&memory);
            std::future::ready(())
        });
    }
}

/// Asks the backends whether they take what logins write. Probes from outside read the last word,
/// so that none of them burdens a backend or waits for one.
pub(crate) async fn ask_health(health: &Health, services: &Services) {
    health.only_part(CACHE, "logins");
    let clock = services.clock.as_ref();
    tokio::join!(
        ask_storage(health, services.durable.as_ref(), clock),
        ask_cache(health, services.cache.as_ref(), clock),
    );
}

async fn ask_storage(health: &Health, durable: &dyn Durable, clock: &dyn Clock) {
    let outcome = in_time(durable.probe(clock.now())).await;
    let cause = outcome.as_ref().err().cloned().unwrap_or_default();
    match health.record(STORAGE, outcome, clock.now().as_millis()) {
        Turn::Worse => error!("not ready, for the database cannot do what logins need: {cause}"),
        Turn::Better => info!("ready: the database does what logins need again"),
        Turn::Same => {}
    }
}

async fn ask_cache(health: &Health, cache: &dyn Cache, clock: &dyn Clock) {
    let outcome = in_time(cache.probe()).await;
    let cause = outcome.as_ref().err().cloned().unwrap_or_default();
    match health.record(CACHE, outcome, clock.now().as_millis()) {
        Turn::Worse => error!(
            "nobody can log in, for the cache cannot do what logins need: {cause}; tokens, \
             userinfo and metadata are served on"
        ),
        Turn::Better => info!("logins are served again: the cache does what they need"),
        Turn::Same => {}
    }
}

/// What probes are told of tenants whose configuration cannot be served: it takes no process out of a
/// balancer, and whoever looks sees why the newest change of a tenant has no effect.
fn tenants_are_well(on_last_good: &[TenantId]) -> Result<(), String> {
    if on_last_good.is_empty() {
        return Ok(());
    }
    let named = on_last_good.iter().take(MOST_NAMED).map(TenantId::as_str);
    let named = named.collect::<Vec<_>>().join(", ");
    let more = match on_last_good.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Err(format!(
        "served by their last good configuration, for the present one cannot be: {named}{more}; \
         `insula check` says why"
    ))
}

async fn in_time(asking: impl Future<Output = Result<(), StoreError>>) -> Result<(), String> {
    match timeout(PATIENCE, asking).await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

fn every<F>(
    io: &tokio::runtime::Handle,
    period: Duration,
    mut work: impl FnMut() -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    io.spawn(async move {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            work().await;
        }
    });
}

/// Looks at every file again and again. A scan of very many tenants takes its time, so it rests in
/// proportion: looking costs a fiftieth of a core at most.
async fn look_for_changes(tenancy: Tenancy, certificates: Option<Arc<Certificates>>) {
    loop {
        let began = Instant::now();
        if let Err(error) = tenancy.rescan().await {
            warn!("tenants could not be looked at again: {error}");
        }
        if let Some(certificates) = &certificates {
            certificates.reload(false);
        }
        sleep(LOOK_FOR_CHANGES.max(began.elapsed() * 50)).await;
    }
}

/// Collects expired rows, by one process at a time, a batch after the other until none is left.
async fn collect(durable: Arc<dyn Durable>, clock: Arc<dyn Clock>, holder: String) {
    let leased = durable
        .lease("collect-expired", &holder, clock.now(), COLLECT * 2)
        .await;
    if !matches!(leased, Ok(true)) {
        return;
    }
    loop {
        match durable
            .collect_expired(clock.now() - COLLECTED_AFTER, BATCH)
            .await
        {
            Ok(0) => return,
            Ok(gone) => debug!("collected {gone} expired rows"),
            Err(error) => {
                warn!(%error, "expired rows could not be collected; trying again later");
                return;
            }
        }
    }
}

/// Says once that the machine's clock was set back, and once that it has caught up; answers whether
/// it lies behind.
fn look_at_clock(clock: &ForwardClock<SystemClock>, told: bool) -> bool {
    let ahead = clock.ahead();
    if ahead > NOTED_STEP && !told {
        let ahead_s = ahead.as_secs();
        warn!(
            ahead_s,
            "the machine's clock was set back: times are told {ahead_s} s ahead of it and come \
             back to it at half pace; if it is right now, a restart takes it at once"
        );
        return true;
    }
    if told && ahead.is_zero() {
        info!("the machine's clock has caught up with the times that were told");
        return false;
    }
    told
}

fn sweep(cache: &MemoryCache) {
    let gone = cache.sweep();
    if gone > 0 {
        debug!("swept {gone} ended entries");
    }
}

#[cfg(test)]
mod tests {
    use insula_ambient::{ManualClock, Timestamp};
    use insula_model::{GrantId, TenantId};
    use insula_store::MemoryStore;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn a_clock_that_is_an_hour_ahead_collects_no_revocation_that_others_still_need() {
        let now = Timestamp::from_secs(1_767_225_600);
        let durable = Arc::new(MemoryStore::new());
        let tenant = durable.tenant(&TenantId::parse("acme").unwrap());
        let family = GrantId::parse("family1").unwrap();
        tenant.revoke_grant(&family, now + HOUR / 6).await.unwrap();

        for (ahead, stands) in [(HOUR, true), (26 * HOUR, false)] {
            let clock = Arc::new(ManualClock::at(now + ahead));
            collect(durable.clone(), clock, "process".to_owned()).await;
            assert_eq!(
                tenant.is_revoked(&family).await.unwrap(),
                stands,
                "{ahead:?}"
            );
        }
    }
}
