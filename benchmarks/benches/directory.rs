//! Finding a tenant among a hundred thousand, as every request does.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot begin should stop at once"
)]

#[path = "tenancy/mod.rs"]
mod tenancy;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use criterion::Criterion;
use insula_model::TenantId;
use insula_store::{MemoryBus, MemoryRegistry};
use insula_tenancy::{LoadedSpec, SpecError, SpecSource, Tenancy, TenancyOptions};
use insula_testkit::a_tenant;
use tokio::runtime::Builder;

const TENANTS: usize = 100_000;
const AWAKE: usize = 50_000;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let io = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime can be had");
    let system = actix::System::new();
    let handle = io.handle().clone();
    let tenancy = system.block_on(async move {
        let registry = MemoryRegistry::new();
        registry.put_all((0..TENANTS).map(|n| tenancy::entry(id(n), format!("t{n}.test"), 1)));
        let tenancy = Tenancy::start(
            tenancy::deps(handle, registry, Arc::new(Generated), MemoryBus::new()),
            TenancyOptions::default(),
        );
        tenancy.rescan().await.expect("all routes differ");
        tenancy
            .activate(&id(AWAKE))
            .await
            .expect("the tenant can be served");
        tenancy
    });
    let directory = tenancy.directory();
    let mut group = criterion.benchmark_group("directory of 100000 tenants");
    for (what, host) in [
        ("an awake one", host(AWAKE)),
        ("one that sleeps", host(7)),
        ("nobody", "nobody.test".to_owned()),
    ] {
        group.bench_function(what, |b| {
            b.iter(|| directory.lookup(black_box(&host), "/.well-known/openid-configuration"));
        });
    }
    let mut number = 0;
    let hosts: Vec<String> = (0..TENANTS).map(host).collect();
    group.bench_function("another at each request", |b| {
        b.iter(|| {
            // A stride without a common divisor visits all of them.
            number = (number + 7_919) % TENANTS;
            hosts
                .get(number)
                .map(|host| directory.lookup(host, "/keys"))
        });
    });
    group.finish();
    criterion.final_summary();
    system.block_on(async move { tenancy.shutdown().await });
}

fn id(number: usize) -> TenantId {
    TenantId::parse(format!("t{number}")).expect("a word is an id")
}

fn host(number: usize) -> String {
    format!("t{number}.test:5556")
}

/// A hundred thousand tenants, each on a host of its own.
struct Generated;

#[async_trait]
impl SpecSource for Generated {
    async fn load(&self, id: &TenantId) -> Result<LoadedSpec, SpecError> {
        let issuer = format!("https://{id}.test");
        Ok(LoadedSpec {
            spec: Arc::new(a_tenant().at(id.as_str(), &issuer).build()),
            fingerprint: "1".to_owned(),
            document: None,
        })
    }
}
