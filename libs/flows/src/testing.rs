//! A tenant on a bench: memory stores, a clock that stands still, fake connectors.

use std::sync::Arc;

use insula_ambient::{ManualClock, SeededEntropy};
use insula_connector_kit::Connector;
use insula_model::TenantSpec;
use insula_oauth::Params;
use insula_store::{Cache as _, CacheLimits, Durable as _, MemoryCache, MemoryStore};
use insula_testkit::{FakeConnector, NOW, test_keys, test_rotation};

use crate::{Effects, OpenedConnector, TenantView};

/// A tenant in which every connector is a [`FakeConnector::redirecting`], and the clock under it,
/// standing at [`NOW`].
pub(crate) fn view(spec: impl Into<TenantSpec>) -> (TenantView, ManualClock) {
    let spec = spec.into();
    let clock = ManualClock::at(NOW);
    let shared = Arc::new(clock.clone());
    let cache = MemoryCache::new(shared.clone(), CacheLimits::default());
    let connectors = spec.connectors.iter().map(|connector| {
        let opened: Arc<dyn Connector> = Arc::new(FakeConnector::redirecting());
        let connector = OpenedConnector {
            spec: connector.clone(),
            opened: Ok(opened),
        };
        (connector.spec.id.clone(), connector)
    });
    let view = TenantView {
        connectors: Arc::new(connectors.collect()),
        keys: Arc::new(test_keys()),
        rotation: Arc::new(test_rotation()),
        effects: Effects {
            store: MemoryStore::new().tenant(&spec.id),
            cache: cache.tenant(&spec.id),
            clock: shared,
            entropy: Arc::new(SeededEntropy::new(1)),
        },
        spec: Arc::new(spec),
    };
    (view, clock)
}

/// The same tenant, in which one connector is `fake`; what it was asked can be read off it.
pub(crate) fn with_connector(
    view: &TenantView,
    id: &str,
    fake: FakeConnector,
) -> (TenantView, Arc<FakeConnector>) {
    let fake = Arc::new(fake);
    let mut connectors = view.connectors.as_ref().clone();
    for connector in connectors.values_mut() {
        if connector.spec.id.as_str() == id {
            connector.opened = Ok(fake.clone());
        }
    }
    let view = TenantView {
        connectors: Arc::new(connectors),
        ..view.clone()
    };
    (view, fake)
}

/// The same tenant, configured anew: what is stored stays.
pub(crate) fn reconfigured(view: &TenantView, change: impl FnOnce(&mut TenantSpec)) -> TenantView {
    let mut spec = view.spec.as_ref().clone();
    change(&mut spec);
    TenantView {
        spec: Arc::new(spec),
        ..view.clone()
    }
}

/// A form body, or a query.
pub(crate) fn form(pairs: &[(&str, &str)]) -> Params {
    Params::from_pairs(pairs.iter().copied())
}
