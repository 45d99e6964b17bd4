//! What a tenancy is made of for a benchmark: memory stores and connectors that ask nobody.

use std::sync::Arc;

use async_trait::async_trait;
use insula_ambient::{SystemClock, SystemEntropy};
use insula_connector_kit::{
    Connector, ConnectorError, OpenConnector, OpenContext, PasswordCheck, PasswordVerdict,
};
use insula_jose::MasterKey;
use insula_model::{ConnectorSpec, Issuer, Password, TenantId};
use insula_store::{CacheLimits, MemoryBus, MemoryCache, MemoryRegistry, MemoryStore, TenantEntry};
use insula_tenancy::{SpecSource, TenancyDeps};
use insula_testkit::FakeConnector;
use insula_theming::ThemeLibrary;
use tokio::runtime::Handle;

/// Where a tenant of its own host is found.
pub(crate) fn entry(id: TenantId, host: String, version: u64) -> TenantEntry {
    TenantEntry {
        id,
        hosts: vec![host],
        path: String::new(),
        is_default: false,
        fingerprint: version.to_string(),
        is_good: true,
    }
}

/// A tenancy of the tenants of `registry`, whose documents `specs` reads.
pub(crate) fn deps(
    io: Handle,
    registry: MemoryRegistry,
    specs: Arc<dyn SpecSource>,
    bus: MemoryBus,
) -> TenancyDeps {
    let clock = Arc::new(SystemClock);
    TenancyDeps {
        durable: Arc::new(MemoryStore::new()),
        cache: Arc::new(MemoryCache::new(clock.clone(), CacheLimits::default())),
        bus: Arc::new(bus),
        connectors: Arc::new(Fakes),
        hashing: Arc::new(|_| Arc::new(Nobody)),
        themes: Arc::new(ThemeLibrary::embedded().expect("the built-in themes are good")),
        registry: Arc::new(registry),
        specs,
        master_key: Arc::new(MasterKey::generate(&SystemEntropy)),
        clock,
        entropy: Arc::new(SystemEntropy),
        io,
        process_id: "benchmark".to_owned(),
    }
}

struct Fakes;

#[async_trait]
impl OpenConnector for Fakes {
    fn check(&self, _spec: &ConnectorSpec, _issuer: &Issuer) -> Vec<String> {
        Vec::new()
    }

    async fn open(
        &self,
        _spec: &ConnectorSpec,
        _ctx: &OpenContext,
    ) -> Result<Arc<dyn Connector>, ConnectorError> {
        Ok(Arc::new(FakeConnector::redirecting()))
    }
}

/// No tenant of these has passwords.
struct Nobody;

#[async_trait]
impl PasswordCheck for Nobody {
    async fn check(
        &self,
        _password: Password,
        _hash: Option<String>,
    ) -> Result<PasswordVerdict, ConnectorError> {
        Ok(PasswordVerdict::Wrong)
    }
}
