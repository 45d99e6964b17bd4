use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use insula_connector_kit::{HearHealth, UpstreamHealth};
use insula_model::{ConnectorId, ConnectorSpec, TenantId};
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// So many connectors that are out of order are named; the gauge without names counts them all.
const MOST_NAMED: usize = 100;

/// What is counted of connectors. Calls are counted by type, of which there are a few; a tenant and a
/// connector are named while they are out of order, so that there are no more series than troubles.
#[derive(Debug, Clone)]
pub(crate) struct ConnectorMetrics(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    calls: IntCounterVec,
    unavailable: IntGauge,
    named: IntGaugeVec,
    /// How many healths hold a name: for a moment, after a reload, there may be two of one.
    holders: Mutex<BTreeMap<Name, usize>>,
}

type Name = (TenantId, ConnectorId);

impl ConnectorMetrics {
    pub(super) fn new() -> prometheus::Result<Self> {
        Ok(Self(Arc::new(Shared {
            calls: IntCounterVec::new(
                Opts::new(
                    "insula_connector_calls_total",
                    "Times a connector asked its upstream for a person, by type and outcome: \
                     answered, or unreachable.",
                ),
                &["type", "outcome"],
            )?,
            unavailable: IntGauge::new(
                "insula_connectors_unavailable",
                "Connectors that could not be opened, or whose upstream was out of reach when it was \
                 asked last.",
            )?,
            named: IntGaugeVec::new(
                Opts::new(
                    "insula_connector_unavailable",
                    "1 for each of these connectors, of which at most 100 are named.",
                ),
                &["tenant", "connector"],
            )?,
            holders: Mutex::default(),
        })))
    }

    pub(super) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.0.calls.clone()))?;
        registry.register(Box::new(self.0.unavailable.clone()))?;
        registry.register(Box::new(self.0.named.clone()))
    }

    /// The health of a connector, which is counted here.
    pub(crate) fn health(&self, tenant: &TenantId, connector: &ConnectorSpec) -> UpstreamHealth {
        let of_type = |outcome| {
            self.0
                .calls
                .with_label_values(&[connector.kind.as_str(), outcome])
        };
        UpstreamHealth::new(Arc::new(Counted {
            answered: of_type("answered"),
            unreachable: of_type("unreachable"),
            name: (tenant.clone(), connector.id.clone()),
            holds_name: AtomicBool::new(false),
            metrics: self.clone(),
        }))
    }

    fn holders(&self) -> MutexGuard<'_, BTreeMap<Name, usize>> {
        self.0
            .holders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

struct Counted {
    answered: IntCounter,
    unreachable: IntCounter,
    name: Name,
    holds_name: AtomicBool,
    metrics: ConnectorMetrics,
}

impl HearHealth for Counted {
    fn called(&self, is_answered: bool) {
        if is_answered {
            self.answered.inc();
        } else {
            self.unreachable.inc();
        }
    }

    fn marked(&self, is_out_of_order: bool) {
        let labels = [self.name.0.as_str(), self.name.1.as_str()];
        let Shared {
            unavailable, named, ..
        } = &*self.metrics.0;
        let mut holders = self.metrics.holders();
        if is_out_of_order {
            unavailable.inc();
            if holders.len() < MOST_NAMED || holders.contains_key(&self.name) {
                *holders.entry(self.name.clone()).or_default() += 1;
                self.holds_name.store(true, Ordering::Relaxed);
                named.with_label_values(&labels).set(1);
            }
            return;
        }
        unavailable.dec();
        if !self.holds_name.swap(false, Ordering::Relaxed) {
            return;
        }
        let left = holders.remove(&self.name).unwrap_or(1).saturating_sub(1);
        if left > 0 {
            holders.insert(self.name.clone(), left);
            return;
        }
        // One that is not there is gone already.
        let _ = named.remove_label_values(&labels);
    }
}

#[cfg(test)]
mod tests {
    use insula_testkit::a_connector;

    use super::*;

    fn named(metrics: &ConnectorMetrics) -> usize {
        use prometheus::core::Collector as _;
        metrics
            .0
            .named
            .collect()
            .iter()
            .map(|family| family.get_metric().len())
            .sum()
    }

    #[test]
    fn a_connector_is_named_while_it_is_out_of_order_and_a_hundred_at_most() {
        let metrics = ConnectorMetrics::new().unwrap();
        let of =
            |tenant: &str| metrics.health(&TenantId::parse(tenant).unwrap(), &a_connector("idp"));
        let all: Vec<_> = (0..150).map(|n| of(&format!("tenant{n}"))).collect();
        assert_eq!(named(&metrics), 0);
        for health in &all {
            health.not_opened("broken");
        }
        assert_eq!(
            (named(&metrics), metrics.0.unavailable.get()),
            (MOST_NAMED, 150)
        );
        let again = of("tenant0");
        again.not_opened("broken, too");
        drop(all);
        assert_eq!((named(&metrics), metrics.0.unavailable.get()), (1, 1));
        again.opened();
        assert_eq!((named(&metrics), metrics.0.unavailable.get()), (0, 0));
    }
}
