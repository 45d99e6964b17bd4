//! What happens to one tenant among 1,000 and among 20,000 that are awake: its processor time should
//! be the same. Prints the table of the README.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot begin should stop at once"
)]

#[path = "tenancy/mod.rs"]
mod tenancy;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use insula_model::TenantId;
use insula_store::{Change, ChangeBus as _, ChangeKind, MemoryBus, MemoryRegistry, TenantEntry};
use insula_tenancy::{LoadedSpec, SpecError, SpecSource, Tenancy, TenancyOptions};
use insula_testkit::a_tenant;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use tokio::runtime::Builder;

const FEW: u64 = 1_000;
const MANY: u64 = 20_000;
/// How often each thing is done.
const TIMES: u64 = 200;
/// How many are woken at once.
const ABREAST: usize = 64;

/// Microseconds of processor time.
struct Costs {
    wake: f64,
    reload: f64,
    failure: f64,
    rescan: f64,
}

fn main() {
    // Criterion's own flags mean nothing here.
    let _flags: Vec<String> = std::env::args().collect();
    let few = measure(FEW);
    let many = measure(MANY);
    println!("| what, in processor time | {FEW} awake | {MANY} awake | ratio |");
    println!("| --- | --- | --- | --- |");
    let row = |what: &str, few: f64, many: f64| {
        println!(
            "| {what} | {few:.0} µs | {many:.0} µs | **{:.2}** |",
            many / few
        );
    };
    row("waking a tenant, its first keys made", few.wake, many.wake);
    row(
        "reloading a tenant after word of a change",
        few.reload,
        many.reload,
    );
    row(
        "five failed loads of a tenant and its quarantine",
        few.failure,
        many.failure,
    );
    row(
        "a look that finds one tenant changed, its reload included",
        few.rescan,
        many.rescan,
    );
}

fn measure(awake: u64) -> Costs {
    let io = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime can be had");
    let handle = io.handle().clone();
    let costs = actix::System::new().block_on(async move {
        let specs = Arc::new(Generated {
            good: awake + TIMES,
        });
        let all = awake + 2 * TIMES;
        let registry = MemoryRegistry::new();
        registry.put_all((0..all).map(|number| entry(number, 1)));
        let bus = MemoryBus::new();
        let mut options = TenancyOptions {
            activation_timeout: Duration::from_mins(5),
            ..TenancyOptions::default()
        };
        options.restart.first_wait = Duration::ZERO;
        let deps = tenancy::deps(
            handle,
            registry.clone(),
            Arc::clone(&specs) as _,
            bus.clone(),
        );
        let tenancy = Tenancy::start(deps, options);
        tenancy.rescan().await.expect("all routes differ");
        wake(&tenancy, 0..awake).await;

        let before = processor_time();
        wake(&tenancy, awake..specs.good).await;
        let wake_cost = since(before, TIMES);

        let before = processor_time();
        reload(&tenancy, &bus).await;
        let reload_cost = since(before, TIMES);

        let before = processor_time();
        wake(&tenancy, specs.good..all).await;
        let failure = since(before, TIMES);

        let before = processor_time();
        for version in 2..22 {
            registry.put_all([entry(0, version)]);
            let report = tenancy.rescan().await.expect("changes can be had");
            assert_eq!(report.changed, 1);
        }
        let rescan = since(before, 20);
        tenancy.shutdown().await;
        Costs {
            wake: wake_cost,
            reload: reload_cost,
            failure,
            rescan,
        }
    });
    io.shutdown_background();
    costs
}

/// Wakes tenants; who cannot be loaded answers as well.
async fn wake(tenancy: &Tenancy, tenants: std::ops::Range<u64>) {
    futures_util::stream::iter(tenants)
        .for_each_concurrent(ABREAST, |number| async move {
            let _unavailable = tenancy.activate(&id(number)).await;
        })
        .await;
}

/// Tells of changes of some tenants and waits until all of them have published anew.
async fn reload(tenancy: &Tenancy, bus: &MemoryBus) {
    let mut handles = Vec::new();
    for number in 0..TIMES {
        let handle = tenancy.activate(&id(number)).await.expect("it is awake");
        handles.push((handle.snapshot().epoch, handle));
    }
    for (_, handle) in &handles {
        let change = Change {
            tenant: handle.id().clone(),
            kind: ChangeKind::Spec,
            origin: "another process".to_owned(),
        };
        bus.publish(&change).await.expect("memory takes all");
    }
    for (epoch, handle) in &handles {
        while handle.snapshot().epoch == *epoch {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn processor_time() -> Duration {
    let used = getrusage(UsageWho::RUSAGE_SELF).expect("the system counts");
    let micros = (used.user_time() + used.system_time()).num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

/// Microseconds for each of `times`.
fn since(before: Duration, times: u64) -> f64 {
    let used = processor_time().saturating_sub(before);
    used.as_secs_f64() * 1e6 / f64::from(u32::try_from(times).unwrap_or(u32::MAX))
}

fn id(number: u64) -> TenantId {
    TenantId::parse(format!("t{number}")).expect("a word is an id")
}

fn entry(number: u64, version: u64) -> TenantEntry {
    tenancy::entry(id(number), format!("t{number}.test"), version)
}

/// Tenants, the last of which cannot be loaded.
struct Generated {
    good: u64,
}

#[async_trait]
impl SpecSource for Generated {
    async fn load(&self, id: &TenantId) -> Result<LoadedSpec, SpecError> {
        let number = id.as_str().trim_start_matches('t').parse::<u64>();
        if number.is_ok_and(|number| number >= self.good) {
            return Err(SpecError(vec!["it cannot be loaded".to_owned()]));
        }
        let issuer = format!("https://{id}.test");
        Ok(LoadedSpec {
            spec: Arc::new(a_tenant().at(id.as_str(), &issuer).build()),
            fingerprint: "1".to_owned(),
            document: None,
        })
    }
}
